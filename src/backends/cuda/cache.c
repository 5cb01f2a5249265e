/* cache.c - see cache.h. */
#include "backends/cuda/cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <xxhash.h>

#include "backends/cuda/sources.h"
#include "base/sys/env.h"
#include "base/sys/io.h"
#include "base/sys/temporary.h"

enum { KEY_DIGITS = 32 };

oc_cuda_key oc_cuda_key_of(const char *name, const char *defines, const char *architecture) {
    XXH3_state_t *state = XXH3_createState();
    oc_cuda_key key = {{0, 0}};
    if (state == NULL) { /* all kernels alike: nothing is found then */
        return key;
    }
    XXH3_128bits_reset(state);
    for (const oc_cuda_source *s = oc_cuda_sources; s->name != NULL; s++) {
        bool is_header = strstr(s->name, ".cu") == NULL || strstr(s->name, ".cuh") != NULL;
        if (is_header || strcmp(s->name, name) == 0) {
            XXH3_128bits_update(state, s->name, strlen(s->name) + 1);
            XXH3_128bits_update(state, s->text, s->bytes + 1);
        }
    }
    XXH3_128bits_update(state, defines, strlen(defines) + 1);
    XXH3_128bits_update(state, architecture, strlen(architecture) + 1);
    XXH128_hash_t hash = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    key.words[0] = hash.high64;
    key.words[1] = hash.low64;
    return key;
}

const char *oc_cuda_pack_path(void) {
    const char *own = oc_env_get(OC_ENV_OCTAVO_KERNELS);
    return own != NULL && oc_is_file(own) ? own : NULL;
}

char *oc_cuda_cache_folder(void) {
    const char *own = oc_env_get(OC_ENV_OCTAVO_KERNELS), *cache = oc_env_get(OC_ENV_XDG_CACHE_HOME);
    const char *home = oc_env_get(OC_ENV_HOME);
    if (own != NULL && oc_cuda_pack_path() == NULL) {
        return strdup(own);
    }
    return cache != NULL  ? oc_path_join(cache, "octavo/kernels")
           : home != NULL ? oc_path_join(home, ".cache/octavo/kernels")
                          : NULL;
}

bool oc_cuda_cache_is_entry(const char *name) {
    return strspn(name, "0123456789abcdef") == KEY_DIGITS &&
           strcmp(name + KEY_DIGITS, OC_CUDA_CACHE_SUFFIX) == 0;
}

bool oc_cuda_cache_is_rest(const char *name) {
    char entry[KEY_DIGITS + sizeof OC_CUDA_CACHE_SUFFIX];
    uint32_t process;
    if (name[0] != '.' || strlen(name) < sizeof entry) {
        return false;
    }
    memcpy(entry, name + 1, sizeof entry - 1);
    entry[sizeof entry - 1] = '\0';
    return oc_cuda_cache_is_entry(entry) && oc_temporary_is_of(name, entry, &process);
}

static char *entry_path(const char *folder, oc_cuda_key key) {
    char name[KEY_DIGITS + sizeof OC_CUDA_CACHE_SUFFIX];
    snprintf(name, sizeof name, "%016llx%016llx" OC_CUDA_CACHE_SUFFIX,
             (unsigned long long)key.words[0], (unsigned long long)key.words[1]);
    return oc_path_join(folder, name);
}

bool oc_cuda_cache_load(const char *folder, oc_cuda_key key, void **image, size_t *bytes) {
    char *path = folder == NULL ? NULL : entry_path(folder, key);
    const oc_pack_entry *entry;
    oc_pack pack = {.memory = NULL};
    bool is_whole = false;
    *image = NULL;
    if (path != NULL && oc_pack_open(path, &pack, NULL) == OCTAVO_OK &&
        (entry = oc_pack_find(&pack, key)) != NULL) {
        *bytes = (size_t)entry->bytes;
        is_whole = oc_pack_load(&pack, entry, image, NULL) == OCTAVO_OK;
    }
    oc_pack_close(&pack);
    free(path);
    return is_whole;
}

/* The folder and what leads to it. */
static octavo_status make_folder(const char *folder, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *path = strdup(folder);
    if (path == NULL) {
        OC_NO_MEMORY(error, strlen(folder));
    }
    for (char *at = path + 1; *at != '\0'; at++) {
        if (*at == '/') {
            *at = '\0';
            mkdir(path, 0700);
            *at = '/';
        }
    }
    if (mkdir(path, 0700) != 0 && !oc_is_folder(path)) {
        OC_FAIL(error, OCTAVO_CANNOT_CREATE, OCTAVO_NO_OFFSET, "folder %s cannot be made: %s", path,
                strerror(errno));
    }
done:
    free(path);
    return status;
}

octavo_status oc_cuda_cache_save(const char *folder, const oc_pack_kernel *kernel,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *path = entry_path(folder, kernel->key);
    oc_pack_list list;
    oc_pack_list_init(&list);
    if (path == NULL) {
        OC_NO_MEMORY(error, strlen(folder) + KEY_DIGITS);
    }
    OC_TRY(oc_pack_list_add(&list, kernel, error));
    OC_TRY(make_folder(folder, error));
    OC_TRY(oc_pack_save(&list, path, error));
done:
    oc_pack_list_free(&list);
    free(path);
    return status;
}
