/* images.c - image files to batches of pixels. */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "embed/decoder.h"
#include "embed/embed.h"

/* Whether a failure is one image's, so that the others can go on. */
static bool is_the_images_fault(octavo_status status) {
    return status == OCTAVO_CORRUPT || status == OCTAVO_UNSUPPORTED ||
           status == OCTAVO_INVALID_ARGUMENT || status == OCTAVO_NOT_FOUND || status == OCTAVO_IO;
}

typedef struct batch {
    const oc_embed_job *job;
    oc_decoder *decoder;
    uint8_t *pixels; /* [job->batch, height, width, 3] */
    size_t image_bytes;
    int32_t *items; /* [job->batch] */
    int32_t rows;
} batch;

/* Takes image `at` into the batch, or tells why not. */
static octavo_status take(batch *b, int32_t at, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const octavo_error *why;
    const uint8_t *pixels = oc_decoder_next(b->decoder, &why);
    if (pixels != NULL) {
        memcpy(b->pixels + (size_t)b->rows * b->image_bytes, pixels, b->image_bytes);
        b->items[b->rows++] = at;
        goto done;
    }
    if (!is_the_images_fault(why->status) ||
        (b->job->left_out != NULL && b->job->left_out(b->job->user, at, why) != OCTAVO_OK)) {
        if (error != NULL) {
            *error = *why;
        }
        status = why->status;
    }
done:
    return status;
}

octavo_status oc_embed_images(const oc_embed_job *job, const oc_image_processor *processor,
                              const char *const *paths, int32_t count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t height, width, done = 0;
    int32_t most = count < job->batch ? count : job->batch; /* rows of a run */
    int32_t wanted = job->limit != 0 && job->limit < count ? job->limit : count;
    size_t bytes = 0;
    batch b = {.job = job};
    if (count == 0) {
        return status;
    }
    oc_image_processor_size(processor, &height, &width);
    b.image_bytes = (size_t)height * (size_t)width * 3;
    b.pixels = oc_mul_size((size_t)most, b.image_bytes, &bytes) ? malloc(bytes) : NULL;
    b.items = malloc((size_t)most * sizeof *b.items);
    if (b.pixels == NULL || b.items == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    OC_TRY(
        oc_decoder_create(processor, paths, count, 2 * most + 1, job->threads, &b.decoder, error));
    for (int32_t at = 0; at < count && done < wanted; done += b.rows) {
        int32_t full = wanted - done < most ? wanted - done : most;
        for (b.rows = 0; b.rows < full && at < count; at++) {
            oc_decoder_allow(b.decoder, at + (full - b.rows) + most);
            OC_TRY(take(&b, at, error));
        }
        if (b.rows > 0) {
            octavo_argument input = {
                .name = "pixels",
                .tensor = {.dtype = OCTAVO_U8,
                           .rank = 4,
                           .shape = {b.rows, height, width, 3},
                           .data = b.pixels},
            };
            OC_TRY(job->run(job->user, &input, b.items, error));
        }
        int32_t total = wanted + at - done - b.rows; /* those left out do not count as wanted */
        OC_TRY(oc_progress(job->progress, job->progress_user, job->what, (uint64_t)at,
                           (uint64_t)(total < count ? total : count), error));
    }
done:
    oc_decoder_free(b.decoder);
    free(b.items);
    free(b.pixels);
    return status;
}
