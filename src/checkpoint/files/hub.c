/* hub.c - see hub.h. */
#include "checkpoint/files/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys/env.h"
#include "base/sys/io.h"

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

/* Name characters only, and no way up. */
static bool is_part(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (!is_name_char(text[i])) {
            return false;
        }
    }
    return length > 0 && length <= 96 && text[0] != '.'; /* the hub's own limit is 96 */
}

bool oc_hub_is_name(const char *name) {
    const char *slash = strchr(name, '/');
    return slash && is_part(name, (size_t)(slash - name)) && is_part(slash + 1, strlen(slash + 1));
}

/* The cache's folder; NULL when memory is out or no variable says where. */
static char *cache_folder(void) {
    static const struct {
        oc_env variable;
        const char *below;
    } places[] = {{OC_ENV_HF_HUB_CACHE, ""},
                  {OC_ENV_HF_HOME, "/hub"},
                  {OC_ENV_XDG_CACHE_HOME, "/huggingface/hub"},
                  {OC_ENV_HOME, "/.cache/huggingface/hub"}};
    for (size_t i = 0; i < OC_COUNT(places); i++) {
        const char *value = oc_env_get(places[i].variable);
        char *path = NULL;
        if (value) {
            return asprintf(&path, "%s%s", value, places[i].below) < 0 ? NULL : path;
        }
    }
    return strdup("");
}

octavo_status oc_hub_find(const char *name, char **folder, octavo_error *error) {
    enum { REVISION_MAX = 256 };
    octavo_status status = OCTAVO_OK;
    char *cache = cache_folder(), *model = NULL, *ref = NULL, *revision = NULL, *snapshot = NULL;
    const char *slash = strchr(name, '/');
    size_t size = 0;
    *folder = NULL;
    if (!cache ||
        asprintf(&model, "%s/models--%.*s--%s", cache, (int)(slash - name), name, slash + 1) < 0) {
        model = NULL;
        OC_NO_MEMORY(error, strlen(name));
    }
    if (!cache[0] || !oc_is_folder(model)) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                "no file or folder %s, and the local hub cache has no %s (HF_HUB_CACHE and HF_HOME "
                "say where the cache is)",
                name, cache[0] ? model : "folder to look in");
    }
    ref = oc_path_join(model, "refs/main");
    if (!ref) {
        OC_NO_MEMORY(error, strlen(model));
    }
    OC_TRY(oc_file_load(ref, REVISION_MAX, &revision, &size, error));
    while (size > 0 && (revision[size - 1] == '\n' || revision[size - 1] == '\r')) {
        revision[--size] = 0;
    }
    if (!is_part(revision, size)) {
        OC_FAIL(error, OCTAVO_CORRUPT, 0, "%s does not hold the name of a revision", ref);
    }
    if (asprintf(&snapshot, "%s/snapshots/%s", model, revision) < 0) {
        snapshot = NULL;
        OC_NO_MEMORY(error, strlen(model) + size);
    }
    if (!oc_is_folder(snapshot)) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                "%s names the revision %s, but there is no folder %s", ref, revision, snapshot);
    }
    *folder = snapshot;
    snapshot = NULL;
done:
    free(snapshot);
    free(revision);
    free(ref);
    free(model);
    free(cache);
    return status;
}
