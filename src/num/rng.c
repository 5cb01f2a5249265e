/* rng.c - see rng.h. */
#include "num/rng.h"

#include <math.h>

#include "num/mathf.h"

void oc_rng_init(oc_rng *rng, uint64_t seed, uint64_t stream) {
    *rng = (oc_rng){.state = oc_rng_mix(seed + OC_RNG_STEP * oc_rng_mix(stream + OC_RNG_STEP))};
}

double oc_rng_uniform(oc_rng *rng) {
    return (double)(oc_rng_bits(rng) >> 11) * 0x1p-53;
}

uint64_t oc_rng_below(oc_rng *rng, uint64_t bound) {
    /* The 2^64 mod bound lowest values would make small results likelier. */
    uint64_t bits, surplus = -bound % bound;
    do {
        bits = oc_rng_bits(rng);
    } while (bits < surplus);
    return bits % bound;
}

double oc_rng_normal(oc_rng *rng) {
    double u, v, s;
    if (rng->has_spare) {
        rng->has_spare = false;
        return rng->spare;
    }
    do {
        u = 2 * oc_rng_uniform(rng) - 1;
        v = 2 * oc_rng_uniform(rng) - 1;
        s = u * u + v * v;
    } while (s >= 1 || s == 0);
    double factor = sqrt(-2 * oc_log(s) / s);
    rng->spare = v * factor;
    rng->has_spare = true;
    return u * factor;
}

void oc_rng_fill_normal(oc_rng *rng, float *to, size_t count, float mean, float deviation) {
    for (size_t i = 0; i < count; i++) {
        to[i] = (float)((double)mean + (double)deviation * oc_rng_normal(rng));
    }
}
