/* e8m0.h - E8M0, the scales of the OCP microscaling formats: 2^(code - 127), 0xff is NaN. */
#ifndef OC_NUM_E8M0_H
#define OC_NUM_E8M0_H

#include "num/bits.h"

/* Exact; code 0 is 2^-127, a subnormal float. */
static inline float oc_e8m0_to_f32(uint8_t code) {
    return oc_f32_of_bits(code == 0xff ? 0x7fc00000u : code ? (uint32_t)code << 23 : 0x400000u);
}

/* The nearest power of two, the upper one when midway (1.5 * 2^n), within 2^-127 .. 2^127.
 * 0xff for NaN and for what is negative (-0 too): a scale has no sign. */
static inline uint8_t oc_f32_to_e8m0(float value) {
    uint32_t bits = oc_f32_bits(value);
    if (bits > 0x7f800000u) {
        return 0xff;
    }
    /* Subnormals lie around 2^-127 = 0x400000, and round up from the middle of it and 2^-126. */
    uint32_t code = (bits + (bits < 0x800000u ? 0x200000u : 0x400000u)) >> 23;
    return (uint8_t)(code < 0xfe ? code : 0xfe);
}

#endif
