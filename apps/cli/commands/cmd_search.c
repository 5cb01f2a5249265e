/* cmd_search.c - octavo search: the images that fit a sentence. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands/embed.h"
#include "cli/line/commands.h"
#include "cli/line/lists.h"
#include "cli/output/render.h"

enum { TOP = 5 };

typedef struct found {
    float score; /* cosine to the closest sentence */
    int32_t image;
} found;

static int by_score(const void *a, const void *b) {
    const found *left = a, *right = b;
    return left->score != right->score ? (left->score < right->score) - (left->score > right->score)
                                       : left->image - right->image;
}

static float cosine(const float *a, const float *b, int32_t dim) {
    double sum = 0;
    for (int32_t i = 0; i < dim; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return (float)sum;
}

static octavo_status tell(const oc_cli_options *options, const oc_cli_embeds *images,
                          const oc_cli_skipped *skipped, const found *ranks, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t top = options->top ? options->top : TOP;
    oc_buffer buffer;
    oc_json_writer json;
    oc_cli_table table;
    oc_buffer_init(&buffer);
    oc_cli_table_open(&table, ">cosine|<image");
    oc_json_write_open(&json, &buffer, false);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "results");
    oc_json_write_array(&json);
    for (int32_t i = 0; i < top && i < images->count; i++) {
        const char *file = images->names[ranks[i].image];
        oc_json_write_object(&json);
        oc_json_write_key(&json, "file");
        oc_json_write_text(&json, file);
        oc_json_write_key(&json, "score");
        oc_json_write_float(&json, ranks[i].score);
        oc_json_write_end(&json);
        oc_cli_table_cell(&table, "%.4f", (double)ranks[i].score);
        oc_cli_table_cell(&table, "%s", file);
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
    return status;
}

octavo_status oc_cli_search(oc_cli_options *options, int *verdict, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cli_list files;
    oc_cli_model model = {.engine = NULL};
    oc_cli_embeds images = {.count = 0}, texts = {.count = 0};
    oc_cli_skipped skipped;
    octavo_tool_listener listener = oc_cli_listener(options, &skipped);
    found *ranks = NULL;
    OC_TRY(oc_cli_find_images(options, &files, error));
    OC_TRY(oc_cli_model_open(options, &model, error));
    OC_TRY(oc_cli_model_ready(options, OCTAVO_IMAGE | OCTAVO_TEXT,
                              options->batch ? options->batch : OC_CLI_BATCH, 0, &model, error));
    OC_TRY(oc_cli_embed_texts(&model, &options->texts, &listener, &texts, error));
    OC_TRY(oc_cli_embed_images(&model, &files, &listener, &images, error));
    ranks = calloc((size_t)images.count + 1, sizeof *ranks);
    if (!ranks) {
        OC_NO_MEMORY(error, (size_t)images.count * sizeof *ranks);
    }
    for (int32_t i = 0; i < images.count; i++) {
        ranks[i] = (found){-1, i};
        for (int32_t t = 0; t < texts.count; t++) {
            float score = cosine(images.rows + (size_t)i * (size_t)images.dim,
                                 texts.rows + (size_t)t * (size_t)texts.dim, images.dim);
            ranks[i].score = score > ranks[i].score ? score : ranks[i].score;
        }
    }
    qsort(ranks, (size_t)images.count, sizeof *ranks, by_score);
    OC_TRY(tell(options, &images, &skipped, ranks, error));
    *verdict = oc_cli_skipped_verdict(&skipped);
done:
    free(ranks);
    oc_cli_embeds_free(&texts);
    oc_cli_embeds_free(&images);
    oc_cli_skipped_free(&skipped);
    oc_cli_model_close(&model);
    return status;
}
