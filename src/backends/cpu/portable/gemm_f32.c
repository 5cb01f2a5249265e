/* gemm_f32.c - GEMM in float32 in plain C: weights of any dtype, A float or codes.
 *
 * Two rows at a time against the 16 columns of a panel, as vectors of four floats, which every
 * processor has.  Products and sums are rounded apart (no fused multiply-add).
 */
#include "backends/cpu/gemm.h"
#include "backends/cpu/pack.h"
#include "backends/cpu/portable/math.h"
#include "backends/cpu/portable/store.h"
#include "num/convert.h"

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 4")
#endif

typedef float four __attribute__((vector_size(16)));

static bool takes(octavo_dtype weight, int32_t acts_are_codes) {
    (void)acts_are_codes;
    return oc_cpu_dtype_bytes(weight) != 0;
}

static void prepare(const uint8_t *codes, int32_t k, void *a, float *scale) {
    (void)scale;
    (void)oc_convert_to_f32(OCTAVO_F8_E4M3, codes, a, (size_t)k);
}

static const void *decode(octavo_dtype dtype, const void *packed, int32_t k, void *scratch) {
    if (dtype == OCTAVO_F32) {
        return packed;
    }
    (void)oc_convert_to_f32(dtype, packed, scratch, OC_PANEL * (size_t)k);
    return scratch;
}

/* c [rows,16] = or += a [rows,k] b [k,16] */
static inline __attribute__((always_inline)) void tile(const float *a, int64_t stride,
                                                       const four *b, int32_t k, four *c,
                                                       bool first, const int rows) {
    four sum[2][4];
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int j = 0; j < 4; j++) {
            sum[r][j] = (four){0};
        }
    }
    for (int32_t i = 0; i < k; i++) {
        UNROLL for (int r = 0; r < rows; r++) {
            float x = a[r * stride + i];
            UNROLL for (int j = 0; j < 4; j++) {
                sum[r][j] += x * b[4 * i + j];
            }
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int j = 0; j < 4; j++) {
            c[4 * r + j] = first ? sum[r][j] : c[4 * r + j] + sum[r][j];
        }
    }
}

static void multiply(const oc_gemm_rows *part, const oc_gemm_columns *columns, bool first) {
    for (int32_t row = 0; row < part->rows; row += 2) {
        const float *a = (const float *)part->a + row * part->stride;
        four *to = (four *)(void *)(columns->c[0] + OC_PANEL * row);
        if (row + 1 < part->rows) {
            tile(a, part->stride, columns->b[0], part->k, to, first, 2);
        } else {
            tile(a, part->stride, columns->b[0], part->k, to, first, 1);
        }
    }
}

static void finish(const oc_step_gemm *step, int32_t row, int32_t rows, int32_t panel,
                   const float *c) {
    const oc_cpu_matrix *weight = oc_cpu_matrix_of(step->weight);
    const float *column_scale = oc_floats(step->column_scale), *bias = oc_floats(step->bias);
    const float *table = oc_floats(step->table);
    int32_t n = weight->n, first = panel * OC_PANEL;
    int32_t columns = n - first < OC_PANEL ? n - first : OC_PANEL;
    for (int32_t i = 0; i < rows; i++) {
        int64_t r = row + i;
        for (int32_t j = 0; j < columns; j++) {
            int32_t column = first + j;
            float value = c[OC_PANEL * i + j] * weight->factor[column];
            if (column_scale != NULL) {
                value *= column_scale[column];
            }
            if (bias != NULL) {
                value += bias[column];
            }
            value = oc_portable_activate(step->act, value);
            if (step->residual.columns != 0) {
                value += ((const float *)step->residual.data)[r * step->residual.stride + column];
            }
            if (table != NULL) {
                value += table[r % step->period * n + column];
            }
            oc_portable_store(&step->out, r * step->out.stride + column, value);
        }
    }
}

const oc_cpu_gemm oc_portable_gemm_f32 = {
    .kernel = OC_GEMM_KERNEL("gemm_f32 portable"),
    .takes = takes,
    .a_bytes = 4,
    .prepare = prepare,
    .decode = decode,
    .tile_rows = 2,
    .tile_panels = 1,
    .multiply = multiply,
    .finish = finish,
    .code_factor = 1.0f,
};
