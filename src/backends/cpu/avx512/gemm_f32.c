/* gemm_f32.c - GEMM in float32: weights of any dtype, A float or codes.
 *
 * Prepared A are the codes' values as floats.  Decoded B is [k][16] floats; codes keep a factor of
 * 2^-8 (decode.h).
 */
#include <math.h>
#include <string.h>

#include "backends/cpu/avx2/decode.h"
#include "backends/cpu/avx512/avx512.h"
#include "backends/cpu/avx512/decode.h"
#include "backends/cpu/avx512/gemm_finish.h"

static bool takes(octavo_dtype weight, int32_t acts_are_codes) {
    (void)acts_are_codes;
    return weight == OCTAVO_F8_E4M3 || weight == OCTAVO_F16 || weight == OCTAVO_BF16 ||
           weight == OCTAVO_F32;
}

OC_AVX512 static void prepare(const uint8_t *codes, int32_t k, void *a, float *scale) {
    const __m512 factor = _mm512_set1_ps(OC_E4M3_DECODED);
    float *to = a;
    (void)scale;
    for (int32_t i = 0; i < k; i += OC_PANEL) {
        uint8_t padded[OC_PANEL] = {0};
        memcpy(padded, codes + i, k - i < OC_PANEL ? (size_t)(k - i) : OC_PANEL);
        __m128i code = _mm_loadu_si128((const __m128i *)padded);
        __m512i magnitude = _mm512_cvtepu8_epi32(_mm_and_si128(code, _mm_set1_epi8(0x7f)));
        __mmask16 is_nan = _mm512_cmpeq_epi32_mask(magnitude, _mm512_set1_epi32(0x7f));
        __m512 value = _mm512_mul_ps(oc_avx512_decode(code), factor);
        _mm512_storeu_ps(to + i, _mm512_mask_mov_ps(value, is_nan, _mm512_set1_ps(NAN)));
    }
}

OC_AVX512 static void decode_codes(const uint8_t *codes, int32_t k, float *b) {
    for (int32_t i = 0; i < k; i++) {
        __m128i row = _mm_load_si128((const __m128i *)(const void *)(codes + OC_PANEL * i));
        _mm512_store_ps(b + OC_PANEL * i, oc_avx512_decode(row));
    }
}

OC_AVX512 static void decode_f16(const uint16_t *halves, int32_t k, float *b) {
    for (int32_t i = 0; i < k; i++) {
        __m256i row = _mm256_load_si256((const __m256i *)(const void *)(halves + OC_PANEL * i));
        _mm512_store_ps(b + OC_PANEL * i, _mm512_cvtph_ps(row));
    }
}

OC_AVX512 static void decode_bf16(const uint16_t *halves, int32_t k, float *b) {
    for (int32_t i = 0; i < k; i++) {
        __m256i row = _mm256_load_si256((const __m256i *)(const void *)(halves + OC_PANEL * i));
        __m512i bits = _mm512_slli_epi32(_mm512_cvtepu16_epi32(row), 16);
        _mm512_store_si512(b + OC_PANEL * i, bits);
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

/* Rows are reached from every third one: their addresses take few registers. */
enum { STEP = 3, BASES = (OC_AVX512_ROWS + STEP - 1) / STEP };

/* a [rows,k]; b: of each panel, [k][16] */
OC_AVX512_INLINE void tile(const float *a, int64_t stride, const float *const *b, int32_t k,
                           float *const *c, bool first, const int rows, const int panels) {
    __m512 sum[OC_AVX512_ROWS][OC_AVX512_PANELS];
    const float *base[BASES], *b0 = b[0], *b1 = b[panels - 1];
    OC_UNROLL for (int r = 0; r < rows; r++) {
        OC_UNROLL for (int p = 0; p < panels; p++) {
            sum[r][p] = _mm512_setzero_ps();
        }
    }
    OC_UNROLL for (int r = 0; r < rows; r += STEP) {
        base[r / STEP] = a + r * stride;
    }
    for (int32_t i = 0; i < k; i++) {
        __m512 w[OC_AVX512_PANELS];
        w[0] = _mm512_load_ps(b0 + (int64_t)OC_PANEL * i);
        w[panels - 1] = _mm512_load_ps(b1 + (int64_t)OC_PANEL * i);
        OC_UNROLL for (int r = 0; r < rows; r++) {
            __m512 x = _mm512_set1_ps(base[r / STEP][r % STEP * stride + i]);
            OC_UNROLL for (int p = 0; p < panels; p++) {
                sum[r][p] = _mm512_fmadd_ps(x, w[p], sum[r][p]);
            }
        }
    }
    OC_UNROLL for (int r = 0; r < rows; r++) {
        OC_UNROLL for (int p = 0; p < panels; p++) {
            float *to = c[p] + OC_PANEL * r;
            _mm512_store_ps(to, first ? sum[r][p] : _mm512_add_ps(_mm512_load_ps(to), sum[r][p]));
        }
    }
}

OC_AVX512 static void multiply(const oc_gemm_rows *part, const oc_gemm_columns *columns,
                               bool first) {
    const float *b[OC_AVX512_PANELS] = {columns->b[0], columns->b[columns->panels - 1]};
    int32_t tiles = oc_gemm_tiles(part->rows, OC_AVX512_ROWS);
    for (int32_t i = 0; i < tiles; i++) {
        int32_t row = oc_gemm_tile_start(part->rows, tiles, i);
        int32_t rows = oc_gemm_tile_start(part->rows, tiles, i + 1) - row;
        const float *a = (const float *)part->a + row * part->stride;
        float *c[OC_AVX512_PANELS] = {columns->c[0] + OC_PANEL * row,
                                      columns->c[columns->panels - 1] + OC_PANEL * row};
        switch (rows * 2 + columns->panels - 1) {
#define TILE(n)                                                                                    \
    case 2 * n:                                                                                    \
        tile(a, part->stride, b, part->k, c, first, n, 1);                                         \
        break;                                                                                     \
    case 2 * n + 1:                                                                                \
        tile(a, part->stride, b, part->k, c, first, n, 2);                                         \
        break;
            OC_AVX512_EACH_TILE(TILE)
#undef TILE
        }
    }
}

const oc_cpu_gemm oc_avx512_gemm_f32 = {
    .kernel = OC_GEMM_KERNEL("gemm_f32 avx512"),
    .takes = takes,
    .a_bytes = 4,
    .prepare = prepare,
    .decode = decode,
    .tile_rows = OC_AVX512_ROWS,
    .tile_panels = OC_AVX512_PANELS,
    .multiply = multiply,
    .finish = oc_avx512_gemm_finish,
    .code_factor = OC_E4M3_DECODED,
};
