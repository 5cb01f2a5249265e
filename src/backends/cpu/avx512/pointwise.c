/* pointwise.c - act(x) + y + table for AVX-512, where no gemm took them in. */
#include "backends/cpu/avx512/avx512.h"
#include "backends/cpu/avx512/math.h"
#include "backends/cpu/avx512/quantize.h"
#include "backends/cpu/cut.h"

static int32_t pointwise_tasks(const oc_cpu_job *job) {
    return oc_cut_count(job->rows, job->step->u.pointwise.out.columns);
}

OC_AVX512 static void pointwise_task(const oc_cpu_job *job, int32_t index, void *local) {
    (void)local;
    const oc_step_pointwise *step = &job->step->u.pointwise;
    int32_t columns = step->out.columns;
    oc_cut rows = oc_cut_rows(job->rows, columns, index);
    for (int32_t r = rows.first; r < rows.end; r++) {
        const float *x = (const float *)step->x.data + r * step->x.stride;
        const float *y = step->y.columns == 0 ? NULL : step->y.data;
        const float *table = oc_pointwise_table(step, r);
        for (int32_t c = 0; c < columns; c += OC_AVX512_LANES) {
            int32_t count = columns - c;
            __m512 value = oc_avx512_activate(step->act, oc_avx512_load(x + c, count));
            if (y != NULL) {
                value = _mm512_add_ps(value, oc_avx512_load(y + r * step->y.stride + c, count));
            }
            if (table != NULL) {
                value = _mm512_add_ps(value, oc_avx512_load(table + c, count));
            }
            oc_avx512_store(&step->out, r * step->out.stride + c, value, count);
        }
    }
}

const oc_cpu_kernel oc_avx512_pointwise = {
    .name = "pointwise avx512",
    .phases = {{pointwise_tasks, pointwise_task}},
};
