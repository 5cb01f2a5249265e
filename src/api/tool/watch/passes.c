/* passes.c - see passes.h. */
#include "api/tool/watch/passes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/tool/listener.h"
#include "base/limits.h"
#include "base/sys/io.h"
#include "embed/embed.h"
#include "embed/items.h"
#include "num/rng.h"

enum {
    BATCH_MAX = 16,
    RUNS_LEAST = 16, /* how codes vary is learned from run to run */
    SEED = 1
};

typedef struct tower_pass {
    oc_pass *pass;
    const oc_tower *tower;
    octavo_session *session;
    oc_row_reader reader;
    const char *const *paths; /* of images; NULL for texts */
    float *embeddings, *scalars;
    int32_t *sizes;
    int32_t rows;
} tower_pass;

/* Width and height of an image file as it is looked at; zeros where it cannot be told. */
static void size_of(const char *path, int32_t size[2]) {
    char *bytes = NULL;
    size_t count = 0;
    size[0] = size[1] = 0;
    if (oc_file_load(path, OC_LIMIT_IMAGE_BYTES, &bytes, &count, NULL) == OCTAVO_OK) {
        (void)!octavo_tool_image_size(bytes, count, &size[0], &size[1], NULL);
    }
    free(bytes);
}

octavo_status octavo_tool_image_size(const void *data, size_t bytes, int32_t *width,
                                     int32_t *height, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_image_reader *reader = NULL;
    *width = *height = 0;
    OC_TRY(oc_image_open(data, bytes, &reader, error));
    const oc_image_info *info = oc_image_reader_info(reader);
    bool turned = oc_turn_of(info->orientation).transpose;
    *width = turned ? info->height : info->width;
    *height = turned ? info->width : info->height;
done:
    oc_image_reader_free(reader);
    return status;
}

static octavo_status run(void *user, int32_t lane, const octavo_argument *input,
                         const int32_t *items, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    tower_pass *t = user;
    int32_t rows = (int32_t)input->tensor.shape[0];
    octavo_argument output = {
        .name = t->tower->embeds_raw,
        .tensor = {.dtype = OCTAVO_F32,
                   .rank = 2,
                   .shape = {rows, t->pass->engine->info.embed_dim},
                   .data = t->embeddings},
    };
    (void)lane;
    OC_TRY(octavo_session_run(t->session, input, 1, &output, 1, NULL, error));
    for (int32_t r = 0; t->paths != NULL && r < rows; r++) {
        size_of(t->paths[items[r]], t->sizes + 2 * r);
    }
    oc_row_reader_read(&t->reader, input, t->paths != NULL ? t->sizes : NULL, t->scalars);
    OC_TRY(t->pass->take(t->pass->user, t->session->session, t->tower, t->embeddings, t->scalars,
                         rows, error));
    t->rows += rows;
done:
    return status;
}

static octavo_status left_out(void *user, int32_t item, const octavo_error *why) {
    tower_pass *t = user;
    const octavo_tool_listener *listener = t->pass->listener;
    t->pass->skipped++;
    return listener != NULL && listener->left_out != NULL
               ? listener->left_out(listener->user, t->paths[item], why)
               : OCTAVO_OK;
}

static octavo_status open_tower(tower_pass *t, octavo_model *model, int32_t items,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const octavo_tool_watch_data *data = t->pass->data;
    int32_t count = data->limit > 0 && data->limit < items ? data->limit : items;
    int32_t batch = count / RUNS_LEAST;
    batch = batch < 1 ? 1 : batch > BATCH_MAX ? BATCH_MAX : batch;
    octavo_session_options options = {.struct_size = sizeof options,
                                      .batch_max = batch,
                                      .threads = data->threads,
                                      .towers = t->tower->bit};
    size_t width = (size_t)t->pass->engine->info.embed_dim;
    t->embeddings = malloc((size_t)batch * width * sizeof(float));
    t->scalars = malloc((size_t)batch * OC_SCALAR_COUNT * sizeof(float));
    t->sizes = calloc((size_t)batch * 2, sizeof *t->sizes);
    if (t->embeddings == NULL || t->scalars == NULL || t->sizes == NULL) {
        OC_NO_MEMORY(error, (size_t)batch * width * sizeof(float));
    }
    OC_TRY(oc_row_reader_create(t->pass->engine, &t->reader, error));
    OC_TRY(octavo_session_create(model, &options, &t->session, error));
    OC_TRY(oc_session_profile(t->session->session, OC_REPORT_CODES, error));
done:
    return status;
}

