/* texts.c - texts to batches of token ids. */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "embed/lanes.h"

/* Rows of `from` ids become rows of `to` <= from, in place, padding behind each text. */
static void close_up(int32_t *ids, const int32_t *counts, int32_t rows, int32_t from, int32_t to,
                     int32_t padding) {
    for (int32_t r = 0; r < rows; r++) {
        int32_t *row = ids + (size_t)r * (size_t)to;
        memmove(row, ids + (size_t)r * (size_t)from, (size_t)counts[r] * sizeof *row);
        for (int32_t t = counts[r]; t < to; t++) {
            row[t] = padding;
        }
    }
}

octavo_status oc_embed_texts(const oc_embed_job *job, const oc_bpe *bpe, int32_t tokens_max,
                             const char *const *texts, int32_t count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t padding = oc_bpe_describe(bpe).padding;
    int32_t wanted = job->limit != 0 && job->limit < count ? job->limit : count;
    int32_t most = wanted < job->batch ? wanted : job->batch;
    size_t bytes = 0;
    bool fits = oc_mul_size((size_t)most * sizeof(int32_t), (size_t)tokens_max, &bytes);
    int32_t *counts = fits ? malloc((size_t)most * sizeof *counts + 1) : NULL;
    oc_lanes lanes = {.count = 0};
    if (counts == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    OC_TRY(oc_lanes_create(job, bytes, most, &lanes, error));
    for (int32_t at = 0, rows; at < wanted; at += rows) {
        oc_batch *batch = oc_lanes_next(&lanes);
        int32_t *ids = batch->data;
        int32_t longest = 1;
        rows = wanted - at < most ? wanted - at : most;
        for (int32_t r = 0; r < rows; r++) {
            const char *text = texts[at + r];
            int32_t full, *row = ids + (size_t)r * (size_t)tokens_max;
            OC_TRY(
                oc_bpe_encode(bpe, text, strlen(text), row, tokens_max, &counts[r], &full, error));
            if (full > counts[r] && job->cut != NULL) {
                job->cut(job->user, at + r, full, counts[r]);
            }
            batch->items[r] = at + r;
            longest = counts[r] > longest ? counts[r] : longest;
        }
        close_up(ids, counts, rows, tokens_max, longest, padding);
        batch->input = (octavo_argument){
            .name = "input_ids",
            .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {rows, longest}, .data = ids},
        };
        OC_TRY(oc_lanes_run(&lanes, error));
        OC_TRY(oc_progress(job->progress, job->progress_user, job->what, (uint64_t)(at + rows),
                           (uint64_t)wanted, error));
    }
    OC_TRY(oc_lanes_finish(&lanes, error));
done:
    oc_lanes_free(&lanes);
    free(counts);
    return status;
}
