/* gemm_i16.c - GEMM of e4m3 codes by e4m3 codes in 16-bit integers, for AVX2.
 *
 * Both sides become int16 with scales that are powers of two; vpmaddwd multiplies them exactly and
 * int32 sums of a k block are exact; these go to float32 sums with the block's scale.
 *
 *   x = nearest(code * 2^(13 - e)), one scale for each row and k block; e is the exponent of the
 *       block's largest code, so |x| <= 1.875 * 2^13 = 15360
 *   w = nearest(code * 2^s), one scale for each column, the largest that keeps |w| <= 15360 and
 *       the sum of |w| over any k block <= 139810 = (2^31 - 1) / 15360
 *
 * Hence no sum can overflow, for any activations.  e4m3 has four significant bits: x is exact down
 * to 2^-10 of the block's largest value.  Errors of a product, relative rms, k 1024, Gaussian
 * weights (test_gemm.c has the cases): Gaussian activations 1.0e-4, GELU outputs 1.2e-4, one
 * channel x100 1.8e-4, seventeen x30 to x100 1.5e-4, one x1000 4.3e-4.  What the weights lose is
 * measured when they are packed (gemm_i16_pack.c), all of them; over 4e-4 the matrix goes to
 * gemm_f32, so that with the worst of these the sum stays below the limit of 1e-3.
 */
#include <math.h>
#include <string.h>

#include "backends/cpu/avx2/avx2.h"
#include "backends/cpu/avx2/decode.h"
#include "backends/cpu/avx2/gemm_i16.h"

bool oc_avx2_i16_takes(octavo_dtype weight, int32_t acts_are_codes) {
    return weight == OCTAVO_F8_E4M3 && acts_are_codes;
}

static float power_of_two(int32_t exponent) {
    uint32_t bits = (uint32_t)(exponent + 127) << 23;
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

OC_AVX2 void oc_avx2_i16_prepare(const uint8_t *codes, int32_t k, void *a, float *scale) {
    _Alignas(32) uint8_t padded[OC_K_BLOCK + 32];
    memcpy(padded, codes, (size_t)k);
    memset(padded + k, 0, 32);
    __m256i most = _mm256_setzero_si256();
    for (int32_t i = 0; i < k; i += 32) {
        __m256i code = _mm256_load_si256((const __m256i *)(padded + i));
        most = _mm256_max_epu8(most, _mm256_and_si256(code, _mm256_set1_epi8(0x7f)));
    }
    uint8_t lanes[32];
    uint32_t largest = 0;
    _mm256_storeu_si256((__m256i *)lanes, most);
    for (int i = 0; i < 32; i++) {
        largest = lanes[i] > largest ? lanes[i] : largest;
    }
    int32_t exponent = largest == 0 ? 0 : oc_i16_exponent(largest);
    *scale = largest == 0x7f ? NAN : power_of_two(exponent - OC_I16_TOP);

    __m256 factor = _mm256_set1_ps(OC_E4M3_DECODED * power_of_two(OC_I16_TOP - exponent));
    int16_t *to = a;
    for (int32_t i = 0; i < k; i += 16) {
        __m256 low, high;
        oc_avx2_decode(_mm_load_si128((const __m128i *)(padded + i)), &low, &high);
        __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(_mm256_mul_ps(low, factor)),
                                           _mm256_cvtps_epi32(_mm256_mul_ps(high, factor)));
        words = _mm256_permute4x64_epi64(words, 0xd8);
        _mm256_storeu_si256((__m256i *)(to + i), words);
    }
}

/* Bytes to words [k/2][16][2]. */
OC_AVX2 static const void *decode(octavo_dtype dtype, const void *packed, int32_t k,
                                  void *scratch) {
    (void)dtype;
    const __m256i *from = packed;
    __m256i *to = scratch;
    int32_t pairs = oc_gemm_round_k(k) / 2;
    for (int32_t i = 0; i < pairs; i++) {
        oc_i16_decode(_mm256_load_si256(from + i), to + 2 * i, to + 2 * i + 1);
    }
    return scratch;
}

/* The inner loop: 2 accumulators a row, 2 vectors of B, a pair of A and a product fill the 16
 * registers; compilers do not manage that without spilling, so it is written out.  Four pairs of k
 * a turn; rows of A are 2 * OC_K_BLOCK = 512 bytes apart. */
#define ZERO(r)                                                                                    \
    "vpxor %[c" #r "0], %[c" #r "0], %[c" #r "0]\n\t"                                              \
    "vpxor %[c" #r "1], %[c" #r "1], %[c" #r "1]\n\t"
#define MADD(r, p)                                                                                 \
    "vpbroadcastd 512*" #r "+4*" #p "(%[a]), %[x]\n\t"                                             \
    "vpmaddwd %[x], %[b0], %[y]\n\t"                                                               \
    "vpmaddwd %[x], %[b1], %[x]\n\t"                                                               \
    "vpaddd %[y], %[c" #r "0], %[c" #r "0]\n\t"                                                    \
    "vpaddd %[x], %[c" #r "1], %[c" #r "1]\n\t"
