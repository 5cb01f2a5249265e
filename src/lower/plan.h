/* plan.h - a graph becomes a plan: steps, buffers, kernels.
 *
 * Lowering walks the graph once.  Where a device step can take neighbours in (a
 * quantizer behind a norm, an activation, a residual or a quantizer behind a
 * matrix product, a position behind a token table) and the device's traits allow it,
 * it does; every other operation becomes a step of its own.  Activations live in one
 * arena; values whose lives do not overlap share memory.
 */
#ifndef OC_LOWER_PLAN_H
#define OC_LOWER_PLAN_H

#include "ir/graph.h"
#include "lower/weights.h"

/* graph: verified, after its passes; it may be freed afterwards.  Every output becomes a port.
 * The plan's constants are those of `weights`, for whose device it is made.
 *   UNSUPPORTED  an operation that no step can do, or a step that the device cannot do, named
 *   CORRUPT      images or rows that the limits have no place for; an unusable scale */
octavo_status oc_plan_create(oc_weights *weights, const oc_graph *graph,
                             const oc_plan_limits *limits, oc_plan *out, octavo_error *error);
void oc_plan_free(oc_plan *plan); /* a zeroed one is accepted */

#endif
