/* locate.c - folder, file or hub name to .safetensors files. */
#include "checkpoint/files/locate.h"

#include <stdlib.h>
#include <string.h>

#include "base/sys/io.h"
#include "checkpoint/files/hub.h"
#include "checkpoint/files/index.h"
#include "checkpoint/files/refuse.h"

octavo_status oc_locate_in(const char *folder, const char *name, oc_arena *arena, const char **out,
                           octavo_error *error) {
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

static octavo_status locate_folder(const char *folder, oc_arena *arena, oc_location *out,
                                   oc_notices *notices, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *single, *index, *state;
    OC_TRY(oc_locate_in(folder, OC_CKPT_SINGLE, arena, &single, error));
    OC_TRY(oc_locate_in(folder, OC_CKPT_INDEX, arena, &index, error));
    OC_TRY(oc_locate_in(folder, OC_CKPT_STATE, arena, &state, error));
    if (oc_is_there(single)) {
        out->paths = oc_arena_alloc(arena, sizeof *out->paths);
        if (!out->paths) {
            OC_NO_MEMORY(error, sizeof *out->paths);
        }
        out->paths[0] = single;
        out->path_count = 1;
    } else if (oc_is_there(index)) {
        OC_TRY(oc_index_read(folder, arena, out, error));
    } else {
        OC_TRY(oc_refuse_folder(folder, error));
    }
    if (oc_is_there(state)) {
        oc_notice(notices, OC_CKPT_STATE
                  " is a Python pickle and is not read: what Model Optimizer says there "
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
    if (oc_is_stranger(name)) {
        OC_TRY(oc_refuse_file(path, error));
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
    if (strcmp(name, OC_CKPT_SINGLE) == 0) {
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
    if (oc_is_there(path)) {
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
