/* text_cache.c - see text_cache.h.  A text has four places, by its hash; the one that was not asked
 * for longest is given to the next. */
#include "serve/work/text_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { WAYS = 4, TEXT = 240 /* bytes; captions and labels have under 200 */ };

typedef struct place {
    uint64_t asked; /* when it was last, in asks; 0: it is free */
    uint32_t length;
    int32_t tokens; /* 0: not known */
    bool has_raw;
    char text[TEXT];
} place;

struct oc_srv_text_cache {
    pthread_mutex_t lock;
    uint64_t key, asks;
    size_t sets, dim;
    place *places; /* [sets, WAYS] */
    float *values; /* [sets, WAYS, 2, dim]: embeds, raw */
};

octavo_status oc_srv_text_cache_create(int32_t entries, int32_t dim, oc_srv_text_cache **out,
                                       octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_srv_text_cache *cache = NULL;
    *out = NULL;
    if (entries == 0) {
        goto done;
    }
    cache = calloc(1, sizeof *cache);
    if (!cache) {
        OC_NO_MEMORY(error, sizeof *cache);
    }
    pthread_mutex_init(&cache->lock, NULL);
    cache->key = oc_hash_key();
    cache->sets = ((size_t)entries + WAYS - 1) / WAYS;
    cache->dim = (size_t)dim;
    size_t count = cache->sets * WAYS, bytes = count * 2 * cache->dim * sizeof(float);
    cache->places = calloc(count, sizeof *cache->places);
    cache->values = malloc(bytes);
    if (!cache->places || !cache->values) {
        OC_NO_MEMORY(error, bytes);
    }
    *out = cache;
done:
    if (status) {
        oc_srv_text_cache_free(cache);
    }
    return status;
}

void oc_srv_text_cache_free(oc_srv_text_cache *cache) {
    if (cache) {
        pthread_mutex_destroy(&cache->lock);
        free(cache->places);
        free(cache->values);
        free(cache);
    }
}

/* The index of the text's first place. */
static size_t first_place(const oc_srv_text_cache *cache, oc_slice text) {
    return oc_hash(text.data, text.length, cache->key) % cache->sets * WAYS;
}

static bool holds(const place *at, oc_slice text) {
    return at->asked && oc_slice_equal((oc_slice){at->text, at->length}, text);
}

bool oc_srv_text_cache_find(oc_srv_text_cache *cache, oc_slice text, float *embeds, float *raw,
                            int32_t *tokens) {
    bool found = false;
    if (!cache || text.length > TEXT) {
        return false;
    }
    size_t first = first_place(cache, text), bytes = cache->dim * sizeof(float);
    pthread_mutex_lock(&cache->lock);
    for (size_t i = first; i < first + WAYS && !found; i++) {
        place *at = &cache->places[i];
        if (!holds(at, text) || (raw && !at->has_raw) || (tokens && !at->tokens)) {
            continue;
        }
        const float *values = cache->values + i * 2 * cache->dim;
        memcpy(embeds, values, bytes);
        if (raw) {
            memcpy(raw, values + cache->dim, bytes);
        }
        if (tokens) {
            *tokens = at->tokens;
        }
        at->asked = ++cache->asks;
        found = true;
    }
    pthread_mutex_unlock(&cache->lock);
    return found;
}

void oc_srv_text_cache_keep(oc_srv_text_cache *cache, oc_slice text, const float *embeds,
                            const float *raw, const int32_t *tokens) {
    if (!cache || text.length > TEXT) {
        return;
    }
    size_t first = first_place(cache, text), bytes = cache->dim * sizeof(float);
    pthread_mutex_lock(&cache->lock);
    size_t chosen = first;
    for (size_t i = first; i < first + WAYS; i++) {
        if (holds(&cache->places[i], text)) {
            chosen = i;
            break;
        }
        chosen = cache->places[i].asked < cache->places[chosen].asked ? i : chosen;
    }
    place *at = &cache->places[chosen];
    if (!holds(at, text)) {
        *at = (place){.length = (uint32_t)text.length};
        memcpy(at->text, text.length ? text.data : "", text.length);
    }
    at->asked = ++cache->asks;
    at->tokens = tokens ? *tokens : at->tokens;
    float *values = cache->values + chosen * 2 * cache->dim;
    memcpy(values, embeds, bytes);
    if (raw) {
        memcpy(values + cache->dim, raw, bytes);
        at->has_raw = true;
    }
    pthread_mutex_unlock(&cache->lock);
}
