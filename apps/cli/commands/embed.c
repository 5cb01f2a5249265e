/* embed.c - see embed.h. */
#include "cli/commands/embed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/sys/threads.h"
#include "cli/output/errors.h"
#include "cli/output/progress.h"

/* One batch of images on its way to pixels. */
typedef struct decoding {
    const octavo_engine *engine;
    const char *const *files;
    uint8_t *pixels;
    size_t image_bytes;
    octavo_error *errors; /* [batch] */
} decoding;

static void decode(void *context, int32_t index, int32_t thread) {
    decoding *batch = context;
    octavo_error *error = &batch->errors[index];
    (void)thread;
    oc_error_clear(error);
    error->status =
        octavo_preprocess_file(batch->engine, batch->files[index],
                               batch->pixels + (size_t)index * batch->image_bytes, error);
    oc_error_path(error, batch->files[index]);
}

static octavo_status open_embeds(oc_cli_embeds *out, int32_t count, int32_t dim,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t values = 0, bytes = 0;
    *out = (oc_cli_embeds){.dim = dim};
    if (!oc_mul_size((size_t)count + 1, (size_t)dim, &values) ||
        !oc_mul_size(values, sizeof(float), &bytes)) {
        OC_NO_MEMORY(error, SIZE_MAX);
    }
    out->rows = malloc(bytes);
    out->names = calloc((size_t)count + 1, sizeof *out->names);
    out->skipped = calloc((size_t)count + 1, sizeof *out->skipped);
    if (!out->rows || !out->names || !out->skipped) {
        OC_NO_MEMORY(error, bytes);
    }
done:
    return status;
}

void oc_cli_embeds_free(oc_cli_embeds *embeds) {
    for (int32_t i = 0; i < embeds->skipped_count; i++) {
        free(embeds->skipped[i].message);
    }
    free(embeds->skipped);
    free(embeds->names);
    free(embeds->rows);
    *embeds = (oc_cli_embeds){.count = 0};
}

static bool is_the_images_fault(octavo_status status) {
    return status == OCTAVO_CORRUPT || status == OCTAVO_UNSUPPORTED || status == OCTAVO_NOT_FOUND ||
           status == OCTAVO_IO;
}

/* Moves the pixels of what was decoded together; the others are noted as skipped. */
static octavo_status sort_out(const oc_cli_options *options, decoding *batch, int32_t count,
                              oc_cli_embeds *out, int32_t *good, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *good = 0;
    for (int32_t i = 0; i < count; i++) {
        const octavo_error *failure = &batch->errors[i];
        if (failure->status == OCTAVO_OK) {
            memmove(batch->pixels + (size_t)*good * batch->image_bytes,
                    batch->pixels + (size_t)i * batch->image_bytes, batch->image_bytes);
            out->names[out->count + (*good)++] = batch->files[i];
            continue;
        }
        if (options->fail_fast || !is_the_images_fault(failure->status)) {
            *error = *failure;
            OC_TRY(failure->status);
        }
        oc_cli_progress_clear(options->progress);
        oc_cli_report("skipped", batch->files[i], false, failure);
        oc_cli_skipped *skipped = &out->skipped[out->skipped_count];
        *skipped = (oc_cli_skipped){batch->files[i], strdup(failure->message)};
        if (!skipped->message) {
            OC_NO_MEMORY(error, sizeof failure->message);
        }
        out->skipped_count++;
    }
done:
    return status;
}

octavo_status oc_cli_embed_images(const oc_cli_options *options, const oc_cli_model *model,
                                  const oc_cli_list *files, oc_cli_embeds *out,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t side = model->info->image_size, dim = model->info->embed_dim, batch = model->batch;
    decoding work = {.engine = model->engine, .image_bytes = (size_t)side * (size_t)side * 3};
    oc_pool *pool = NULL;
    OC_TRY(open_embeds(out, files->count, dim, error));
    OC_TRY(oc_pool_create(model->threads, &pool, error));
    work.pixels = malloc((size_t)batch * work.image_bytes);
    work.errors = malloc((size_t)batch * sizeof *work.errors);
    if (!work.pixels || !work.errors) {
        OC_NO_MEMORY(error, (size_t)batch * work.image_bytes);
    }
    for (int32_t at = 0; at < files->count; at += batch) {
        int32_t count = files->count - at < batch ? files->count - at : batch, good;
        work.files = files->items + at;
        oc_pool_run(pool, count, decode, &work);
        OC_TRY(sort_out(options, &work, count, out, &good, error));
        if (good > 0) {
            octavo_argument input = {.name = "pixels",
                                     .tensor = {.dtype = OCTAVO_U8,
                                                .rank = 4,
                                                .shape = {good, side, side, 3},
                                                .data = work.pixels}};
            octavo_argument output = {
                .name = "image_embeds",
                .tensor = {.dtype = OCTAVO_F32,
                           .rank = 2,
                           .shape = {good, dim},
                           .data = out->rows + (size_t)out->count * (size_t)dim}};
            OC_TRY(octavo_session_run(model->session, &input, 1, &output, 1, NULL, error));
            out->count += good;
        }
        oc_cli_progress_step(options->progress, "embedding images", (uint64_t)at + (uint64_t)count,
                             (uint64_t)files->count);
    }
done:
    free(work.errors);
    free(work.pixels);
    oc_pool_free(pool);
    if (status) {
        oc_cli_embeds_free(out);
    }
    return status;
}

