/* cmd_bench.c - octavo bench: speed of an engine, or of a random model of a published shape. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/tool.h"
#include "base/limits.h"
#include "base/number.h"
#include "commands.h"
#include "errors.h"
#include "measure.h"
#include "preset.h"
#include "progress.h"
#include "render.h"
#include "steps.h"

enum { BATCHES_MAX = 64, PROFILE_ROWS = 40, UNSTABLE = 2 };

static const int32_t towers[] = {OCTAVO_IMAGE, OCTAVO_TEXT};
static const char *const tower_names[] = {"image", "text"};

/* What is measured, and what was found; results[tower * batch_count + batch]. */
typedef struct bench {
    oc_cli_model model;
    int32_t batches[BATCHES_MAX], batch_count, batch_max;
    int32_t tokens, vocabulary, end_of_text;
    int32_t wanted; /* towers */
    oc_cli_timing results[OC_COUNT(towers) * BATCHES_MAX];
    char *before, *after; /* explain's reports, around the profiled runs */
    int32_t profiled;     /* runs */
} bench;

static octavo_status read_batches(oc_cli_options *options, bench *of, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_list words;
    int64_t value;
    OC_TRY(oc_cli_split(options, options->batches ? options->batches : "1", &words, error));
    if (words.count < 1 || words.count > BATCHES_MAX) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "--batch lists %d numbers; 1 to %d are taken", words.count, BATCHES_MAX);
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

/* What random ids need to know of the text tower. */
static octavo_status read_vocabulary(const oc_cli_options *options, bench *of,
                                     octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t most = of->model.info->tokens_max;
    const oc_cli_node *report;
    char *text = NULL;
    oc_arena arena;
    oc_arena_init(&arena);
    OC_TRY(octavo_tool_inspect(of->model.path, 0, &text, error));
    OC_TRY(oc_cli_tree(text, &arena, &report, error));
    const oc_cli_node *tower = oc_cli_at(report, "text");
    of->vocabulary = (int32_t)oc_cli_number(tower, "vocabulary", 0);
    of->end_of_text = (int32_t)oc_cli_number(tower, "end_of_text", 2);
    of->tokens = options->tokens ? options->tokens : most;
    if (of->vocabulary < 2) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%s has a vocabulary of %d tokens: too few for a text", of->model.path,
                of->vocabulary);
    }
    if (of->tokens > most) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "--tokens %d: the engine takes %d at most", of->tokens, most);
    }
done:
    octavo_free(text);
    oc_arena_free(&arena);
    return status;
}

/* Runs the job for about as long as a measurement, a second at most, with the clock on each step. */
static octavo_status profile(bench *of, const oc_cli_job *job, const oc_cli_timing *timing,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    double runs = 1 / timing->median_s;
    of->profiled = runs < 3 ? 3 : runs > 1000 ? 1000 : (int32_t)runs;
    octavo_free(of->before);
    octavo_free(of->after);
    of->before = of->after = NULL;
    OC_TRY(octavo_tool_profile(of->model.session, 1, error));
    OC_TRY(octavo_tool_explain(of->model.session, &of->before, error));
    for (int32_t i = 0; i < of->profiled; i++) {
        OC_TRY(oc_cli_job_run(&of->model, job, error));
    }
    OC_TRY(octavo_tool_explain(of->model.session, &of->after, error));
    OC_TRY(octavo_tool_profile(of->model.session, 0, error));
done:
    return status;
}

typedef struct oc_cli_job_report {
    oc_cli_step *steps;
    int32_t count;
    double total;
} step_report;
