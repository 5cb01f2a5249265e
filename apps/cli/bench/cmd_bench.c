/* cmd_bench.c - octavo bench: speed of an engine, or of a random model of a published shape. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/tool.h"
#include "base/json/number.h"
#include "base/limits.h"
#include "base/sys/clock.h"
#include "cli/bench/peers.h"
#include "cli/bench/preset_engine.h"
#include "cli/bench/streams.h"
#include "cli/line/commands.h"
#include "cli/output/errors.h"
#include "cli/output/progress.h"
#include "cli/output/tree.h"

enum { UNSTABLE = 2, PROFILE_RUNS = 3, PROFILE_NS = 1000000000 };

static const int32_t towers[] = {OCTAVO_IMAGE, OCTAVO_TEXT};

static octavo_status read_batches(oc_cli_options *options, oc_cli_bench_run *of,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_list words;
    int64_t value;
    OC_TRY(oc_cli_split(options, options->batches ? options->batches : "1", &words, error));
    if (words.count < 1 || words.count > OC_CLI_BATCHES) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "--batch lists %d numbers; 1 to %d are taken", words.count, OC_CLI_BATCHES);
    }
    for (int32_t i = 0; i < words.count; i++) {
        if (!oc_parse_int64(words.items[i], strlen(words.items[i]), &value) || value < 1 ||
            value > OC_LIMIT_BATCH) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "--batch takes whole numbers from 1 to %d, not \"%s\"", OC_LIMIT_BATCH,
                    words.items[i]);
        }
        of->batches[of->batch_count++] = (int32_t)value;
        of->batch_max = value > of->batch_max ? (int32_t)value : of->batch_max;
    }
done:
    return status;
}

/* The id that ends a text: the tokenizer's, or the last of the vocabulary where there is none. */
static octavo_status find_end(oc_cli_bench_run *of, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t most = of->model.info->tokens_max, count;
    int32_t *ids = malloc((size_t)most * sizeof *ids);
    const oc_cli_node *report;
    char *text = NULL;
    oc_arena arena;
    oc_arena_init(&arena);
    if (!ids) {
        OC_NO_MEMORY(error, (size_t)most * sizeof *ids);
    }
    if (octavo_tokenize(of->model.engine, "", 0, ids, &count, NULL, NULL) == OCTAVO_OK) {
        of->end = ids[count - 1];
    } else {
        OC_TRY(octavo_tool_inspect(of->model.path, 0, &text, error));
        OC_TRY(oc_cli_tree(text, &arena, &report, error));
        of->end = (int32_t)oc_cli_number(oc_cli_at(report, "text"), "vocabulary", 0) - 1;
    }
    if (of->end < 1) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "texts end with token %d: there is none below it to fill them with", of->end);
    }
done:
    free(ids);
    octavo_free(text);
    oc_arena_free(&arena);
    return status;
}

static octavo_status set_tokens(const oc_cli_options *options, oc_cli_bench_run *of,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t most = of->model.info->tokens_max;
    of->tokens = options->tokens ? options->tokens : most;
    if (of->tokens > most) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "--tokens %d: the engine takes %d at most", of->tokens, most);
    }
    OC_TRY(find_end(of, error));
done:
    return status;
}

/* Runs the job for about a second, each step timed. */
static octavo_status profile(const oc_cli_bench_run *of, const oc_cli_job *job, oc_cli_result *out,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t start = oc_clock_ns();
    OC_TRY(octavo_tool_profile(of->model.session, 1, error));
    while (out->profiled < PROFILE_RUNS || oc_clock_ns() - start < PROFILE_NS) {
        OC_TRY(oc_cli_job_run(&of->model, job, error));
        out->profiled++;
    }
    OC_TRY(octavo_tool_explain(of->model.session, &out->steps, error));
    OC_TRY(octavo_tool_profile(of->model.session, 0, error));
done:
    return status;
}

static octavo_status measure(const oc_cli_options *options, oc_cli_bench_run *of,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t tower = oc_cli_tower(options);
    int32_t wanted = tower ? tower : of->model.info->towers;
    bool all_cards = options->device && strcmp(options->device, "cuda:all") == 0;
    int32_t streams = options->streams ? options->streams : all_cards ? 2 : 0;
    oc_cli_job job = {.input = NULL};
    for (size_t t = 0; t < OC_COUNT(towers); t++) {
        for (int32_t b = 0; (wanted & towers[t]) && b < of->batch_count; b++) {
            oc_cli_result *out = &of->results[of->result_count];
            OC_TRY(oc_cli_job_make(&of->model, towers[t], of->batches[b], of->tokens, of->end, &job,
                                   error));
            *out = (oc_cli_result){.tower = towers[t], .batch = job.batch, .tokens = job.tokens};
            of->result_count++;
            OC_TRY(oc_cli_time(options, &of->model, &job, &out->timing, error));
            if (options->profile) {
                OC_TRY(profile(of, &job, out, error));
            }
            if (streams) {
                OC_TRY(oc_cli_rate(options, &of->model, &job, streams, &out->rows_per_s, error));
                out->cards = of->model.cards;
                out->streams = streams;
            }
            oc_cli_job_free(&job);
        }
    }
done:
    oc_cli_job_free(&job);
    return status;
}

octavo_status oc_cli_bench(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_preset preset = {.engine = NULL};
    oc_cli_peers peers = {.count = 0};
    int32_t tower = oc_cli_tower(options);
    oc_cli_bench_run *of = calloc(1, sizeof *of);
    if (!of) {
        OC_NO_MEMORY(error, sizeof *of);
    }
    OC_TRY(read_batches(options, of, error));
    if ((options->arguments.count == 1) == (options->preset != NULL)) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "either an engine file or --preset is measured: %s",
                options->preset ? "both are given" : "none is given");
    }
    if (options->compare) {
        OC_TRY(oc_cli_peers_read(options->compare, &peers, error));
        of->peers = &peers;
    }
    if (options->preset) {
        OC_TRY(oc_cli_preset_make(options, &preset, error));
        OC_TRY(oc_cli_list_add(&options->arena, &options->arguments, preset.engine, error));
    }
    OC_TRY(oc_cli_model_open(options, &of->model, error));
    if ((tower ? tower : of->model.info->towers) & of->model.info->towers & OCTAVO_TEXT) {
        OC_TRY(set_tokens(options, of, error));
    }
    OC_TRY(oc_cli_model_ready(options, tower, of->batch_max, 0, &of->model, error));
    of->name = options->preset ? options->preset : of->model.info->name;
    OC_TRY(measure(options, of, error));
    if (options->profile) {
        OC_TRY(octavo_tool_measure_ceilings(of->model.session, &of->ceilings, error));
    }
    oc_cli_progress_clear(options->progress);
    OC_TRY(oc_cli_bench_tell(options, of, error));
    for (int32_t i = 0; options->max_spread >= 0 && i < of->result_count; i++) {
        if (of->results[i].timing.spread > options->max_spread) {
            oc_cli_notice(options, "%s, batch %d: the spread is %.3f, --max-spread allows %.3f",
                          oc_cli_tower_name(of->results[i].tower), of->results[i].batch,
                          of->results[i].timing.spread, options->max_spread);
            *verdict = UNSTABLE;
        }
    }
done:
    for (int32_t i = 0; of && i < of->result_count; i++) {
        octavo_free(of->results[i].steps);
    }
    if (of) {
        oc_cli_model_close(&of->model);
    }
    free(of);
    oc_cli_peers_free(&peers);
    oc_cli_preset_remove(&preset);
    return status;
}
