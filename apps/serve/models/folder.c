/* folder.c - see folder.h. */
#include "serve/models/folder.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/json/number.h"
#include "base/limits.h"
#include "base/sys/io.h"

bool oc_srv_is_name(oc_slice name) {
    bool fits = name.length > 0 && name.length <= OC_LIMIT_SERVED_NAME && name.data[0] != '.';
    for (size_t i = 0; fits && i < name.length; i++) {
        unsigned char c = (unsigned char)name.data[i];
        fits = c < 0x80 && (isalnum(c) || c == '.' || c == '_' || c == '-');
    }
    return fits;
}

/* 0: the file is not there. */
static uint64_t stamp_of(const char *path) {
    struct stat about;
    if (stat(path, &about) != 0) {
        return 0;
    }
    uint64_t parts[] = {(uint64_t)about.st_dev, (uint64_t)about.st_ino, (uint64_t)about.st_size,
                        (uint64_t)about.st_mtim.tv_sec, (uint64_t)about.st_mtim.tv_nsec};
    return oc_hash(parts, sizeof parts, 0x6f637461766fu) | 1;
}

/* The number of "N.octavo"; 0: it is no such name. */
static int64_t version_of(const char *name) {
    size_t length = strlen(name), suffix = strlen(".octavo");
    int64_t version;
    bool is_version = length > suffix && strcmp(name + length - suffix, ".octavo") == 0 &&
                      oc_parse_int64(name, length - suffix, &version) && version > 0;
    return is_version ? version : 0;
}

static int newest_first(const void *a, const void *b) {
    int64_t left = ((const oc_srv_version_file *)a)->version;
    int64_t right = ((const oc_srv_version_file *)b)->version;
    return (left < right) - (left > right);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const oc_srv_folder_model *)a)->name, ((const oc_srv_folder_model *)b)->name);
}

/* A path in the folder's arena. */
static octavo_status join(oc_srv_folder *folder, const char *parent, const char *name,
                          const char **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *path = oc_path_join(parent, name);
    *out = path ? oc_arena_text(&folder->arena, path, strlen(path)) : NULL;
    free(path);
    if (!*out) {
        OC_NO_MEMORY(error, strlen(parent) + strlen(name));
    }
done:
    return status;
}

static octavo_status add_version(oc_srv_folder *folder, const char *parent, const char *name,
                                 oc_srv_folder_model *model, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int64_t version = version_of(name);
    if (version == 0) {
        goto done;
    }
    if (model->version_count == OC_LIMIT_SERVED_VERSIONS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET, "%s holds over %d versions", parent,
                OC_LIMIT_SERVED_VERSIONS);
    }
    oc_srv_version_file *file = &model->versions[model->version_count++];
    file->version = version;
    OC_TRY(join(folder, parent, name, &file->path, error));
    file->stamp = stamp_of(file->path);
done:
    return status;
}

static octavo_status read_settings(oc_srv_folder *folder, const char *path,
                                   oc_srv_folder_model *model, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *text = NULL;
    size_t size;
    model->settings_stamp = stamp_of(path);
    if (!oc_is_there(path)) {
        goto done;
    }
    OC_TRY(oc_file_load(path, OC_LIMIT_CONFIG_BYTES, &text, &size, error));
    OC_TRY(oc_srv_model_settings_read(path, text, size, &folder->arena, &model->settings, error));
done:
    free(text);
    return status;
}

static void close_folder(DIR *folder) { /* by itself: tests/serve/tsan.supp names it */
    if (folder) {
        closedir(folder);
    }
}

/* The names in a folder, one call each. */
static octavo_status
each(const char *path, octavo_status (*visit)(void *context, const char *name, octavo_error *error),
     void *context, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    DIR *folder = opendir(path);
    if (!folder) {
        OC_FAIL(error, OCTAVO_IO, OCTAVO_NO_OFFSET, "cannot read the folder: %s", strerror(errno));
    }
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] != '.') {
            OC_TRY(visit(context, entry->d_name, error));
        }
    }
done:
    close_folder(folder);
    if (status) {
        oc_error_path(error, path);
    }
    return status;
}

typedef struct visit_context {
    oc_srv_folder *folder;
    const char *path;
    const oc_srv_model_settings *defaults;
    oc_srv_folder_model *model;
    bool *is_configuration;
} visit_context;

