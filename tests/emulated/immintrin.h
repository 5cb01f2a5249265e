/* immintrin.h - found before the compiler's by what is compiled for emulation: intrinsics of
 * AVX-512 in C and AVX2, from SIMDe (libsimde-dev) and, where it has none or none that is right,
 * from here.
 *
 * Those here follow the operation that Intel's guide gives for each, lane by lane. */
#ifndef OC_TESTS_EMULATED_IMMINTRIN_H
#define OC_TESTS_EMULATED_IMMINTRIN_H

#pragma GCC system_header

#include_next <immintrin.h>

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

#include <stdint.h>
#include <string.h>

/* Vectors as what their lanes are. */
typedef union oc_lanes {
    __m512 f;
    __m512i i;
    float f32[16];
    int32_t i32[16];
    uint32_t u32[16];
    int16_t i16[32];
    uint16_t u16[32];
    int8_t i8[64];
    uint8_t u8[64];
} oc_lanes;

#define OC_EMULATED static inline __attribute__((always_inline, unused))
/* What tiles of products are made of: hundreds of each, which sanitizers make slow to compile. */
#ifdef OC_CHECKED
#define OC_EMULATED_OFTEN static __attribute__((noinline, unused))
#else
#define OC_EMULATED_OFTEN OC_EMULATED
#endif

OC_EMULATED oc_lanes oc_of_f(__m512 x) {
    oc_lanes l;
    memcpy(&l, &x, 64);
    return l;
}

OC_EMULATED oc_lanes oc_of_i(__m512i x) {
    oc_lanes l;
    memcpy(&l, &x, 64);
    return l;
}

/* -- loads and stores: those of whole vectors want addresses that are multiples of 64 -------- */

OC_EMULATED_OFTEN __m512 oc_loadu_ps(const void *from) {
    __m512 x;
    memcpy(&x, from, 64);
    return x;
}

OC_EMULATED_OFTEN __m512i oc_loadu_si512(const void *from) {
    __m512i x;
    memcpy(&x, from, 64);
    return x;
}

OC_EMULATED_OFTEN void oc_storeu_ps(void *to, __m512 x) {
    memcpy(to, &x, 64);
}

OC_EMULATED_OFTEN void oc_storeu_si512(void *to, __m512i x) {
    memcpy(to, &x, 64);
}

OC_EMULATED const void *oc_aligned(const void *at) {
    if ((uintptr_t)at % 64 != 0) {
        __builtin_trap();
    }
    return at;
}

/* Memory of lanes that the mask leaves out is not touched. */

OC_EMULATED __m512 oc_maskz_loadu_ps(__mmask16 mask, const void *from) {
    oc_lanes to = {.u32 = {0}};
    for (int i = 0; i < 16; i++) {
        if ((mask >> i & 1) != 0) {
            memcpy(&to.u32[i], (const char *)from + 4 * i, 4);
        }
    }
    return to.f;
}

OC_EMULATED void oc_mask_storeu_ps(void *to, __mmask16 mask, __m512 x) {
    oc_lanes from = oc_of_f(x);
    for (int i = 0; i < 16; i++) {
        if ((mask >> i & 1) != 0) {
            memcpy((char *)to + 4 * i, &from.u32[i], 4);
        }
    }
}

OC_EMULATED void oc_mask_storeu_epi8_128(void *to, __mmask16 mask, __m128i x) {
    uint8_t from[16];
    memcpy(from, &x, 16);
    for (int i = 0; i < 16; i++) {
        if ((mask >> i & 1) != 0) {
            ((uint8_t *)to)[i] = from[i];
        }
    }
}

OC_EMULATED __m256i oc_maskz_loadu_epi16_256(__mmask16 mask, const void *from) {
    uint16_t to[16] = {0};
    __m256i x;
    for (int i = 0; i < 16; i++) {
        if ((mask >> i & 1) != 0) {
            memcpy(&to[i], (const char *)from + 2 * i, 2);
        }
    }
    memcpy(&x, to, 32);
    return x;
}

/* -- conversions ---------------------------------------------------------------------------- */

/* Of 16 lanes as two times 8, in the instructions of AVX2 and F16C. */
#define OC_HALVES(to, type, low, high)                                                             \
    do {                                                                                           \
        type oc_low = (low), oc_high = (high);                                                     \
        memcpy(&(to), &oc_low, 32);                                                                \
        memcpy((char *)&(to) + 32, &oc_high, 32);                                                  \
    } while (0)

