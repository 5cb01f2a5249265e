/* session_fields.h - the fields of a session, for entries.c, session.c and run.c. */
#ifndef OC_RUNTIME_SESSION_FIELDS_H
#define OC_RUNTIME_SESSION_FIELDS_H

#include "runtime/session.h"
#include "runtime/texts.h"

struct oc_session {
    oc_device *device;
    oc_weights *weights;
    oc_savings savings;
    bool keep_hidden;
    int32_t towers, batch_max, image_size, image_tokens;
    bool causal; /* what follows a token cannot reach it */
    oc_plan_limits limits;
    bool has[OC_PROGRAM_COUNT];
    oc_plan plans[OC_PROGRAM_COUNT];
    double *seconds[OC_PROGRAM_COUNT]; /* summed; NULL: not profiling */
    double *step_seconds;              /* of one run */
    void *arena, *scratch;             /* one block, shared by all programs */
    size_t memory_bytes;
    int32_t *image_starts; /* [batch_max + 1] */
    int32_t embed_dims[2]; /* image and text; 0 for a tower that is not here */
    float *embeds[2];      /* [batch_max, embed_dims]: what logits are made from */
    oc_texts texts;
    const char *const *observed; /* borrowed for the making only */
    int32_t observed_count;
    void (*observe)(void *user, const char *name, const oc_view *view, int32_t rows);
    void *observe_user;
    double canary_share;
    octavo_binding *bindings;
    int32_t binding_count;
};

/* Sets what the graph decides: towers (of those `wanted`; 0: all), sizes, the rules of texts.
 *   INVALID_ARGUMENT  a tower that the graph lacks
 *   CORRUPT           an input or output that no run can serve, named */
octavo_status oc_session_read_graph(oc_session *session, const oc_graph *graph, int32_t wanted,
                                    octavo_error *error);

#endif
