/* gemm_i16.c - GEMM of e4m3 codes by e4m3 codes in 16-bit integers: avx2/gemm_i16.c, whose weights,
 * scales and errors these are, bit for bit, with VPDPWSSD. */
#include "backends/cpu/avx2/gemm_i16.h"
#include "backends/cpu/avx2/avx2.h"
#include "backends/cpu/avx512/avx512.h"
#include "backends/cpu/avx512/decode.h"
#include "backends/cpu/avx512/gemm_finish.h"

enum { PAIRS = OC_K_BLOCK / 2, GROUP = OC_GROUP };

OC_AVX512 static const void *decode(octavo_dtype dtype, const void *packed, int32_t k,
                                    void *scratch) {
    const uint8_t *from = packed;
    uint8_t *to = scratch;
    int32_t bytes = oc_gemm_round_k(k) * OC_PANEL;
    (void)dtype;
    for (int32_t i = 0; i < bytes; i += GROUP) {
        __m512i first, second;
        oc_avx512_i16(_mm512_load_si512(from + i), &first, &second);
        _mm512_store_si512(to + 2 * i, first);
        _mm512_store_si512(to + 2 * i + GROUP, second);
    }
    return scratch;
}

/* As the compiler's own type for what VPDPWSSD adds to: with __m512i gcc 12 copies sums to and
 * fro. */
typedef int32_t sums __attribute__((vector_size(64)));

/* a: pairs, rows PAIRS apart; b: of each panel, [pairs][16] */
OC_AVX512_INLINE void tile(const uint32_t *a, const __m512i *const *b, int32_t pairs,
                           const float *scale, float *const *c, bool first, const int rows,
                           const int panels) {
    sums sum[OC_AVX512_ROWS][OC_AVX512_PANELS];
    const __m512i *b0 = b[0], *b1 = b[panels - 1];
    OC_UNROLL for (int r = 0; r < rows; r++) {
        OC_UNROLL for (int p = 0; p < panels; p++) {
            sum[r][p] = (sums)_mm512_setzero_si512();
        }
    }
    for (int32_t i = 0; i < pairs; i++) {
        __m512i w[OC_AVX512_PANELS];
        w[0] = _mm512_load_si512(b0 + i);
        w[panels - 1] = _mm512_load_si512(b1 + i);
        OC_UNROLL for (int r = 0; r < rows; r++) {
            __m512i x = _mm512_set1_epi32((int32_t)a[r * PAIRS + i]);
            OC_UNROLL for (int p = 0; p < panels; p++) {
                sum[r][p] = (sums)_mm512_dpwssd_epi32((__m512i)sum[r][p], x, w[p]);
            }
        }
    }
    OC_UNROLL for (int r = 0; r < rows; r++) {
        __m512 factor = _mm512_set1_ps(scale[r]);
        OC_UNROLL for (int p = 0; p < panels; p++) {
            float *to = c[p] + OC_PANEL * r;
            __m512 old = first ? _mm512_setzero_ps() : _mm512_load_ps(to);
            _mm512_store_ps(to,
                            _mm512_fmadd_ps(_mm512_cvtepi32_ps((__m512i)sum[r][p]), factor, old));
        }
    }
}

OC_AVX512 static void multiply(const oc_gemm_rows *part, const oc_gemm_columns *columns,
                               bool first) {
    const __m512i *b[OC_AVX512_PANELS] = {columns->b[0], columns->b[columns->panels - 1]};
    int32_t pairs = oc_gemm_round_k(part->k) / 2;
    int32_t tiles = oc_gemm_tiles(part->rows, OC_AVX512_ROWS);
    for (int32_t i = 0; i < tiles; i++) {
        int32_t row = oc_gemm_tile_start(part->rows, tiles, i);
        int32_t rows = oc_gemm_tile_start(part->rows, tiles, i + 1) - row;
        const uint32_t *a = (const uint32_t *)part->a + (int64_t)row * PAIRS;
        const float *scale = part->scale + row;
        float *c[OC_AVX512_PANELS] = {columns->c[0] + OC_PANEL * row,
                                      columns->c[columns->panels - 1] + OC_PANEL * row};
        switch (rows * 2 + columns->panels - 1) {
#define TILE(n)                                                                                    \
    case 2 * n:                                                                                    \
        tile(a, b, pairs, scale, c, first, n, 1);                                                  \
        break;                                                                                     \
    case 2 * n + 1:                                                                                \
        tile(a, b, pairs, scale, c, first, n, 2);                                                  \
        break;
            OC_AVX512_EACH_TILE(TILE)
#undef TILE
        }
    }
}

static void encode(uint8_t *panel, int32_t k, const oc_gemm_column *columns) {
    oc_avx2_i16_encode(panel, k, columns);
    oc_avx512_regroup(panel, k);
}

const oc_cpu_gemm oc_avx512_gemm_i16 = {
    .kernel = OC_GEMM_KERNEL("gemm_i16 avx512"),
    .takes = oc_avx2_i16_takes,
    .a_bytes = 2,
    .prepare = oc_avx2_i16_prepare,
    .decode = decode,
    .tile_rows = OC_AVX512_ROWS,
    .tile_panels = OC_AVX512_PANELS,
    .multiply = multiply,
    .finish = oc_avx512_gemm_finish,
    .pairs = true,
    .measure = oc_avx2_i16_measure,
    .encode = encode,
    .loss_limit = OC_I16_LOSS_LIMIT,
    .gain = 2.0,
    .error = OC_I16_ERROR,
    .side_min = OC_I16_SIDE_MIN,
};
