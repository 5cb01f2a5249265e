/* quantize.h - e4m3 codes of 16 floats, and stores into a view. */
#ifndef OC_CPU_AVX512_QUANTIZE_H
#define OC_CPU_AVX512_QUANTIZE_H

#include "backends/cpu/avx512/vector.h"
#include "device/step.h"

/* Codes of y, one in each of 16 dwords: nearest, ties to even, saturated at 448; NaN is 0x7f or
 * 0xff.  avx2/quantize.h says how. */
OC_AVX512_INLINE __m512i oc_avx512_e4m3(__m512 y) {
    const __m512 place = _mm512_set1_ps(16384.0f);
    __m512 magnitude = _mm512_min_ps(_mm512_set1_ps(448.0f), _mm512_abs_ps(y)); /* NaN stays */
    __m512i m = _mm512_castps_si512(magnitude);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(m, 20), _mm512_set1_epi32(1));
    __m512i code = _mm512_srli_epi32(
        _mm512_add_epi32(m, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7ffff - (120 << 23)))), 20);
    __m512i tiny = _mm512_sub_epi32(_mm512_castps_si512(_mm512_add_ps(magnitude, place)),
                                    _mm512_castps_si512(place));
    __mmask16 is_tiny = _mm512_cmp_ps_mask(magnitude, _mm512_set1_ps(0.015625f), _CMP_LT_OQ);
    __mmask16 is_nan = _mm512_cmp_ps_mask(y, y, _CMP_UNORD_Q);
    code = _mm512_mask_mov_epi32(code, is_tiny, tiny);
    code = _mm512_mask_mov_epi32(code, is_nan, _mm512_set1_epi32(0x7f));
    __m512i sign = _mm512_srli_epi32(_mm512_castps_si512(y), 24);
    /* code | (sign & 0x80) */
    return _mm512_ternarylogic_epi32(code, sign, _mm512_set1_epi32(0x80), 0xf8);
}

/* Writes the first `count` lanes, at most 16, to element `at` of the view: floats, or codes of
 * value / view->scale. */
OC_AVX512_INLINE void oc_avx512_store(const oc_view *view, int64_t at, __m512 value,
                                      int32_t count) {
    if (oc_is_codes(view->dtype)) {
        __m512 scaled = _mm512_div_ps(value, _mm512_set1_ps(view->scale));
        __m128i codes = _mm512_cvtepi32_epi8(oc_avx512_e4m3(scaled));
        uint8_t *to = (uint8_t *)view->data + at;
        if (count >= 16) {
            _mm_storeu_si128((__m128i *)(void *)to, codes);
        } else {
            _mm_mask_storeu_epi8(to, oc_avx512_lanes(count), codes);
        }
    } else if (count >= 16) {
        _mm512_storeu_ps((float *)view->data + at, value);
    } else {
        _mm512_mask_storeu_ps((float *)view->data + at, oc_avx512_lanes(count), value);
    }
}

#endif
