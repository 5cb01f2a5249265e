/* gemm_i16_pack.c - the scale of each column, what its weights lose, and their packed bytes. */
#include <math.h>
#include <string.h>

#include "backends/cpu/avx2/decode.h"
#include "backends/cpu/avx2/gemm_i16.h"

/* Up to 32 codes; zeros behind `count`. */
OC_AVX2_INLINE __m256i load(const uint8_t *codes, int32_t count) {
    if (count >= 32) {
        return _mm256_loadu_si256((const __m256i *)codes);
    }
    uint8_t padded[32] = {0};
    memcpy(padded, codes, (size_t)count);
    return _mm256_loadu_si256((const __m256i *)padded);
}

/* What the scale of a column depends on. */
typedef struct facts {
    uint32_t largest; /* magnitude of a code */
    double sum;       /* the largest of |code| over a k block; exact */
    double power;     /* of code squared */
} facts;

/* |code| / OC_E4M3_DECODED of 16 magnitudes in words. */
OC_AVX2_INLINE void values_of(__m256i words, __m256 *low, __m256 *high) {
    words = _mm256_slli_epi16(words, 7);
    *low = _mm256_cvtph_ps(_mm256_castsi256_si128(words));
    *high = _mm256_cvtph_ps(_mm256_extracti128_si256(words, 1));
}

OC_AVX2_INLINE double sum_pairs(__m256d pairs) {
    __m128d two = _mm_add_pd(_mm256_castpd256_pd128(pairs), _mm256_extractf128_pd(pairs, 1));
    return _mm_cvtsd_f64(two) + _mm_cvtsd_f64(_mm_unpackhi_pd(two, two));
}

OC_AVX2_INLINE double sum_lanes(__m256 value) {
    return sum_pairs(_mm256_add_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(value)),
                                   _mm256_cvtps_pd(_mm256_extractf128_ps(value, 1))));
}

OC_AVX2_INLINE uint32_t largest_byte(__m256i bytes) {
    __m128i most = _mm_max_epu8(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    most = _mm_max_epu8(most, _mm_srli_si128(most, 8));
    most = _mm_max_epu8(most, _mm_srli_si128(most, 4));
    most = _mm_max_epu8(most, _mm_srli_si128(most, 2));
    most = _mm_max_epu8(most, _mm_srli_si128(most, 1));
    return (uint32_t)_mm_cvtsi128_si32(most) & 0xff;
}

/* Adds those of a k block, in any order: multiples of 2^-17, of which a lane gets 32 below 2, so
 * that all sums are exact. */
OC_AVX2_INLINE double add_block(const uint8_t *codes, int32_t k, __m256i *most, __m256 *power) {
    const __m256i zero = _mm256_setzero_si256();
    __m256 sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (int32_t i = 0; i < k; i += 32) {
        __m256i magnitude = _mm256_and_si256(load(codes + i, k - i), _mm256_set1_epi8(0x7f));
        __m256 value[4];
        *most = _mm256_max_epu8(*most, magnitude);
        values_of(_mm256_unpacklo_epi8(magnitude, zero), &value[0], &value[1]);
        values_of(_mm256_unpackhi_epi8(magnitude, zero), &value[2], &value[3]);
        OC_UNROLL for (int j = 0; j < 4; j++) {
            sum[j % 2] = _mm256_add_ps(sum[j % 2], value[j]);
            power[j % 2] = _mm256_fmadd_ps(value[j], value[j], power[j % 2]);
        }
    }
    return sum_lanes(_mm256_add_ps(sum[0], sum[1]));
}

OC_AVX2 static facts look_at(const uint8_t *codes, int32_t k) {
    const double unit = (double)OC_E4M3_DECODED;
    facts seen = {.largest = 0};
    __m256i most = _mm256_setzero_si256();
    __m256 power[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (int32_t at = 0; at < k; at += OC_K_BLOCK) {
        int32_t count = k - at < OC_K_BLOCK ? k - at : OC_K_BLOCK;
        double sum = add_block(codes + at, count, &most, power) * unit;
        seen.sum = sum > seen.sum ? sum : seen.sum;
    }
    seen.largest = largest_byte(most);
    seen.power = sum_lanes(_mm256_add_ps(power[0], power[1])) * unit * unit;
    return seen;
}

/* Squared rounding error of w, in units of w.  From E = 5 on w is exact: what is smaller and not
 * zero is rare, most groups are passed over. */
OC_AVX2 static double loss_of(const uint8_t *codes, int32_t k, int32_t shift, float unit) {
    const __m256 factor = _mm256_set1_ps(OC_E4M3_DECODED * unit), half = _mm256_set1_ps(0.5f);
    const __m256i exact_from = _mm256_set1_epi8((char)(shift < 5 ? 8 * (5 - shift) : 0));
    __m256 loss = _mm256_setzero_ps();
    for (int32_t i = 0; i < k; i += 32) {
        __m256i group = load(codes + i, k - i);
        __m256i magnitude = _mm256_and_si256(group, _mm256_set1_epi8(0x7f));
        if (_mm256_testz_si256(_mm256_cmpgt_epi8(exact_from, magnitude),
                               _mm256_cmpgt_epi8(magnitude, _mm256_setzero_si256()))) {
            continue;
        }
        __m256 value[4];
        oc_avx2_decode(_mm256_castsi256_si128(group), &value[0], &value[1]);
        oc_avx2_decode(_mm256_extracti128_si256(group, 1), &value[2], &value[3]);
        OC_UNROLL for (int j = 0; j < 4; j++) {
            __m256 exact = _mm256_mul_ps(value[j], factor);
            __m256 lost = _mm256_sub_ps(exact, _mm256_floor_ps(_mm256_add_ps(exact, half)));
            loss = _mm256_fmadd_ps(lost, lost, loss);
        }
    }
    return sum_lanes(loss);
}

void oc_avx2_i16_measure(const uint8_t *codes, int32_t k, oc_gemm_column *column) {
    facts seen = look_at(codes, k);
    *column = (oc_gemm_column){.factor = 1.0f};
    if (seen.largest == 0) {
        return;
    }
    /* The largest weight takes E = 15; from there down until the sums fit.  Each |w| is rounded by
     * half a unit at most, hence k/2. */
    int32_t shift = 8 - oc_i16_exponent(seen.largest);
    double slack = (k < OC_K_BLOCK ? k : OC_K_BLOCK) / 2.0;
    float unit = ldexpf(1.0f, shift + 5);
    while (seen.sum * (double)unit + slack > OC_I16_SUM_MAX) {
        unit *= 0.5f;
        shift--;
    }
    column->shift = shift;
    column->factor = 1.0f / unit;
    column->loss = loss_of(codes, k, shift, unit) / ((double)unit * (double)unit);
    column->power = seen.power;
}

OC_AVX2 void oc_avx2_i16_encode(uint8_t *panel, int32_t k, const oc_gemm_column *columns) {
    static const uint8_t order[OC_PANEL] = {0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15};
    uint8_t bytes[32];
    for (int i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)(columns[order[i / 2]].shift - OC_I16_SHIFT_MIN);
    }
    const __m256i shifts = _mm256_loadu_si256((const __m256i *)bytes);
    __m256i *at = (__m256i *)panel;
    for (int32_t i = 0; i < k; i += 2, at++) {
        _mm256_store_si256(at, oc_i16_encode(_mm256_load_si256(at), shifts));
    }
}