octavo_status oc_cli_check_length(const oc_cli_options *options, const octavo_engine *engine,
                                  const char *text, int32_t *ids, int32_t *count,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t full;
    OC_TRY(octavo_tokenize(engine, text, strlen(text), ids, count, &full, error));
    if (full > *count) {
        oc_cli_notice(options, "a text has %d tokens, the model takes %d: it was cut: \"%.60s%s\"",
                      full, *count, text, strlen(text) > 60 ? "..." : "");
    }
done:
    return status;
}

octavo_status oc_cli_embed_texts(const oc_cli_options *options, const oc_cli_model *model,
                                 const oc_cli_list *texts, oc_cli_embeds *out,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t dim = model->info->embed_dim, batch = model->batch, most = model->info->tokens_max;
    size_t wide = (size_t)batch * (size_t)most;
    int32_t *ids = NULL, *rows = NULL, *counts = NULL;
    OC_TRY(open_embeds(out, texts->count, dim, error));
    ids = malloc(wide * sizeof *ids);
    rows = malloc(wide * sizeof *rows);
    counts = malloc((size_t)batch * sizeof *counts);
    if (!ids || !rows || !counts) {
        OC_NO_MEMORY(error, wide * sizeof *ids);
    }
    for (int32_t at = 0; at < texts->count; at += batch) {
        int32_t count = texts->count - at < batch ? texts->count - at : batch, longest = 1;
        for (int32_t i = 0; i < count; i++) {
            out->names[at + i] = texts->items[at + i];
            OC_TRY(oc_cli_check_length(options, model->engine, texts->items[at + i],
                                       ids + (size_t)i * (size_t)most, &counts[i], error));
            longest = counts[i] > longest ? counts[i] : longest;
        }
        for (int32_t i = 0; i < count; i++) {
            for (int32_t t = 0; t < longest; t++) {
                rows[(size_t)i * (size_t)longest + (size_t)t] =
                    t < counts[i] ? ids[(size_t)i * (size_t)most + (size_t)t] : model->info->pad_id;
            }
        }
        octavo_argument input = {
            .name = "input_ids",
            .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {count, longest}, .data = rows}};
        octavo_argument output = {.name = "text_embeds",
                                  .tensor = {.dtype = OCTAVO_F32,
                                             .rank = 2,
                                             .shape = {count, dim},
                                             .data = out->rows + (size_t)at * (size_t)dim}};
        OC_TRY(octavo_session_run(model->session, &input, 1, &output, 1, NULL, error));
        out->count = at + count;
        oc_cli_progress_step(options->progress, "embedding texts", (uint64_t)out->count,
                             (uint64_t)texts->count);
    }
done:
    free(counts);
    free(rows);
    free(ids);
    if (status) {
        oc_cli_embeds_free(out);
    }
    return status;
}

void oc_cli_json_skipped(oc_json_writer *json, const oc_cli_embeds *embeds) {
    oc_json_write_key(json, "skipped");
    oc_json_write_array(json);
    for (int32_t i = 0; i < embeds->skipped_count; i++) {
        oc_json_write_object(json);
        oc_json_write_key(json, "file");
        oc_json_write_text(json, embeds->skipped[i].file);
        oc_json_write_key(json, "message");
        oc_json_write_text(json, embeds->skipped[i].message);
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
}

int oc_cli_skipped_verdict(const oc_cli_embeds *embeds) {
    return embeds->skipped_count ? 65 : 0;
}
