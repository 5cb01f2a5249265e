/* gemm_finish.h - what follows the sums of a product, for every tier that has AVX-512: scale, bias,
 * activation, residual, table, and the store as floats or codes. */
#ifndef OC_CPU_AVX512_GEMM_FINISH_H
#define OC_CPU_AVX512_GEMM_FINISH_H

#include "backends/cpu/avx512/math.h"
#include "backends/cpu/avx512/quantize.h"
#include "backends/cpu/pack.h"

/* Columns column .. column + 15 of a product, as far as there are so many. */
typedef struct oc_avx512_columns {
    __m512 scale, bias;
    int32_t column, count; /* count: 1 .. 16 */
} oc_avx512_columns;

OC_AVX512_INLINE oc_avx512_columns oc_avx512_columns_of(const oc_step_gemm *step, int32_t panel) {
    const oc_cpu_matrix *weight = oc_cpu_matrix_of(step->weight);
    oc_avx512_columns at = {.column = panel * OC_PANEL, .bias = _mm512_setzero_ps()};
    at.count = weight->n - at.column < OC_PANEL ? weight->n - at.column : OC_PANEL;
    at.scale = _mm512_loadu_ps(weight->factor + at.column);
    if (step->column_scale != NULL) {
        const float *scales = oc_floats(step->column_scale) + at.column;
        at.scale = _mm512_mul_ps(at.scale, oc_avx512_load(scales, at.count));
    }
    if (step->bias != NULL) {
        at.bias = oc_avx512_load(oc_floats(step->bias) + at.column, at.count);
    }
    return at;
}

/* Those of row r from their sums. */
OC_AVX512_INLINE void oc_avx512_finish(const oc_step_gemm *step, const oc_avx512_columns *at,
                                       int64_t r, __m512 sums) {
    __m512 value = oc_avx512_activate(step->act, _mm512_fmadd_ps(sums, at->scale, at->bias));
    if (step->residual.columns != 0) {
        const float *from = (const float *)step->residual.data + r * step->residual.stride;
        value = _mm512_add_ps(value, oc_avx512_load(from + at->column, at->count));
    }
    if (step->table != NULL) {
        const float *from =
            oc_floats(step->table) + r % step->period * oc_cpu_matrix_of(step->weight)->n;
        value = _mm512_add_ps(value, oc_avx512_load(from + at->column, at->count));
    }
    oc_avx512_store(&step->out, r * step->out.stride + at->column, value, at->count);
}

/* oc_cpu_gemm.finish of the tier's variants. */
void oc_avx512_gemm_finish(const oc_step_gemm *step, int32_t row, int32_t rows, int32_t panel,
                           const float *c);

#endif
