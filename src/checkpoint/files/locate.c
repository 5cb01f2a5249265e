/* locate.c - folder, file or hub name to .safetensors files; and what to say about the rest. */
#include "checkpoint/files/locate.h"

#include <stdlib.h>

#include "base/json/json.h"
#include "base/sys/io.h"
#include "checkpoint/files/hub.h"

#define ACCEPTED                                                                                   \
    "a checkpoint is a Hugging Face folder with safetensors weights, a .safetensors file with "    \
    "its "                                                                                         \
    "config.json beside it, or org/name in the local hub cache"

#define SINGLE_NAME "model.safetensors"
#define INDEX_NAME  "model.safetensors.index.json"
#define STATE_NAME  "modelopt_state.pth"

static bool is_pickle(const char *name) {
    static const char *const suffixes[] = {".bin", ".pt", ".pth", ".ckpt", ".pkl"};
    for (size_t i = 0; i < OC_COUNT(suffixes); i++) {
        if (oc_slice_ends(oc_slice_of(name), suffixes[i])) {
            return true;
        }
    }
    return false;
}

/* Says why a file that is no .safetensors is not read. */
static octavo_status refuse_file(const char *path, octavo_error *error) {
    octavo_status status;
    const char *name = oc_path_name(path);
    if (strcmp(name, STATE_NAME) == 0) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%s is a Python pickle, which can run code and is never read; export the model "
                "with Model Optimizer's export_hf_checkpoint instead",
                name);
    }
    if (is_pickle(name)) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%s is a Python pickle, which can run code and is never read; load it where you "
                "trust it and save it as safetensors",
                name);
    }
    if (oc_slice_ends(oc_slice_of(name), ".onnx")) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET, "%s: ONNX is not read; %s", name,
                ACCEPTED);
    }
    OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET, "%s is not a .safetensors file; %s", name,
            ACCEPTED);
done:
    return status;
}

/* A folder without weights under a known name: says what it has instead. */
static octavo_status refuse_folder(const char *folder, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_listing files = {0};
    const char *found[3] = {0}; /* safetensors of another name, a pickle, an ONNX file */
    OC_TRY(oc_folder_list(folder, false, OC_LIMIT_FOLDER_FILES, &files, error));
    for (uint32_t i = files.count; i-- > 0;) {
        oc_slice name = oc_slice_of(files.paths[i]);
        if (oc_slice_ends(name, ".safetensors")) {
            found[0] = files.paths[i];
        } else if (is_pickle(files.paths[i])) {
            found[1] = files.paths[i];
        } else if (oc_slice_ends(name, ".onnx")) {
            found[2] = files.paths[i];
        }
    }
    if (found[0]) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                "%s has neither " SINGLE_NAME " nor " INDEX_NAME "; to read its %s, name that file",
                folder, found[0]);
    }
    if (found[1] || found[2]) {
        OC_TRY(refuse_file(found[1] ? found[1] : found[2], error));
    }
    OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET, "%s holds no weights; %s", folder, ACCEPTED);
done:
    oc_listing_free(&files);
    return status;
}

static octavo_status add_path(const char *folder, const char *name, oc_arena *arena,
                              const char **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *path = oc_path_join(folder, name);
    *out = path ? oc_arena_text(arena, path, strlen(path)) : NULL;
    if (!*out) {
        OC_NO_MEMORY(error, strlen(name));
    }
done:
    free(path);
    return status;
}

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
        OC_TRY(add_path(folder, sorted[i], arena, &out->paths[i], error));
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

static octavo_status read_index(const char *folder, oc_arena *arena, oc_location *out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json = {0};
    char *bytes = NULL;
    const char **names = NULL;
    size_t size;
    oc_slice key;
    bool has_map = false;
    OC_TRY(add_path(folder, INDEX_NAME, arena, &out->index, error));
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
                INDEX_NAME);
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

static octavo_status locate_folder(const char *folder, oc_arena *arena, oc_location *out,
                                   oc_notices *notices, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *single, *index, *state;
    OC_TRY(add_path(folder, SINGLE_NAME, arena, &single, error));
    OC_TRY(add_path(folder, INDEX_NAME, arena, &index, error));
    OC_TRY(add_path(folder, STATE_NAME, arena, &state, error));
    if (oc_is_file(single)) {
        out->paths = oc_arena_alloc(arena, sizeof *out->paths);
        if (!out->paths) {
            OC_NO_MEMORY(error, sizeof *out->paths);
        }
        out->paths[0] = single;
        out->path_count = 1;
    } else if (oc_is_file(index)) {
        OC_TRY(read_index(folder, arena, out, error));
    } else {
        OC_TRY(refuse_folder(folder, error));
    }
    if (oc_is_file(state)) {
        oc_notice(notices,
                  STATE_NAME " is a Python pickle and is not read: what Model Optimizer says there "
                             "about quantization does not take effect");
    }
done:
    return status;
}

/* The folder's own name, whatever way it was written ("." or with '/' at the end). */
static octavo_status folder_title(const char *folder, oc_arena *arena, const char **out,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *whole = realpath(folder, NULL);
    const char *name = oc_path_name(whole ? whole : folder);
    *out = oc_arena_text(arena, name, strlen(name));
    if (!*out) {
        OC_NO_MEMORY(error, strlen(name));
    }
done:
    free(whole);
    return status;
}

static octavo_status locate_file(const char *path, oc_arena *arena, oc_location *out,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *name = oc_path_name(path);
    size_t before = (size_t)(name - path);
    if (!oc_slice_ends(oc_slice_of(name), ".safetensors")) {
        OC_TRY(refuse_file(path, error));
    }
    out->folder = before ? oc_arena_text(arena, path, before > 1 ? before - 1 : 1)
                         : oc_arena_text(arena, ".", 1);
    out->title = oc_arena_text(arena, name, strlen(name) - strlen(".safetensors"));
    out->paths = oc_arena_alloc(arena, sizeof *out->paths);
    if (!out->folder || !out->title || !out->paths) {
        OC_NO_MEMORY(error, strlen(path));
    }
    out->paths[0] = oc_arena_text(arena, path, strlen(path));
    out->path_count = 1;
    if (!out->paths[0]) {
        OC_NO_MEMORY(error, strlen(path));
    }
    if (strcmp(name, SINGLE_NAME) == 0) {
        OC_TRY(folder_title(out->folder, arena, &out->title, error));
    }
done:
    return status;
}

octavo_status oc_locate(const char *path, oc_arena *arena, oc_location *out, oc_notices *notices,
                        octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *snapshot = NULL;
    *out = (oc_location){0};
    if (oc_is_file(path)) {
        OC_TRY(locate_file(path, arena, out, error));
        goto done;
    }
    if (oc_is_folder(path)) {
        out->folder = oc_arena_text(arena, path, strlen(path));
        OC_TRY(folder_title(path, arena, &out->title, error));
    } else if (oc_hub_is_name(path)) {
        OC_TRY(oc_hub_find(path, &snapshot, error));
        out->folder = oc_arena_text(arena, snapshot, strlen(snapshot));
        out->title = oc_arena_text(arena, path, strlen(path));
    } else {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET, "no file or folder %s", path);
    }
    if (!out->folder || !out->title) {
        OC_NO_MEMORY(error, strlen(path));
    }
    OC_TRY(locate_folder(out->folder, arena, out, notices, error));
done:
    free(snapshot);
    return status;
}
