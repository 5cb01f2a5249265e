/* math.h - exp and the GELU kinds on 8 floats.
 *
 * Worst relative error where the result is over 1e-36: exp 7e-8; gelu_sigmoid and gelu_tanh 2.6e-7
 * for |x| < 1; all three GELU 1.3e-5 in the far negative tail, where the exponent itself is
 * rounded; results under 1e-36 only have the right size.  NaN stays NaN.
 */
#ifndef OC_CPU_AVX2_MATH_H
#define OC_CPU_AVX2_MATH_H

#include "backends/cpu/avx2/target.h"
#include "device/step.h"

/* e^x; results below 2^-126 are 0, arguments above 88.72 count as 88.72. */
OC_AVX2_INLINE __m256 oc_avx2_exp(__m256 x) {
    const __m256 least = _mm256_set1_ps(-87.3f);
    __m256 y = _mm256_max_ps(least, _mm256_min_ps(_mm256_set1_ps(88.72f), x));

    /* y = n ln 2 + r, |r| <= ln 2 / 2; ln 2 in two parts. */
    __m256 n = _mm256_round_ps(_mm256_mul_ps(y, _mm256_set1_ps(0x1.715476p0f)),
                               _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0x1.62e43p-1f), y);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-0x1.05c61p-29f), r);

    /* e^r = 1 + r + r^2 q(r), minimax, relative error 3e-9 */
    __m256 q = _mm256_set1_ps(0x1.6a2448p-10f);
    q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(0x1.1239d6p-7f));
    q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(0x1.5558f2p-5f));
    q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(0x1.555492p-3f));
    q = _mm256_fmadd_ps(q, r, _mm256_set1_ps(0x1.fffffcp-2f));
    q = _mm256_fmadd_ps(_mm256_mul_ps(r, r), q, r);
    q = _mm256_add_ps(q, _mm256_set1_ps(1.0f));

    __m256i scaled =
        _mm256_add_epi32(_mm256_castps_si256(q), _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23));
    return _mm256_andnot_ps(_mm256_cmp_ps(x, least, _CMP_LT_OQ), _mm256_castsi256_ps(scaled));
}

/* x / (1 + e^-s) */
OC_AVX2_INLINE __m256 oc_avx2_gate(__m256 x, __m256 minus_s) {
    return _mm256_div_ps(x, _mm256_add_ps(_mm256_set1_ps(1.0f), oc_avx2_exp(minus_s)));
}

OC_AVX2_INLINE __m256 oc_avx2_gelu_sigmoid(__m256 x) {
    return oc_avx2_gate(x, _mm256_mul_ps(x, _mm256_set1_ps(-1.702f)));
}

/* (1 + tanh z) / 2 = 1 / (1 + e^-2z), z = sqrt(2/pi) (x + 0.044715 x^3) */
OC_AVX2_INLINE __m256 oc_avx2_gelu_tanh(__m256 x) {
    __m256 inner = _mm256_fmadd_ps(_mm256_mul_ps(x, x), _mm256_set1_ps(-0.0713548163f),
                                   _mm256_set1_ps(-1.59576912f));
    return oc_avx2_gate(x, _mm256_mul_ps(x, inner));
}

/* x Phi(x) = max(x, 0) - u Phi(-u), u = |x|.  Phi(-u) = e^(-u^2/2) p(u)/q(u), minimax on
 * [0, 13.3], relative error 2e-8; e^(-u^2/2) is 0 from there on. */
OC_AVX2_INLINE __m256 oc_avx2_gelu_erf(__m256 x) {
    __m256 u = _mm256_min_ps(_mm256_set1_ps(14.0f), _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x));
    __m256 p = _mm256_set1_ps(0.0040201894f);
    p = _mm256_fmadd_ps(p, u, _mm256_set1_ps(0.039984163f));
    p = _mm256_fmadd_ps(p, u, _mm256_set1_ps(0.18130673f));
    p = _mm256_fmadd_ps(p, u, _mm256_set1_ps(0.4356863f));
    p = _mm256_fmadd_ps(p, u, _mm256_set1_ps(0.5f));
    __m256 q = _mm256_set1_ps(0.010076977f);
    q = _mm256_fmadd_ps(q, u, _mm256_set1_ps(0.10023282f));
    q = _mm256_fmadd_ps(q, u, _mm256_set1_ps(0.46438026f));
    q = _mm256_fmadd_ps(q, u, _mm256_set1_ps(1.1944841f));
    q = _mm256_fmadd_ps(q, u, _mm256_set1_ps(1.6692575f));
    q = _mm256_fmadd_ps(q, u, _mm256_set1_ps(1.0f));
    __m256 e = oc_avx2_exp(_mm256_mul_ps(_mm256_mul_ps(u, u), _mm256_set1_ps(-0.5f)));
    __m256 tail = _mm256_div_ps(_mm256_mul_ps(e, p), q);
    return _mm256_fnmadd_ps(u, tail, _mm256_max_ps(_mm256_setzero_ps(), x));
}

OC_AVX2_INLINE __m256 oc_avx2_activate(oc_activation act, __m256 x) {
    switch (act) {
    case OC_ACT_GELU_ERF:
        return oc_avx2_gelu_erf(x);
    case OC_ACT_GELU_SIGMOID:
        return oc_avx2_gelu_sigmoid(x);
    case OC_ACT_GELU_TANH:
        return oc_avx2_gelu_tanh(x);
    case OC_ACT_NONE:
        break;
    }
    return x;
}

#endif
