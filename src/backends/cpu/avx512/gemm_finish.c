/* gemm_finish.c - a panel of sums, row by row. */
#include "backends/cpu/avx512/gemm_finish.h"

OC_AVX512 void oc_avx512_gemm_finish(const oc_step_gemm *step, int32_t row, int32_t rows,
                                     int32_t panel, const float *c) {
    oc_avx512_columns at = oc_avx512_columns_of(step, panel);
    for (int32_t i = 0; i < rows; i++) {
        oc_avx512_finish(step, &at, row + i, _mm512_load_ps(c + (int64_t)OC_PANEL * i));
    }
}