#define SUMS(r) [c##r##0] "=&x"(sum[r][0]), [c##r##1] "=&x"(sum[r][1])

#define ZERO_1    ZERO(0)
#define ZERO_2    ZERO_1 ZERO(1)
#define ZERO_3    ZERO_2 ZERO(2)
#define ZERO_4    ZERO_3 ZERO(3)
#define ZERO_5    ZERO_4 ZERO(4)
#define ZERO_6    ZERO_5 ZERO(5)
#define MADD_1(p) MADD(0, p)
#define MADD_2(p) MADD_1(p) MADD(1, p)
#define MADD_3(p) MADD_2(p) MADD(2, p)
#define MADD_4(p) MADD_3(p) MADD(3, p)
#define MADD_5(p) MADD_4(p) MADD(4, p)
#define MADD_6(p) MADD_5(p) MADD(5, p)
#define SUMS_1    SUMS(0)
#define SUMS_2    SUMS_1, SUMS(1)
#define SUMS_3    SUMS_2, SUMS(2)
#define SUMS_4    SUMS_3, SUMS(3)
#define SUMS_5    SUMS_4, SUMS(4)
#define SUMS_6    SUMS_5, SUMS(5)

#define PAIR(p, madd)                                                                              \
    "vmovdqa 64*" #p "(%[b]), %[b0]\n\t"                                                           \
    "vmovdqa 64*" #p "+32(%[b]), %[b1]\n\t" madd(p)

/* c [rows,16] = or += (a [rows,k] b [k/2][16][2]) * scale; k a multiple of 8 */
#define TILE(rows)                                                                                 \
    OC_AVX2 static void tile_##rows(const int16_t *a, const int16_t *b, int32_t k,                 \
                                    const float *scale, float *c, bool first) {                    \
        __m256i sum[rows][2], b0, b1, x, y;                                                        \
        const int16_t *end = b + (int64_t)OC_PANEL * k;                                            \
        __asm__ volatile(ZERO_##rows ".p2align 4\n"                                                \
                                     "1:\n\t" PAIR(0, MADD_##rows) PAIR(1, MADD_##rows)            \
                                         PAIR(2, MADD_##rows)                                      \
                                             PAIR(3, MADD_##rows) "add $16, %[a]\n\t"              \
                                                                  "add $256, %[b]\n\t"             \
                                                                  "cmp %[end], %[b]\n\t"           \
                                                                  "jb 1b"                          \
                         : [a] "+r"(a), [b] "+r"(b), [b0] "=&x"(b0), [b1] "=&x"(b1), [x] "=&x"(x), \
                           [y] "=&x"(y), SUMS_##rows                                               \
                         : [end] "r"(end)                                                          \
                         : "memory", "cc");                                                        \
        OC_UNROLL for (int r = 0; r < rows; r++) {                                                 \
            __m256 factor = _mm256_broadcast_ss(scale + r);                                        \
            OC_UNROLL for (int h = 0; h < 2; h++) {                                                \
                float *to = c + OC_PANEL * r + 8 * h;                                              \
                __m256 old = first ? _mm256_setzero_ps() : _mm256_load_ps(to);                     \
                _mm256_store_ps(to, _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum[r][h]), factor, old));  \
            }                                                                                      \
        }                                                                                          \
    }

TILE(1)
TILE(2)
TILE(3)
TILE(4)
TILE(5)
TILE(6)

static void multiply(const oc_gemm_rows *part, const oc_gemm_columns *columns, bool first) {
    static void (*const tile_of[])(const int16_t *, const int16_t *, int32_t, const float *,
                                   float *,
                                   bool) = {tile_1, tile_2, tile_3, tile_4, tile_5, tile_6};
    int32_t k = oc_gemm_round_k(part->k);
    int32_t tiles = oc_gemm_tiles(part->rows, OC_AVX2_ROWS);
    for (int32_t i = 0; i < tiles; i++) {
        int32_t row = oc_gemm_tile_start(part->rows, tiles, i);
        int32_t rows = oc_gemm_tile_start(part->rows, tiles, i + 1) - row;
        tile_of[rows - 1]((const int16_t *)part->a + row * part->stride, columns->b[0], k,
                          part->scale + row, columns->c[0] + OC_PANEL * row, first);
    }
}

const oc_cpu_gemm oc_avx2_gemm_i16 = {
    .kernel = OC_GEMM_KERNEL("gemm_i16 avx2"),
    .takes = oc_avx2_i16_takes,
    .a_bytes = 2,
    .prepare = oc_avx2_i16_prepare,
    .decode = decode,
    .tile_rows = OC_AVX2_ROWS,
    .tile_panels = 1,
    .multiply = multiply,
    .finish = oc_avx2_gemm_finish,
    .pairs = true,
    .measure = oc_avx2_i16_measure,
    .encode = oc_avx2_i16_encode,
    .loss_limit = OC_I16_LOSS_LIMIT,
    .gain = 1.4,
    .error = OC_I16_ERROR,
    .side_min = OC_I16_SIDE_MIN,
};
