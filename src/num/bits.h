/* bits.h - floats as their bits. */
#ifndef OC_NUM_BITS_H
#define OC_NUM_BITS_H

#include <stdint.h>
#include <string.h>

static inline uint32_t oc_f32_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float oc_f32_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t oc_f64_bits(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double oc_f64_of_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* bits >> shift, rounded to nearest, ties to even; shift is 1 .. 31 */
static inline uint32_t oc_shift_even(uint32_t bits, uint32_t shift) {
    uint32_t odd = bits >> shift & 1;
    return (bits + ((1u << (shift - 1)) - 1) + odd) >> shift;
}

#endif
