/* ref_entry.c - how images and texts become rows, and how rows are picked out again. */
#include "backends/ref/ref_kernels.h"

/* Value of channel c at [y, x] of image b, as the step wants it. */
static double pixel(const oc_ref_job *job, int32_t image, int32_t c, int32_t y, int32_t x) {
    const oc_step_patches *step = &job->step->u.patches;
    int64_t side = step->image_size;
    if (!step->from_bytes) {
        const float *values = job->run->pixels;
        return values[((image * (int64_t)3 + c) * side + y) * side + x];
    }
    const uint8_t *bytes = job->run->pixels;
    double value = bytes[((image * side + y) * side + x) * 3 + c];
    return step->mean != NULL ? (value / 255 - oc_floats(step->mean)[c]) / oc_floats(step->std)[c]
                              : value;
}

static void patches_row(void *context, int32_t row, int32_t thread) {
    const oc_ref_job *job = context;
    const oc_step_patches *step = &job->step->u.patches;
    int32_t side = step->patch_size;
    int32_t grid = step->image_size / side;
    int32_t image = row / (grid * grid + 1);
    int32_t patch = row % (grid * grid + 1) - 1;
    (void)thread;
    for (int32_t column = 0; column < 3 * side * side; column++) {
        double value = 0;
        if (patch >= 0) {
            int32_t c = column / (side * side);
            int32_t y = patch / grid * side + column / side % side;
            int32_t x = patch % grid * side + column % side;
            value = pixel(job, image, c, y, x);
        }
        oc_ref_put(&step->out, row, column, value, OCTAVO_F32);
    }
}

static void patches_run(const oc_ref_job *job) {
    oc_pool_run(job->pool, job->rows, patches_row, (void *)job);
}

static void tokens_scratch(const oc_step *step, int32_t keys_max, oc_scratch *scratch) {
    (void)keys_max;
    oc_scratch_raise(scratch, 0,
                     (size_t)oc_ref_matrix_of(step->u.tokens.table)->k * sizeof(double));
}

static void tokens_row(void *context, int32_t row, int32_t thread) {
    const oc_ref_job *job = context;
    const oc_step_tokens *step = &job->step->u.tokens;
    int32_t columns = oc_ref_matrix_of(step->table)->k;
    double *values = oc_ref_local(job, thread);
    oc_ref_decode_row(job->device, oc_ref_matrix_of(step->table), job->run->ids[row], values);
    for (int32_t c = 0; c < columns; c++) {
        if (step->position != NULL) {
            values[c] += oc_floats(step->position)[(int64_t)job->run->positions[row] * columns + c];
        }
        oc_ref_put(&step->out, row, c, values[c], job->device->storage);
    }
}

static void tokens_run(const oc_ref_job *job) {
    oc_pool_run(job->pool, job->rows, tokens_row, (void *)job);
}

static void pick_row(void *context, int32_t row, int32_t thread) {
    const oc_ref_job *job = context;
    const oc_step_pick *step = &job->step->u.pick;
    int32_t place = step->from_ends ? job->run->ends[row] : step->row;
    int32_t source = job->run->starts[job->step->keys][row] + place;
    (void)thread;
    for (int32_t c = 0; c < step->x.columns; c++) {
        oc_ref_put(&step->out, row, c, oc_ref_get(&step->x, source, c), OCTAVO_F32);
    }
}

static void pick_run(const oc_ref_job *job) {
    oc_pool_run(job->pool, job->rows, pick_row, (void *)job);
}

const oc_ref_family oc_ref_patches = {"patches_f64 ref", patches_run, NULL};
const oc_ref_family oc_ref_tokens = {"tokens_f64 ref", tokens_run, tokens_scratch};
const oc_ref_family oc_ref_pick = {"pick ref", pick_run, NULL};
