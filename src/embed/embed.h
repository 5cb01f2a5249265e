/* embed.h - many images or many texts through what takes them a batch at a time: one lane, or
 * several that work side by side and take turns.
 *
 * Image files are decoded by threads of their own while runs compute, a batch ahead of them, in
 * order, into batches that are filled whole: a file that cannot be used is told with its index and
 * leaves no gap.  Texts become token ids.
 * What a run computes, and where its rows go, is the caller's.
 */
#ifndef OC_EMBED_EMBED_H
#define OC_EMBED_EMBED_H

#include "base/status.h"
#include "text/bpe.h"
#include "vision/processor.h"

typedef struct oc_embed_job {
    int32_t batch;            /* rows of one run at most */
    int32_t threads;          /* that decode; 0: one for each usable core */
    int32_t limit;            /* items that are run at most; 0: all */
    const char *what;         /* for progress: "embedding images" */
    octavo_progress progress; /* may be NULL; done counts items, those left out with them */
    void *progress_user;
    int32_t lanes; /* at least 1 */
    void *user;    /* of the functions below, which one thread calls */
    /* Begins a batch on a lane, 0, 1 ... and again 0: input is pixels U8 [rows, height, width, 3]
     * or input_ids I32 [rows, longest]; items[row] is the index of what was given.  Both stay as
     * they are until `finish` ends it, which is called for every batch that was begun, before the
     * lane's next one.  finish NULL: `run` has ended it, and there is one lane. */
    octavo_status (*run)(void *user, int32_t lane, const octavo_argument *input,
                         const int32_t *items, octavo_error *error);
    octavo_status (*finish)(void *user, int32_t lane, octavo_error *error);
    /* An image that cannot be used, and why; may be NULL.  Another answer than OK ends the work
     * with that error. */
    octavo_status (*left_out)(void *user, int32_t item, const octavo_error *why);
    /* A text of `tokens` tokens was cut to `kept`; may be NULL. */
    void (*cut)(void *user, int32_t item, int32_t tokens, int32_t kept);
} oc_embed_job;

/* paths [count]: image files.  Errors: run's, finish's, left_out's, EXHAUSTED. */
octavo_status oc_embed_images(const oc_embed_job *job, const oc_image_processor *processor,
                              const char *const *paths, int32_t count, octavo_error *error);

/* texts [count], UTF-8; each is cut to tokens_max, both ends counted.  Rows are filled with the
 * padding id.  Errors: run's, finish's, those of oc_bpe_encode. */
octavo_status oc_embed_texts(const oc_embed_job *job, const oc_bpe *bpe, int32_t tokens_max,
                             const char *const *texts, int32_t count, octavo_error *error);

/* The file at `path` as pixels [height, width, 3]; error->path is set.  Errors: those of
 * base/sys/io.h and vision/image.h. */
octavo_status oc_embed_read_image(const oc_image_processor *processor, const char *path,
                                  uint8_t *pixels, octavo_error *error);

#endif
