/* hash.h - XXH3 of a block at once, by the widest vectors that the processor has.
 *
 * libxxhash is compiled for the least processor; where it is built with a dispatcher, that is three
 * times as fast (17 and 51 GB/s from L2), which shows when a model of half a gigabyte is loaded.
 */
#ifndef OC_ENGINE_HASH_H
#define OC_ENGINE_HASH_H

#include <stddef.h>
#include <stdint.h>

#ifdef OC_XXH_DISPATCH
#include <xxh_x86dispatch.h> /* puts its functions in the place of those of the same name */
#else
#include <xxhash.h>
#endif

static inline uint64_t oc_hash(const void *data, size_t bytes) {
    return XXH3_64bits(data, bytes);
}

#endif
