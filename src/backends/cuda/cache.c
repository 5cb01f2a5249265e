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
#include "base/sys/output.h"

enum { IMAGE_MAX = 64 << 20 }; /* the largest kernel has some 100 KB */

static const char magic[8] = "OCKERN1";

typedef struct entry_head {
    char magic[8];
    uint64_t key[2], checksum[2], bytes;
} entry_head;

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

char *oc_cuda_cache_folder(void) {
    const char *own = oc_env_get(OC_ENV_OCTAVO_KERNELS), *cache = oc_env_get(OC_ENV_XDG_CACHE_HOME);
    const char *home = oc_env_get(OC_ENV_HOME);
    if (own != NULL) {
        return strdup(own);
    }
    return cache != NULL  ? oc_path_join(cache, "octavo/kernels")
           : home != NULL ? oc_path_join(home, ".cache/octavo/kernels")
                          : NULL;
}

static char *entry_path(const char *folder, oc_cuda_key key) {
    char name[48];
    snprintf(name, sizeof name, "%016llx%016llx.cubin", (unsigned long long)key.words[0],
             (unsigned long long)key.words[1]);
    return oc_path_join(folder, name);
}

bool oc_cuda_cache_load(const char *folder, oc_cuda_key key, void **image, size_t *bytes) {
    char *path = folder == NULL ? NULL : entry_path(folder, key), *file = NULL;
    size_t size = 0;
    bool is_whole = false;
    entry_head head;
    *image = NULL;
    if (path != NULL && oc_file_load(path, IMAGE_MAX, &file, &size, NULL) == OCTAVO_OK &&
        size > sizeof head) {
        memcpy(&head, file, sizeof head);
        *bytes = size - sizeof head;
        XXH128_hash_t sum = XXH3_128bits(file + sizeof head, *bytes);
        is_whole = memcmp(head.magic, magic, sizeof magic) == 0 && head.bytes == *bytes &&
                   head.key[0] == key.words[0] && head.key[1] == key.words[1] &&
                   head.checksum[0] == sum.high64 && head.checksum[1] == sum.low64 &&
                   (*image = malloc(*bytes)) != NULL;
    }
    if (is_whole) {
        memcpy(*image, file + sizeof head, *bytes);
    }
    free(file);
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

octavo_status oc_cuda_cache_save(const char *folder, oc_cuda_key key, const void *image,
                                 size_t bytes, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    XXH128_hash_t sum = XXH3_128bits(image, bytes);
    entry_head head = {
        .key = {key.words[0], key.words[1]}, .checksum = {sum.high64, sum.low64}, .bytes = bytes};
    char *path = entry_path(folder, key), *file = malloc(sizeof head + bytes);
    if (path == NULL || file == NULL) {
        OC_NO_MEMORY(error, sizeof head + bytes);
    }
    memcpy(head.magic, magic, sizeof magic);
    memcpy(file, &head, sizeof head);
    memcpy(file + sizeof head, image, bytes);
    OC_TRY(make_folder(folder, error));
    OC_TRY(oc_file_save(path, file, sizeof head + bytes, error));
done:
    free(path);
    free(file);
    return status;
}
