/* ref_norm.c - layer norm, quantizer, unit length: what is computed row by row.
 * Mean and variance are taken in float64 of the float32 inputs, in two passes. */
#include <math.h>

#include "backends/ref/ref_kernels.h"

/* A row of a dynamic quantizer: each block by its own largest magnitude. */
static void quantize_row(const oc_step_norm *step, int32_t row) {
    int32_t columns = step->x.columns, width = step->block == 0 ? columns : step->block;
    for (int32_t first = 0; first < columns; first += width) {
        int32_t end = columns - first < width ? columns : first + width;
        double most = 0;
        oc_view out = step->out;
        for (int32_t c = first; c < end; c++) {
            double size = fabs(oc_ref_get(&step->x, row, c));
            most = size > most || isnan(size) ? size : most;
        }
        out.scale = most == 0 ? 1.0f : (float)(most / 448);
        oc_ref_put(&step->out_scale, row, first / width, out.scale, OCTAVO_F32);
        for (int32_t c = first; c < end; c++) {
            oc_ref_put(&out, row, c, oc_ref_get(&step->x, row, c), OCTAVO_F32);
        }
    }
}

static void norm_row(void *context, int32_t row, int32_t thread) {
    const oc_ref_job *job = context;
    const oc_step_norm *step = &job->step->u.norm;
    int32_t columns = step->x.columns;
    octavo_dtype storage = job->device->storage;
    double mean = 0, variance = 0;
    (void)thread;
    if (step->out_scale.columns != 0) {
        quantize_row(step, row);
        return;
    }
    if (step->gamma == NULL) {
        for (int32_t c = 0; c < columns; c++) {
            oc_ref_put(&step->out, row, c, oc_ref_get(&step->x, row, c), storage);
        }
        return;
    }
    for (int32_t c = 0; c < columns; c++) {
        mean += oc_ref_get(&step->x, row, c);
    }
    mean /= columns;
    for (int32_t c = 0; c < columns; c++) {
        double distance = oc_ref_get(&step->x, row, c) - mean;
        variance += distance * distance;
    }
    variance /= columns;
    double deviation = sqrt(variance + step->eps);
    for (int32_t c = 0; c < columns; c++) {
        double value = (oc_ref_get(&step->x, row, c) - mean) / deviation;
        oc_ref_put(&step->out, row, c, value * oc_floats(step->gamma)[c] + oc_floats(step->beta)[c],
                   storage);
    }
}

static void norm_run(const oc_ref_job *job) {
    oc_pool_run(job->pool, job->rows, norm_row, (void *)job);
}

static void unit_row(void *context, int32_t row, int32_t thread) {
    const oc_ref_job *job = context;
    const oc_step_unit *step = &job->step->u.unit;
    double sum = 0;
    (void)thread;
    for (int32_t c = 0; c < step->x.columns; c++) {
        double value = oc_ref_get(&step->x, row, c);
        sum += value * value;
    }
    double length = sqrt(sum);
    for (int32_t c = 0; c < step->x.columns; c++) {
        oc_ref_put(&step->out, row, c, oc_ref_get(&step->x, row, c) / length, OCTAVO_F32);
    }
}

static void unit_run(const oc_ref_job *job) {
    oc_pool_run(job->pool, job->rows, unit_row, (void *)job);
}

const oc_ref_family oc_ref_norm = {"norm_f64 ref", norm_run, NULL};
const oc_ref_family oc_ref_unit = {"unit_f64 ref", unit_run, NULL};
