/* pick.c - one row of each sequence, copied as it is: floats or codes. */
#include <string.h>

#include "backends/cpu/cut.h"
#include "backends/cpu/portable/portable.h"

static int32_t pick_tasks(const oc_cpu_job *job) {
    return oc_cut_count(job->rows, job->step->u.pick.out.columns);
}

static void pick_task(const oc_cpu_job *job, int32_t index, void *local) {
    (void)local;
    const oc_step_pick *step = &job->step->u.pick;
    const int32_t *starts = job->run->starts[job->step->keys];
    int64_t element = (int64_t)oc_dtype_bytes(step->out.dtype);
    oc_cut rows = oc_cut_rows(job->rows, step->out.columns, index);
    for (int32_t s = rows.first; s < rows.end; s++) {
        int64_t row = starts[s] + (step->from_ends ? job->run->ends[s] : step->row);
        const uint8_t *from = (const uint8_t *)step->x.data + row * step->x.stride * element;
        uint8_t *to = (uint8_t *)step->out.data + s * step->out.stride * element;
        memcpy(to, from, (size_t)(step->out.columns * element));
    }
}

const oc_cpu_kernel oc_portable_pick = {
    .name = "pick portable",
    .phases = {{pick_tasks, pick_task}},
};
