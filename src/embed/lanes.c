/* lanes.c - see lanes.h.
 *
 * Batch i runs on lane i modulo the number of lanes, n, and lies in place i modulo n + 1.  Before
 * it begins, batch i - n has ended; that is the one whose place batch i + 1 takes. */
#include "embed/lanes.h"

#include <stdlib.h>

octavo_status oc_lanes_create(const oc_embed_job *job, size_t bytes, int32_t rows, oc_lanes *out,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t count = job->finish == NULL ? 1 : job->lanes + 1;
    *out = (oc_lanes){.job = job, .count = count};
    out->batches = calloc((size_t)count, sizeof *out->batches);
    if (out->batches == NULL) {
        OC_NO_MEMORY(error, (size_t)count * sizeof *out->batches);
    }
    for (int32_t i = 0; i < count; i++) {
        oc_batch *batch = &out->batches[i];
        *batch = (oc_batch){.data = malloc(bytes + 1),
                            .items = malloc((size_t)rows * sizeof *batch->items + 1),
                            .lane = -1};
        if (batch->data == NULL || batch->items == NULL) {
            OC_NO_MEMORY(error, bytes + (size_t)rows * sizeof *batch->items);
        }
    }
done:
    return status;
}

static oc_batch *at(oc_lanes *lanes, int64_t number) {
    return &lanes->batches[number % lanes->count];
}

static octavo_status finish(oc_lanes *lanes, oc_batch *batch, octavo_error *error) {
    int32_t lane = batch->lane;
    batch->lane = -1; /* it may be filled again, however this ends */
    return lane < 0 ? OCTAVO_OK : lanes->job->finish(lanes->job->user, lane, error);
}

void oc_lanes_free(oc_lanes *lanes) {
    for (int32_t i = 0; lanes->batches != NULL && i < lanes->count; i++) {
        (void)finish(lanes, &lanes->batches[i], NULL);
        free(lanes->batches[i].data);
        free(lanes->batches[i].items);
    }
    free(lanes->batches);
    *lanes = (oc_lanes){.count = 0};
}

oc_batch *oc_lanes_next(oc_lanes *lanes) {
    return at(lanes, lanes->begun);
}

octavo_status oc_lanes_run(oc_lanes *lanes, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_embed_job *job = lanes->job;
    oc_batch *batch = oc_lanes_next(lanes);
    int32_t lane = job->finish == NULL ? 0 : (int32_t)(lanes->begun % job->lanes);
    if (job->finish != NULL) {
        OC_TRY(finish(lanes, at(lanes, lanes->begun + 1), error)); /* the one that is on the lane */
    }
    OC_TRY(job->run(job->user, lane, &batch->input, batch->items, error));
    batch->lane = job->finish == NULL ? -1 : lane;
    lanes->begun++;
done:
    return status;
}

octavo_status oc_lanes_finish(oc_lanes *lanes, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (int32_t i = 0; i < lanes->count; i++) {
        OC_TRY(finish(lanes, at(lanes, lanes->begun + i), error));
    }
done:
    return status;
}
