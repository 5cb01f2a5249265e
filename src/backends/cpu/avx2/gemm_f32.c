/* gemm_f32.c - GEMM in float32 for AVX2: weights of any dtype, A float or codes.
 *
 * 6 x 16 tile: 12 accumulators, 2 vectors of B, one broadcast of A.  Prepared A are the codes'
 * values as floats.  Decoded B is [k][16] floats; codes keep a factor of 2^-8 (decode.h).
 */
#include <math.h>
#include <string.h>

#include "backends/cpu/avx2/avx2.h"
#include "backends/cpu/avx2/decode.h"
#include "backends/cpu/gemm.h"

static bool takes(octavo_dtype weight, int32_t acts_are_codes) {
    (void)acts_are_codes;
    return weight == OCTAVO_F8_E4M3 || weight == OCTAVO_F16 || weight == OCTAVO_BF16 ||
           weight == OCTAVO_F32;
}

OC_AVX2 static void prepare(const uint8_t *codes, int32_t k, void *a, float *scale) {
    (void)scale;
    uint8_t padded[OC_K_BLOCK + 16];
    memcpy(padded, codes, (size_t)k);
    memset(padded + k, 0, 16);
    float *to = a;
    for (int32_t i = 0; i < k; i += 16) {
        __m256 value[2];
        __m128i code = _mm_loadu_si128((const __m128i *)(padded + i));
        __m128i magnitude = _mm_and_si128(code, _mm_set1_epi8(0x7f));
        __m128i nan = _mm_cmpeq_epi8(magnitude, _mm_set1_epi8(0x7f));
        oc_avx2_decode(code, &value[0], &value[1]);
        for (int h = 0; h < 2; h++) {
            __m256 is_nan = _mm256_castsi256_ps(
                _mm256_cvtepi8_epi32(h == 0 ? nan : _mm_unpackhi_epi64(nan, nan)));
            value[h] = _mm256_mul_ps(value[h], _mm256_set1_ps(OC_E4M3_DECODED));
            value[h] = _mm256_or_ps(value[h], is_nan);
            _mm256_storeu_ps(to + i + 8 * h, value[h]);
        }
    }
}

OC_AVX2 static void decode_codes(const uint8_t *codes, int32_t k, float *b) {
    for (int32_t i = 0; i < k; i++) {
        __m256 low, high;
        oc_avx2_decode(_mm_load_si128((const __m128i *)(codes + 16 * i)), &low, &high);
        _mm256_store_ps(b + 16 * i, low);
        _mm256_store_ps(b + 16 * i + 8, high);
    }
}

OC_AVX2 static void decode_f16(const uint16_t *halves, int32_t k, float *b) {
    for (int32_t i = 0; i < 2 * k; i++) {
        __m128i half = _mm_load_si128((const __m128i *)(halves + 8 * i));
        _mm256_store_ps(b + 8 * i, _mm256_cvtph_ps(half));
    }
}

OC_AVX2 static void decode_bf16(const uint16_t *halves, int32_t k, float *b) {
    for (int32_t i = 0; i < 2 * k; i++) {
        __m128i half = _mm_load_si128((const __m128i *)(halves + 8 * i));
        __m256i bits = _mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16);
        _mm256_store_si256((__m256i *)(b + 8 * i), bits);
    }
}

static const void *decode(octavo_dtype dtype, const void *packed, int32_t k, void *scratch) {
    switch (dtype) {
    case OCTAVO_F8_E4M3:
        decode_codes(packed, k, scratch);
        return scratch;
    case OCTAVO_F16:
        decode_f16(packed, k, scratch);
        return scratch;
    case OCTAVO_BF16:
        decode_bf16(packed, k, scratch);
        return scratch;
    default:
        return packed;
    }
}

/* sum + x b, in place: left to itself, gcc swaps registers until two accumulators spill. */
OC_AVX2_INLINE __m256 accumulate(__m256 sum, __m256 x, __m256 b) {
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(x), "x"(b));
    return sum;
}

/* c [rows,16] = or += a [rows,k] b [k,16] */
OC_AVX2_INLINE void tile(const float *a, int64_t stride, const float *b, int32_t k, float *c,
                         bool first, const int rows) {
    __m256 sum[OC_AVX2_ROWS][2];
    const float *a3 = a + (rows > 3 ? 3 * stride : 0);
    OC_UNROLL for (int r = 0; r < rows; r++) {
        sum[r][0] = sum[r][1] = _mm256_setzero_ps();
    }
    int32_t i = 0;
    for (; i + 4 <= k; i += 4) {
        OC_UNROLL for (int j = 0; j < 4; j++) {
            __m256 b0 = _mm256_load_ps(b + 16 * j), b1 = _mm256_load_ps(b + 16 * j + 8);
            OC_UNROLL for (int r = 0; r < rows; r++) {
                __m256 x =
                    _mm256_broadcast_ss((r < 3 ? a + r * stride : a3 + (r - 3) * stride) + j);
                sum[r][0] = accumulate(sum[r][0], x, b0);
                sum[r][1] = accumulate(sum[r][1], x, b1);
            }
        }
        a += 4;
        a3 += 4;
        b += 64;
    }
    for (; i < k; i++) {
        __m256 b0 = _mm256_load_ps(b), b1 = _mm256_load_ps(b + 8);
        OC_UNROLL for (int r = 0; r < rows; r++) {
            __m256 x = _mm256_broadcast_ss(r < 3 ? a + r * stride : a3 + (r - 3) * stride);
            sum[r][0] = accumulate(sum[r][0], x, b0);
            sum[r][1] = accumulate(sum[r][1], x, b1);
        }
        a++;
        a3++;
        b += 16;
    }
    OC_UNROLL for (int r = 0; r < rows; r++) {
        OC_UNROLL for (int h = 0; h < 2; h++) {
            float *to = c + OC_PANEL * r + 8 * h;
            __m256 value = first ? sum[r][h] : _mm256_add_ps(_mm256_load_ps(to), sum[r][h]);
            _mm256_store_ps(to, value);
        }
    }
}

OC_AVX2 static void multiply(const oc_gemm_rows *part, const oc_gemm_columns *columns, bool first) {
    int32_t tiles = oc_gemm_tiles(part->rows, OC_AVX2_ROWS);
    for (int32_t i = 0; i < tiles; i++) {
        int32_t row = oc_gemm_tile_start(part->rows, tiles, i);
        int32_t rows = oc_gemm_tile_start(part->rows, tiles, i + 1) - row;
        const float *a = (const float *)part->a + row * part->stride;
        float *to = columns->c[0] + OC_PANEL * row;
        switch (rows) {
#define TILE(n)                                                                                    \
    case n:                                                                                        \
        tile(a, part->stride, columns->b[0], part->k, to, first, n);                               \
        break;
            TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#undef TILE
        }
    }
}

const oc_cpu_gemm oc_avx2_gemm_f32 = {
    .kernel = OC_GEMM_KERNEL("gemm_f32 avx2"),
    .takes = takes,
    .a_bytes = 4,
    .prepare = prepare,
    .decode = decode,
    .tile_rows = OC_AVX2_ROWS,
    .tile_panels = 1,
    .multiply = multiply,
    .finish = oc_avx2_gemm_finish,
    .code_factor = OC_E4M3_DECODED,
};
