/* set.h - canaries made ready on a model, run when it is loaded and whenever a session is checked.
 *
 * A part of the graph goes the way that a session's programs go: the same savings, the same
 * lowering, the same packed weights, texts cut and packed by the same code.  What reads one row in
 * the end (last-row) is run for that row alone.
 */
#ifndef OC_RUNTIME_CANARY_SET_H
#define OC_RUNTIME_CANARY_SET_H

#include "engine/records/canary_record.h"
#include "runtime/model.h"

typedef struct oc_canary_set oc_canary_set;

/* Makes the plans of every part that the model's towers have.  list is borrowed.
 *   CORRUPT  a canary that does not fit the graph, named */
octavo_status oc_canary_set_create(oc_model *model, const oc_canary *list, int32_t count,
                                   oc_canary_set **out, octavo_error *error);
void oc_canary_set_free(oc_canary_set *set);

/* Bytes of memory that a run of these towers needs, and that the set itself holds. */
size_t oc_canary_set_run_bytes(const oc_canary_set *set, int32_t towers, bool all);
size_t oc_canary_set_bytes(const oc_canary_set *set);

/* Runs the parts of these towers on `device`, in `memory` (aligned to 64); all: those with ONCE
 * too.  *worst receives the largest deviation as a share of its limit.  Allocates nothing.  One
 * thread at a time for a set.
 *   CORRUPT, cause CANARY  a deviation over its limit: part, deviation, limit and device named */
octavo_status oc_canary_set_run(oc_canary_set *set, oc_device *device, int32_t towers, bool all,
                                void *memory, double *worst, octavo_error *error);

/* Computes what number `index` of an engine's canaries expects, F32 [kept_count,
 * expected.shape[1]], from the unchanged graph on the weights' device. */
octavo_status oc_canary_compute(const oc_graph *graph, oc_weights *weights, const oc_canary *canary,
                                int32_t index, float *out, octavo_error *error);

#endif
