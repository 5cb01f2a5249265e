/* gemm_bf16.c - GEMM of e4m3 codes by e4m3 codes in bfloat16.
 *
 * Codes are exact in bfloat16 and their products in float32, none of them subnormal: VDPBF16PS,
 * which adds the products of a pair one after the other, odd k first, errs in the rounding of sums
 * alone.  Where it runs at the rate of FMA it does twice the work.
 */
#include <string.h>

#include "backends/cpu/avx512/avx512.h"
#include "backends/cpu/avx512/decode.h"
#include "backends/cpu/avx512/gemm_finish.h"
#include "backends/cpu/machine/features.h"

enum { PAIRS = OC_K_BLOCK / 2, GROUP = OC_GROUP };

static bool takes(octavo_dtype weight, int32_t acts_are_codes) {
    return weight == OCTAVO_F8_E4M3 && acts_are_codes;
}

static const char *lacks(void) {
    return oc_cpu_lacks(OC_CPU_AVX512_VBMI | OC_CPU_AVX512_BF16);
}

static bool pays(void) {
    return oc_cpu_lacks(OC_CPU_BF16_AT_FULL_RATE) == NULL;
}

OC_AVX512_BF16 static void prepare(const uint8_t *codes, int32_t k, void *a, float *scale) {
    const oc_bf16_tables tables = oc_avx512_bf16_tables();
    const __m512i order = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
    uint8_t *to = a;
    (void)scale;
    for (int32_t i = 0; i < k; i += GROUP) {
        uint8_t padded[GROUP] = {0};
        const uint8_t *from = codes + i;
        if (k - i < GROUP) {
            memcpy(padded, from, (size_t)(k - i));
            from = padded;
        }
        __m512i some = _mm512_permutexvar_epi64(order, _mm512_loadu_si512(from));
        __m512i first, second;
        oc_avx512_bf16(&tables, some, &first, &second);
        _mm512_storeu_si512(to + 2 * i, first);
        _mm512_storeu_si512(to + 2 * i + GROUP, second);
    }
}

OC_AVX512_BF16 static const void *decode(octavo_dtype dtype, const void *packed, int32_t k,
                                         void *scratch) {
    const oc_bf16_tables tables = oc_avx512_bf16_tables();
    const uint8_t *from = packed;
    uint8_t *to = scratch;
    int32_t bytes = oc_gemm_round_k(k) * OC_PANEL;
    (void)dtype;
    for (int32_t i = 0; i < bytes; i += GROUP) {
        __m512i first, second;
        oc_avx512_bf16(&tables, _mm512_load_si512(from + i), &first, &second);
        _mm512_store_si512(to + 2 * i, first);
        _mm512_store_si512(to + 2 * i + GROUP, second);
    }
    return scratch;
}

/* a: pairs, rows PAIRS apart; b: of each panel, [pairs][16] */
OC_AVX512_BF16_INLINE void tile(const uint32_t *a, const __m512i *const *b, int32_t pairs,
                                float *const *c, bool first, const int rows, const int panels) {
    __m512 sum[OC_AVX512_ROWS][OC_AVX512_PANELS];
    const __m512i *b0 = b[0], *b1 = b[panels - 1];
    OC_UNROLL for (int r = 0; r < rows; r++) {
        OC_UNROLL for (int p = 0; p < panels; p++) {
            sum[r][p] = _mm512_setzero_ps();
        }
    }
    for (int32_t i = 0; i < pairs; i++) {
        __m512bh w[OC_AVX512_PANELS];
        w[0] = (__m512bh)_mm512_load_si512(b0 + i);
        w[panels - 1] = (__m512bh)_mm512_load_si512(b1 + i);
        OC_UNROLL for (int r = 0; r < rows; r++) {
            __m512bh x = (__m512bh)_mm512_set1_epi32((int32_t)a[r * PAIRS + i]);
            OC_UNROLL for (int p = 0; p < panels; p++) {
                sum[r][p] = _mm512_dpbf16_ps(sum[r][p], x, w[p]);
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

OC_AVX512_BF16 static void multiply(const oc_gemm_rows *part, const oc_gemm_columns *columns,
                                    bool first) {
    const __m512i *b[OC_AVX512_PANELS] = {columns->b[0], columns->b[columns->panels - 1]};
    int32_t pairs = oc_gemm_round_k(part->k) / 2;
    int32_t tiles = oc_gemm_tiles(part->rows, OC_AVX512_ROWS);
    for (int32_t i = 0; i < tiles; i++) {
        int32_t row = oc_gemm_tile_start(part->rows, tiles, i);
        int32_t rows = oc_gemm_tile_start(part->rows, tiles, i + 1) - row;
        const uint32_t *a = (const uint32_t *)part->a + (int64_t)row * PAIRS;
        float *c[OC_AVX512_PANELS] = {columns->c[0] + OC_PANEL * row,
                                      columns->c[columns->panels - 1] + OC_PANEL * row};
        switch (rows * 2 + columns->panels - 1) {
#define TILE(n)                                                                                    \
    case 2 * n:                                                                                    \
        tile(a, b, pairs, c, first, n, 1);                                                         \
        break;                                                                                     \
    case 2 * n + 1:                                                                                \
        tile(a, b, pairs, c, first, n, 2);                                                         \
        break;
            OC_AVX512_EACH_TILE(TILE)
#undef TILE
        }
    }
}

static void encode(uint8_t *panel, int32_t k, const oc_gemm_column *columns) {
    (void)columns;
    oc_avx512_regroup(panel, k);
}

const oc_cpu_gemm oc_avx512_gemm_bf16 = {
    .kernel = OC_GEMM_KERNEL("gemm_bf16 avx512"),
    .takes = takes,
    .lacks = lacks,
    .pays = pays,
    .a_bytes = 2,
    .prepare = prepare,
    .decode = decode,
    .tile_rows = OC_AVX512_ROWS,
    .tile_panels = OC_AVX512_PANELS,
    .multiply = multiply,
    .finish = oc_avx512_gemm_finish,
    .pairs = true,
    .encode = encode,
    .code_factor = 1.0f,
    .gain = 2.0,
};
