/* scalar.cuh - element types by number, one value at a time. */
#ifndef OC_BACKENDS_CUDA_SCALAR_CUH
#define OC_BACKENDS_CUDA_SCALAR_CUH

#include "e4m3.cuh"

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