static octavo_status visit_version(void *context, const char *name, octavo_error *error) {
    visit_context *at = context;
    return add_version(at->folder, at->path, name, at->model, error);
}

static octavo_status visit_model(void *context, const char *name, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    visit_context *at = context;
    oc_srv_folder *folder = at->folder;
    const char *path, *settings;
    OC_TRY(join(folder, at->path, name, &path, error));
    if (!oc_is_folder(path)) {
        goto done;
    }
    if (!oc_srv_is_name(oc_slice_of(name))) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "\"%.100s\" cannot be a model's name: letters, digits, '.', '_' and '-' can, %d of "
                "them at most",
                name, OC_LIMIT_SERVED_NAME);
    }
    if (folder->count == OC_LIMIT_SERVED_MODELS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET, "over %d models",
                OC_LIMIT_SERVED_MODELS);
    }
    oc_srv_folder_model *model = &folder->models[folder->count];
    *model = (oc_srv_folder_model){.settings = *at->defaults};
    model->name = oc_path_name(path);
    visit_context inner = {.folder = folder, .path = path, .model = model};
    OC_TRY(each(path, visit_version, &inner, error));
    if (model->version_count == 0) {
        goto done; /* some other folder */
    }
    qsort(model->versions, (size_t)model->version_count, sizeof *model->versions, newest_first);
    OC_TRY(join(folder, path, "model.json", &settings, error));
    status = read_settings(folder, settings, model, error);
    *at->is_configuration |= status != OCTAVO_OK;
    OC_TRY(status);
    folder->count++;
done:
    return status;
}

/* One engine file is version 1 of a model of its name. */
static octavo_status single_file(const char *path, const oc_srv_model_settings *defaults,
                                 oc_srv_folder *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *file = oc_path_name(path);
    size_t length = strlen(file), suffix = strlen(".octavo");
    length -= length > suffix && strcmp(file + length - suffix, ".octavo") == 0 ? suffix : 0;
    oc_srv_folder_model *model = &out->models[0];
    if (!oc_srv_is_name((oc_slice){file, length})) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "\"%.*s\" cannot be a model's name: letters, digits, '.', '_' and '-' can, %d of "
                "them at most; put the file into a folder NAME as 1.octavo, and serve what that "
                "lies in",
                (int)(length < 100 ? length : 100), file, OC_LIMIT_SERVED_NAME);
    }
    *model = (oc_srv_folder_model){.settings = *defaults, .version_count = 1};
    model->name = oc_arena_text(&out->arena, file, length);
    model->versions[0].version = 1;
    model->versions[0].path = oc_arena_text(&out->arena, path, strlen(path));
    model->versions[0].stamp = stamp_of(path);
    if (!model->name || !model->versions[0].path) {
        OC_NO_MEMORY(error, strlen(path));
    }
    out->count = 1;
done:
    return status;
}

octavo_status oc_srv_folder_read(const char *path, const oc_srv_model_settings *defaults,
                                 oc_srv_folder *out, bool *is_configuration, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    visit_context context = {out, path, defaults, NULL, is_configuration};
    oc_arena_init(&out->arena);
    out->count = 0;
    out->models = calloc(OC_LIMIT_SERVED_MODELS + 1, sizeof *out->models);
    if (!out->models) {
        OC_NO_MEMORY(error, OC_LIMIT_SERVED_MODELS * sizeof *out->models);
    }
    if (!oc_is_folder(path)) {
        OC_TRY(single_file(path, defaults, out, error));
        goto done;
    }
    OC_TRY(each(path, visit_model, &context, error));
    if (out->count == 0) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                "there is no model in the folder: NAME/1.octavo would be one");
    }
    qsort(out->models, (size_t)out->count, sizeof *out->models, by_name);
done:
    if (status) {
        oc_error_path(error, path);
    }
    return status;
}

void oc_srv_folder_free(oc_srv_folder *folder) {
    oc_arena_free(&folder->arena);
    free(folder->models);
    folder->models = NULL;
    folder->count = 0;
}

const oc_srv_folder_model *oc_srv_folder_find(const oc_srv_folder *folder, const char *name) {
    for (int32_t i = 0; i < folder->count; i++) {
        if (strcmp(folder->models[i].name, name) == 0) {
            return &folder->models[i];
        }
    }
    return NULL;
}
