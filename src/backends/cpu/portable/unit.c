/* unit.c - rows divided by their length, which is summed in double.  A row of zeros gives NaN, as
 * the division says. */
#include <math.h>

#include "backends/cpu/cut.h"
#include "backends/cpu/portable/portable.h"

static int32_t unit_tasks(const oc_cpu_job *job) {
    return oc_cut_count(job->rows, job->step->u.unit.out.columns);
}

static void unit_task(const oc_cpu_job *job, int32_t index, void *local) {
    (void)local;
    const oc_step_unit *step = &job->step->u.unit;
    int32_t columns = step->out.columns;
    oc_cut rows = oc_cut_rows(job->rows, columns, index);
    for (int32_t r = rows.first; r < rows.end; r++) {
        const float *x = (const float *)step->x.data + r * step->x.stride;
        float *out = (float *)step->out.data + r * step->out.stride;
        double squares = 0;
        for (int32_t c = 0; c < columns; c++) {
            squares += (double)x[c] * (double)x[c];
        }
        float length = (float)sqrt(squares);
        for (int32_t c = 0; c < columns; c++) {
            out[c] = x[c] / length;
        }
    }
}

const oc_cpu_kernel oc_portable_unit = {
    .name = "unit portable",
    .phases = {{unit_tasks, unit_task}},
};
