/* session.h - activations and threads for running a model.
 *
 * What octavo.h calls a session, without engine files.  One thread at a time, but for
 * oc_session_run: a second one that comes while it works is refused.
 */
#ifndef OC_RUNTIME_SESSION_H
#define OC_RUNTIME_SESSION_H

#include "runtime/model.h"

typedef struct oc_session oc_session;

typedef struct oc_session_options {
    int32_t towers;                /* of the model's; 0: all of them */
    int32_t batch_max, tokens_max; /* 0: as octavo.h says */
    int32_t threads;               /* 0: one for each usable core */
    /* Values of the graph to look at: after each run `observe` gets their rows, dense, borrowed for
     * the call.  Savings that skip rows show it only those that are computed. */
    const char *const *observed;
    int32_t observed_count;
    void (*observe)(void *user, const char *name, const float *values, int32_t rows,
                    int32_t columns);
    void *observe_user;
} oc_session_options;

/* The session holds the model.  Errors: octavo_session_create's. */
octavo_status oc_session_create(oc_model *model, const oc_session_options *options,
                                oc_session **out, octavo_error *error);
void oc_session_free(oc_session *session);

int32_t oc_session_binding_count(const oc_session *session);
const octavo_binding *oc_session_binding(const oc_session *session, int32_t i);

/* octavo_session_run, _submit and _wait; options may be NULL, timeout_us is 0 for none. */
octavo_status oc_session_submit(oc_session *session, const octavo_argument *inputs,
                                int32_t input_count, const octavo_argument *outputs,
                                int32_t output_count, const octavo_run_options *options,
                                octavo_error *error);
octavo_status oc_session_wait(oc_session *session, int64_t timeout_us, octavo_error *error);

octavo_status oc_session_run(oc_session *session, const octavo_argument *inputs,
                             int32_t input_count, const octavo_argument *outputs,
                             int32_t output_count, const octavo_run_options *options,
                             octavo_error *error);

/* Runs the model's canaries again, in this session.  Errors: octavo_session_check's. */
octavo_status oc_session_check(oc_session *session, octavo_error *error);

/* The plan of a program's largest run, or NULL if this session does not have it. */
const oc_plan *oc_session_plan(const oc_session *session, oc_program_kind kind);

/* Where the device wants plans for smaller runs too: how many there are, ascending, that of the
 * largest run last; and one of them, or NULL. */
int32_t oc_session_plan_count(const oc_session *session, oc_program_kind kind);
const oc_plan *oc_session_plan_at(const oc_session *session, oc_program_kind kind, int32_t i);

/* What every run from now on tells of each step (OC_REPORT_..., 0: nothing), and the sums since
 * then over the runs of one plan; NULL while nothing is asked for. */
octavo_status oc_session_profile(oc_session *session, uint32_t report, octavo_error *error);
/* Which of those the next runs tell: of what was asked for there. */
void oc_session_report(oc_session *session, uint32_t report);
/* The sums of one plan begin anew. */
void oc_session_reports_clear(oc_session *session, oc_program_kind kind, int32_t i);
const oc_step_report *oc_session_reports_at(const oc_session *session, oc_program_kind kind,
                                            int32_t i);

/* Where the time of the last run went, as oc_backend.times: from the second call on, where the
 * device is not the host. */
oc_times oc_session_times(const oc_session *session);
/* Bytes held: activations and scratch. */
size_t oc_session_bytes(const oc_session *session);
oc_model *oc_session_model(const oc_session *session);
int32_t oc_session_towers(const oc_session *session);
int32_t oc_session_batch_max(const oc_session *session);
int32_t oc_session_tokens_max(const oc_session *session);

#endif
