/* program.h - one plan of a model: which values it enters and leaves a graph by. */
#ifndef OC_RUNTIME_PROGRAM_H
#define OC_RUNTIME_PROGRAM_H

#include "lower/plan.h"
#include "passes/pipeline.h"

typedef struct oc_program {
    const char *const *inputs, *const *outputs; /* names of values */
    int32_t input_count, output_count;
    oc_savings savings;
    oc_device *device; /* that chooses the kernels and will run them */
    oc_weights *weights;
} oc_program;

/* Selects the part of `graph` between inputs and outputs, runs the savings, and lowers it.
 * graph is not changed. */
octavo_status oc_program_create(const oc_graph *graph, const oc_program *program,
                                const oc_plan_limits *limits, oc_plan *out, octavo_error *error);

#endif
