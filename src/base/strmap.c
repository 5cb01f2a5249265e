/* strmap.c - open addressing with linear probing, at most half full. */
#include "base/strmap.h"

#include <stdlib.h>

#include "base/hash.h"

enum { FIRST_CAPACITY = 64 };
#define LARGEST_COUNT (1u << 30)

void oc_strmap_init(oc_strmap *map) {
    *map = (oc_strmap){0};
}

void oc_strmap_free(oc_strmap *map) {
    free(map->entries);
    oc_strmap_init(map);
}

/* The entry of the key, or the free one where it would be put. */
static oc_strmap_entry *place(const oc_strmap *map, oc_slice key) {
    uint32_t mask = map->capacity - 1;
    uint32_t at = (uint32_t)oc_hash(key.data, key.length, map->hash_key) & mask;
    while (map->entries[at].key) {
        oc_strmap_entry *entry = &map->entries[at];
        if (oc_slice_equal(key, (oc_slice){entry->key, entry->length})) {
            break;
        }
        at = (at + 1) & mask;
    }
    return &map->entries[at];
}

octavo_status oc_strmap_reserve(oc_strmap *map, size_t count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_strmap grown = {.count = map->count, .capacity = FIRST_CAPACITY};
    if (count <= map->capacity / 2) {
        goto done;
    }
    if (count > LARGEST_COUNT) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%zu names are too many for one table, the limit is %u", count, LARGEST_COUNT);
    }
    while (grown.capacity / 2 < count) {
        grown.capacity *= 2;
    }
    grown.hash_key = map->capacity ? map->hash_key : oc_hash_key();
    grown.entries = calloc(grown.capacity, sizeof *grown.entries);
    if (!grown.entries) {
        OC_NO_MEMORY(error, grown.capacity * sizeof *grown.entries);
    }
    for (uint32_t i = 0; i < map->capacity; i++) {
        if (map->entries[i].key) {
            *place(&grown, (oc_slice){map->entries[i].key, map->entries[i].length}) =
                map->entries[i];
        }
    }
    free(map->entries);
    *map = grown;
done:
    return status;
}

octavo_status oc_strmap_add(oc_strmap *map, oc_slice key, int32_t value, int32_t **existing,
                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (existing) {
        *existing = NULL;
    }
    if (key.length > UINT32_MAX) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET, "a name of %zu bytes is too long",
                key.length);
    }
    OC_TRY(oc_strmap_reserve(map, (size_t)map->count + 1, error));
    oc_strmap_entry *entry = place(map, key);
    if (entry->key) {
        if (existing) {
            *existing = &entry->value;
        }
    } else {
        *entry = (oc_strmap_entry){key.data ? key.data : "", (uint32_t)key.length, value};
        map->count++;
    }
done:
    return status;
}

int32_t *oc_strmap_find(const oc_strmap *map, oc_slice key) {
    if (map->count == 0) {
        return NULL;
    }
    oc_strmap_entry *entry = place(map, key);
    return entry->key ? &entry->value : NULL;
}
