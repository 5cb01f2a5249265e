/* layout.h - what reading and writing packs have in common. */
#ifndef OC_BACKENDS_CUDA_PACK_LAYOUT_H
#define OC_BACKENDS_CUDA_PACK_LAYOUT_H

#include <stddef.h>
#include <string.h>

#include <xxhash.h>

#include "backends/cuda/pack/pack.h"

/* memory: the head, the entries and the texts; the head's checksum is left zero. */
static inline void oc_pack_head_checksum(void *memory, size_t bytes, uint64_t out[2]) {
    memset((char *)memory + offsetof(oc_pack_head, checksum), 0, 2 * sizeof *out);
    XXH128_hash_t hash = XXH3_128bits(memory, bytes);
    out[0] = hash.high64;
    out[1] = hash.low64;
}

/* Below 0: a comes first. */
static inline int oc_pack_compare(const oc_pack_entry *a, const oc_pack_entry *b) {
    int order = memcmp(a->architecture, b->architecture, sizeof a->architecture);
    if (order == 0) {
        order = memcmp(a->kernel, b->kernel, sizeof a->kernel);
    }
    for (int32_t i = 0; order == 0 && i < 2; i++) {
        order = (a->key.words[i] > b->key.words[i]) - (a->key.words[i] < b->key.words[i]);
    }
    return order;
}

#endif
