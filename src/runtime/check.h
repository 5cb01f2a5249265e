/* check.h - the tensors of a run, held against the session's bindings. */
#ifndef OC_RUNTIME_CHECK_H
#define OC_RUNTIME_CHECK_H

#include "runtime/session_fields.h"

/* Checks names, dtypes, shapes and places of all tensors, and that every output has its input.
 * options may be NULL.
 *   INVALID_ARGUMENT  octavo_session_run's */
octavo_status oc_call_read(const oc_session *session, const octavo_argument *inputs,
                           int32_t input_count, const octavo_argument *outputs,
                           int32_t output_count, const octavo_run_options *options, oc_call *out,
                           octavo_error *error);

const octavo_argument *oc_argument_find(const octavo_argument *arguments, int32_t count,
                                        const char *name);

#endif
