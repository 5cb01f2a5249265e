/* tokens.c - rows of the token table, widened, plus rows of the position table. */
#include "backends/cpu/cut.h"
#include "backends/cpu/pack.h"
#include "backends/cpu/portable/portable.h"
#include "backends/cpu/portable/store.h"
#include "num/bf16.h"
#include "num/f16.h"

static float element(const oc_constant *table, int64_t at) {
    switch (table->dtype) {
    case OCTAVO_F16:
        return oc_f16_to_f32(((const uint16_t *)table->data)[at]);
    case OCTAVO_BF16:
        return oc_bf16_to_f32(((const uint16_t *)table->data)[at]);
    default:
        return ((const float *)table->data)[at];
    }
}

static int32_t tokens_tasks(const oc_cpu_job *job) {
    return oc_cut_count(job->rows, job->step->u.tokens.out.columns);
}

static void tokens_task(const oc_cpu_job *job, int32_t index, void *local) {
    (void)local;
    const oc_step_tokens *step = &job->step->u.tokens;
    int32_t columns = step->out.columns;
    oc_cut rows = oc_cut_rows(job->rows, columns, index);
    for (int32_t r = rows.first; r < rows.end; r++) {
        int64_t from = (int64_t)job->run->ids[r] * columns;
        const float *position = NULL;
        if (step->position != NULL) {
            position = oc_floats(step->position) + (int64_t)job->run->positions[r] * columns;
        }
        for (int32_t c = 0; c < columns; c++) {
            float value = element(step->table, from + c);
            if (position != NULL) {
                value += position[c];
            }
            oc_portable_store(&step->out, r * step->out.stride + c, value);
        }
    }
}

const oc_cpu_kernel oc_portable_tokens = {
    .name = "tokens portable",
    .phases = {{tokens_tasks, tokens_task}},
};
