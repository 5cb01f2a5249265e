/* math.h - exp and the GELU kinds on 16 floats: avx2/math.h, operation by operation, so that both
 * give the same bits and the errors told there hold here. */
#ifndef OC_CPU_AVX512_MATH_H
#define OC_CPU_AVX512_MATH_H

#include "backends/cpu/avx512/target.h"
#include "device/step.h"

/* e^x; results below 2^-126 are 0, arguments above 88.72 count as 88.72. */
OC_AVX512_INLINE __m512 oc_avx512_exp(__m512 x) {
    const __m512 least = _mm512_set1_ps(-87.3f);
    __m512 y = _mm512_max_ps(least, _mm512_min_ps(_mm512_set1_ps(88.72f), x));

    /* y = n ln 2 + r, |r| <= ln 2 / 2; ln 2 in two parts. */
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(y, _mm512_set1_ps(0x1.715476p0f)),
                                    _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.62e43p-1f), y);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-0x1.05c61p-29f), r);

    /* e^r = 1 + r + r^2 q(r) */
    __m512 q = _mm512_set1_ps(0x1.6a2448p-10f);
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0x1.1239d6p-7f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0x1.5558f2p-5f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0x1.555492p-3f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0x1.fffffcp-2f));
    q = _mm512_fmadd_ps(_mm512_mul_ps(r, r), q, r);
    q = _mm512_add_ps(q, _mm512_set1_ps(1.0f));

    __m512i scaled =
        _mm512_add_epi32(_mm512_castps_si512(q), _mm512_slli_epi32(_mm512_cvtps_epi32(n), 23));
    __mmask16 is_tiny = _mm512_cmp_ps_mask(x, least, _CMP_LT_OQ);
    return _mm512_maskz_mov_ps((__mmask16)~is_tiny, _mm512_castsi512_ps(scaled));
}

/* x / (1 + e^-s) */
OC_AVX512_INLINE __m512 oc_avx512_gate(__m512 x, __m512 minus_s) {
    return _mm512_div_ps(x, _mm512_add_ps(_mm512_set1_ps(1.0f), oc_avx512_exp(minus_s)));
}

OC_AVX512_INLINE __m512 oc_avx512_gelu_sigmoid(__m512 x) {
    return oc_avx512_gate(x, _mm512_mul_ps(x, _mm512_set1_ps(-1.702f)));
}

OC_AVX512_INLINE __m512 oc_avx512_gelu_tanh(__m512 x) {
    __m512 inner = _mm512_fmadd_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(-0.0713548163f),
                                   _mm512_set1_ps(-1.59576912f));
    return oc_avx512_gate(x, _mm512_mul_ps(x, inner));
}

OC_AVX512_INLINE __m512 oc_avx512_gelu_erf(__m512 x) {
    __m512 u = _mm512_min_ps(_mm512_set1_ps(14.0f), _mm512_abs_ps(x));
    __m512 p = _mm512_set1_ps(0.0040201894f);
    p = _mm512_fmadd_ps(p, u, _mm512_set1_ps(0.039984163f));
    p = _mm512_fmadd_ps(p, u, _mm512_set1_ps(0.18130673f));
    p = _mm512_fmadd_ps(p, u, _mm512_set1_ps(0.4356863f));
    p = _mm512_fmadd_ps(p, u, _mm512_set1_ps(0.5f));
    __m512 q = _mm512_set1_ps(0.010076977f);
    q = _mm512_fmadd_ps(q, u, _mm512_set1_ps(0.10023282f));
    q = _mm512_fmadd_ps(q, u, _mm512_set1_ps(0.46438026f));
    q = _mm512_fmadd_ps(q, u, _mm512_set1_ps(1.1944841f));
    q = _mm512_fmadd_ps(q, u, _mm512_set1_ps(1.6692575f));
    q = _mm512_fmadd_ps(q, u, _mm512_set1_ps(1.0f));
    __m512 e = oc_avx512_exp(_mm512_mul_ps(_mm512_mul_ps(u, u), _mm512_set1_ps(-0.5f)));
    __m512 tail = _mm512_div_ps(_mm512_mul_ps(e, p), q);
    return _mm512_fnmadd_ps(u, tail, _mm512_max_ps(_mm512_setzero_ps(), x));
}

OC_AVX512_INLINE __m512 oc_avx512_activate(oc_activation act, __m512 x) {
    switch (act) {
    case OC_ACT_GELU_ERF:
        return oc_avx512_gelu_erf(x);
    case OC_ACT_GELU_SIGMOID:
        return oc_avx512_gelu_sigmoid(x);
    case OC_ACT_GELU_TANH:
        return oc_avx512_gelu_tanh(x);
    case OC_ACT_NONE:
        break;
    }
    return x;
}

#endif
