/* plan.h - a graph made ready to run on one device: steps, buffers, weights.
 *
 * Lowering walks the graph once.  Where a device step can take neighbours in (a
 * quantizer behind a norm, an activation, a residual or a quantizer behind a
 * matrix product, a position behind a token table), it does; every other operation
 * becomes a step of its own.  Activations live in one arena; values whose lives do
 * not overlap share memory.
 *
 * A plan is used by one thread at a time.  It borrows weights and graph names' owner
 * (the graph may be freed: names are copied).
 */
#ifndef OC_LOWER_PLAN_H
#define OC_LOWER_PLAN_H

#include "device/device.h"
#include "ir/graph.h"
#include "lower/weights.h"

/* The largest run that the plan is made for. */
typedef struct oc_plan_limits {
    int32_t rows_max[OC_ROWS_COUNT];
    int32_t sequence_max[OC_ROWS_COUNT]; /* rows of the longest sequence of a token row set */
    int32_t image_size;                  /* pixels a side of the images; 0: none can be entered */
} oc_plan_limits;

/* A float activation that the caller fills or reads. */
typedef struct oc_plan_port {
    const char *name;
    oc_rows rows;
    oc_view view; /* data set by oc_plan_bind */
} oc_plan_port;

typedef struct oc_plan {
    oc_step *steps;
    int32_t step_count;
    oc_plan_port *inputs; /* float inputs; pixels and ids come by oc_run */
    int32_t input_count;
    oc_plan_port *outputs;
    int32_t output_count;
    size_t arena_bytes;   /* activations, aligned to 64 */
    size_t scratch_bytes; /* of the hungriest step, aligned to 64 */
    bool takes_pixels;    /* oc_run.pixels as U8 [B,S,S,3] ... */
    bool takes_values;    /* ... or F32 [B,3,S,S] */
    bool takes_ids;
    struct oc_plan_fixup *fixups; /* views to point into the arena */
    int32_t fixup_count;
    oc_arena memory; /* names and small tables */
} oc_plan;

/* device: chooses the kernels; of the backend and tier of the weights' device, or that itself.
 * graph: verified, after its passes; every output becomes a port.
 *   UNSUPPORTED  an operation that no step can do, named
 *   CORRUPT      images or rows that the limits have no place for; an unusable scale */
octavo_status oc_plan_create(oc_device *device, oc_weights *weights, const oc_graph *graph,
                             const oc_plan_limits *limits, oc_plan *out, octavo_error *error);
void oc_plan_free(oc_plan *plan);

/* Points every view into `arena` (arena_bytes, aligned to 64). */
void oc_plan_bind(oc_plan *plan, void *arena);

/* "f32 + bias + gelu -> codes": what a step took in, for explain and the build report. */
void oc_step_describe(const oc_step *step, char *text, size_t bytes);

#endif
