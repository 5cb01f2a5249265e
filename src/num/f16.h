/* f16.h - IEEE 754 binary16: sign, 5 bits of exponent with bias 15, 10 of mantissa. */
#ifndef OC_NUM_F16_H
#define OC_NUM_F16_H

#include "num/bits.h"

/* Exact.  A NaN keeps its sign and payload and becomes quiet. */
static inline float oc_f16_to_f32(uint16_t code) {
    uint32_t sign = (uint32_t)(code & 0x8000) << 16;
    uint32_t magnitude = code & 0x7fff;
    if (magnitude < 0x400) { /* subnormal: mantissa * 2^-24 */
        return oc_f32_of_bits(sign | oc_f32_bits((float)magnitude * 0x1p-24f));
    }
    if (magnitude >= 0x7c00) {
        uint32_t quiet = magnitude > 0x7c00 ? 0x400000u : 0;
        return oc_f32_of_bits(sign | 0x7f800000u | quiet | (magnitude & 0x3ff) << 13);
    }
    return oc_f32_of_bits(sign | ((magnitude << 13) + ((127u - 15u) << 23)));
}

/* Nearest, ties to even; from 65520 on, infinity.  A NaN keeps its sign and the top of its payload
 * and becomes quiet. */
static inline uint16_t oc_f32_to_f16(float value) {
    uint32_t bits = oc_f32_bits(value);
    uint32_t sign = bits >> 16 & 0x8000;
    uint32_t magnitude = bits & 0x7fffffffu, code;
    if (magnitude > 0x7f800000u) {
        code = 0x7e00 | (magnitude >> 13 & 0x3ff);
    } else if (magnitude >= 0x47800000u) { /* 65536 */
        code = 0x7c00;
    } else if (magnitude >= 0x38800000u) { /* 2^-14; rounding may carry into infinity */
        code = oc_shift_even(magnitude - ((127u - 15u) << 23), 13);
    } else if (magnitude >= 0x33000000u) { /* 2^-25: half of the smallest */
        code =
            oc_shift_even((magnitude & 0x7fffffu) | 0x800000u, 127 - 24 + 23 - (magnitude >> 23));
    } else {
        code = 0;
    }
    return (uint16_t)(sign | code);
}

#endif
