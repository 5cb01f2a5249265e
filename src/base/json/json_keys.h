/* json_keys.h - the keys of the objects that a JSON reader has open; json.c's own.
 *
 * A stack of keys with a hash table over it.  Keys are popped in the reverse order of pushing, so
 * that clearing a key's slot leaves linear probing as it was before the push.
 */
#ifndef OC_BASE_JSON_KEYS_H
#define OC_BASE_JSON_KEYS_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/status.h"

typedef struct oc_json_key {
    const char *text;
    uint32_t length, hash;
} oc_json_key;

typedef struct oc_json_keys {
    oc_json_key *stack;
    uint32_t *slots; /* 1 + index in the stack, 0: free */
    uint32_t count, slot_count;
    uint64_t hash_key;
} oc_json_keys;

void oc_json_keys_free(oc_json_keys *keys);

/* Pushes a borrowed key unless an equal one is among those pushed since there were `first`:
 * then *duplicate is true.  EXHAUSTED: memory is out.  UNSUPPORTED: OC_LIMIT_JSON_KEYS. */
octavo_status oc_json_keys_push(oc_json_keys *keys, uint32_t first, oc_slice key, bool *duplicate,
                                octavo_error *error);

/* Pops until `first` keys are left. */
void oc_json_keys_pop(oc_json_keys *keys, uint32_t first);

#endif
