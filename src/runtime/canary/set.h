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

/* Bytes of a queue of `threads` threads in which the parts of these towers are run (all: those with
 * ONCE too), and bytes that the set itself holds. */
size_t oc_canary_set_queue_bytes(const oc_canary_set *set, int32_t towers, bool all,
                                 int32_t threads);
size_t oc_canary_set_bytes(const oc_canary_set *set);

/* The parts of some towers, ready to be run in a queue.  set, device and queue are borrowed. */
typedef struct oc_canary_programs oc_canary_programs;

octavo_status oc_canary_programs_create(const oc_canary_set *set, const oc_device *device,
                                        oc_queue *queue, int32_t towers, bool all,
                                        oc_canary_programs **out, octavo_error *error);
void oc_canary_programs_free(oc_canary_programs *programs); /* NULL is accepted */

/* *worst receives the largest deviation as a share of its limit.  Allocates nothing.
 *   CORRUPT, cause CANARY  a deviation over its limit: part, deviation, limit and device named */
octavo_status oc_canary_programs_run(oc_canary_programs *programs, double *worst,
                                     octavo_error *error);

/* Computes what number `index` of an engine's canaries expects, F32 [kept_count,
 * expected.shape[1]], from the unchanged graph on the weights' device, by `threads` threads. */
octavo_status oc_canary_compute(const oc_graph *graph, oc_weights *weights, int32_t threads,
                                const oc_canary *canary, int32_t index, float *out,
                                octavo_error *error);

#endif
