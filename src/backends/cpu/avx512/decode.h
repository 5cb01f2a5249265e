/* decode.h - what packed weights become: pairs of bfloat16 or of int16, or floats.
 *
 * Packed codes of paired panels lie in groups of 64: two pairs of k, p and q, of 16 columns, as
 *   p of columns 0-3, q of 0-3, p of 4-7, q of 4-7, ... q of 12-15
 * so that widening the low halves of all 128-bit lanes yields p of all columns in order, and the
 * high halves q. */
#ifndef OC_CPU_AVX512_DECODE_H
#define OC_CPU_AVX512_DECODE_H

#include <stdint.h>

#include "backends/cpu/avx512/target.h"

enum { OC_GROUP = 64 };

/* e4m3 is exact in bfloat16, the subnormals as normal numbers: high and low bytes by the seven bits
 * of magnitude. */
typedef struct oc_bf16_tables {
    __m512i high[2], low[2];
} oc_bf16_tables;

extern const uint8_t oc_bf16_bytes[4][64]; /* high bytes of 0-63 and 64-127, low ones of these */

OC_AVX512_BF16_INLINE oc_bf16_tables oc_avx512_bf16_tables(void) {
    return (oc_bf16_tables){
        {_mm512_load_si512(oc_bf16_bytes[0]), _mm512_load_si512(oc_bf16_bytes[1])},
        {_mm512_load_si512(oc_bf16_bytes[2]), _mm512_load_si512(oc_bf16_bytes[3])}};
}

/* 64 codes: of each 128-bit lane the eight low ones to `first`, the eight high ones to `second`. */
OC_AVX512_BF16_INLINE void oc_avx512_bf16(const oc_bf16_tables *tables, __m512i codes,
                                          __m512i *first, __m512i *second) {
    __m512i high = _mm512_permutex2var_epi8(tables->high[0], codes, tables->high[1]);
    __m512i low = _mm512_permutex2var_epi8(tables->low[0], codes, tables->low[1]);
    high = _mm512_ternarylogic_epi32(high, codes, _mm512_set1_epi8((char)0x80), 0xf8);
    *first = _mm512_unpacklo_epi8(low, high);
    *second = _mm512_unpackhi_epi8(low, high);
}

/* The same of bytes that avx2/gemm_i16.h tells of, to int16. */
OC_AVX512_INLINE void oc_avx512_i16(__m512i bytes, __m512i *first, __m512i *second) {
    const __m512i mantissas = _mm512_broadcast_i32x4(_mm_setr_epi8(
        64, 72, 80, 88, 96, 104, 112, 120, -64, -72, -80, -88, -96, -104, -112, -120));
    const __m512i low_powers =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0));
    const __m512i high_powers =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64));
    const __m512i nibble = _mm512_set1_epi8(15), zero = _mm512_setzero_si512();
    __m512i e = _mm512_and_si512(bytes, nibble);
    __m512i m = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibble);
    __m512i a = _mm512_shuffle_epi8(mantissas, m);
    __m512i low = _mm512_shuffle_epi8(low_powers, e), high = _mm512_shuffle_epi8(high_powers, e);
    *first = _mm512_mulhrs_epi16(_mm512_unpacklo_epi8(zero, a), _mm512_unpacklo_epi8(low, high));
    *second = _mm512_mulhrs_epi16(_mm512_unpackhi_epi8(zero, a), _mm512_unpackhi_epi8(low, high));
}

/* 16 codes to floats that keep a factor of 2^-8; avx2/decode.h says how. */
OC_AVX512_INLINE __m512 oc_avx512_decode(__m128i codes) {
    __m256i halves = _mm256_slli_epi16(_mm256_cvtepi8_epi16(codes), 7);
    return _mm512_cvtph_ps(_mm256_and_si256(halves, _mm256_set1_epi16((int16_t)0xbf80)));
}

/* Packed pairs, as pack.h has them, to the groups above. */
void oc_avx512_regroup(uint8_t *panel, int32_t k);

#endif
