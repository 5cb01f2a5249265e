/* cmd_eval.c - octavo eval: zero-shot accuracy over folders of images. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/tool.h"
#include "base/sys/io.h"
#include "base/sys/output.h"
#include "cli/commands/embed.h"
#include "cli/line/commands.h"
#include "cli/output/errors.h"
#include "cli/output/progress.h"
#include "cli/output/render.h"
#include "cli/output/signals.h"

/* A gate fails where the drop is larger than allowed and no chance. */
static const double significance = 0.05;

/* Percentage points that top-1 is below the other engine's. */
static double drop(const octavo_tool_eval_delta *delta) {
    return -100 * delta->delta_top1;
}

static bool gate_fails(const oc_cli_options *options, const octavo_tool_eval_delta *delta) {
    return options->max_drop >= 0 && drop(delta) > options->max_drop &&
           delta->worse_p < significance;
}

static octavo_status evaluate(const oc_cli_options *options, const char *engine, const char *labels,
                              const octavo_tool_listener *listener, octavo_tool_eval *out,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_options other = *options; /* the same flags, another engine */
    oc_cli_model model = {.engine = NULL};
    other.arguments = (oc_cli_list){&engine, 1};
    OC_TRY(oc_cli_model_open(&other, &model, error));
    OC_TRY(oc_cli_model_ready(&other, OCTAVO_IMAGE | OCTAVO_TEXT,
                              options->batch ? options->batch : OC_CLI_BATCH, 0, &model, error));
    octavo_tool_sessions sessions = {model.sessions, model.cards};
    OC_TRY(
        octavo_tool_eval_run(model.engine, &sessions, options->data, labels, listener, out, error));
done:
    oc_cli_model_close(&model);
    return status;
}

/* {"engine","top1","files":[{"file","truth","predicted"}...]} */
static octavo_status save_predictions(const oc_cli_options *options, const octavo_tool_eval *eval,
                                      octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer buffer;
    oc_json_writer json;
    oc_buffer_init(&buffer);
    oc_json_write_open(&json, &buffer, true);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "engine");
    oc_json_write_text(&json, options->arguments.items[0]);
    oc_cli_json_fixed(&json, "top1", eval->top1, 6);
    oc_json_write_key(&json, "files");
    oc_json_write_array(&json);
    for (int32_t i = 0; i < eval->images; i++) {
        oc_json_write_object(&json);
        oc_json_write_key(&json, "file");
        oc_json_write_text(&json, eval->files[i]);
        oc_json_write_key(&json, "truth");
        oc_json_write_text(&json, eval->class_names[eval->truth[i]]);
        oc_json_write_key(&json, "predicted");
        oc_json_write_text(&json, eval->class_names[eval->predicted[i]]);
        oc_json_write_end(&json);
    }
    oc_json_write_end(&json);
    oc_json_write_end(&json);
    OC_TRY(oc_json_write_finish(&json, error));
    oc_buffer_byte(&buffer, '\n');
    OC_TRY(oc_buffer_status(&buffer, error));
    oc_cli_guard_output(options->predictions);
    OC_TRY(oc_file_save(options->predictions, buffer.data, buffer.size, error));
done:
    oc_cli_guard_nothing();
    oc_buffer_free(&buffer);
    return status;
}

static void write_gate(oc_json_writer *json, const oc_cli_options *options,
                       const octavo_tool_eval_delta *delta) {
    oc_json_write_key(json, "gate");
    oc_json_write_object(json);
    oc_cli_json_fixed(json, "max_drop_points", options->max_drop, 4);
    oc_cli_json_fixed(json, "drop_points", drop(delta), 4);
    oc_cli_json_fixed(json, "p", delta->worse_p, 6);
    oc_cli_json_fixed(json, "significance", significance, 2);
    oc_json_write_key(json, "passed");
    oc_json_write_bool(json, !gate_fails(options, delta));
    oc_json_write_end(json);
}

