/* session_fields.h - the fields of a session, for session.c and run.c. */
#ifndef OC_RUNTIME_SESSION_FIELDS_H
#define OC_RUNTIME_SESSION_FIELDS_H

#include <stdatomic.h>

#include "runtime/buckets.h"
#include "runtime/session.h"
#include "runtime/texts.h"

/* What one run gives a tower. */
typedef struct oc_call_input {
    const oc_entry *entry;                  /* NULL: nothing */
    const octavo_argument *argument, *mask; /* mask NULL: none */
    int32_t count;                          /* sequences */
} oc_call_input;

/* What one run is given and asked for. */
typedef struct oc_call {
    oc_call_input inputs[OC_TOWERS];
    const octavo_argument *logits; /* an output; NULL: not asked for */
    const octavo_argument *outputs;
    int32_t output_count;
    int32_t tokens; /* of a row of ids */
    void *stream;   /* octavo_run_options' */
} oc_call;

/* A run that was submitted and not yet waited for. */
typedef struct oc_pending {
    oc_call call;          /* of the caller's arrays, which are borrowed */
    const oc_tower *tower; /* that works; NULL: all is done, with this status */
    const oc_bucket *bucket;
    oc_run run;
    oc_ticket ticket;
    octavo_status status;
    octavo_error error;
} oc_pending;

struct oc_session {
    oc_model *model; /* held */
    oc_queue *queue;
    struct oc_canary_programs *canaries; /* what oc_session_check runs */
    atomic_bool running;                 /* from submit to wait, too */
    atomic_bool submitted;               /* `pending` is a run that nobody waits for yet */
    oc_pending pending;
    int32_t towers, batch_max;
    oc_plan_limits limits;
    oc_buckets programs[OC_PROGRAM_COUNT];
    uint32_t report;              /* OC_REPORT_...; 0: nothing is asked for */
    oc_step_report *step_reports; /* of one run */
    size_t memory_bytes;          /* of the queue: one block, shared by all programs */
    /* By row of towers.h. */
    float *embeds[OC_TOWERS];   /* [batch_max, embed_dims]: what logits are made from */
    int32_t *starts[OC_TOWERS]; /* [batch_max + 1], of sequences that are all of one length */
    oc_texts texts;             /* ... and those that are not */
    void (*observe)(void *user, const char *name, const float *values, int32_t rows,
                    int32_t columns);
    void *observe_user;
    float *observed; /* rows of the largest value that is observed; NULL: nobody looks */
    octavo_binding *bindings;
    int32_t binding_count;
};

#endif
