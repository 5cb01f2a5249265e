/* resize_avx2.c - the two passes with AVX2.
 *
 * A weight is high * 2^15 + low, so that vpmaddwd multiplies two pixels by two weights at a time:
 * the sums of the lower parts and of the higher parts are kept apart and joined at the end.  The
 * sum of lower parts may wrap around; the joined sum is the true one, modulo 2^32, and the true
 * one fits.
 */
#include "vision/resize.h"

#ifdef __x86_64__
#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2")))

typedef struct sums {
    __m256i low, high;
} sums;

AVX2 static inline sums add_product(sums to, __m256i words, __m256i low, __m256i high) {
    to.low = _mm256_add_epi32(to.low, _mm256_madd_epi16(words, low));
    to.high = _mm256_add_epi32(to.high, _mm256_madd_epi16(words, high));
    return to;
}

AVX2 static inline __m256i join(sums of) {
    return _mm256_add_epi32(of.low, _mm256_slli_epi32(of.high, OC_SPLIT_BITS));
}

AVX2 static inline __m256i load(const uint8_t *bytes) {
    return _mm256_loadu_si256((const __m256i *)(const void *)bytes);
}

/* Four neighbouring weights, four times. */
AVX2 static inline __m256i four_weights(const int16_t *weight) {
    int64_t all;
    memcpy(&all, weight, sizeof all);
    return _mm256_set1_epi64x(all);
}

/* Two neighbouring weights, eight times. */
AVX2 static inline __m256i two_weights(const int16_t *weight) {
    int32_t both;
    memcpy(&both, weight, sizeof both);
    return _mm256_set1_epi32(both);
}

/* Four pixels a step: red and green in the lower lane, blue in the upper, each channel as four
 * words, against the same four weights everywhere. */
AVX2 static void across(const oc_axis *axis, const uint8_t *in, uint8_t *out) {
    const __m256i spread =
        _mm256_setr_epi8(0, -1, 3, -1, 6, -1, 9, -1, 1, -1, 4, -1, 7, -1, 10, -1, 2, -1, 5, -1, 8,
                         -1, 11, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const int32_t half = 1 << (OC_WEIGHT_BITS - 1);
    const sums start = {_mm256_setr_epi32(half, 0, half, 0, half, 0, 0, 0), _mm256_setzero_si256()};
    for (int32_t i = 0; i < axis->count; i++, out += 3) {
        const uint8_t *pixel = in + (size_t)axis->start[i] * 3;
        const int16_t *weight = axis->split + (size_t)i * (size_t)axis->stride * 2;
        sums sum = start;
        for (int32_t k = 0; k < axis->length[i]; k += 4, pixel += 12, weight += 8) {
            __m128i four = _mm_loadu_si128((const __m128i *)(const void *)pixel);
            __m256i words = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(four), spread);
            sum = add_product(sum, words, four_weights(weight), four_weights(weight + 4));
        }
        __m256i joined = join(sum);
        joined = _mm256_srai_epi32(_mm256_hadd_epi32(joined, joined), OC_WEIGHT_BITS);
        joined = _mm256_packus_epi16(_mm256_packs_epi32(joined, joined), joined);
        int red_green = _mm256_extract_epi16(joined, 0);
        out[0] = (uint8_t)red_green;
        out[1] = (uint8_t)(red_green >> 8);
        out[2] = (uint8_t)_mm256_extract_epi16(joined, 8);
    }
}

AVX2 static inline __m256i shifted(sums of) {
    return _mm256_srai_epi32(join(of), OC_WEIGHT_BITS);
}

/* 32 columns and two rows a step. */
AVX2 static void down(const oc_axis *axis, int32_t index, const uint8_t *const *rows, size_t bytes,
                      uint8_t *out) {
    const __m256i zero = _mm256_setzero_si256();
    const sums start = {_mm256_set1_epi32(1 << (OC_WEIGHT_BITS - 1)), zero};
    const int32_t length = axis->length[index];
    const int16_t *weights = axis->split + (size_t)index * (size_t)axis->stride * 2;
    for (size_t from = 0; from < bytes; from += 32) {
        sums s0 = start;
        sums s1 = start;
        sums s2 = start;
        sums s3 = start;
        for (int32_t k = 0; k < length; k += 2) {
            const int16_t *weight = weights + k / 4 * 8 + k % 4;
            const __m256i low = two_weights(weight);
            const __m256i high = two_weights(weight + 4);
            const __m256i a = load(rows[k] + from);
            const __m256i b = load(rows[k + 1 < length ? k + 1 : k] + from);
            const __m256i first = _mm256_unpacklo_epi8(a, b);
            const __m256i last = _mm256_unpackhi_epi8(a, b);
            s0 = add_product(s0, _mm256_unpacklo_epi8(first, zero), low, high);
            s1 = add_product(s1, _mm256_unpackhi_epi8(first, zero), low, high);
            s2 = add_product(s2, _mm256_unpacklo_epi8(last, zero), low, high);
            s3 = add_product(s3, _mm256_unpackhi_epi8(last, zero), low, high);
        }
        __m256i words[2] = {_mm256_packs_epi32(shifted(s0), shifted(s1)),
                            _mm256_packs_epi32(shifted(s2), shifted(s3))};
        _mm256_storeu_si256((__m256i *)(void *)(out + from),
                            _mm256_packus_epi16(words[0], words[1]));
    }
}

static const oc_resize_kernels avx2 = {"avx2", across, down};

const oc_resize_kernels *oc_resize_avx2(void) {
    return __builtin_cpu_supports("avx2") ? &avx2 : NULL;
}

#else

const oc_resize_kernels *oc_resize_avx2(void) {
    return NULL;
}

#endif
