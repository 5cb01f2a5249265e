/* rng.h - seeded random numbers whose bits are the same on every machine.
 *
 * SplitMix64 (Steele, Lea and Flood 2014): a counter with a bijective mixer behind it, so that
 * every seed is good and streams are cheap.  Normal numbers by Marsaglia's polar method over
 * oc_log and sqrt.  Not for secrets.  One thread at a time.
 */
#ifndef OC_NUM_RNG_H
#define OC_NUM_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct oc_rng {
    uint64_t state;
    double spare; /* the polar method yields two numbers at a time */
    bool has_spare;
} oc_rng;

/* Equal seed and stream: equal numbers.  Different ones start at unrelated places. */
void oc_rng_init(oc_rng *rng, uint64_t seed, uint64_t stream);

/* SplitMix64's mixer: bijective. */
static inline uint64_t oc_rng_mix(uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

#define OC_RNG_STEP 0x9e3779b97f4a7c15u /* 2^64 / golden ratio, odd */

static inline uint64_t oc_rng_bits(oc_rng *rng) {
    return oc_rng_mix(rng->state += OC_RNG_STEP);
}

double oc_rng_uniform(oc_rng *rng);                 /* a multiple of 2^-53 in [0, 1) */
uint64_t oc_rng_below(oc_rng *rng, uint64_t bound); /* 0 .. bound-1, unbiased; bound > 0 */
double oc_rng_normal(oc_rng *rng);                  /* mean 0, variance 1 */

/* to[i] = mean + deviation * normal, rounded to float */
void oc_rng_fill_normal(oc_rng *rng, float *to, size_t count, float mean, float deviation);

#endif
