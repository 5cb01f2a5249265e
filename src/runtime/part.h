/* part.h - a part of a graph becomes a plan: which values it enters and leaves by. */
#ifndef OC_RUNTIME_PART_H
#define OC_RUNTIME_PART_H

#include "lower/plan.h"
#include "passes/pipeline.h"

typedef struct oc_part {
    const char *const *inputs, *const *outputs; /* names of values */
    int32_t input_count, output_count;
    oc_savings savings;
} oc_part;

/* Selects the part of `graph` between inputs and outputs and runs the savings, into an empty
 * `out`.  graph is not changed. */
octavo_status oc_part_graph(const oc_graph *graph, const oc_part *part, oc_graph *out,
                            octavo_error *error);

/* The same, and lowers it for the device of `weights`. */
octavo_status oc_part_plan(const oc_graph *graph, const oc_part *part, oc_weights *weights,
                           const oc_plan_limits *limits, oc_plan *out, octavo_error *error);

#endif
