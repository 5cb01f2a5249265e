/* gemm_i16.h - the packed byte of gemm_i16, made and read 32 at a time.
 *
 * Sign, three mantissa bits M, and in the low nibble the exponent E: the weight is
 * round((8 + M) * 2^(E - 5)), or 0 where E is 0.  A code (8 + M) * 2^(E - 10) becomes that with
 * E + shift; subnormal codes are first brought to this form, with E from -2 to 0.
 */
#ifndef OC_CPU_AVX2_GEMM_I16_H
#define OC_CPU_AVX2_GEMM_I16_H

#include "backends/cpu/avx2/target.h"
#include "backends/cpu/gemm.h"

enum {
    OC_I16_TOP = 13,                         /* exponent of the largest x */
    OC_I16_MAX = 15 << 10,                   /* |x| and |w|: 1.875 * 2^13 */
    OC_I16_SUM_MAX = INT32_MAX / OC_I16_MAX, /* of |w| over a k block */
    OC_I16_SHIFT_MIN = -5,                   /* 256 weights of OC_I16_MAX need five less */
    /* A code flips where a sum differs by d with a probability of about 10 d.  The codes of a run
     * of a narrow tower (rows x 9 sides a layer) are so few that float32, whose d is 1e-7, flips
     * none as a rule: most tiny CLIPs are then 5e-7 from the framework, by integers 1e-3 to 1e-2,
     * to gain tens of microseconds a product.  From 256 on codes flip in float32 too, and the
     * difference is lost among what the first flip does. */
    OC_I16_SIDE_MIN = 256
};

#define OC_I16_LOSS_LIMIT 4e-4
#define OC_I16_ERROR      1e-4

/* The exponent of a code's magnitude, 1 .. 127. */
static inline int32_t oc_i16_exponent(uint32_t magnitude) {
    return magnitude >= 8 ? (int32_t)(magnitude >> 3) - 7 : 22 - __builtin_clz(magnitude);
}

/* shift - OC_I16_SHIFT_MIN in each byte of `shifts`; results above 15 are not to be asked for. */
OC_AVX2_INLINE __m256i oc_i16_encode(__m256i codes, __m256i shifts) {
    const __m256i normal_exponents = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 0, 1, 1, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0)); /* of M subnormal, + 2 */
    const __m256i normal_mantissas =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0, 0, 4, 0, 2, 4, 6, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m256i zero = _mm256_setzero_si256();
    __m256i magnitude = _mm256_and_si256(codes, _mm256_set1_epi8(0x7f));
    __m256i e = _mm256_and_si256(_mm256_srli_epi16(magnitude, 3), _mm256_set1_epi8(15));
    __m256i m = _mm256_and_si256(codes, _mm256_set1_epi8(7));
    __m256i subnormal = _mm256_cmpeq_epi8(e, zero);
    e = _mm256_blendv_epi8(_mm256_add_epi8(e, _mm256_set1_epi8(2)),
                           _mm256_shuffle_epi8(normal_exponents, m), subnormal);
    m = _mm256_blendv_epi8(m, _mm256_shuffle_epi8(normal_mantissas, m), subnormal);
    e = _mm256_subs_epu8(_mm256_add_epi8(e, shifts), _mm256_set1_epi8(2 - OC_I16_SHIFT_MIN));
    e = _mm256_andnot_si256(_mm256_cmpeq_epi8(magnitude, zero), e);
    __m256i sign = _mm256_andnot_si256(magnitude, codes);
    sign = _mm256_and_si256(sign, _mm256_set1_epi8((char)0x80));
    return _mm256_or_si256(sign, _mm256_or_si256(_mm256_slli_epi16(m, 4), e));
}

/* Weights of bytes 0-7 and 16-23 in low, of bytes 8-15 and 24-31 in high. */
OC_AVX2_INLINE void oc_i16_decode(__m256i bytes, __m256i *low, __m256i *high) {
    /* (8 + M) * 8 with its sign is the high byte of a; b = 2^(E - 1) has two: a b / 2^15. */
    const __m256i mantissas = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        64, 72, 80, 88, 96, 104, 112, 120, -64, -72, -80, -88, -96, -104, -112, -120));
    const __m256i low_powers = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0));
    const __m256i high_powers = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64));
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i zero = _mm256_setzero_si256();
    __m256i e = _mm256_and_si256(bytes, nibble);
    __m256i m = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
    __m256i a = _mm256_shuffle_epi8(mantissas, m);
    __m256i b0 = _mm256_shuffle_epi8(low_powers, e);
    __m256i b1 = _mm256_shuffle_epi8(high_powers, e);
    *low = _mm256_mulhrs_epi16(_mm256_unpacklo_epi8(zero, a), _mm256_unpacklo_epi8(b0, b1));
    *high = _mm256_mulhrs_epi16(_mm256_unpackhi_epi8(zero, a), _mm256_unpackhi_epi8(b0, b1));
}

/* Those of the variant, see gemm.h. */
bool oc_avx2_i16_takes(octavo_dtype weight, int32_t acts_are_codes);
void oc_avx2_i16_prepare(const uint8_t *codes, int32_t k, void *a, float *scale);
void oc_avx2_i16_measure(const uint8_t *codes, int32_t k, oc_gemm_column *column);
void oc_avx2_i16_encode(uint8_t *panel, int32_t k, const oc_gemm_column *columns);

#endif
