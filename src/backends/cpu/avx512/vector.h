/* vector.h - loads of part of a vector, and sums and maxima over a vector's lanes. */
#ifndef OC_CPU_AVX512_VECTOR_H
#define OC_CPU_AVX512_VECTOR_H

#include <stdint.h>

#include "backends/cpu/avx2/vector.h"
#include "backends/cpu/avx512/target.h"

enum { OC_AVX512_LANES = 16 }; /* floats of a vector */

/* The first `count` of 16 lanes; any count that is not negative. */
OC_AVX512_INLINE __mmask16 oc_avx512_lanes(int32_t count) {
    return (__mmask16)(count >= 16 ? 0xffff : (1 << count) - 1);
}

/* The first `count` floats at x, at most 16; the other lanes are 0 and their memory is not read. */
OC_AVX512_INLINE __m512 oc_avx512_load(const float *x, int32_t count) {
    return count >= 16 ? _mm512_loadu_ps(x) : _mm512_maskz_loadu_ps(oc_avx512_lanes(count), x);
}

OC_AVX512_INLINE __m256 oc_avx512_high(__m512 x) {
    return _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(x), 1));
}

OC_AVX512_INLINE float oc_avx512_total(__m512 x) {
    return oc_avx2_total(_mm256_add_ps(_mm512_castps512_ps256(x), oc_avx512_high(x)));
}

OC_AVX512_INLINE float oc_avx512_highest(__m512 x) {
    return oc_avx2_highest(_mm256_max_ps(_mm512_castps512_ps256(x), oc_avx512_high(x)));
}

#endif
