/* check.h - the tensors of a run, held against the session's bindings. */
#ifndef OC_RUNTIME_CHECK_H
#define OC_RUNTIME_CHECK_H

#include "runtime/session_fields.h"

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
} oc_call;

/* Checks names, dtypes, shapes and places of all tensors, and that every output has its input.
 *   INVALID_ARGUMENT  octavo_session_run's */
octavo_status oc_call_read(const oc_session *session, const octavo_argument *inputs,
                           int32_t input_count, const octavo_argument *outputs,
                           int32_t output_count, oc_call *out, octavo_error *error);

const octavo_argument *oc_argument_find(const octavo_argument *arguments, int32_t count,
                                        const char *name);

#endif
