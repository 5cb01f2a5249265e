/* random.h - num/rng.h in the types that tests want. */
#ifndef OC_TESTS_RANDOM_H
#define OC_TESTS_RANDOM_H

#include "num/rng.h"

/* 0 .. count-1 */
static inline int32_t oc_random_below(oc_rng *rng, int32_t count) {
    return (int32_t)oc_rng_below(rng, (uint64_t)count);
}

/* low <= x <= high */
static inline float oc_random_between(oc_rng *rng, float low, float high) {
    return low + (high - low) * (float)oc_rng_uniform(rng);
}

/* Mean 0, deviation 1. */
static inline float oc_random_normal(oc_rng *rng) {
    return (float)oc_rng_normal(rng);
}

#endif
