/* folder.c - listing folders: level by level, each in sorted order, so that the result depends on
 * the tree alone and not on the order in which the file system keeps it. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/strmap.h"
#include "base/sys/io.h"

typedef struct name_list {
    const char **items;
    uint32_t count, capacity;
} name_list;

typedef struct walk {
    const char *root;
    uint32_t max_files;
    int flags; /* OC_LIST_... */
    oc_arena *arena;
    name_list files, folders; /* paths within the root; "" is the root */
    oc_strmap entered;        /* device and inode of folders, as bytes */
} walk;

static octavo_status add_name(walk *w, name_list *list, const char *folder, const char *name,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *path = NULL;
    if (list->count >= w->max_files) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "folder %s holds more than %u files or folders", w->root, w->max_files);
    }
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity ? 2 * list->capacity : 64;
        const char **items = realloc(list->items, capacity * sizeof *items);
        if (!items) {
            OC_NO_MEMORY(error, capacity * sizeof *items);
        }
        list->items = items;
        list->capacity = capacity;
    }
    path = oc_path_join(folder, name);
    const char *kept = path ? oc_arena_text(w->arena, path, strlen(path)) : NULL;
    if (!kept) {
        OC_NO_MEMORY(error, strlen(folder) + strlen(name) + 2);
    }
    list->items[list->count++] = kept;
done:
    free(path);
    return status;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_names(name_list *list, uint32_t from) {
    if (list->count > from) {
        qsort(list->items + from, list->count - from, sizeof *list->items, compare_names);
    }
}

/* *again: this folder was entered before, by another path. */
static octavo_status enter(walk *w, DIR *folder, bool *again, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    struct stat info;
    int32_t *existing;
    *again = false;
    if (fstat(dirfd(folder), &info) != 0) {
        OC_FAIL(error, OCTAVO_IO, OCTAVO_NO_OFFSET, "cannot read folder %s: %m", w->root);
    }
    uint64_t identity[2] = {(uint64_t)info.st_dev, (uint64_t)info.st_ino};
    const char *key = oc_arena_text(w->arena, (const char *)identity, sizeof identity);
    if (!key) {
        OC_NO_MEMORY(error, sizeof identity);
    }
    OC_TRY(oc_strmap_add(&w->entered, (oc_slice){key, sizeof identity}, 0, &existing, error));
    *again = existing != NULL;
done:
    return status;
}

static octavo_status add_entry(walk *w, DIR *folder, const char *within, const struct dirent *entry,
                               octavo_error *error) {
    const char *name = entry->d_name;
    bool is_file = entry->d_type == DT_REG, is_folder = entry->d_type == DT_DIR;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return OCTAVO_OK;
    }
    if (entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN) {
        struct stat info;
        bool there = fstatat(dirfd(folder), name, &info, 0) == 0;
        is_file = there ? S_ISREG(info.st_mode) : (w->flags & OC_LIST_DANGLING) != 0;
        is_folder = there && S_ISDIR(info.st_mode);
    }
    if (is_file) {
        return add_name(w, &w->files, within, name, error);
    }
    return is_folder && (w->flags & OC_LIST_DEEP) ? add_name(w, &w->folders, within, name, error)
                                                  : OCTAVO_OK;
}

static octavo_status list_one(walk *w, const char *within, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    DIR *folder = NULL;
    bool again;
    uint32_t known = w->folders.count;
    char *path = oc_path_join(w->root, within);
    if (!path) {
        OC_NO_MEMORY(error, strlen(w->root) + strlen(within) + 2);
    }
    folder = opendir(path);
    if (!folder) {
        OC_FAIL(error, errno == ENOENT || errno == ENOTDIR ? OCTAVO_NOT_FOUND : OCTAVO_IO,
                OCTAVO_NO_OFFSET, "cannot read folder %s: %m", path);
    }
    OC_TRY(enter(w, folder, &again, error));
    while (!again) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry && errno) {
            OC_FAIL(error, OCTAVO_IO, OCTAVO_NO_OFFSET, "cannot read folder %s: %m", path);
        }
        if (!entry) {
            break;
        }
        OC_TRY(add_entry(w, folder, within, entry, error));
    }
    sort_names(&w->folders, known);
done:
    if (folder) {
        closedir(folder);
    }
    free(path);
    return status;
}

octavo_status oc_folder_list(const char *path, int flags, uint32_t max_files, oc_listing *out,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = (oc_listing){0};
    walk w = {.root = path, .flags = flags, .max_files = max_files, .arena = &out->arena};
    oc_arena_init(&out->arena);
    oc_strmap_init(&w.entered);
    OC_TRY(list_one(&w, "", error));
    for (uint32_t i = 0; i < w.folders.count; i++) {
        OC_TRY(list_one(&w, w.folders.items[i], error));
    }
    sort_names(&w.files, 0);
    out->paths = w.files.items;
    out->count = w.files.count;
    w.files.items = NULL;
done:
    free(w.files.items);
    free(w.folders.items);
    oc_strmap_free(&w.entered);
    if (status) {
        oc_error_path(error, path);
        oc_listing_free(out);
    }
    return status;
}

void oc_listing_free(oc_listing *listing) {
    free(listing->paths);
    oc_arena_free(&listing->arena);
    *listing = (oc_listing){0};
}