OC_EMULATED __m512 oc_cvtph_ps(__m256i x) {
    __m512 to;
    OC_HALVES(to, __m256, _mm256_cvtph_ps(_mm256_castsi256_si128(x)),
              _mm256_cvtph_ps(_mm256_extracti128_si256(x, 1)));
    return to;
}

OC_EMULATED __m512i oc_cvtepu16_epi32(__m256i x) {
    __m512i to;
    OC_HALVES(to, __m256i, _mm256_cvtepu16_epi32(_mm256_castsi256_si128(x)),
              _mm256_cvtepu16_epi32(_mm256_extracti128_si256(x, 1)));
    return to;
}

OC_EMULATED __m512i oc_cvtepu8_epi32(__m128i x) {
    __m512i to;
    OC_HALVES(to, __m256i, _mm256_cvtepu8_epi32(x), _mm256_cvtepu8_epi32(_mm_srli_si128(x, 8)));
    return to;
}

OC_EMULATED __m512i oc_cvtps_epi32(__m512 x) {
    __m256 low, high;
    __m512i to;
    memcpy(&low, &x, 32);
    memcpy(&high, (const char *)&x + 32, 32);
    OC_HALVES(to, __m256i, _mm256_cvtps_epi32(low), _mm256_cvtps_epi32(high));
    return to;
}

OC_EMULATED __m512 oc_cvtepi32_ps(__m512i x) {
    __m256i low, high;
    __m512 to;
    memcpy(&low, &x, 32);
    memcpy(&high, (const char *)&x + 32, 32);
    OC_HALVES(to, __m256, _mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high));
    return to;
}

/* The low byte of each lane. */
OC_EMULATED __m128i oc_cvtepi32_epi8(__m512i x) {
    oc_lanes from = oc_of_i(x);
    uint8_t to[16];
    __m128i result;
    for (int i = 0; i < 16; i++) {
        to[i] = (uint8_t)from.u32[i];
    }
    memcpy(&result, to, 16);
    return result;
}

/* -- lanes in another order ----------------------------------------------------------------- */

/* Two 128-bit lanes of a, then two of b. */
OC_EMULATED __m512 oc_shuffle_f32x4(__m512 a, __m512 b, int order) {
    __m512 to;
    for (int i = 0; i < 4; i++) {
        const char *from = (const char *)(i < 2 ? &a : &b) + 16 * (order >> 2 * i & 3);
        memcpy((char *)&to + 16 * i, from, 16);
    }
    return to;
}

/* Byte index[i] of 128: bit 6 says which of a and b. */
OC_EMULATED __m512i oc_permutex2var_epi8(__m512i a, __m512i index, __m512i b) {
    oc_lanes low = oc_of_i(a), high = oc_of_i(b), at = oc_of_i(index), to;
    for (int i = 0; i < 64; i++) {
        to.u8[i] = ((at.u8[i] & 64) != 0 ? high : low).u8[at.u8[i] & 63];
    }
    return to.i;
}

/* -- arithmetic ----------------------------------------------------------------------------- */

OC_EMULATED_OFTEN __m512 oc_set1_ps(float x) {
    return simde_mm512_set1_ps(x);
}

OC_EMULATED_OFTEN __m512i oc_set1_epi32(int x) {
    return simde_mm512_set1_epi32(x);
}

OC_EMULATED_OFTEN __m512 oc_add_ps(__m512 a, __m512 b) {
    return simde_mm512_add_ps(a, b);
}

OC_EMULATED_OFTEN __m512 oc_fmadd_ps(__m512 a, __m512 b, __m512 c) {
    return simde_mm512_fmadd_ps(a, b, c);
}

/* Sums in 32 bits wrap. */
OC_EMULATED_OFTEN __m512i oc_dpwssd_epi32(__m512i sum, __m512i a, __m512i b) {
    __m256i part[3][2], to[2];
    memcpy(part[0], &sum, 64);
    memcpy(part[1], &a, 64);
    memcpy(part[2], &b, 64);
    for (int i = 0; i < 2; i++) {
        to[i] = _mm256_add_epi32(part[0][i], _mm256_madd_epi16(part[1][i], part[2][i]));
    }
    memcpy(&sum, to, 64);
    return sum;
}

