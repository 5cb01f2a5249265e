/* decoder.c - a ring of slots: file i is decoded into slot i modulo their number.
 *
 * Counters only grow, under one lock: files before `taken` have been handed out (the latest is
 * still looked at), those before `claimed` have a thread, those before `allowed` may get one.  A
 * slot is free again when the file that it held is before `taken`, the one being looked at
 * excepted.
 */
#include "embed/decoder.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/sys/io.h"
#include "base/sys/threads.h"
#include "embed/embed.h"

typedef struct slot {
    uint8_t *pixels;
    octavo_error error;
    bool ready;
} slot;

struct oc_decoder {
    const oc_image_processor *processor;
    const char *const *paths;
    int32_t count, slot_count;
    slot *slots;
    uint8_t *pixels;
    pthread_t *threads;
    int32_t thread_count;
    pthread_mutex_t lock;
    pthread_cond_t work, done; /* a file may be decoded; a file has been */
    int32_t taken, claimed, allowed;
    bool closing;
};

static bool may_claim(const oc_decoder *d) {
    int32_t looked_at = d->taken > 0 ? d->taken - 1 : 0;
    return d->claimed < d->allowed && d->claimed < looked_at + d->slot_count;
}

octavo_status oc_embed_read_image(const oc_image_processor *processor, const char *path,
                                  uint8_t *pixels, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *bytes = NULL;
    size_t size = 0;
    OC_TRY(oc_file_load(path, OC_LIMIT_IMAGE_BYTES, &bytes, &size, error));
    OC_TRY(oc_image_process(processor, bytes, size, pixels, error));
done:
    free(bytes);
    if (status != OCTAVO_OK) {
        oc_error_path(error, path);
    }
    return status;
}

/* Decodes the next file; the lock is held before and after. */
static void decode_one(oc_decoder *d) {
    int32_t index = d->claimed++;
    slot *to = &d->slots[index % d->slot_count];
    pthread_mutex_unlock(&d->lock);
    oc_error_clear(&to->error);
    to->error.status = oc_embed_read_image(d->processor, d->paths[index], to->pixels, &to->error);
    pthread_mutex_lock(&d->lock);
    to->ready = true;
    if (index == d->taken) {
        pthread_cond_signal(&d->done);
    }
}

static void *help(void *context) {
    oc_decoder *d = context;
    pthread_mutex_lock(&d->lock);
    while (!d->closing) {
        if (may_claim(d)) {
            decode_one(d);
        } else {
            pthread_cond_wait(&d->work, &d->lock);
        }
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

/* Threads that take no signals, so that the program's own thread gets them.  Where fewer can be
 * had, fewer must do: the caller's decodes as well. */
static void start(oc_decoder *d, int32_t threads) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (d->thread_count < threads &&
           pthread_create(&d->threads[d->thread_count], NULL, help, d) == 0) {
        d->thread_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

octavo_status oc_decoder_create(const oc_image_processor *processor, const char *const *paths,
                                int32_t count, int32_t slots, int32_t threads, oc_decoder **out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t height, width;
    oc_decoder *d = calloc(1, sizeof *d);
    *out = NULL;
    if (d == NULL) {
        OC_NO_MEMORY(error, sizeof *d);
    }
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->work, NULL);
    pthread_cond_init(&d->done, NULL);
    oc_image_processor_size(processor, &height, &width);
    size_t bytes = (size_t)height * (size_t)width * 3;
    threads = threads == 0 ? oc_usable_cores() : threads;
    d->processor = processor;
    d->paths = paths;
    d->count = count;
    d->slot_count = slots;
    d->slots = calloc((size_t)slots, sizeof *d->slots);
    d->pixels = calloc((size_t)slots, bytes);
    d->threads = calloc((size_t)threads, sizeof(pthread_t));
    if (d->slots == NULL || d->pixels == NULL || d->threads == NULL) {
        OC_NO_MEMORY(error, (size_t)slots * bytes);
    }
    for (int32_t i = 0; i < slots; i++) {
        d->slots[i].pixels = d->pixels + (size_t)i * bytes;
    }
    start(d, (threads < slots ? threads : slots) - 1);
    *out = d;
    d = NULL;
done:
    oc_decoder_free(d);
    return status;
}

void oc_decoder_free(oc_decoder *d) {
    if (d == NULL) {
        return;
    }
    pthread_mutex_lock(&d->lock);
    d->closing = true;
    pthread_cond_broadcast(&d->work);
    pthread_mutex_unlock(&d->lock);
    for (int32_t i = 0; i < d->thread_count; i++) {
        pthread_join(d->threads[i], NULL);
    }
    pthread_cond_destroy(&d->done);
    pthread_cond_destroy(&d->work);
    pthread_mutex_destroy(&d->lock);
    free(d->threads);
    free(d->pixels);
    free(d->slots);
    free(d);
}

void oc_decoder_allow(oc_decoder *d, int32_t until) {
    until = until < d->count ? until : d->count;
    pthread_mutex_lock(&d->lock);
    if (until > d->allowed) {
        d->allowed = until;
        pthread_cond_broadcast(&d->work);
    }
    pthread_mutex_unlock(&d->lock);
}

const uint8_t *oc_decoder_next(oc_decoder *d, const octavo_error **why) {
    pthread_mutex_lock(&d->lock);
    slot *next = &d->slots[d->taken % d->slot_count];
    while (!next->ready) {
        if (may_claim(d)) {
            decode_one(d);
        } else {
            pthread_cond_wait(&d->done, &d->lock);
        }
    }
    next->ready = false;
    d->taken++;
    pthread_cond_signal(&d->work); /* the slot that was looked at before is free */
    pthread_mutex_unlock(&d->lock);
    *why = &next->error;
    return next->error.status == OCTAVO_OK ? next->pixels : NULL;
}
