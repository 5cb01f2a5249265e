/* ref_kernels.h - what the files of the referee share: device, packed matrix, reading and writing
 * of views, and the table of step families. */
#ifndef OC_BACKENDS_REF_KERNELS_H
#define OC_BACKENDS_REF_KERNELS_H

#include "backends/ref/ref.h"
#include "base/sys/threads.h"
#include "num/bf16.h"
#include "num/e4m3.h"
#include "num/f16.h"

typedef struct oc_ref_device {
    oc_device base;
    octavo_dtype storage; /* F32, F16 or BF16: what float results between steps are rounded to */
    double e4m3[256];     /* value of each code */
} oc_ref_device;

/* A matrix [n,k], its bytes as they are in the file. */
typedef struct oc_ref_matrix {
    oc_constant head; /* data is rows */
    int32_t n, k;
    uint8_t rows[] __attribute__((aligned(8)));
} oc_ref_matrix;

static inline const oc_ref_matrix *oc_ref_matrix_of(const oc_constant *constant) {
    return (const oc_ref_matrix *)constant;
}

/* One step of one run. */
typedef struct oc_ref_job {
    const oc_ref_device *device;
    oc_pool *pool;
    const oc_step *step;
    const oc_run *run;
    int32_t rows; /* of step->rows in this run */
    void *shared;
    char *local; /* `local_bytes` for each thread */
    size_t local_bytes;
} oc_ref_job;

/* What belongs to one thread of a job. */
static inline double *oc_ref_local(const oc_ref_job *job, int32_t thread) {
    return (double *)(void *)(job->local + (size_t)thread * job->local_bytes);
}

typedef struct oc_ref_family {
    const char *kernel;
    void (*run)(const oc_ref_job *job);
    /* Raises *scratch to what the step needs; NULL: nothing. */
    void (*scratch)(const oc_step *step, int32_t keys_max, oc_scratch *scratch);
} oc_ref_family;

extern const oc_ref_family oc_ref_patches, oc_ref_tokens, oc_ref_norm, oc_ref_gemm,
    oc_ref_attention, oc_ref_pick, oc_ref_pointwise, oc_ref_unit, oc_ref_logits;

double oc_ref_activate(oc_activation act, double x);

/* Row `row` of a matrix as k doubles. */
void oc_ref_decode_row(const oc_ref_device *device, const oc_ref_matrix *matrix, int32_t row,
                       double *out);

/* The value at [row, column]: a float, or code * scale, which a double holds exactly. */
static inline double oc_ref_get(const oc_view *view, int64_t row, int32_t column) {
    int64_t at = row * view->stride + column;
    if (oc_is_codes(view->dtype)) {
        return (double)oc_e4m3_to_f32(((const uint8_t *)view->data)[at]) * view->scale;
    }
    return ((const float *)view->data)[at];
}

/* Stores a value at [row, column], rounded to float32 and then to a code or to `storage`. */
static inline void oc_ref_put(const oc_view *view, int64_t row, int32_t column, double value,
                              octavo_dtype storage) {
    int64_t at = row * view->stride + column;
    float rounded = (float)value;
    if (oc_is_codes(view->dtype)) {
        ((uint8_t *)view->data)[at] = oc_f32_to_e4m3(rounded / view->scale);
        return;
    }
    if (storage == OCTAVO_F16) {
        rounded = oc_f16_to_f32(oc_f32_to_f16(rounded));
    } else if (storage == OCTAVO_BF16) {
        rounded = oc_bf16_to_f32(oc_f32_to_bf16(rounded));
    }
    ((float *)view->data)[at] = rounded;
}

#endif
