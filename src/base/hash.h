/* hash.h - a keyed 64-bit hash for tables in memory.
 *
 * Tables hold names from hostile files: with a key that the file's author cannot know, names that
 * all fall into one place cannot be made.  Hashes are not for files: they differ from run to run.
 */
#ifndef OC_BASE_HASH_H
#define OC_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A key from the system's random source. */
uint64_t oc_hash_key(void);

/* Both halves of the 128-bit product, folded. */
static inline uint64_t oc_hash_mix(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t oc_hash(const void *bytes, size_t size, uint64_t key) {
    const unsigned char *at = bytes;
    uint64_t hash = key ^ (uint64_t)size;
    uint64_t odd = key | 1; /* an odd factor loses nothing in the low half */
    uint64_t word;
    for (; size >= 8; size -= 8, at += 8) {
        memcpy(&word, at, 8);
        hash = oc_hash_mix(hash ^ word, odd) + word;
    }
    word = 0;
    if (size > 0) {
        memcpy(&word, at, size);
    }
    return oc_hash_mix(hash ^ word, odd ^ 0x9e3779b97f4a7c14u); /* 2^64 / golden ratio, even */
}

#endif
