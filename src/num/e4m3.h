/* e4m3.h - FP8 E4M3 as the OCP specification (OFP8, revision 1.0) has it, "e4m3fn".
 *
 * Sign, 4 bits of exponent with bias 7, 3 of mantissa.  Largest 448 (0x7e), smallest normal 2^-6,
 * subnormals down to 2^-9, no infinity; 0x7f and 0xff are NaN.  Integer code: it depends neither
 * on the rounding mode nor on whether the processor flushes subnormals.
 */
#ifndef OC_NUM_E4M3_H
#define OC_NUM_E4M3_H

#include <stdbool.h>

#include "num/bits.h"

#define OC_E4M3_MAX 448.0f

static inline bool oc_e4m3_is_nan(uint8_t code) {
    return (code & 0x7f) == 0x7f;
}

/* Exact. */
static inline float oc_e4m3_to_f32(uint8_t code) {
    uint32_t sign = (uint32_t)(code & 0x80) << 24;
    uint32_t magnitude = code & 0x7f;
    if (magnitude < 8) { /* subnormal: mantissa * 2^-9 */
        return oc_f32_of_bits(sign | oc_f32_bits((float)magnitude * 0x1p-9f));
    }
    if (magnitude == 0x7f) {
        return oc_f32_of_bits(sign | 0x7fc00000u);
    }
    return oc_f32_of_bits(sign | ((magnitude << 20) + ((127u - 7u) << 23)));
}

/* Nearest, ties to even; what is over 448 in magnitude, infinity too, becomes 448.  NaN: 0x7f, and
 * 0xff where its sign bit is set. */
static inline uint8_t oc_f32_to_e4m3(float value) {
    uint32_t bits = oc_f32_bits(value);
    uint8_t sign = (uint8_t)(bits >> 24 & 0x80);
    uint32_t magnitude = bits & 0x7fffffffu, code;
    if (magnitude > 0x7f800000u) {
        code = 0x7f;
    } else if (magnitude >= 0x43e00000u) { /* 448 */
        code = 0x7e;
    } else if (magnitude >= 0x3c800000u) { /* 2^-6 */
        code = oc_shift_even(magnitude - ((127u - 7u) << 23), 20);
    } else if (magnitude >= 0x3a800000u) { /* 2^-10: half of the smallest */
        /* mantissa with its hidden bit, in units of 2^(e - 23); the code counts 2^-9 */
        code = oc_shift_even((magnitude & 0x7fffffu) | 0x800000u, 127 - 9 + 23 - (magnitude >> 23));
    } else {
        code = 0;
    }
    return sign | (uint8_t)code;
}

#endif
