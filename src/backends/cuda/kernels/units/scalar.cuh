/* scalar.cuh - element types by number, one value at a time; conversions that processors before
 * compute capability 8.9 lack are spelled out.
 *
 * E4M3 is OCP's e4m3fn: largest 448, no infinity, NaN 0x7f; values beyond are cut to 448. */
#ifndef OC_BACKENDS_CUDA_SCALAR_CUH
#define OC_BACKENDS_CUDA_SCALAR_CUH

#define F32  1 /* numbers of octavo_dtype */
#define F16  2
#define BF16 3
#define E4M3 4

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

static __device__ __forceinline__ float f16_value(u16 bits) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
}

static __device__ __forceinline__ u16 f16_bits(float value) {
    u16 bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

static __device__ __forceinline__ float bf16_value(u16 bits) {
    return __uint_as_float((u32)bits << 16);
}

static __device__ __forceinline__ u16 bf16_bits(float value) {
    u16 bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

static __device__ __forceinline__ float e4m3_value(u8 code) {
    u32 magnitude = code & 0x7fu;
    float value = magnitude == 0x7fu  ? __uint_as_float(0x7fffffffu)
                  : magnitude >= 0x08u ? __uint_as_float((magnitude << 20) + (120u << 23))
                                       : (float)magnitude * 0.001953125f; /* 2^-9 */
    return code & 0x80u ? -value : value;
}

static __device__ __forceinline__ u8 e4m3_code(float value) {
#if __CUDA_ARCH__ >= 890
    u16 pair;
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(pair) : "f"(0.0f), "f"(value));
    return (u8)pair;
#else
    u32 bits = __float_as_uint(value), sign = bits >> 24 & 0x80u, magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) {
        return 0x7f;
    }
    if (magnitude >= 0x43e00000u) { /* 448 */
        return (u8)(sign | 0x7eu);
    }
    if (magnitude < 0x3c800000u) { /* 2^-6: fixed point of 2^-9 */
        return (u8)(sign | (u32)__float2int_rn(__uint_as_float(magnitude) * 512.0f));
    }
    u32 odd = magnitude >> 20 & 1u;
    return (u8)(sign | (((magnitude + 0x7ffffu + odd) >> 20) - (120u << 3)));
#endif
}

/* Four codes, that of x0 in the lowest byte. */
static __device__ __forceinline__ u32 e4m3_four(float x0, float x1, float x2, float x3) {
#if __CUDA_ARCH__ >= 890
    u32 codes;
    asm("{ .reg .b16 low, high;\n"
        "cvt.rn.satfinite.e4m3x2.f32 low, %2, %1;\n"
        "cvt.rn.satfinite.e4m3x2.f32 high, %4, %3;\n"
        "mov.b32 %0, {low, high}; }"
        : "=r"(codes)
        : "f"(x0), "f"(x1), "f"(x2), "f"(x3));
    return codes;
#else
    return e4m3_code(x0) | (u32)e4m3_code(x1) << 8 | (u32)e4m3_code(x2) << 16 |
           (u32)e4m3_code(x3) << 24;
#endif
}

/* Element `at` of an array of dtype D; a code is its bare value. */
template <int D> static __device__ __forceinline__ float load(const void *array, long long at) {
    if (D == F32) {
        return ((const float *)array)[at];
    } else if (D == F16) {
        return f16_value(((const u16 *)array)[at]);
    } else if (D == BF16) {
        return bf16_value(((const u16 *)array)[at]);
    } else {
        return e4m3_value(((const u8 *)array)[at]);
    }
}

/* Codes are of value / scale. */
template <int D>
static __device__ __forceinline__ void store(void *array, long long at, float value, float scale) {
    if (D == F32) {
        ((float *)array)[at] = value;
    } else if (D == F16) {
        ((u16 *)array)[at] = f16_bits(value);
    } else if (D == BF16) {
        ((u16 *)array)[at] = bf16_bits(value);
    } else {
        ((u8 *)array)[at] = e4m3_code(value / scale);
    }
}

#define ACT_NONE         0 /* numbers of oc_activation */
#define ACT_GELU_ERF     1
#define ACT_GELU_SIGMOID 2
#define ACT_GELU_TANH    3

template <int A> static __device__ __forceinline__ float activate(float x) {
    if (A == ACT_GELU_ERF) {
        return 0.5f * x * (1.0f + erff(x * 0.70710678f));
    } else if (A == ACT_GELU_SIGMOID) {
        return x / (1.0f + expf(-1.702f * x));
    } else if (A == ACT_GELU_TANH) { /* sqrt(2 / pi) */
        return 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
    }
    return x;
}

/* Dependent launch: the next kernel may start, and this one waits until those before it are done.
 * Every kernel calls it first, so that to wait for one is to wait for all before it; what is read
 * earlier must be the host's or a constant. */
static __device__ __forceinline__ void let_next_start() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

static __device__ __forceinline__ void wait_for_previous() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

static __device__ __forceinline__ void begin() {
    let_next_start();
    wait_for_previous();
}

static __device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
    for (int other = 16; other > 0; other /= 2) {
        value += __shfl_xor_sync(0xffffffffu, value, other);
    }
    return value;
}

static __device__ __forceinline__ float warp_max(float value) {
#pragma unroll
    for (int other = 16; other > 0; other /= 2) {
        value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, other));
    }
    return value;
}

#endif
