/* bench.h - what octavo bench measures and finds. */
#ifndef OC_CLI_BENCH_H
#define OC_CLI_BENCH_H

#include "api/tool.h"
#include "base/json/json_write.h"
#include "cli/bench/measure.h"

enum { OC_CLI_BATCHES = 64 };

typedef struct oc_cli_result {
    int32_t tower; /* OCTAVO_IMAGE or OCTAVO_TEXT */
    int32_t batch, tokens;
    oc_cli_timing timing;
    int32_t cards, streams; /* of the measurement with several sessions; 0: none */
    double rows_per_s;      /* of all of them together */
    char *steps;            /* explain's report after `profiled` runs; NULL without --profile */
    int32_t profiled;
} oc_cli_result;

typedef struct oc_cli_bench_run {
    oc_cli_model model;
    const char *name;                 /* of the preset, or the engine's */
    const struct oc_cli_peers *peers; /* of --compare; NULL without it */
    octavo_tool_ceilings ceilings;    /* with --profile */
    int32_t batches[OC_CLI_BATCHES], batch_count, batch_max;
    int32_t tokens, end;                       /* of a text; the id that ends it */
    oc_cli_result results[2 * OC_CLI_BATCHES]; /* two towers */
    int32_t result_count;
} oc_cli_bench_run;

/* Prints the results, as JSON or for people. */
octavo_status oc_cli_bench_tell(const oc_cli_options *options, const oc_cli_bench_run *of,
                                octavo_error *error);
octavo_status oc_cli_bench_json(const oc_cli_bench_run *of, const char *device,
                                octavo_error *error);

/* The steps of a result, the longest first, each beside its limit: a table, or "profile":[...]. */
octavo_status oc_cli_profile_print(const oc_cli_bench_run *of, const oc_cli_result *from,
                                   octavo_error *error);
octavo_status oc_cli_profile_write(oc_json_writer *json, const oc_cli_bench_run *of,
                                   const oc_cli_result *from, octavo_error *error);

/* Whether a row was measured on a GPU. */
static inline bool oc_cli_is_card(const oc_cli_result *row) {
    return row->timing.device.median_s >= 0;
}

const char *oc_cli_tower_name(int32_t tower);

#endif
