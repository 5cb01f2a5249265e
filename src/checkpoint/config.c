/* config.c - the table of architectures, and which of them a config.json is of. */
#include "checkpoint/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "checkpoint/models/reader.h"

/* One line an architecture.  A model_type finds it where the file names no architecture. */
static const oc_architecture architectures[] = {
    {"CLIPModel", "clip", NULL, OCTAVO_IMAGE | OCTAVO_TEXT, oc_clip_read},
    {"CLIPVisionModelWithProjection", "clip_vision_model", "clip", OCTAVO_IMAGE, oc_clip_read},
    {"CLIPTextModelWithProjection", "clip_text_model", "clip", OCTAVO_TEXT, oc_clip_read},
};

enum { NAME_MAX_BYTES = 256 };

/* Names in the arena; NULL: absent or null. */
typedef struct head {
    const char *architecture, *model_type;
} head;

static octavo_status read_architectures(oc_json *json, oc_arena *arena, const char **first,
                                        octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *name;
    bool more;
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        OC_TRY(oc_json_text(json, NAME_MAX_BYTES, arena, &name, error));
        *first = *first ? *first : name;
    }
done:
    return status;
}

static octavo_status read_head(oc_json *json, oc_arena *arena, head *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice key;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        bool is_null;
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        }
        OC_TRY(oc_json_null(json, &is_null, error));
        if (is_null) {
            continue;
        }
        if (oc_slice_is(key, "architectures")) {
            OC_TRY(read_architectures(json, arena, &out->architecture, error));
        } else if (oc_slice_is(key, "model_type")) {
            OC_TRY(oc_json_text(json, NAME_MAX_BYTES, arena, &out->model_type, error));
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
    OC_TRY(oc_json_finish(json, error));
done:
    return status;
}

/* "A, B and C" */
static void list_known(char *text, size_t capacity) {
    text[0] = 0;
    for (size_t i = 0, length = 0; i < OC_COUNT(architectures) && length < capacity; i++) {
        const char *between = i == 0 ? "" : i + 1 < OC_COUNT(architectures) ? ", " : " and ";
        length += (size_t)snprintf(text + length, capacity - length, "%s%s", between,
                                   architectures[i].name);
    }
}

/* The line of the table, and whether the file is the config of what contains that model. */
static octavo_status find_architecture(const head *from, const oc_architecture **out, bool *is_part,
                                       octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (!from->architecture && !from->model_type) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "config.json names neither architectures nor model_type");
    }
    *out = NULL;
    for (size_t i = 0; i < OC_COUNT(architectures) && !*out; i++) {
        const oc_architecture *a = &architectures[i];
        bool found = from->architecture ? strcmp(from->architecture, a->name) == 0
                                        : strcmp(from->model_type, a->model_type) == 0;
        *out = found ? a : NULL;
    }
    if (!*out) {
        char known[256];
        list_known(known, sizeof known);
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET, "%s %s is not read here; %s are",
                from->architecture ? "architecture" : "model_type",
                from->architecture ? from->architecture : from->model_type, known);
    }
    bool own = from->model_type && strcmp(from->model_type, (*out)->model_type) == 0;
    bool whole =
        (*out)->whole && (!from->model_type || strcmp(from->model_type, (*out)->whole) == 0);
    if (from->model_type && !own && !whole) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "architecture %s and model_type %s disagree", (*out)->name, from->model_type);
    }
    *is_part = whole;
done:
    return status;
}

octavo_status oc_model_config_read(const char *bytes, size_t size, oc_model_config *out,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_architecture *architecture = NULL;
    oc_json json = {0};
    oc_arena arena;
    head names = {0};
    bool is_part = false;
    *out = (oc_model_config){0};
    oc_arena_init(&arena);
    oc_json_open(&json, bytes, size, 0, 0);
    OC_TRY(read_head(&json, &arena, &names, error));
    OC_TRY(find_architecture(&names, &architecture, &is_part, error));
    out->architecture = architecture->name;
    out->towers = architecture->towers;
    OC_TRY(architecture->read((oc_config_part){{bytes, size}, 0}, is_part, out, error));
    if ((uint64_t)out->parameters > OC_LIMIT_PARAMETERS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "config.json asks for %" PRId64 " parameters, the limit is %" PRIu64,
                out->parameters, OC_LIMIT_PARAMETERS);
    }
done:
    oc_json_close(&json);
    oc_arena_free(&arena);
    if (status) {
        *out = (oc_model_config){0};
    }
    return status;
}

octavo_status oc_model_config_load(const oc_checkpoint *checkpoint, oc_model_config *out,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *bytes = NULL, *path = oc_path_join(checkpoint->folder, "config.json");
    size_t size;
    *out = (oc_model_config){0};
    if (!path) {
        OC_NO_MEMORY(error, strlen(checkpoint->folder));
    }
    OC_TRY(oc_file_load(path, OC_LIMIT_CONFIG_BYTES, &bytes, &size, error));
    OC_TRY(oc_model_config_read(bytes, size, out, error));
done:
    if (status) {
        oc_error_path(error, path);
    }
    free(bytes);
    free(path);
    return status;
}
