/* strmap.h - a hash map from text to int32.
 *
 * Keys are borrowed: they must outlive the map.  Any bytes may be a key.  Keys are added, never
 * removed.  Finding is safe from many threads while none adds.
 */
#ifndef OC_BASE_STRMAP_H
#define OC_BASE_STRMAP_H

#include <stdint.h>

#include "base/slice.h"
#include "base/status.h"

typedef struct oc_strmap_entry {
    const char *key; /* NULL: free */
    uint32_t length;
    int32_t value;
} oc_strmap_entry;

typedef struct oc_strmap {
    oc_strmap_entry *entries;
    uint32_t count, capacity; /* capacity is zero or a power of two, at most half of it in use */
    uint64_t hash_key;
} oc_strmap;

void oc_strmap_init(oc_strmap *map);
void oc_strmap_free(oc_strmap *map); /* leaves it empty and usable */

/* Room for `count` keys, so that adding them allocates nothing.
 *   EXHAUSTED  memory is out */
octavo_status oc_strmap_reserve(oc_strmap *map, size_t count, octavo_error *error);

/* Adds `key` with `value`.  Where the key is there already it keeps its value, and *existing
 * (unless NULL) receives the place of that value; otherwise *existing is NULL.
 *   EXHAUSTED    memory is out
 *   UNSUPPORTED  a key of 4 GiB or more, or over 2^30 keys */
octavo_status oc_strmap_add(oc_strmap *map, oc_slice key, int32_t value, int32_t **existing,
                            octavo_error *error);

/* The place of the key's value, or NULL. */
int32_t *oc_strmap_find(const oc_strmap *map, oc_slice key);

#endif
