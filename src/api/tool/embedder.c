/* embedder.c - see embedder.h. */
#include "api/tool/embedder.h"

#include <stdlib.h>
#include <string.h>

#include "api/objects.h"
#include "base/sys/threads.h"

/* Texts of `length` tokens at most that one run of the session is sure to take; at least one. */
static int32_t texts_of(const octavo_session *session, int32_t length) {
    int32_t batch = session->info.batch_max;
    int32_t texts = session->info.tokens_max / (length < 1 ? 1 : length);
    return texts < 1 ? 1 : texts < batch ? texts : batch;
}

octavo_status oc_embed_texts(const octavo_engine *engine, octavo_session *session,
                             const char *const *texts, int32_t count, octavo_progress progress,
                             void *user, float *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t length = engine->info.tokens_max, batch = texts_of(session, length);
    int32_t dim = engine->info.embed_dim;
    int32_t *ids = calloc((size_t)batch * (size_t)length + 1, sizeof *ids);
    if (ids == NULL) {
        OC_NO_MEMORY(error, (size_t)batch * (size_t)length * sizeof *ids);
    }
    for (int32_t first = 0; first < count; first += batch) {
        int32_t rows = count - first < batch ? count - first : batch;
        for (int32_t r = 0; r < rows; r++) {
            int32_t used = 0, *row = ids + (size_t)r * (size_t)length;
            OC_TRY(octavo_tokenize(engine, texts[first + r], strlen(texts[first + r]), row, &used,
                                   NULL, error));
            for (int32_t t = used; t < length; t++) {
                row[t] = engine->info.pad_id;
            }
        }
        octavo_argument in = {
            .name = "input_ids",
            .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {rows, length}, .data = ids}};
        octavo_argument embeds = {.name = "text_embeds",
                                  .tensor = {.dtype = OCTAVO_F32,
                                             .rank = 2,
                                             .shape = {rows, dim},
                                             .data = out + (int64_t)first * dim}};
        OC_TRY(octavo_session_run(session, &in, 1, &embeds, 1, NULL, error));
        OC_TRY(oc_progress(progress, user, "embedding texts", (uint64_t)(first + rows),
                           (uint64_t)count, error));
    }
done:
    free(ids);
    return status;
}

/* One batch of files to decode. */
typedef struct decoding {
    const octavo_engine *engine;
    const char *const *paths;
    uint8_t *pixels; /* [rows, size, size, 3] */
    size_t image_bytes;
    uint8_t *ok;
    octavo_error *errors; /* may be NULL */
} decoding;

static void decode_one(void *context, int32_t index, int32_t thread) {
    const decoding *d = context;
    (void)thread;
    d->ok[index] = octavo_preprocess_file(
                       d->engine, d->paths[index], d->pixels + (size_t)index * d->image_bytes,
                       d->errors == NULL ? NULL : &d->errors[index]) == OCTAVO_OK;
}

octavo_status oc_embed_images(const octavo_engine *engine, octavo_session *session,
                              const char *const *paths, int32_t count, octavo_progress progress,
                              void *user, float *out, uint8_t *ok, octavo_error *errors,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t batch = session->info.batch_max, dim = engine->info.embed_dim;
    int64_t size = engine->info.image_size;
    size_t image_bytes = (size_t)(size * size * 3);
    oc_pool *pool = NULL;
    uint8_t *pixels = calloc((size_t)batch, image_bytes);
    float *embeds = calloc((size_t)batch * (size_t)dim, sizeof *embeds);
    if (pixels == NULL || embeds == NULL) {
        OC_NO_MEMORY(error, (size_t)batch * image_bytes);
    }
    OC_TRY(oc_pool_create(session->info.threads, &pool, error));
    for (int32_t first = 0; first < count; first += batch) {
        int32_t rows = count - first < batch ? count - first : batch, good = 0;
        decoding d = {engine,      paths + first, pixels,
                      image_bytes, ok + first,    errors == NULL ? NULL : errors + first};
        oc_pool_run(pool, rows, decode_one, &d);
        for (int32_t r = 0; r < rows; r++) { /* close the gaps of bad files */
            if (ok[first + r]) {
                memmove(pixels + (size_t)good++ * image_bytes, pixels + (size_t)r * image_bytes,
                        image_bytes);
            }
        }
        if (good != 0) {
            octavo_argument in = {
                .name = "pixels",
                .tensor = {
                    .dtype = OCTAVO_U8, .rank = 4, .shape = {good, size, size, 3}, .data = pixels}};
            octavo_argument to = {
                .name = "image_embeds",
                .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {good, dim}, .data = embeds}};
            OC_TRY(octavo_session_run(session, &in, 1, &to, 1, NULL, error));
        }
        good = 0;
        for (int32_t r = 0; r < rows; r++) {
            float *row = out + (int64_t)(first + r) * dim;
            memset(row, 0, (size_t)dim * sizeof *row);
            if (ok[first + r]) {
                memcpy(row, embeds + (int64_t)good++ * dim, (size_t)dim * sizeof *row);
            }
        }
        OC_TRY(oc_progress(progress, user, "embedding images", (uint64_t)(first + rows),
                           (uint64_t)count, error));
    }
done:
    oc_pool_free(pool);
    free(embeds);
    free(pixels);
    return status;
}
