/* call.h - rows that a client wants computed by one model: from being admitted to the results.
 *
 * A call knows no protocol.  Who makes it fills it, oc_srv_call_start takes it, and `done` is
 * called once, by any thread, when it has ended; until then it belongs to the threads that work on
 * it.
 *
 *   start --admitted--> encoded images and texts: tasks of the workers
 *         --all ready--> parts wait in the model's queue --an instance takes rows--> done
 */
#ifndef OC_SERVE_CALL_H
#define OC_SERVE_CALL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/slice.h"
#include "serve/work/workers.h"

enum { OC_SRV_PRIORITY = 100 /* of calls that are given none; smaller is sooner */ };

/* What runs in one batch: rows of one form. */
typedef enum oc_srv_lane {
    OC_SRV_PIXELS, /* U8 [S,S,3] a row */
    OC_SRV_VALUES, /* F32 [3,S,S] a row */
    OC_SRV_IDS,    /* I32 [length] a row */
    OC_SRV_LANES
} oc_srv_lane;

/* The rows of one tower. */
typedef struct oc_srv_part {
    struct oc_srv_part *previous, *next; /* in the queue's lane */
    struct oc_srv_call *call;
    oc_srv_lane lane;
    int32_t rows;         /* 0: the call has none of this tower */
    int32_t taken;        /* rows that instances took so far; the queue's */
    _Atomic int32_t open; /* rows that are not computed yet */
    const void *data;     /* [rows], each of `row_bytes`, at any alignment */
    size_t row_bytes;
    int32_t length;       /* of a row of ids */
    bool rigid;           /* ids as the client sent them: nothing is appended to a row */
    const int32_t *mask;  /* of ids, [rows, length]; NULL: all ones */
    const char *what;     /* what errors call an item: static, such as "images" */
    const int32_t *items; /* [rows] which item of these a row is; NULL: that of its number */
    float *embeds;        /* [rows, dim], L2-normalised */
    float *raw;           /* the same before; NULL: not wanted */
} oc_srv_part;

typedef struct oc_srv_call {
    struct oc_srv_model *model; /* held */
    oc_srv_part image, text;
    const oc_slice *encoded; /* [image.rows] JPEG, PNG or WebP; NULL: image.data are there */
    const oc_slice *texts;   /* [text.rows] UTF-8; NULL: text.data are there */
    bool wants_raw;
    bool knows_texts;             /* all of them were computed lately: their results are there */
    int32_t priority;             /* smaller is sooner */
    uint64_t deadline_ns;         /* on oc_clock_ns; 0: none */
    const atomic_bool *cancelled; /* nobody waits for it any more; NULL: that is never so */
    int32_t *token_counts;        /* [text.rows] of texts, ends counted; NULL: not wanted */
    void (*done)(struct oc_srv_call *call);
    void *user;
    /* What came of it. */
    octavo_error error; /* status OK: the parts hold the results */
    uint64_t started_ns, ready_ns, taken_ns, computed_ns, ended_ns; /* 0: did not get so far */
    /* Of call.c. */
    atomic_flag failed_once;
    atomic_bool failed;
    _Atomic int32_t open;
    oc_srv_task *tasks;
    void *memory;
    int32_t admitted; /* rows that the queue counts as this call's */
} oc_srv_call;

/* Zeroes it, but for what must not be zero.  Takes a hold of the model, given up by _close. */
void oc_srv_call_open(oc_srv_call *call, struct oc_srv_model *model);
void oc_srv_call_close(oc_srv_call *call); /* frees the results */

/* Admits the call and works on it.  After an error `done` is not called.
 *   EXHAUSTED    the model's queue is full, or memory is out
 *   UNAVAILABLE  the model is not serving */
octavo_status oc_srv_call_start(oc_srv_call *call, oc_srv_workers *workers, octavo_error *error);

/* -- for instances and the queue ----------------------------------------------------------------
 */

/* Notes why the call fails; the first reason counts. */
void oc_srv_call_fail(oc_srv_call *call, const octavo_error *error);
/* So many more rows of a part are done, or given up. */
void oc_srv_part_close_rows(oc_srv_part *part, int32_t rows);
/* CANCELLED, DEADLINE_EXCEEDED or failed already: nothing is to be computed for it. */
bool oc_srv_call_is_over(oc_srv_call *call, uint64_t now_ns);

#endif
