/* logits.c - scaled dot products of image and text embeddings, summed in double. */
#include "backends/cpu/cut.h"
#include "backends/cpu/portable/portable.h"

static int32_t logits_tasks(const oc_cpu_job *job) {
    return oc_cut_count(job->rows, oc_logits_row(job));
}

static void logits_task(const oc_cpu_job *job, int32_t index, void *local) {
    (void)local;
    const oc_step_logits *step = &job->step->u.logits;
    int32_t texts = job->run->rows[OC_ROWS_TEXTS];
    oc_cut rows = oc_cut_rows(job->rows, oc_logits_row(job), index);
    for (int32_t i = rows.first; i < rows.end; i++) {
        const float *image = (const float *)step->image.data + i * step->image.stride;
        float *out = (float *)step->out.data + i * step->out.stride;
        for (int32_t t = 0; t < texts; t++) {
            const float *text = (const float *)step->text.data + t * step->text.stride;
            double sum = 0;
            for (int32_t c = 0; c < step->image.columns; c++) {
                sum += (double)image[c] * (double)text[c];
            }
            out[t] = (float)((double)step->scale * sum);
        }
    }
}

const oc_cpu_kernel oc_portable_logits = {
    .name = "logits portable",
    .phases = {{logits_tasks, logits_task}},
};
