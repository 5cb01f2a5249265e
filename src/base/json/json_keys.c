/* json_keys.c - see json_keys.h. */
#include "base/json/json_keys.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"

enum { FIRST_SLOTS = 64 };

void oc_json_keys_free(oc_json_keys *keys) {
    free(keys->stack);
    free(keys->slots);
    *keys = (oc_json_keys){0};
}

/* At most half of the slots are in use; the stack holds as many keys as that. */
static octavo_status grow(oc_json_keys *keys, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint32_t slot_count = keys->slot_count ? 2 * keys->slot_count : FIRST_SLOTS;
    uint32_t *slots = NULL;
    if (keys->count >= OC_LIMIT_JSON_KEYS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET, "over %u keys in open objects",
                OC_LIMIT_JSON_KEYS);
    }
    oc_json_key *stack = realloc(keys->stack, slot_count / 2 * sizeof *stack);
    if (!stack) {
        OC_NO_MEMORY(error, slot_count / 2 * sizeof *stack);
    }
    keys->stack = stack;
    slots = calloc(slot_count, sizeof *slots);
    if (!slots) {
        OC_NO_MEMORY(error, slot_count * sizeof *slots);
    }
    for (uint32_t i = 0; i < keys->count; i++) {
        uint32_t at = stack[i].hash & (slot_count - 1);
        while (slots[at]) {
            at = (at + 1) & (slot_count - 1);
        }
        slots[at] = i + 1;
    }
    if (!keys->slot_count) {
        keys->hash_key = oc_hash_key();
    }
    free(keys->slots);
    keys->slots = slots;
    keys->slot_count = slot_count;
done:
    return status;
}

octavo_status oc_json_keys_push(oc_json_keys *keys, uint32_t first, oc_slice key, bool *duplicate,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *duplicate = false;
    if (keys->count >= keys->slot_count / 2) {
        OC_TRY(grow(keys, error));
    }
    /* `first` tells open objects apart, so that equal keys of different ones spread. */
    uint32_t hash = (uint32_t)oc_hash(key.data, key.length, keys->hash_key + first);
    uint32_t at = hash & (keys->slot_count - 1);
    for (; keys->slots[at]; at = (at + 1) & (keys->slot_count - 1)) {
        uint32_t index = keys->slots[at] - 1;
        const oc_json_key *other = &keys->stack[index];
        if (index >= first && other->hash == hash &&
            oc_slice_equal(key, (oc_slice){other->text, other->length})) {
            *duplicate = true;
            goto done;
        }
    }
    keys->stack[keys->count++] = (oc_json_key){key.data, (uint32_t)key.length, hash};
    keys->slots[at] = keys->count;
done:
    return status;
}

void oc_json_keys_pop(oc_json_keys *keys, uint32_t first) {
    while (keys->count > first) {
        uint32_t at = keys->stack[keys->count - 1].hash & (keys->slot_count - 1);
        while (keys->slots[at] != keys->count) {
            at = (at + 1) & (keys->slot_count - 1);
        }
        keys->slots[at] = 0;
        keys->count--;
    }
}
