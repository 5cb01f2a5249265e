/* drift.h - a model's traffic held against its engine's reference; docs/drift.md says how.
 *
 * A model has a watch where its engine has a reference, which `octavo calibrate` adds.  All of its
 * instances feed it.  A change of its state is a line of the log.
 */
#ifndef OC_SERVE_DRIFT_H
#define OC_SERVE_DRIFT_H

#include "serve/models/model.h"

/* NULL where the engine has no reference.  A reference that cannot be read is told in the log: the
 * model serves without. */
octavo_tool_watch *oc_srv_drift_open(octavo_engine *engine, const char *model);

/* Looks at a run that has just ended, on the session's thread.  Does nothing without a watch. */
void oc_srv_drift_run(oc_srv_model *model, octavo_session *session, const octavo_argument *inputs,
                      int32_t input_count, const octavo_argument *outputs, int32_t output_count);

/* The report, to be freed with octavo_free.
 *   NOT_FOUND  the engine has no reference */
octavo_status oc_srv_drift_report(oc_srv_model *model, char **out, octavo_error *error);

#endif
