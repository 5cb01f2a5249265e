/* plan.h - a graph made ready for one device: buffers and steps, as plain data without addresses.
 *
 * src/lower makes plans; a backend compiles them.  A plan is not changed once it is made and may
 * be shared by any number of programs; constants that its steps name outlive it.
 */
#ifndef OC_DEVICE_PLAN_H
#define OC_DEVICE_PLAN_H

#include <stdbool.h>

#include "base/arena.h"
#include "device/step.h"

/* The largest run that a plan is made for. */
typedef struct oc_plan_limits {
    int32_t rows_max[OC_ROWS_COUNT];
    int32_t sequence_max[OC_ROWS_COUNT]; /* rows of the longest sequence of a token row set */
    int32_t image_size;                  /* pixels a side of the images; 0: none can be entered */
} oc_plan_limits;

/* An activation: rows of floats or of E4M3 codes. */
typedef struct oc_plan_buffer {
    oc_rows rows;
    int32_t columns;
    octavo_dtype dtype;  /* F32, F16, BF16, or F8_E4M3: codes */
    int64_t stride;      /* elements from row to row, as the device wants them */
    size_t bytes;        /* of rows_max rows */
    size_t offset;       /* in the arena, a multiple of 64 */
    int32_t first, last; /* steps between which it lives, both counted */
} oc_plan_buffer;

/* A float activation that the caller fills or reads. */
typedef struct oc_plan_port {
    const char *name;
    oc_rows rows;
    oc_view view;
} oc_plan_port;

/* Memory that steps need while they run. */
typedef struct oc_scratch {
    size_t shared, local; /* bytes: for all threads together, and for each; multiples of 64 */
} oc_scratch;

typedef struct oc_plan {
    oc_plan_limits limits;
    oc_plan_buffer *buffers;
    int32_t buffer_count;
    oc_step *steps;
    int32_t step_count;
    oc_plan_port *inputs; /* float inputs; pixels and ids come by oc_run */
    int32_t input_count;
    oc_plan_port *outputs;
    int32_t output_count;
    size_t arena_bytes; /* of all buffers, a multiple of 64 */
    oc_scratch scratch; /* of the hungriest steps */
    bool takes_pixels;  /* oc_run.pixels as U8 [B,S,S,3] ... */
    bool takes_values;  /* ... or F32 [B,3,S,S] */
    bool takes_ids;
    oc_arena memory; /* names */
} oc_plan;

/* Where row 0 of the view lies in the arena, in bytes. */
static inline size_t oc_plan_offset(const oc_plan *plan, const oc_view *view) {
    const oc_plan_buffer *buffer = &plan->buffers[view->buffer];
    return buffer->offset + (size_t)view->column * oc_dtype_bytes(buffer->dtype);
}

#endif
