/* count.c - saturated codes, zeros and the largest of a row, 32 at a time. */
#include <string.h>

#include "backends/cpu/avx2/avx2.h"
#include "backends/cpu/avx2/target.h"

enum { LANES = 32, FLUSH = 255 }; /* a lane counts to 255 */

OC_AVX2_INLINE uint64_t sum_bytes(__m256i bytes) {
    uint64_t sums[4];
    _mm256_storeu_si256((__m256i *)sums, _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
    return sums[0] + sums[1] + sums[2] + sums[3];
}

OC_AVX2 void oc_avx2_count(const uint8_t *codes, int32_t columns, oc_step_report *out) {
    const __m256i magnitude = _mm256_set1_epi8(0x7f), limit = _mm256_set1_epi8(0x7e);
    __m256i most = _mm256_setzero_si256();
    for (int32_t at = 0; at < columns;) {
        __m256i saturated = _mm256_setzero_si256(), zeros = saturated;
        for (int n = 0; n < FLUSH && at < columns; n++, at += LANES) {
            __m256i code;
            if (columns - at >= LANES) {
                code = _mm256_loadu_si256((const __m256i *)(codes + at));
            } else {
                uint8_t rest[LANES] = {0};
                memcpy(rest, codes + at, (size_t)(columns - at));
                code = _mm256_loadu_si256((const __m256i *)rest);
                out->zeros -= (uint64_t)(LANES - (columns - at)); /* those behind the end */
            }
            code = _mm256_and_si256(code, magnitude);
            saturated = _mm256_sub_epi8(saturated, _mm256_cmpeq_epi8(code, limit));
            zeros = _mm256_sub_epi8(zeros, _mm256_cmpeq_epi8(code, _mm256_setzero_si256()));
            most = _mm256_max_epu8(most, code);
        }
        out->saturated += sum_bytes(saturated);
        out->zeros += sum_bytes(zeros);
    }
    uint8_t lanes[LANES];
    _mm256_storeu_si256((__m256i *)lanes, most);
    for (int32_t i = 0; i < LANES; i++) {
        out->largest = lanes[i] > out->largest ? lanes[i] : out->largest;
    }
}
