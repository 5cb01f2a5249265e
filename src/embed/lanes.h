/* lanes.h - batches in turn, over a job's lanes: one is filled while the others are under way. */
#ifndef OC_EMBED_LANES_H
#define OC_EMBED_LANES_H

#include "embed/embed.h"

typedef struct oc_batch {
    void *data;            /* of the input: room for a full batch */
    int32_t *items;        /* [rows at most] */
    octavo_argument input; /* stays as it is while the batch is under way */
    int32_t lane;          /* that it is on; -1: none */
} oc_batch;

typedef struct oc_lanes {
    const oc_embed_job *job; /* borrowed */
    oc_batch *batches;       /* a ring: batch number i is in place i modulo their number */
    int32_t count;
    int64_t begun;
} oc_lanes;

/* Room for batches of `bytes` of input and `rows` items.  *out is to be freed in any case. */
octavo_status oc_lanes_create(const oc_embed_job *job, size_t bytes, int32_t rows, oc_lanes *out,
                              octavo_error *error);

/* Waits for what is under way, whatever becomes of it. */
void oc_lanes_free(oc_lanes *lanes);

/* The batch to fill: nothing of it is under way. */
oc_batch *oc_lanes_next(oc_lanes *lanes);

/* Begins it, on the next lane: waits for the batch that is there. */
octavo_status oc_lanes_run(oc_lanes *lanes, octavo_error *error);

/* Waits for all that are under way, in order. */
octavo_status oc_lanes_finish(oc_lanes *lanes, octavo_error *error);

#endif
