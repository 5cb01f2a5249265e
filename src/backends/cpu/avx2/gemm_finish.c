/* gemm_finish.c - what follows the sums of a GEMM for AVX2: scale, bias, activation, residual,
 * table, and the store as floats or codes. */
#include "backends/cpu/avx2/math.h"
#include "backends/cpu/avx2/quantize.h"
#include "backends/cpu/gemm.h"
#include "backends/cpu/pack.h"

OC_AVX2 void oc_avx2_gemm_finish(const oc_step_gemm *step, int32_t row, int32_t rows, int32_t panel,
                                 const float *c) {
    const oc_cpu_matrix *weight = oc_cpu_matrix_of(step->weight);
    const float *column_scale = oc_floats(step->column_scale);
    const float *biases = oc_floats(step->bias), *table = oc_floats(step->table);
    int32_t n = weight->n;
    for (int h = 0; h < 2; h++) {
        int32_t column = panel * OC_PANEL + 8 * h;
        int32_t count = n - column < 8 ? n - column : 8;
        if (count <= 0) {
            return;
        }
        __m256 scale = _mm256_loadu_ps(weight->factor + column);
        if (column_scale != NULL) {
            scale = _mm256_mul_ps(scale, oc_avx2_load(column_scale + column, count));
        }
        __m256 bias = _mm256_setzero_ps();
        if (biases != NULL) {
            bias = oc_avx2_load(biases + column, count);
        }
        for (int32_t i = 0; i < rows; i++) {
            int64_t r = row + i;
            __m256 value = _mm256_load_ps(c + OC_PANEL * i + 8 * h);
            value = oc_avx2_activate(step->act, _mm256_fmadd_ps(value, scale, bias));
            if (step->residual.columns != 0) {
                const float *from =
                    (const float *)step->residual.data + r * step->residual.stride + column;
                value = _mm256_add_ps(value, oc_avx2_load(from, count));
            }
            if (table != NULL) {
                const float *from = table + r % step->period * n + column;
                value = _mm256_add_ps(value, oc_avx2_load(from, count));
            }
            oc_avx2_store(&step->out, r * step->out.stride + column, value, count);
        }
    }
}
