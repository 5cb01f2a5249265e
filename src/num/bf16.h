/* bf16.h - bfloat16: the upper half of a float32. */
#ifndef OC_NUM_BF16_H
#define OC_NUM_BF16_H

#include "num/bits.h"

/* Exact. */
static inline float oc_bf16_to_f32(uint16_t code) {
    return oc_f32_of_bits((uint32_t)code << 16);
}

/* Nearest, ties to even; overflow is infinity.  A NaN keeps its sign and the top of its payload and
 * becomes quiet. */
static inline uint16_t oc_f32_to_bf16(float value) {
    uint32_t bits = oc_f32_bits(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        return (uint16_t)(bits >> 16 | 0x40);
    }
    uint32_t odd = bits >> 16 & 1; /* cannot overflow: infinity has zeros below */
    return (uint16_t)((bits + 0x7fffu + odd) >> 16);
}

#endif
