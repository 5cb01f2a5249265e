/* staging.c - see staging.h. */
#include "backends/cuda/copy/staging.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/copy/place.h"
#include "base/sys/threads.h"

enum {
    /* Large ones waste little of the link, small ones little of the threads: those that take 10 us
     * of the link take 50 to 80 of a core. */
    PIECE_MOST = 512 << 10,
    PIECE_LEAST = 192 << 10, /* waking a thread takes as long as copying so much */
    TURNS = 2,               /* of each thread, where pieces are between the two */
    COPIERS = 8, /* cores that fill the link, 53 GB/s: each reads 6 to 12 of what no cache has */
    PIECES = 2   /* of a thread: one is filled, one is uploaded */
};

/* What one thread copies through. */
typedef struct copier {
    char *pieces[PIECES]; /* pinned */
    oc_cu_event gone[PIECES];
    bool is_going[PIECES]; /* `gone` says when it may be filled again */
    int32_t next;
    octavo_status status; /* of the upload that is on */
    octavo_error error;
} copier;

struct oc_cuda_staging {
    oc_cuda_device *device; /* borrowed */
    oc_pool *pool;
    int32_t threads;
    char *memory; /* pinned: of all pieces */
    copier copiers[COPIERS];
};

void oc_cuda_staging_free(oc_cuda_staging *staging) {
    if (staging == NULL) {
        return;
    }
    const oc_cu_driver *cu = staging->device->driver;
    oc_pool_free(staging->pool);
    for (int32_t i = 0; i < COPIERS * PIECES; i++) {
        oc_cu_event gone = staging->copiers[i / PIECES].gone[i % PIECES];
        if (gone != NULL) {
            cu->event_free(gone);
        }
    }
    if (staging->memory != NULL) {
        cu->host_free(staging->memory);
    }
    free(staging);
}

octavo_status oc_cuda_staging_create(oc_cuda_device *device, int32_t threads, oc_cuda_staging **out,
                                     octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cu_driver *cu = device->driver;
    oc_cuda_staging *staging = calloc(1, sizeof *staging);
    *out = NULL;
    if (staging == NULL) {
        OC_NO_MEMORY(error, sizeof *staging);
    }
    OC_ASSERT(threads > 0);
    staging->device = device;
    staging->threads = threads < COPIERS ? threads : COPIERS;
    OC_TRY(oc_pool_create(staging->threads, &staging->pool, error));
    OC_CU(cu,
          host_create((void **)&staging->memory, (size_t)staging->threads * PIECES * PIECE_MOST, 0),
          "give pinned memory", error);
    for (int32_t i = 0; i < staging->threads * PIECES; i++) {
        copier *c = &staging->copiers[i / PIECES];
        c->pieces[i % PIECES] = staging->memory + (size_t)i * PIECE_MOST;
        OC_CU(cu, event_create(&c->gone[i % PIECES], OC_CU_EVENT_NO_TIMING), "make an event",
              error);
    }
    *out = staging;
    staging = NULL;
done:
    oc_cuda_staging_free(staging);
    return status;
}

/* What the threads of one upload share. */
typedef struct transfer {
    oc_cuda_staging *staging;
    oc_cu_address to;
    const char *from;
    size_t bytes, piece;
    oc_cu_stream stream;
    atomic_bool failed;
} transfer;

static octavo_status copy_piece(const transfer *t, copier *c, size_t at, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cu_driver *cu = t->staging->device->driver;
    size_t bytes = t->bytes - at < t->piece ? t->bytes - at : t->piece;
    int32_t piece = c->next;
    OC_TRY(oc_cuda_enter(t->staging->device, error));
    if (c->is_going[piece]) {
        OC_CU(cu, event_wait(c->gone[piece]), "wait for a copy", error);
        c->is_going[piece] = false;
    }
    memcpy(c->pieces[piece], t->from + at, bytes);
    OC_CU(cu, upload_async(t->to + at, c->pieces[piece], bytes, t->stream), "copy to the card",
          error);
    c->is_going[piece] = true;
    c->next = (piece + 1) % PIECES;
    OC_CU(cu, event_record(c->gone[piece], t->stream), "record an event", error);
done:
    return status;
}

static void copy_task(void *context, int32_t index, int32_t thread) {
    transfer *t = context;
    copier *c = &t->staging->copiers[thread];
    if (c->status == OCTAVO_OK && !atomic_load(&t->failed)) {
        c->status = copy_piece(t, c, (size_t)index * t->piece, &c->error);
    }
    if (c->status != OCTAVO_OK) {
        atomic_store(&t->failed, true);
    }
}

/* Of the first thread that failed. */
static octavo_status first_error(oc_cuda_staging *staging, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (int32_t i = 0; i < staging->threads; i++) {
        copier *c = &staging->copiers[i];
        if (status == OCTAVO_OK && c->status != OCTAVO_OK) {
            status = c->status;
            if (error != NULL) {
                *error = c->error;
            }
        }
        c->status = OCTAVO_OK;
        oc_error_clear(&c->error);
    }
    return status;
}

octavo_status oc_cuda_upload(oc_cuda_staging *staging, oc_cu_address to, const void *from,
                             size_t bytes, oc_cu_stream stream, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    transfer t = {.staging = staging, .to = to, .from = from, .bytes = bytes, .stream = stream};
    oc_cuda_place place;
    OC_TRY(oc_cuda_place_of(staging->device, from, &place, error));
    if (place.whose == OC_CUDA_PINNED && place.bytes >= bytes) {
        OC_CU(staging->device->driver, upload_async(to, from, bytes, stream), "copy to the card",
              error);
        goto done;
    }
    size_t share = bytes / (size_t)(TURNS * staging->threads);
    t.piece = share < PIECE_LEAST ? PIECE_LEAST : share > PIECE_MOST ? PIECE_MOST : share;
    atomic_init(&t.failed, false);
    oc_pool_run(staging->pool, (int32_t)((bytes + t.piece - 1) / t.piece), copy_task, &t);
    OC_TRY(first_error(staging, error));
done:
    return status;
}
