/* index.c - which tensors and which files a model in several files consists of; see index.h. */
#include "checkpoint/files/index.h"

#include <stdlib.h>

#include "base/json/json.h"
#include "base/sys/io.h"
#include "checkpoint/files/refuse.h"

static bool is_shard_name(const char *name) {
    return !strchr(name, '/') && oc_slice_ends(oc_slice_of(name), ".safetensors");
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts the shards' names and turns entries[i].tensor's file names into their indices. */
static octavo_status number_shards(const char *folder, const char **names, oc_arena *arena,
                                   oc_location *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char **sorted = malloc(((size_t)out->entry_count + 1) * sizeof *sorted);
    if (!sorted) {
        OC_NO_MEMORY(error, (size_t)out->entry_count * sizeof *sorted);
    }
    memcpy(sorted, names, (size_t)out->entry_count * sizeof *sorted);
    qsort(sorted, (size_t)out->entry_count, sizeof *sorted, by_text);
    int32_t count = 0;
    for (int32_t i = 0; i < out->entry_count; i++) {
        if (count == 0 || strcmp(sorted[count - 1], sorted[i]) != 0) {
            sorted[count++] = sorted[i];
        }
    }
    if (count > (int32_t)OC_LIMIT_SHARDS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "the index names %d files, the limit is %u", count, OC_LIMIT_SHARDS);
    }
    out->paths = oc_arena_alloc(arena, ((size_t)count + 1) * sizeof *out->paths);
    if (!out->paths) {
        OC_NO_MEMORY(error, (size_t)count * sizeof *out->paths);
    }
    for (int32_t i = 0; i < count; i++) {
        OC_TRY(oc_locate_in(folder, sorted[i], arena, &out->paths[i], error));
    }
    out->path_count = count;
    for (int32_t i = 0; i < out->entry_count; i++) {
        const char **place = bsearch(&names[i], sorted, (size_t)count, sizeof *sorted, by_text);
        out->entries[i].file = (int32_t)(place - sorted);
    }
done:
    free(sorted);
    return status;
}

octavo_status oc_index_read(const char *folder, oc_arena *arena, oc_location *out,
                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json = {0};
    char *bytes = NULL;
    const char **names = NULL;
    size_t size;
    oc_slice key;
    bool has_map = false;
    OC_TRY(oc_locate_in(folder, OC_CKPT_INDEX, arena, &out->index, error));
    OC_TRY(oc_file_load(out->index, OC_LIMIT_CONFIG_BYTES, &bytes, &size, error));
    names = malloc(OC_LIMIT_TENSORS * sizeof *names);
    out->entries = oc_arena_alloc(arena, OC_LIMIT_TENSORS * sizeof *out->entries);
    if (!names || !out->entries) {
        OC_NO_MEMORY(error, OC_LIMIT_TENSORS * sizeof *out->entries);
    }
    oc_json_open(&json, bytes, size, 0, 0);
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        OC_TRY(oc_json_member(&json, &key, error));
        if (!key.data) {
            break;
        } else if (!oc_slice_is(key, "weight_map")) {
            OC_TRY(oc_json_skip(&json, NULL, error));
            continue;
        }
        has_map = true;
        OC_TRY(oc_json_object(&json, error));
        for (;;) {
            OC_TRY(oc_json_member(&json, &key, error));
            if (!key.data) {
                break;
            }
            int32_t i = out->entry_count;
            if (i == (int32_t)OC_LIMIT_TENSORS) {
                OC_JSON_FAIL(&json, error, OCTAVO_UNSUPPORTED, "over %u tensors", OC_LIMIT_TENSORS);
            }
            out->entries[i].tensor = oc_arena_text(arena, key.data, key.length);
            if (!out->entries[i].tensor) {
                OC_NO_MEMORY(error, key.length);
            }
            OC_TRY(oc_json_text(&json, 255, arena, &names[i], error));
            if (!is_shard_name(names[i])) {
                OC_JSON_FAIL(&json, error, OCTAVO_CORRUPT,
                             "\"%s\" is not the name of a .safetensors file in the same folder",
                             names[i]);
            }
            out->entry_count++;
        }
    }
    OC_TRY(oc_json_finish(&json, error));
    if (!has_map || out->entry_count == 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, "%s has no tensors in its weight_map",
                OC_CKPT_INDEX);
    }
    OC_TRY(number_shards(folder, names, arena, out, error));
done:
    if (status) {
        oc_error_path(error, out->index);
    }
    oc_json_close(&json);
    free(names);
    free(bytes);
    return status;
}
