/* streams.h - how much several sessions do at once, on one card or on all of them. */
#ifndef OC_CLI_STREAMS_H
#define OC_CLI_STREAMS_H

#include "cli/bench/measure.h"

/* Rows a second of `streams` sessions on each card, each with a thread that runs the job again and
 * again. */
octavo_status oc_cli_rate(const oc_cli_options *options, const oc_cli_model *model,
                          const oc_cli_job *job, int32_t streams, double *rows_per_s,
                          octavo_error *error);

#endif
