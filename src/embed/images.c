/* images.c - image files to batches of pixels. */
#include <string.h>

#include "base/size.h"
#include "embed/decoder.h"
#include "embed/lanes.h"

/* Whether a failure is one image's, so that the others can go on. */
static bool is_the_images_fault(octavo_status status) {
    return status == OCTAVO_CORRUPT || status == OCTAVO_UNSUPPORTED ||
           status == OCTAVO_INVALID_ARGUMENT || status == OCTAVO_NOT_FOUND || status == OCTAVO_IO;
}

/* Takes image `at` into the batch of *rows so far, or tells why not. */
static octavo_status take(const oc_embed_job *job, oc_decoder *decoder, size_t image_bytes,
                          int32_t at, oc_batch *batch, int32_t *rows, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const octavo_error *why;
    const uint8_t *pixels = oc_decoder_next(decoder, &why);
    if (pixels != NULL) {
        memcpy((uint8_t *)batch->data + (size_t)*rows * image_bytes, pixels, image_bytes);
        batch->items[(*rows)++] = at;
        goto done;
    }
    if (!is_the_images_fault(why->status) ||
        (job->left_out != NULL && job->left_out(job->user, at, why) != OCTAVO_OK)) {
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
    int32_t height, width, done = 0, rows;
    int32_t most = count < job->batch ? count : job->batch; /* rows of a run */
    int32_t wanted = job->limit != 0 && job->limit < count ? job->limit : count;
    size_t image_bytes, bytes;
    oc_decoder *decoder = NULL;
    oc_lanes lanes = {.count = 0};
    if (count == 0) {
        return status;
    }
    oc_image_processor_size(processor, &height, &width);
    image_bytes = (size_t)height * (size_t)width * 3;
    if (!oc_mul_size((size_t)most, image_bytes, &bytes)) {
        OC_NO_MEMORY(error, SIZE_MAX);
    }
    OC_TRY(oc_lanes_create(job, bytes, most, &lanes, error));
    OC_TRY(oc_decoder_create(processor, paths, count, 2 * most + 1, job->threads, &decoder, error));
    for (int32_t at = 0; at < count && done < wanted; done += rows) {
        int32_t full = wanted - done < most ? wanted - done : most;
        oc_batch *batch = oc_lanes_next(&lanes);
        for (rows = 0; rows < full && at < count; at++) {
            oc_decoder_allow(decoder, at + (full - rows) + most);
            OC_TRY(take(job, decoder, image_bytes, at, batch, &rows, error));
        }
        if (rows > 0) {
            batch->input = (octavo_argument){
                .name = "pixels",
                .tensor = {.dtype = OCTAVO_U8,
                           .rank = 4,
                           .shape = {rows, height, width, 3},
                           .data = batch->data},
            };
            OC_TRY(oc_lanes_run(&lanes, error));
        }
        int32_t total = wanted + at - done - rows; /* those left out do not count as wanted */
        OC_TRY(oc_progress(job->progress, job->progress_user, job->what, (uint64_t)at,
                           (uint64_t)(total < count ? total : count), error));
    }
    OC_TRY(oc_lanes_finish(&lanes, error));
done:
    oc_decoder_free(decoder);
    oc_lanes_free(&lanes);
    return status;
}
