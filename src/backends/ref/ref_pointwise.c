/* ref_pointwise.c - activations, alone or for the matrix products, and logits. */
#include "backends/ref/ref_kernels.h"
#include "num/mathf.h"

#define SQRT_HALF        0.70710678118654752440
#define SQRT_TWO_OVER_PI 0.79788456080286535588 /* sqrt(2 / pi) */

double oc_ref_activate(oc_activation act, double x) {
    switch (act) {
    case OC_ACT_GELU_ERF:
        return 0.5 * x * (1 + oc_erf(x * SQRT_HALF));
    case OC_ACT_GELU_SIGMOID:
        return x / (1 + oc_exp(-1.702 * x));
    case OC_ACT_GELU_TANH:
        return 0.5 * x * (1 + oc_tanh(SQRT_TWO_OVER_PI * (x + 0.044715 * x * x * x)));
    case OC_ACT_NONE:
        break;
    }
    return x;
}

static void pointwise_row(void *context, int32_t row, int32_t thread) {
    const oc_ref_job *job = context;
    const oc_step_pointwise *step = &job->step->u.pointwise;
    (void)thread;
    for (int32_t c = 0; c < step->x.columns; c++) {
        double value = oc_ref_activate(step->act, oc_ref_get(&step->x, row, c));
        if (step->y.columns != 0) {
            value += oc_ref_get(&step->y, row, c);
        }
        if (step->table != NULL) {
            value += (double)oc_pointwise_table(step, row)[c];
        }
        oc_ref_put(&step->out, row, c, value, job->device->storage);
    }
}

static void pointwise_run(const oc_ref_job *job) {
    oc_pool_run(job->pool, job->rows, pointwise_row, (void *)job);
}

static void logits_row(void *context, int32_t row, int32_t thread) {
    const oc_ref_job *job = context;
    const oc_step_logits *step = &job->step->u.logits;
    (void)thread;
    for (int32_t text = 0; text < job->run->rows[OC_ROWS_TEXTS]; text++) {
        double dot = 0;
        for (int32_t c = 0; c < step->image.columns; c++) {
            dot += oc_ref_get(&step->image, row, c) * oc_ref_get(&step->text, text, c);
        }
        oc_ref_put(&step->out, row, text, dot * step->scale, OCTAVO_F32);
    }
}

static void logits_run(const oc_ref_job *job) {
    oc_pool_run(job->pool, job->rows, logits_row, (void *)job);
}

const oc_ref_family oc_ref_pointwise = {"pointwise_f64 ref", pointwise_run, NULL};
const oc_ref_family oc_ref_logits = {"logits_f64 ref", logits_run, NULL};