static octavo_status tell_json(const oc_cli_options *options, const octavo_tool_eval *eval,
                               const octavo_tool_eval *other, const octavo_tool_eval_delta *delta,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer buffer;
    oc_json_writer json;
    char interval[64];
    oc_buffer_init(&buffer);
    oc_json_write_open(&json, &buffer, false);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "images");
    oc_json_write_int(&json, eval->images);
    oc_json_write_key(&json, "classes");
    oc_json_write_int(&json, eval->classes);
    oc_json_write_key(&json, "skipped");
    oc_json_write_int(&json, eval->skipped);
    oc_cli_json_fixed(&json, "top1", eval->top1, 6);
    oc_cli_json_fixed(&json, "top5", eval->top5, 6);
    oc_json_write_key(&json, "top1_ci95");
    snprintf(interval, sizeof interval, "[%.6f,%.6f]", eval->top1_ci95[0], eval->top1_ci95[1]);
    oc_json_write_raw(&json, oc_slice_of(interval));
    oc_cli_json_fixed(&json, "images_per_s", eval->images_per_s, 2);
    if (delta) {
        oc_cli_json_fixed(&json, "top1_against", other->top1, 6);
        oc_cli_json_fixed(&json, "agreement", delta->agreement, 6);
        oc_cli_json_fixed(&json, "cosine_mean", delta->cosine_mean, 8);
        oc_cli_json_fixed(&json, "cosine_min", delta->cosine_min, 8);
        oc_cli_json_fixed(&json, "delta_top1", delta->delta_top1, 6);
        oc_json_write_key(&json, "only_this_right");
        oc_json_write_int(&json, delta->only_a);
        oc_json_write_key(&json, "only_against_right");
        oc_json_write_int(&json, delta->only_b);
        oc_cli_json_fixed(&json, "mcnemar_p", delta->mcnemar_p, 6);
    }
    if (options->max_drop >= 0) {
        write_gate(&json, options, delta);
    }
    oc_json_write_end(&json);
    OC_TRY(oc_cli_json_print(&json, error));
done:
    oc_buffer_free(&buffer);
    return status;
}

static void tell(const oc_cli_options *options, const octavo_tool_eval *eval,
                 const octavo_tool_eval *other, const octavo_tool_eval_delta *delta) {
    printf("%s on %s: %d image%s, %d class%s, %.1f images/s\n", options->arguments.items[0],
           options->data, eval->images, OC_PLURAL(eval->images), eval->classes,
           eval->classes == 1 ? "" : "es", eval->images_per_s);
    printf("  top-1  %6.2f %%  (95 %% interval %.2f to %.2f)\n  top-5  %6.2f %%\n",
           100 * eval->top1, 100 * eval->top1_ci95[0], 100 * eval->top1_ci95[1], 100 * eval->top5);
    if (!delta) {
        return;
    }
    printf("against %s\n", options->against);
    printf("  top-1      %6.2f %%, a difference of %+.2f points\n", 100 * other->top1,
           100 * delta->delta_top1);
    printf("  agreement  %6.2f %% of the images get the same label\n", 100 * delta->agreement);
    printf("  cosine     %.6f mean, %.6f least, of image embeddings\n", delta->cosine_mean,
           delta->cosine_min);
    printf("  McNemar    p = %.3f (%d right here only, %d right there only)\n", delta->mcnemar_p,
           delta->only_a, delta->only_b);
}

octavo_status oc_cli_eval(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_tool_eval eval = {.images = 0}, other = {.images = 0};
    octavo_tool_eval_delta delta = {.agreement = 0};
    const octavo_tool_eval_delta *compared = options->against ? &delta : NULL;
    oc_cli_skipped skipped;
    octavo_tool_listener listener = oc_cli_listener(options, &skipped);
    octavo_tool_listener silent = {.progress = listener.progress, .user = listener.user};
    char *labels = options->labels_file ? strdup(options->labels_file)
                                        : oc_path_join(options->data, "labels.json");
    if (!labels) {
        OC_NO_MEMORY(error, strlen(options->data));
    }
    if (options->max_drop >= 0 && !options->against) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "--max-drop compares two engines: --against is missing");
    }
    OC_TRY(evaluate(options, options->arguments.items[0], labels, &listener, &eval, error));
    if (options->against) { /* the same files: what is to be told of them has been told */
        OC_TRY(evaluate(options, options->against, labels, &silent, &other, error));
        OC_TRY(octavo_tool_eval_compare(&eval, &other, &delta, error));
    }
    oc_cli_progress_clear(options->progress);
    if (options->predictions) {
        OC_TRY(save_predictions(options, &eval, error));
    }
    if (options->json) {
        OC_TRY(tell_json(options, &eval, &other, compared, error));
    } else {
        tell(options, &eval, &other, compared);
    }
    *verdict = oc_cli_skipped_verdict(&skipped);
    if (skipped.count) {
        oc_cli_notice(options, "%d image%s could not be read and %s not counted", skipped.count,
                      OC_PLURAL(skipped.count), skipped.count == 1 ? "is" : "are");
    }
    if (gate_fails(options, &delta)) {
        oc_cli_notice(options,
                      "top-1 is %.2f points lower, --max-drop allows %.2f, and chance alone would "
                      "do that with p = %.3f only",
                      drop(&delta), options->max_drop, delta.worse_p);
        *verdict = 1;
    } else if (options->max_drop >= 0 && drop(&delta) > options->max_drop) {
        oc_cli_notice(
            options,
            "top-1 is %.2f points lower and --max-drop allows %.2f, but that may be chance "
            "(p = %.3f, %.2f is wanted): more images would tell",
            drop(&delta), options->max_drop, delta.worse_p, significance);
    }
done:
    octavo_tool_eval_free(&other);
    octavo_tool_eval_free(&eval);
    oc_cli_skipped_free(&skipped);
    free(labels);
    return status;
}
