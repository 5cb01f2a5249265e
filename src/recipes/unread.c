/* unread.c - see unread.h. */
#include "recipes/unread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/strmap.h"
#include "checkpoint/quant/glob.h"

enum {
    PATTERN_BYTES = OC_LIMIT_TENSOR_NAME + 1,
    NAMED_BYTES = 300 /* of names in a notice, which is cut at 500 */
};

/* Buffers that frameworks saved once, and what oc_quant_check has noted. */
static const char *const spare[] = {"*.position_ids", "*.k_scale", "*.v_scale"};

static bool matches(const char *const *globs, size_t count, const char *name) {
    for (size_t i = 0; i < count && globs[i] != NULL; i++) {
        if (oc_glob_match(globs[i], name)) {
            return true;
        }
    }
    return false;
}

/* Whether `name` is a scale of a weight that is read. */
static bool is_read_scale(const oc_checkpoint *checkpoint, const bool *read, const char *name) {
    static const char *const leaves[] = {".weight_scale", ".input_scale"};
    char weight[PATTERN_BYTES + sizeof ".weight"];
    for (size_t i = 0; i < OC_COUNT(leaves); i++) {
        if (oc_slice_ends(oc_slice_of(name), leaves[i])) {
            snprintf(weight, sizeof weight, "%.*s.weight", (int)(strlen(name) - strlen(leaves[i])),
                     name);
            const oc_ckpt_tensor *tensor = oc_checkpoint_find(checkpoint, weight);
            return tensor != NULL && read[tensor - checkpoint->tensors];
        }
    }
    return false;
}

/* "a.layers.0.b" to "a.layers.*.b": a name's parts that are numbers become stars. */
static void to_pattern(const char *name, char pattern[PATTERN_BYTES]) {
    size_t at = 0;
    for (const char *part = name; *part != '\0';) {
        size_t length = strcspn(part, "."), digits = strspn(part, "0123456789");
        bool is_number = length != 0 && digits == length;
        memcpy(pattern + at, is_number ? "*" : part, is_number ? 1 : length);
        at += is_number ? 1 : length;
        part += length;
        if (*part == '.') {
            pattern[at++] = *part++;
        }
    }
    pattern[at] = '\0';
}

typedef struct group {
    const char *pattern;
    int32_t count;
} group;

/* "PATTERN (12), PATTERN and 3 others" */
static void write_groups(const group *groups, int32_t count, oc_buffer *out) {
    int32_t i = 0, others = 0;
    for (; i < count && (i == 0 || out->size < NAMED_BYTES); i++) {
        oc_buffer_printf(out, "%s%s", i == 0 ? "" : ", ", groups[i].pattern);
        if (groups[i].count > 1) {
            oc_buffer_printf(out, " (%d)", groups[i].count);
        }
    }
    for (; i < count; i++) {
        others += groups[i].count;
    }
    if (others != 0) {
        oc_buffer_printf(out, " and %d others", others);
    }
}

/* The names in brief; they are not none. */
static octavo_status summarize(const char *const *names, int32_t count, oc_buffer *out,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_strmap indices;
    oc_arena arena;
    int32_t group_count = 0;
    group *groups = calloc((size_t)count, sizeof *groups);
    oc_strmap_init(&indices);
    oc_arena_init(&arena);
    if (groups == NULL) {
        OC_NO_MEMORY(error, (size_t)count * sizeof *groups);
    }
    for (int32_t i = 0; i < count; i++) {
        char pattern[PATTERN_BYTES];
        int32_t *index;
        to_pattern(names[i], pattern);
        const char *copy = oc_arena_text(&arena, pattern, strlen(pattern));
        if (copy == NULL) {
            OC_NO_MEMORY(error, strlen(pattern));
        }
        OC_TRY(oc_strmap_add(&indices, oc_slice_of(copy), group_count, &index, error));
        if (index != NULL) {
            groups[*index].count++;
        } else {
            groups[group_count++] = (group){copy, 1};
        }
    }
    write_groups(groups, group_count, out);
    OC_TRY(oc_buffer_status(out, error));
done:
    free(groups);
    oc_strmap_free(&indices);
    oc_arena_free(&arena);
    return status;
}

/* Which of the checkpoint's tensors the recipe reads: all of its own, and the scales of those. */
static void mark_read(const oc_recipe *recipe, const oc_checkpoint *checkpoint, bool *read) {
    for (int32_t i = 0; i < recipe->graph.tensor_count; i++) {
        const oc_ckpt_tensor *from = recipe->tensors[i].from;
        if (from != NULL) {
            read[from - checkpoint->tensors] = true;
        }
    }
    for (int32_t i = 0; i < checkpoint->tensor_count; i++) {
        read[i] = read[i] || is_read_scale(checkpoint, read, checkpoint->tensors[i].name);
    }
}

octavo_status oc_unread_note(oc_recipe *recipe, oc_checkpoint *checkpoint,
                             const char *const *elsewhere, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t total = (size_t)checkpoint->tensor_count;
    bool *read = calloc(total + 1, sizeof *read), adapters = false;
    int32_t others = 0;
    oc_buffer names;
    oc_buffer_init(&names);
    recipe->unread = calloc(total + 1, sizeof *recipe->unread);
    if (read == NULL || recipe->unread == NULL) {
        OC_NO_MEMORY(error, total * sizeof *recipe->unread);
    }
    mark_read(recipe, checkpoint, read);
    for (size_t i = 0; i < total; i++) {
        const oc_ckpt_tensor *tensor = &checkpoint->tensors[i];
        if (read[i] || matches(spare, OC_COUNT(spare), tensor->name)) {
            continue;
        } else if (matches(elsewhere, SIZE_MAX, tensor->name)) {
            others++;
        } else {
            recipe->unread[recipe->unread_count++] = tensor->file_name;
            adapters = adapters || strstr(tensor->name, "lora_") != NULL;
        }
    }
    if (recipe->unread_count != 0) {
        OC_TRY(summarize(recipe->unread, recipe->unread_count, &names, error));
        oc_notice(&checkpoint->notices, "%d tensor%s not read, as the model has no such part: %s%s",
                  recipe->unread_count, recipe->unread_count == 1 ? " is" : "s are", names.data,
                  adapters ? "; merge adapters into the weights first (PEFT: merge_and_unload)"
                           : "");
    }
    if (others != 0) {
        oc_notice(&checkpoint->notices,
                  "%d tensor%s to another part of the model than config.json asks for", others,
                  others == 1 ? " belongs" : "s belong");
    }
done:
    oc_buffer_free(&names);
    free(read);
    return status;
}
