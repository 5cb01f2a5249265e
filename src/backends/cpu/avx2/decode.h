/* decode.h - e4m3 codes to float32, 16 at a time.
 *
 * The seven magnitude bits of a code, put below the sign of a half float, are the code's value
 * times 2^-8, subnormals included; vcvtph2ps takes these at full speed on every processor, which
 * multiplications of subnormal floats are not.  The NaN codes come out as 480 (times 2^-8).
 */
#ifndef OC_CPU_AVX2_DECODE_H
#define OC_CPU_AVX2_DECODE_H

#include "backends/cpu/avx2/target.h"

#define OC_E4M3_DECODED 256.0f /* what decoded values are to be multiplied by */

OC_AVX2_INLINE void oc_avx2_decode(__m128i codes, __m256 *low, __m256 *high) {
    __m256i halves = _mm256_slli_epi16(_mm256_cvtepi8_epi16(codes), 7);
    halves = _mm256_and_si256(halves, _mm256_set1_epi16((int16_t)0xbf80));
    *low = _mm256_cvtph_ps(_mm256_castsi256_si128(halves));
    *high = _mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1));
}

#endif
