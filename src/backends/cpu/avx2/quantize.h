/* quantize.h - e4m3 codes of 8 floats, and stores into a view. */
#ifndef OC_CPU_AVX2_QUANTIZE_H
#define OC_CPU_AVX2_QUANTIZE_H

#include <string.h>

#include "backends/cpu/avx2/vector.h"
#include "device/step.h"

/* Codes of y, one in each of 8 dwords: nearest, ties to even, saturated at 448; NaN is 0x7f or
 * 0xff. */
OC_AVX2_INLINE __m256i oc_avx2_e4m3(__m256 y) {
    __m256i bits = _mm256_castps_si256(y);
    __m256i sign = _mm256_and_si256(_mm256_srli_epi32(bits, 24), _mm256_set1_epi32(0x80));
    __m256 magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), y);
    magnitude = _mm256_min_ps(_mm256_set1_ps(448.0f), magnitude); /* NaN stays */

    /* From 2^-6 on: 20 mantissa bits go, the exponent's bias becomes 7 instead of 127. */
    __m256i m = _mm256_castps_si256(magnitude);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(m, 20), _mm256_set1_epi32(1));
    __m256i normal =
        _mm256_add_epi32(m, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7ffff - (120 << 23))));
    normal = _mm256_srli_epi32(normal, 20);

    /* Below: multiples of 2^-9, the last place of 2^14. */
    const __m256 place = _mm256_set1_ps(16384.0f);
    __m256i tiny = _mm256_sub_epi32(_mm256_castps_si256(_mm256_add_ps(magnitude, place)),
                                    _mm256_castps_si256(place));

    __m256 is_tiny = _mm256_cmp_ps(magnitude, _mm256_set1_ps(0.015625f), _CMP_LT_OQ);
    __m256i code = _mm256_blendv_epi8(normal, tiny, _mm256_castps_si256(is_tiny));
    __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(y, y, _CMP_UNORD_Q));
    code = _mm256_blendv_epi8(code, _mm256_set1_epi32(0x7f), is_nan);
    return _mm256_or_si256(code, sign);
}

/* The codes as 8 bytes, lane 0 lowest. */
OC_AVX2_INLINE __m128i oc_avx2_bytes(__m256i codes) {
    __m128i words =
        _mm_packus_epi32(_mm256_castsi256_si128(codes), _mm256_extracti128_si256(codes, 1));
    return _mm_packus_epi16(words, words);
}

/* Writes the first `count` lanes, at most 8, to element `at` of the view: floats, or codes of
 * value / view->scale. */
OC_AVX2_INLINE void oc_avx2_store(const oc_view *view, int64_t at, __m256 value, int32_t count) {
    if (oc_is_codes(view->dtype)) {
        uint8_t *to = (uint8_t *)view->data + at;
        __m256 scaled = _mm256_div_ps(value, _mm256_set1_ps(view->scale));
        uint64_t bytes = (uint64_t)_mm_cvtsi128_si64(oc_avx2_bytes(oc_avx2_e4m3(scaled)));
        memcpy(to, &bytes, count >= 8 ? 8 : (size_t)count);
    } else if (count >= 8) {
        _mm256_storeu_ps((float *)view->data + at, value);
    } else {
        _mm256_maskstore_ps((float *)view->data + at, oc_avx2_lanes(count), value);
    }
}

#endif
