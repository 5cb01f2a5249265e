/* session.h - a graph made ready on one device: weights, plans, memory, and running them.
 *
 * What octavo.h calls a session, without engine files: src/api opens those.
 */
#ifndef OC_RUNTIME_SESSION_H
#define OC_RUNTIME_SESSION_H

#include "engine/records/canary_record.h"
#include "lower/plan.h"
#include "passes/pipeline.h"

typedef struct oc_session oc_session;

typedef struct oc_session_options {
    oc_device *device; /* owned by the session from the call on, also when it fails */
    oc_savings savings;
    int32_t towers;                /* OCTAVO_IMAGE | OCTAVO_TEXT; 0: all that the graph has */
    int32_t batch_max, tokens_max; /* 0: as octavo.h says */
    bool keep_hidden;
    /* Values of the graph to look at: after each run `observe` gets their rows. */
    const char *const *observed;
    int32_t observed_count;
    void (*observe)(void *user, const char *name, const oc_view *view, int32_t rows);
    void *observe_user;
    const oc_canary *canaries; /* layer canaries are run before the session is handed out */
    int32_t canary_count;
} oc_session_options;

/* The programs of a session, each a plan. */
#define OC_PROGRAM_MAP(XX)                                                                         \
    XX(IMAGE_BYTES, "image")                                                                       \
    XX(IMAGE_VALUES, "image (values)")                                                             \
    XX(TEXT, "text")                                                                               \
    XX(LOGITS, "logits")

typedef enum oc_program_kind {
#define XX(name, text) OC_PROGRAM_##name,
    OC_PROGRAM_MAP(XX)
#undef XX
        OC_PROGRAM_COUNT
} oc_program_kind;

/* Whether a run can serve the graph: its inputs are pixels (of which pixel_values are made),
 * input_ids and attention_mask, each in its own place; image_embeds and text_embeds are one row for
 * each image or text, and logits_per_image their products. CORRUPT  a value that is not so, named
 */
octavo_status oc_graph_check_entries(const oc_graph *graph, octavo_error *error);

/* graph and source are borrowed; source must outlive the call only.  Errors:
 * octavo_session_create's. */
octavo_status oc_session_create(const oc_graph *graph, const oc_weight_source *source,
                                const oc_session_options *options, oc_session **out,
                                octavo_error *error);
void oc_session_free(oc_session *session);

int32_t oc_session_binding_count(const oc_session *session);
const octavo_binding *oc_session_binding(const oc_session *session, int32_t i);

octavo_status oc_session_run(oc_session *session, const octavo_argument *inputs,
                             int32_t input_count, const octavo_argument *outputs,
                             int32_t output_count, octavo_error *error);

/* The plan of a program, or NULL if this session does not have it. */
const oc_plan *oc_session_plan(const oc_session *session, oc_program_kind kind);
const char *oc_program_name(oc_program_kind kind);

/* Wall seconds of each step of `kind` in the last run, summed since profiling was switched on;
 * NULL while it is off. */
octavo_status oc_session_profile(oc_session *session, bool on, octavo_error *error);
const double *oc_session_seconds(const oc_session *session, oc_program_kind kind);

/* How far the worst layer canary was from its reference, of its limit: 0.3 is 30 %; 0 without any.
 */
double oc_session_canary_share(const oc_session *session);

/* Bytes held: packed weights, activations, scratch. */
size_t oc_session_bytes(const oc_session *session);
oc_device *oc_session_device(const oc_session *session);
int32_t oc_session_batch_max(const oc_session *session);
int32_t oc_session_tokens_max(const oc_session *session);
oc_savings oc_session_savings(const oc_session *session); /* in effect */

#endif
