/* queue.h - what waits for the instances of one model: bounded in rows, a list for each lane.
 *
 * Rows are counted from when a call is admitted until its parts are taken or given up, so that what
 * the workers still prepare counts too.  Any thread.
 */
#ifndef OC_SERVE_QUEUE_H
#define OC_SERVE_QUEUE_H

#include "serve/work/call.h"
#include "serve/work/cost.h"

typedef struct oc_srv_lane_list {
    oc_srv_part *first, *last; /* by priority, then in the order they came */
    double interval;           /* seconds between rows, lately */
    uint64_t latest_ns;        /* when the latest came */
} oc_srv_lane_list;

typedef struct oc_srv_queue {
    pthread_mutex_t lock;
    pthread_cond_t bell; /* on the monotonic clock */
    oc_srv_lane_list lanes[OC_SRV_LANES];
    int32_t rows, rows_max;
    bool closing;
} oc_srv_queue;

/* Rows [first, first + count) of a part. */
typedef struct oc_srv_piece {
    oc_srv_part *part;
    int32_t first, count;
} oc_srv_piece;

typedef struct oc_srv_batch {
    oc_srv_lane lane;
    oc_srv_piece *pieces; /* [rows_max] */
    int32_t piece_count, rows;
    int32_t length;  /* of rows of ids */
    uint64_t due_ns; /* the latest moment to begin */
} oc_srv_batch;

void oc_srv_queue_init(oc_srv_queue *queue, int32_t rows_max);
void oc_srv_queue_destroy(oc_srv_queue *queue);

/* Counts `rows` more.  EXHAUSTED: there is no room; UNAVAILABLE: the queue is closing. */
octavo_status oc_srv_queue_admit(oc_srv_queue *queue, int32_t rows, octavo_error *error);
void oc_srv_queue_release(oc_srv_queue *queue, int32_t rows);
int32_t oc_srv_queue_rows(oc_srv_queue *queue);

void oc_srv_queue_put(oc_srv_queue *queue, oc_srv_part *part);

typedef enum oc_srv_taken { OC_SRV_BATCH, OC_SRV_TIME, OC_SRV_CLOSED } oc_srv_taken;

/* Waits for rows and takes a batch of at most `rows_max`; those of `costs` that are to run first
 * are kept back while that pays, at most delay_ns behind the arrival of the oldest.  TIME:
 * `until_ns` came first.  CLOSED: the queue closes and nothing is left. */
oc_srv_taken oc_srv_queue_take(oc_srv_queue *queue, const oc_srv_cost costs[OC_SRV_LANES],
                               int32_t rows_max, uint64_t delay_ns, uint64_t until_ns,
                               oc_srv_batch *out);

/* What waits is still given out, nothing is admitted. */
void oc_srv_queue_close(oc_srv_queue *queue);
/* Fails all that waits with *error: nobody is left to compute it. */
void oc_srv_queue_fail(oc_srv_queue *queue, const octavo_error *error);

#endif
