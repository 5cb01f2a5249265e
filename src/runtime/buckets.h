/* buckets.h - the plans of one program of a session: for the largest run, and for each smaller one
 * that the device wants a plan of its own for (oc_traits.buckets).
 *
 * A run goes to the first that holds its rows.  All of them work in one queue's memory, one at a
 * time, and share the model's weights.
 */
#ifndef OC_RUNTIME_BUCKETS_H
#define OC_RUNTIME_BUCKETS_H

#include "runtime/model_fields.h"

typedef struct oc_bucket {
    oc_plan plan;
    oc_program *program;
    oc_step_report *reports; /* [steps], summed over runs; NULL while nothing is asked for */
} oc_bucket;

typedef struct oc_buckets {
    oc_bucket *items; /* ascending; the last one holds every run */
    int32_t count;    /* 0: the session does not have this program */
} oc_buckets;

/* Makes the plans; `largest` are the limits of the session.  Errors: oc_model_plans'. */
octavo_status oc_buckets_create(oc_model *model, oc_program_kind kind,
                                const oc_plan_limits *largest, const char *const *observed,
                                int32_t observed_count, oc_buckets *out, octavo_error *error);
void oc_buckets_free(oc_buckets *buckets, const oc_backend *backend);

/* What a queue of `threads` threads needs for the hungriest plan. */
size_t oc_buckets_bytes(const oc_buckets *buckets, int32_t threads);

octavo_status oc_buckets_compile(oc_buckets *buckets, oc_queue *queue, octavo_error *error);

/* The first bucket with room for the run's rows; a run is within the session's limits. */
oc_bucket *oc_buckets_find(const oc_buckets *buckets, const oc_run *run);

/* The plan of the largest; NULL: none. */
static inline const oc_plan *oc_buckets_largest(const oc_buckets *buckets) {
    return buckets->count == 0 ? NULL : &buckets->items[buckets->count - 1].plan;
}

/* Begins sums of reports at zero (on), or forgets them. */
octavo_status oc_buckets_report(oc_buckets *buckets, bool on, octavo_error *error);

#endif
