/* vector.h - loads of part of a vector, and sums and maxima over a vector's lanes. */
#ifndef OC_CPU_AVX2_VECTOR_H
#define OC_CPU_AVX2_VECTOR_H

#include <stdint.h>

#include "backends/cpu/avx2/target.h"

/* The first `count` of 8 lanes set; any count. */
OC_AVX2_INLINE __m256i oc_avx2_lanes(int32_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* The first `count` floats at x, at most 8; the other lanes are 0 and their memory is not read. */
OC_AVX2_INLINE __m256 oc_avx2_load(const float *x, int32_t count) {
    return count >= 8 ? _mm256_loadu_ps(x) : _mm256_maskload_ps(x, oc_avx2_lanes(count));
}

OC_AVX2_INLINE float oc_avx2_total(__m256 x) {
    __m128 m = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    m = _mm_add_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_add_ss(m, _mm_movehdup_ps(m)));
}

OC_AVX2_INLINE float oc_avx2_highest(__m256 x) {
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

#endif
