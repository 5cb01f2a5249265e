/* cmd_classify.c - octavo classify: labels for images, zero-shot. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/tool.h"
#include "base/limits.h"
#include "cli/commands/embed.h"
#include "cli/line/commands.h"
#include "cli/line/lists.h"
#include "cli/output/errors.h"
#include "cli/output/progress.h"
#include "cli/output/render.h"

enum { TOP = 5, BAR = 20 /* characters of 100 % */ };

typedef struct ranked {
    float score;
    int32_t label;
} ranked;

static octavo_status read_labels(oc_cli_options *options, oc_cli_list *labels,
                                 oc_cli_list *templates, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *labels = *templates = (oc_cli_list){NULL, 0};
    if (options->labels) {
        OC_TRY(oc_cli_split(options, options->labels, labels, error));
    }
    if (options->labels_file) {
        OC_TRY(oc_cli_read_texts(options, options->labels_file, false, labels, error));
    }
    if (labels->count == 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "the list of labels is empty%s",
                options->labels || options->labels_file ? "" : ": --labels or --labels-file");
    }
    if ((uint32_t)labels->count > OC_LIMIT_LABELS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET, "there are %d labels, the limit is %u",
                labels->count, OC_LIMIT_LABELS);
    }
    if (!options->templates_file) {
        goto done;
    }
    OC_TRY(oc_cli_read_texts(options, options->templates_file, false, templates, error));
    if (templates->count == 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "%s holds no template",
                options->templates_file);
    }
    OC_TRY(octavo_tool_check_templates(templates->items, templates->count, error));
done:
    if (status && templates->count) {
        oc_error_path(error, options->templates_file);
    }
    return status;
}

static int by_score(const void *a, const void *b) {
    const ranked *left = a, *right = b;
    return left->score != right->score ? (left->score < right->score) - (left->score > right->score)
                                       : left->label - right->label;
}

static void print_result(const char *file, const ranked *best, int32_t top,
                         const oc_cli_list *labels, oc_cli_table *table) {
    static const char bar[BAR + 1] = "####################";
    for (int32_t i = 0; i < top; i++) {
        int length = (int)((float)BAR * best[i].score + 0.5f);
        oc_cli_table_cell(table, "%s", i == 0 ? file : "");
        oc_cli_table_cell(table, "%s", labels->items[best[i].label]);
        oc_cli_table_cell(table, "%.1f %%", 100 * (double)best[i].score);
        oc_cli_table_cell(table, "%.*s", length, bar);
    }
}

static void write_result(oc_json_writer *json, const char *file, const ranked *best, int32_t top,
                         const oc_cli_list *labels) {
    oc_json_write_object(json);
    oc_json_write_key(json, "file");
    oc_json_write_text(json, file);
    oc_json_write_key(json, "labels");
    oc_json_write_array(json);
    for (int32_t i = 0; i < top; i++) {
        oc_json_write_object(json);
        oc_json_write_key(json, "label");
        oc_json_write_text(json, labels->items[best[i].label]);
        oc_json_write_key(json, "score");
        oc_json_write_float(json, best[i].score);
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
    oc_json_write_end(json);
}

static octavo_status tell(const oc_cli_options *options, const octavo_tool_classes *classes,
                          const oc_cli_list *labels, const oc_cli_embeds *images,
                          const oc_cli_skipped *skipped, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t top = options->top ? options->top : TOP;
    float *scores = malloc(((size_t)labels->count + 1) * sizeof *scores);
    ranked *ranks = malloc(((size_t)labels->count + 1) * sizeof *ranks);
    oc_buffer buffer;
    oc_json_writer json;
    oc_cli_table table;
    oc_buffer_init(&buffer);
    oc_cli_table_open(&table, "<image|<label|>score|~");
    if (!scores || !ranks) {
        OC_NO_MEMORY(error, (size_t)labels->count * sizeof *ranks);
    }
    top = top < labels->count ? top : labels->count;
    oc_json_write_open(&json, &buffer, false);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "results");
    oc_json_write_array(&json);
    for (int32_t i = 0; i < images->count; i++) {
        octavo_tool_classes_score(classes, images->rows + (size_t)i * (size_t)images->dim, scores);
        for (int32_t l = 0; l < labels->count; l++) {
            ranks[l] = (ranked){scores[l], l};
        }
        qsort(ranks, (size_t)labels->count, sizeof *ranks, by_score);
        if (options->json) {
            write_result(&json, images->names[i], ranks, top, labels);
        } else {
            print_result(images->names[i], ranks, top, labels, &table);
        }
    }
    oc_json_write_end(&json);
    oc_cli_json_skipped(&json, skipped);
    oc_json_write_end(&json);
    if (options->json) {
        OC_TRY(oc_cli_json_print(&json, error));
    } else {
        OC_TRY(oc_cli_table_print(&table, 0, error));
    }
done:
    oc_cli_table_close(&table);
    oc_buffer_free(&buffer);
    free(ranks);
    free(scores);
    return status;
}

octavo_status oc_cli_classify(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_list images, labels, templates;
    oc_cli_model model = {.engine = NULL};
    oc_cli_embeds embeds = {.count = 0};
    oc_cli_skipped skipped;
    octavo_tool_listener listener = oc_cli_listener(options, &skipped);
    octavo_tool_classes *classes = NULL;
    OC_TRY(read_labels(options, &labels, &templates, error));
    OC_TRY(oc_cli_find_images(options, &images, error));
    OC_TRY(oc_cli_model_open(options, &model, error));
    OC_TRY(oc_cli_model_ready(options, OCTAVO_IMAGE | OCTAVO_TEXT,
                              options->batch ? options->batch : OC_CLI_BATCH, 0, &model, error));
    OC_TRY(octavo_tool_classes_create(model.engine, model.session, labels.items, labels.count,
                                      templates.items, templates.count, &listener, &classes,
                                      error));
    OC_TRY(oc_cli_embed_images(&model, &images, &listener, &embeds, error));
    OC_TRY(tell(options, classes, &labels, &embeds, &skipped, error));
    *verdict = oc_cli_skipped_verdict(&skipped);
done:
    octavo_tool_classes_free(classes);
    oc_cli_embeds_free(&embeds);
    oc_cli_skipped_free(&skipped);
    oc_cli_model_close(&model);
    return status;
}
