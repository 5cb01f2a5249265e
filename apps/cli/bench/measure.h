/* measure.h - how long one run of a tower takes. */
#ifndef OC_CLI_MEASURE_H
#define OC_CLI_MEASURE_H

#include "cli/bench/busy.h"
#include "cli/bench/card.h"
#include "cli/commands/open_model.h"

/* A tower with random input: pixels, or ids with the end token last, so that no token is cut. */
typedef struct oc_cli_job {
    int32_t tower, batch, tokens; /* tokens: of a text; 0 for images */
    void *input;
    float *output;
} oc_cli_job;

/* end: the id that ends a text. */
octavo_status oc_cli_job_make(const oc_cli_model *model, int32_t tower, int32_t batch,
                              int32_t tokens, int32_t end, oc_cli_job *out, octavo_error *error);
octavo_status oc_cli_job_run(const oc_cli_model *model, const oc_cli_job *job, octavo_error *error);
void oc_cli_job_free(oc_cli_job *job); /* a zeroed one is accepted */

/* Of the runs; below 0: not told. */
typedef struct oc_cli_part {
    double median_s, p90_s;
} oc_cli_part;

typedef struct oc_cli_timing {
    double min_s, median_s, p90_s, p99_s;       /* wall */
    oc_cli_part to_device, device, from_device; /* octavo_tool_times; of GPUs alone */
    double cpu_s;                               /* process CPU time a run */
    double spread;                              /* (p90 - median) / median */
    double flop;                                /* of a run, as octavo_tool_flop counts */
    double peak_flops; /* a second, the better of measurements before and after; 0: unknown */
    const char *peak;  /* octavo_tool_peak_name */
    int32_t runs;
    oc_cli_busy busy; /* while these ran */
    oc_cli_card card;
} oc_cli_timing;

/* Runs for `warmup` seconds (once at least), then for `duration` seconds (three times at least). */
octavo_status oc_cli_time(const oc_cli_options *options, const oc_cli_model *model,
                          const oc_cli_job *job, oc_cli_timing *out, octavo_error *error);

/* Memory that this process holds, in MiB. */
double oc_cli_resident_mb(void);

#endif