static void close_tower(tower_pass *t) {
    octavo_session_free(t->session);
    oc_row_reader_free(&t->reader);
    free(t->embeddings);
    free(t->scalars);
    free(t->sizes);
}

static oc_embed_job job_of(tower_pass *t, const char *what) {
    const octavo_tool_listener *listener = t->pass->listener;
    return (oc_embed_job){
        .batch = t->session->info.batch_max,
        .threads = t->session->info.threads,
        .limit = t->pass->data->limit,
        .what = what,
        .progress = listener == NULL ? NULL : listener->progress,
        .progress_user = listener == NULL ? NULL : listener->user,
        .lanes = 1,
        .user = t,
        .run = run,
        .left_out = left_out,
    };
}

/* -- images --------------------------------------------------------------------------------- */

static void shuffle(oc_items *items) {
    oc_rng rng;
    oc_rng_init(&rng, SEED, 0);
    for (int32_t i = items->count - 1; i > 0; i--) {
        int32_t j = (int32_t)oc_rng_below(&rng, (uint64_t)i + 1);
        const char *kept = items->items[i];
        items->items[i] = items->items[j];
        items->items[j] = kept;
    }
}

static octavo_status find_images(oc_items *items, const char *images, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t others = 0;
    bool is_folder = oc_is_folder(images);
    if (is_folder) {
        OC_TRY(oc_items_walk(items, images, &others, error));
        shuffle(items);
    } else {
        OC_TRY(oc_items_read(items, images, false, error));
    }
    if (items->count == 0) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                is_folder ? "there is no image among the %d files of folder %s: no name ends in "
                            ".jpg, .png or .webp"
                          : "of %d images the list %s names none",
                others, images);
    }
done:
    return status;
}

static octavo_status run_images(oc_pass *pass, octavo_model *model, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    tower_pass t = {.pass = pass, .tower = oc_tower_of_form(OC_FORM_BYTES)};
    const char *images = pass->data->images;
    oc_items items = {0};
    OC_TRY(oc_engine_has_processor(pass->engine, error));
    OC_TRY(find_images(&items, images, error));
    t.paths = items.items;
    OC_TRY(open_tower(&t, model, items.count, error));
    oc_embed_job job = job_of(&t, "looking at images");
    OC_TRY(oc_embed_images(&job, &pass->engine->processor, items.items, items.count, error));
    if (t.rows == 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, "none of the %d image%s of %s can be read",
                items.count, OC_PLURAL(items.count), images);
    }
    pass->images = t.rows;
done:
    close_tower(&t);
    oc_items_free(&items);
    return status;
}

/* -- texts ---------------------------------------------------------------------------------- */

static octavo_status run_texts(oc_pass *pass, octavo_model *model, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    tower_pass t = {.pass = pass, .tower = oc_tower_of_form(OC_FORM_IDS)};
    oc_items items = {0};
    OC_TRY(oc_engine_has_tokenizer(pass->engine, error));
    OC_TRY(oc_items_read(&items, pass->data->texts, false, error));
    if (items.count == 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, "there is no text in %s",
                pass->data->texts);
    }
    OC_TRY(open_tower(&t, model, items.count, error));
    oc_embed_job job = job_of(&t, "looking at texts");
    OC_TRY(oc_embed_texts(&job, pass->engine->bpe, pass->engine->info.tokens_max, items.items,
                          items.count, error));
    pass->texts = t.rows;
done:
    close_tower(&t);
    oc_items_free(&items);
    return status;
}

octavo_status oc_pass_run(oc_pass *pass, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const octavo_tool_watch_data *data = pass->data;
    octavo_model *model = NULL;
    octavo_model_options options = {.struct_size = sizeof options,
                                    .device = data->device,
                                    .tier = data->tier,
                                    .disable = data->disable,
                                    .threads = data->threads};
    if (data->images == NULL && data->texts == NULL) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "neither images nor texts are given: --images DIR, --texts FILE, or both");
    }
    options.towers =
        (data->images != NULL ? OCTAVO_IMAGE : 0) | (data->texts != NULL ? OCTAVO_TEXT : 0);
    OC_TRY(octavo_model_load(pass->engine, &options, &model, error));
    snprintf(pass->device, sizeof pass->device, "%s, %s", octavo_model_describe(model)->device,
             octavo_model_describe(model)->device_about);
    if (data->images != NULL) {
        OC_TRY(run_images(pass, model, error));
    }
    if (data->texts != NULL) {
        OC_TRY(run_texts(pass, model, error));
    }
done:
    octavo_model_free(model);
    return status;
}
