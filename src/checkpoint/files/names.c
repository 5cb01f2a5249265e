/* names.c - see names.h. */
#include "checkpoint/files/names.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/strmap.h"

enum { WRAPPERS_MAX = 4 }; /* around one another */

/* DistributedDataParallel; torch.compile; PEFT (base_model.model.); Lightning and others; and the
 * model itself as a part of a larger one, which transformers reads without a word. */
static const char *const wrappers[] = {"module.", "_orig_mod.", "base_model.", "model.", "clip."};

static const char *behind(const char *name, const char *prefix) {
    size_t length = strlen(prefix);
    return strncmp(name, prefix, length) == 0 ? name + length : NULL;
}

static oc_slice first_part(const char *name) {
    return (oc_slice){name, strcspn(name, ".")};
}

/* Whether `prefix` stands before most of the names, and no part of the model before which it stands
 * is there without it too. */
static octavo_status is_wrapper(const char *const *names, int32_t count, const char *prefix,
                                bool *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_strmap parts;
    int32_t with = 0;
    oc_strmap_init(&parts);
    *out = false;
    for (int32_t i = 0; i < count; i++) {
        const char *rest = behind(names[i], prefix);
        if (rest != NULL) {
            OC_TRY(oc_strmap_add(&parts, first_part(rest), 0, NULL, error));
            with++;
        }
    }
    bool alone = true;
    for (int32_t i = 0; i < count && with > count / 2; i++) {
        alone = alone && (behind(names[i], prefix) != NULL ||
                          oc_strmap_find(&parts, first_part(names[i])) == NULL);
    }
    *out = with > count / 2 && alone;
done:
    oc_strmap_free(&parts);
    return status;
}

octavo_status oc_names_wrapper(const char *const *file_names, int32_t count, oc_arena *arena,
                               const char **wrapper, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char whole[64] = "", longer[64];
    bool more = true;
    for (int round = 0; round < WRAPPERS_MAX && more; round++) {
        more = false;
        for (size_t i = 0; i < OC_COUNT(wrappers) && !more; i++) {
            snprintf(longer, sizeof longer, "%s%s", whole, wrappers[i]);
            OC_TRY(is_wrapper(file_names, count, longer, &more, error));
        }
        if (more) {
            memcpy(whole, longer, sizeof whole);
        }
    }
    *wrapper = oc_arena_text(arena, whole, strlen(whole));
    if (*wrapper == NULL) {
        OC_NO_MEMORY(error, strlen(whole));
    }
done:
    return status;
}

const char *oc_names_plain(const char *file_name, const char *wrapper) {
    static const char *const doubled[] = {"text_model.text_model.", "vision_model.vision_model."};
    const char *name = behind(file_name, wrapper);
    name = name == NULL ? file_name : name;
    for (size_t i = 0; i < OC_COUNT(doubled); i++) {
        if (behind(name, doubled[i]) != NULL) {
            return strchr(name, '.') + 1;
        }
    }
    return name;
}
