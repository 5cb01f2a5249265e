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

OC_AVX2 static uint32_t largest_magnitude(const uint8_t *codes, int32_t k) {
    __m256i most = _mm256_setzero_si256();
    for (int32_t i = 0; i < k; i += 32) {
        __m256i magnitude = _mm256_and_si256(load(codes + i, k - i), _mm256_set1_epi8(0x7f));
        most = _mm256_max_epu8(most, magnitude);
    }
    uint8_t lanes[32];
    uint32_t largest = 0;
    _mm256_storeu_si256((__m256i *)lanes, most);
    for (int i = 0; i < 32; i++) {
        largest = lanes[i] > largest ? lanes[i] : largest;
    }
    return largest;
}

/* The largest sum of |w| over a k block at this shift. */
OC_AVX2 static int32_t largest_sum(const uint8_t *codes, int32_t k, int32_t shift) {
    const __m256i shifts = _mm256_set1_epi8((char)(shift - OC_I16_SHIFT_MIN));
    const __m256i ones = _mm256_set1_epi16(1);
    int32_t largest = 0;
    for (int32_t block = 0; block < k; block += OC_K_BLOCK) {
        __m256i sum = _mm256_setzero_si256();
        int32_t end = k - block < OC_K_BLOCK ? k : block + OC_K_BLOCK;
        for (int32_t i = block; i < end; i += 32) {
            __m256i low, high;
            oc_i16_decode(oc_i16_encode(load(codes + i, end - i), shifts), &low, &high);
            low = _mm256_madd_epi16(_mm256_abs_epi16(low), ones);
            high = _mm256_madd_epi16(_mm256_abs_epi16(high), ones);
            sum = _mm256_add_epi32(sum, _mm256_add_epi32(low, high));
        }
        int32_t lanes[8], total = 0;
        _mm256_storeu_si256((__m256i *)lanes, sum);
        for (int i = 0; i < 8; i++) {
            total += lanes[i];
        }
        largest = total > largest ? total : largest;
    }
    return largest;
}

/* Squared rounding error and square of w, in units of w. */
OC_AVX2 static void add_loss(const uint8_t *codes, int32_t k, float unit, oc_gemm_column *column) {
    const __m256 factor = _mm256_set1_ps(OC_E4M3_DECODED * unit), half = _mm256_set1_ps(0.5f);
    __m256 loss = _mm256_setzero_ps(), power = _mm256_setzero_ps();
    for (int32_t i = 0; i < k; i += 16) {
        __m256 value[2];
        __m128i group = k - i >= 16 ? _mm_loadu_si128((const __m128i *)(codes + i))
                                    : _mm256_castsi256_si128(load(codes + i, k - i));
        oc_avx2_decode(group, &value[0], &value[1]);
        OC_UNROLL for (int h = 0; h < 2; h++) {
            __m256 exact = _mm256_mul_ps(value[h], factor);
            __m256 lost = _mm256_sub_ps(exact, _mm256_floor_ps(_mm256_add_ps(exact, half)));
            loss = _mm256_fmadd_ps(lost, lost, loss);
            power = _mm256_fmadd_ps(exact, exact, power);
        }
    }
    float lanes[2][8];
    _mm256_storeu_ps(lanes[0], loss);
    _mm256_storeu_ps(lanes[1], power);
    for (int i = 0; i < 8; i++) {
        column->loss += (double)lanes[0][i];
        column->power += (double)lanes[1][i];
    }
}

void oc_avx2_i16_measure(const uint8_t *codes, int32_t k, oc_gemm_column *column) {
    *column = (oc_gemm_column){.factor = 1.0f};
    uint32_t largest = largest_magnitude(codes, k);
    if (largest == 0) {
        return;
    }
    /* The largest weight takes E = 15; from there down until the sums fit.  Each |w| is rounded
     * twice by half a unit at most, hence k/2 before and after the division. */
    int32_t shift = 8 - oc_i16_exponent(largest);
    int32_t sum = largest_sum(codes, k, shift);
    int32_t slack = (k < OC_K_BLOCK ? k : OC_K_BLOCK) / 2;
    if (sum > OC_I16_SUM_MAX) {
        int32_t down = 1;
        while (((sum + slack) >> down) + slack >= OC_I16_SUM_MAX) {
            down++;
        }
        shift -= down;
    }
    column->shift = shift;
    column->factor = ldexpf(1.0f, -shift - 5);
    add_loss(codes, k, 1.0f / column->factor, column);
    double square = (double)column->factor * (double)column->factor;
    column->loss *= square;
    column->power *= square;
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
