/* e4m3.cuh - float32 to E4M3 codes and 16-bit floats, and back. */
#ifndef OC_E4M3_CUH
#define OC_E4M3_CUH

#include "mbarrier.cuh"

/* Four codes, x0 in the lowest byte: to nearest even, +-448 at most; any NaN becomes 0x7f. */
OC_DEVICE unsigned e4m3x4(float x0, float x1, float x2, float x3) {
    unsigned codes;
    asm("{ .reg .b16 low, high;\n"
        "cvt.rn.satfinite.e4m3x2.f32 low, %2, %1;\n"
        "cvt.rn.satfinite.e4m3x2.f32 high, %4, %3;\n"
        "mov.b32 %0, {low, high}; }"
        : "=r"(codes)
        : "f"(x0), "f"(x1), "f"(x2), "f"(x3));
    return codes;
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
