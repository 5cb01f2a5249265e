/* program.h - one plan of a session: which values it enters and leaves a graph by. */
#ifndef OC_RUNTIME_PROGRAM_H
#define OC_RUNTIME_PROGRAM_H

#include "lower/plan.h"
#include "passes/pipeline.h"

/* Selects the part of `graph` between inputs and outputs, runs the savings, and lowers it.
 * graph is not changed. */
octavo_status oc_program_create(const oc_graph *graph, const char *const *inputs,
                                int32_t input_count, const char *const *outputs,
                                int32_t output_count, oc_savings savings, oc_weights *weights,
                                const oc_plan_limits *limits, oc_plan *out, octavo_error *error);

#endif