/* Subnormal operands count as zero and subnormal results become it, whatever MXCSR says. */
OC_EMULATED __m256 oc_flush(__m256 x) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    __m256 tiny = _mm256_cmp_ps(_mm256_andnot_ps(sign, x), _mm256_set1_ps(0x1p-126f), _CMP_LT_OQ);
    return _mm256_andnot_ps(_mm256_andnot_ps(sign, tiny), x);
}

/* Products of bfloat16 are exact in float32; each addition is rounded. */
OC_EMULATED __m256 oc_add_products(__m256 sum, __m256i a, __m256i b) {
    __m256 x = oc_flush(_mm256_castsi256_ps(a)), y = oc_flush(_mm256_castsi256_ps(b));
    return oc_flush(_mm256_add_ps(oc_flush(sum), oc_flush(_mm256_mul_ps(x, y))));
}

/* The odd product first. */
OC_EMULATED_OFTEN __m512 oc_dpbf16_ps(__m512 sum, __m512i a, __m512i b) {
    const __m256i odd = _mm256_set1_epi32((int)0xffff0000u);
    __m256 s[2];
    __m256i x[2], y[2];
    memcpy(s, &sum, 64);
    memcpy(x, &a, 64);
    memcpy(y, &b, 64);
    for (int i = 0; i < 2; i++) {
        s[i] = oc_add_products(s[i], _mm256_and_si256(x[i], odd), _mm256_and_si256(y[i], odd));
        s[i] = oc_add_products(s[i], _mm256_slli_epi32(x[i], 16), _mm256_slli_epi32(y[i], 16));
    }
    memcpy(&sum, s, 64);
    return sum;
}

#define _mm512_maskz_loadu_ps    oc_maskz_loadu_ps
#define _mm512_mask_storeu_ps    oc_mask_storeu_ps
#define _mm_mask_storeu_epi8     oc_mask_storeu_epi8_128
#define _mm256_maskz_loadu_epi16 oc_maskz_loadu_epi16_256
#define _mm512_cvtph_ps          oc_cvtph_ps
#define _mm512_cvtepu16_epi32    oc_cvtepu16_epi32
#define _mm512_cvtepu8_epi32     oc_cvtepu8_epi32
#define _mm512_cvtps_epi32       oc_cvtps_epi32
#define _mm512_cvtepi32_ps       oc_cvtepi32_ps
#define _mm512_cvtepi32_epi8     oc_cvtepi32_epi8
#define _mm512_shuffle_f32x4     oc_shuffle_f32x4
#undef _mm512_load_ps
#define _mm512_load_ps(from) oc_loadu_ps(oc_aligned(from))
#undef _mm512_load_si512
#define _mm512_load_si512(from) oc_loadu_si512(oc_aligned(from))
#undef _mm512_loadu_ps
#define _mm512_loadu_ps oc_loadu_ps
#undef _mm512_loadu_si512
#define _mm512_loadu_si512 oc_loadu_si512
#undef _mm512_store_ps
#define _mm512_store_ps(to, x) oc_storeu_ps((void *)(uintptr_t)oc_aligned(to), x)
#undef _mm512_store_si512
#define _mm512_store_si512(to, x) oc_storeu_si512((void *)(uintptr_t)oc_aligned(to), x)
#undef _mm512_storeu_ps
#define _mm512_storeu_ps oc_storeu_ps
#undef _mm512_storeu_si512
#define _mm512_storeu_si512 oc_storeu_si512
#undef _mm512_set1_ps
#define _mm512_set1_ps oc_set1_ps
#undef _mm512_set1_epi32
#define _mm512_set1_epi32 oc_set1_epi32
#undef _mm512_add_ps
#define _mm512_add_ps oc_add_ps
#undef _mm512_fmadd_ps
#define _mm512_fmadd_ps oc_fmadd_ps
#undef _mm512_permutex2var_epi8
#define _mm512_permutex2var_epi8 oc_permutex2var_epi8
#undef _mm512_dpwssd_epi32
#define _mm512_dpwssd_epi32 oc_dpwssd_epi32
#undef _mm512_dpbf16_ps
#define _mm512_dpbf16_ps(sum, a, b) oc_dpbf16_ps(sum, (__m512i)(a), (__m512i)(b))

#include "emulated/tiles.h"

#endif
