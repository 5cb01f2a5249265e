/* norm.c - layer norm and quantizer; mean and variance in two passes, in double. */
#include <math.h>

#include "backends/cpu/cut.h"
#include "backends/cpu/portable/portable.h"
#include "backends/cpu/portable/store.h"

static int32_t norm_tasks(const oc_cpu_job *job) {
    return oc_cut_count(job->rows, job->step->u.norm.out.columns);
}

static void norm_row(const oc_step_norm *step, const float *x, int64_t at) {
    int32_t columns = step->out.columns;
    double sum = 0, squares = 0;
    for (int32_t c = 0; c < columns; c++) {
        sum += (double)x[c];
    }
    double mean = sum / columns;
    for (int32_t c = 0; c < columns; c++) {
        double d = (double)x[c] - mean;
        squares += d * d;
    }
    double factor = 1.0 / sqrt(squares / columns + (double)step->eps);
    for (int32_t c = 0; c < columns; c++) {
        float unit = (float)(((double)x[c] - mean) * factor);
        oc_portable_store(&step->out, at + c,
                          unit * oc_floats(step->gamma)[c] + oc_floats(step->beta)[c]);
    }
}

/* A row of a dynamic quantizer: each block by its own largest magnitude. */
static void quantize_row(const oc_step_norm *step, int32_t r, const float *x) {
    int32_t columns = step->out.columns, width = step->block == 0 ? columns : step->block;
    float *scales = (float *)step->out_scale.data + r * step->out_scale.stride;
    for (int32_t first = 0; first < columns; first += width) {
        int32_t end = columns - first < width ? columns : first + width;
        float most = 0;
        for (int32_t c = first; c < end; c++) {
            most = fabsf(x[c]) > most || isnan(x[c]) ? fabsf(x[c]) : most;
        }
        oc_view out = step->out;
        out.scale = most == 0.0f ? 1.0f : most / 448.0f;
        scales[first / width] = out.scale;
        for (int32_t c = first; c < end; c++) {
            oc_portable_store(&out, r * out.stride + c, x[c]);
        }
    }
}

static void norm_task(const oc_cpu_job *job, int32_t index, void *local) {
    (void)local;
    const oc_step_norm *step = &job->step->u.norm;
    oc_cut rows = oc_cut_rows(job->rows, step->out.columns, index);
    for (int32_t r = rows.first; r < rows.end; r++) {
        const float *x = (const float *)step->x.data + r * step->x.stride;
        int64_t at = r * step->out.stride;
        if (step->gamma != NULL) {
            norm_row(step, x, at);
            continue;
        }
        if (step->out_scale.columns != 0) {
            quantize_row(step, r, x);
            continue;
        }
        for (int32_t c = 0; c < step->out.columns; c++) {
            oc_portable_store(&step->out, at + c, x[c]);
        }
    }
}

const oc_cpu_kernel oc_portable_norm = {
    .name = "norm portable",
    .phases = {{norm_tasks, norm_task}},
};
