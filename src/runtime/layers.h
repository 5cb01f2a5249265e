/* layers.h - runs single layers of a graph on given rows: layer canaries, made and checked. */
#ifndef OC_RUNTIME_LAYERS_H
#define OC_RUNTIME_LAYERS_H

#include "engine/records/canary_record.h"
#include "lower/plan.h"
#include "passes/pipeline.h"

/* threads: 1 or more, that run it.
 * Runs the graph from value `input`, set to given F32 [rows, columns] as one sequence, to value
 * `output`, into out F32 [rows, columns].  row >= 0: computes that row alone, as a session does in
 * the last layer with last-row, and writes out [1, columns]. */
octavo_status oc_layer_run(const oc_graph *graph, oc_weights *weights, int32_t threads,
                           oc_savings savings, const char *input, const char *output,
                           const float *given, int32_t rows, int32_t columns, int32_t row,
                           float *out, octavo_error *error);

/* Runs every layer canary of the towers; *worst receives the largest deviation as a share of its
 * limit.
 *   CORRUPT                a canary that does not fit the graph, by its values or its rows
 *   CORRUPT, cause CANARY  a deviation over its limit: layer, deviation, limit and device named */
octavo_status oc_canaries_run(const oc_graph *graph, oc_weights *weights, int32_t threads,
                              oc_savings savings, int32_t towers, const oc_canary *canaries,
                              int32_t count, double *worst, octavo_error *error);

#endif
