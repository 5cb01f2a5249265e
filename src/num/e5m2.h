/* e5m2.h - FP8 E5M2 as the OCP specification (OFP8, revision 1.0) has it.
 *
 * Sign, 5 bits of exponent with bias 15, 2 of mantissa: the upper byte of a binary16.  Largest
 * finite 57344 (0x7b), infinity 0x7c, NaN 0x7d to 0x7f, smallest normal 2^-14, subnormals down to
 * 2^-16.
 */
#ifndef OC_NUM_E5M2_H
#define OC_NUM_E5M2_H

#include "num/f16.h"

#define OC_E5M2_MAX 57344.0f

/* Exact. */
static inline float oc_e5m2_to_f32(uint8_t code) {
    return oc_f16_to_f32((uint16_t)(code << 8));
}

/* Nearest, ties to even; saturates as E4M3 does: what is over 57344 in magnitude, infinity too,
 * becomes 57344.  NaN: 0x7f, and 0xff where its sign bit is set. */
static inline uint8_t oc_f32_to_e5m2(float value) {
    uint32_t bits = oc_f32_bits(value);
    uint8_t sign = (uint8_t)(bits >> 24 & 0x80);
    uint32_t magnitude = bits & 0x7fffffffu, code;
    if (magnitude > 0x7f800000u) {
        code = 0x7f;
    } else if (magnitude >= 0x47600000u) { /* 57344 */
        code = 0x7b;
    } else if (magnitude >= 0x38800000u) { /* 2^-14 */
        code = oc_shift_even(magnitude - ((127u - 15u) << 23), 21);
    } else if (magnitude >= 0x37000000u) { /* 2^-17: half of the smallest */
        code =
            oc_shift_even((magnitude & 0x7fffffu) | 0x800000u, 127 - 16 + 23 - (magnitude >> 23));
    } else {
        code = 0;
    }
    return sign | (uint8_t)code;
}

#endif
