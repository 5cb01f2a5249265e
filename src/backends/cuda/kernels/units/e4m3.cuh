/* e4m3.cuh - float32 to E4M3 codes and 16-bit floats, and back; what processors before compute
 * capability 8.9 lack is spelled out.
 *
 * E4M3 is OCP's e4m3fn: largest 448, no infinity, NaN 0x7f. */
#ifndef OC_E4M3_CUH
#define OC_E4M3_CUH

#include "mbarrier.cuh"

/* To nearest even, +-448 at most; any NaN becomes 0x7f. */
OC_DEVICE unsigned char e4m3_code(float value) {
#if __CUDA_ARCH__ >= 890
    unsigned short pair;
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(pair) : "f"(0.0f), "f"(value));
    return (unsigned char)pair;
#else
    unsigned bits = __float_as_uint(value), sign = bits >> 24 & 0x80u;
    unsigned magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) {
        return 0x7f;
    }
    if (magnitude >= 0x43e00000u) { /* 448 */
        return (unsigned char)(sign | 0x7eu);
    }
    if (magnitude < 0x3c800000u) { /* 2^-6: fixed point of 2^-9 */
        return (unsigned char)(sign |
                               (unsigned)__float2int_rn(__uint_as_float(magnitude) * 512.0f));
    }
    unsigned odd = magnitude >> 20 & 1u;
    return (unsigned char)(sign | (((magnitude + 0x7ffffu + odd) >> 20) - (120u << 3)));
#endif
}

/* Four codes, x0 in the lowest byte. */
OC_DEVICE unsigned e4m3x4(float x0, float x1, float x2, float x3) {
    unsigned codes;
#if __CUDA_ARCH__ >= 890
    asm("{ .reg .b16 low, high;\n"
        "cvt.rn.satfinite.e4m3x2.f32 low, %2, %1;\n"
        "cvt.rn.satfinite.e4m3x2.f32 high, %4, %3;\n"
        "mov.b32 %0, {low, high}; }"
        : "=r"(codes)
        : "f"(x0), "f"(x1), "f"(x2), "f"(x3));
#else
    codes = e4m3_code(x0) | e4m3_code(x1) << 8 | e4m3_code(x2) << 16 | (unsigned)e4m3_code(x3) << 24;
#endif
    return codes;
}

/* Four codes as two pairs of 16-bit floats, exactly; a NaN is one.  NOTE: which two make a pair
 * depends on the architecture alone: enough for products, whose sides are paired alike. */
OC_DEVICE void e4m3_widen(unsigned codes, unsigned &first, unsigned &second) {
#if __CUDA_ARCH__ >= 890
    asm("{ .reg .b16 low, high;\n"
        "mov.b32 {low, high}, %2;\n"
        "cvt.rn.f16x2.e4m3x2 %0, low;\n"
        "cvt.rn.f16x2.e4m3x2 %1, high; }"
        : "=r"(first), "=r"(second)
        : "r"(codes));
#else
    /* A code's seven bits, seven places up, are the 16-bit float of 2^-8 times its value, but for
     * NaN, 0x7f, which also gets the highest bit of the exponent. */
    unsigned bits = codes & 0x7f7f7f7fu;
    bits |= (bits + 0x01010101u) & 0x80808080u;
    unsigned even = (bits & 0x00ff00ffu) << 7 | (codes << 8 & 0x80008000u);
    unsigned odd = (bits & 0xff00ff00u) >> 1 | (codes & 0x80008000u);
    asm("mul.f16x2 %0, %1, %2;" : "=r"(first) : "r"(even), "r"(0x5c005c00u)); /* 256 */
    asm("mul.f16x2 %0, %1, %2;" : "=r"(second) : "r"(odd), "r"(0x5c005c00u));
#endif
}

OC_DEVICE unsigned f16x2(float x0, float x1) {
    unsigned pair;
    asm("cvt.rn.f16x2.f32 %0, %2, %1;" : "=r"(pair) : "f"(x0), "f"(x1));
    return pair;
}

OC_DEVICE float f16_low(unsigned pair) {
    float x;
    asm("{ .reg .b16 low, high; mov.b32 {low, high}, %1; cvt.f32.f16 %0, low; }"
        : "=f"(x)
        : "r"(pair));
    return x;
}

OC_DEVICE float f16_high(unsigned pair) {
    float x;
    asm("{ .reg .b16 low, high; mov.b32 {low, high}, %1; cvt.f32.f16 %0, high; }"
        : "=f"(x)
        : "r"(pair));
    return x;
}

#endif
