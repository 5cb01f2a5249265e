/* pointwise.c - act(x) + y + table where no gemm took them in. */
#include "backends/cpu/cut.h"
#include "backends/cpu/portable/math.h"
#include "backends/cpu/portable/portable.h"
#include "backends/cpu/portable/store.h"

static int32_t pointwise_tasks(const oc_cpu_job *job) {
    return oc_cut_count(job->rows, job->step->u.pointwise.out.columns);
}

static void pointwise_task(const oc_cpu_job *job, int32_t index, void *local) {
    (void)local;
    const oc_step_pointwise *step = &job->step->u.pointwise;
    oc_cut rows = oc_cut_rows(job->rows, step->out.columns, index);
    for (int32_t r = rows.first; r < rows.end; r++) {
        const float *x = (const float *)step->x.data + r * step->x.stride;
        const float *y = step->y.columns == 0 ? NULL : step->y.data;
        const float *table = oc_pointwise_table(step, r);
        for (int32_t c = 0; c < step->out.columns; c++) {
            float value = oc_portable_activate(step->act, x[c]);
            if (y != NULL) {
                value += y[r * step->y.stride + c];
            }
            if (table != NULL) {
                value += table[c];
            }
            oc_portable_store(&step->out, r * step->out.stride + c, value);
        }
    }
}

const oc_cpu_kernel oc_portable_pointwise = {
    .name = "pointwise portable",
    .phases = {{pointwise_tasks, pointwise_task}},
};
