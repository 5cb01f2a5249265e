/* queue.c - see queue.h. */
#include "serve/work/queue.h"

#include <string.h>

#include "base/sys/clock.h"

/* The longest interval that is learnt from: a pause tells nothing of a rate. */
#define PAUSE_S 0.1

void oc_srv_queue_init(oc_srv_queue *queue, int32_t rows_max) {
    pthread_condattr_t attributes;
    memset(queue, 0, sizeof *queue);
    queue->rows_max = rows_max;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->bell, &attributes);
    pthread_condattr_destroy(&attributes);
}

void oc_srv_queue_destroy(oc_srv_queue *queue) {
    pthread_cond_destroy(&queue->bell);
    pthread_mutex_destroy(&queue->lock);
}

octavo_status oc_srv_queue_admit(oc_srv_queue *queue, int32_t rows, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    pthread_mutex_lock(&queue->lock);
    if (queue->closing) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET, "the model is being unloaded");
    }
    if (rows > queue->rows_max - queue->rows) {
        OC_FAIL(error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET,
                "the model's queue is full: %d rows wait, %d more come, it holds %d", queue->rows,
                rows, queue->rows_max);
    }
    queue->rows += rows;
done:
    pthread_mutex_unlock(&queue->lock);
    return status;
}

void oc_srv_queue_release(oc_srv_queue *queue, int32_t rows) {
    pthread_mutex_lock(&queue->lock);
    queue->rows -= rows;
    pthread_mutex_unlock(&queue->lock);
}

int32_t oc_srv_queue_rows(oc_srv_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    int32_t rows = queue->rows;
    pthread_mutex_unlock(&queue->lock);
    return rows;
}

static void unlink_part(oc_srv_lane_list *list, oc_srv_part *part) {
    *(part->previous ? &part->previous->next : &list->first) = part->next;
    *(part->next ? &part->next->previous : &list->last) = part->previous;
    part->previous = part->next = NULL;
}

void oc_srv_queue_put(oc_srv_queue *queue, oc_srv_part *part) {
    oc_srv_lane_list *list = &queue->lanes[part->lane];
    uint64_t now = oc_clock_ns();
    pthread_mutex_lock(&queue->lock);
    if (list->latest_ns) {
        double interval = (double)(now - list->latest_ns) * 1e-9 / part->rows;
        interval = interval < PAUSE_S ? interval : PAUSE_S;
        list->interval += (interval - list->interval) / 8;
    }
    list->latest_ns = now;
    oc_srv_part *before = list->last;
    while (before && before->call->priority > part->call->priority) {
        before = before->previous;
    }
    part->previous = before;
    part->next = before ? before->next : list->first;
    *(part->next ? &part->next->previous : &list->last) = part;
    *(before ? &before->next : &list->first) = part;
    pthread_cond_signal(&queue->bell);
    pthread_mutex_unlock(&queue->lock);
}

/* Takes out parts of the lane whose calls are over; they are linked by `next`. */
static void sweep(oc_srv_queue *queue, oc_srv_lane_list *list, uint64_t now, oc_srv_part **over) {
    for (oc_srv_part *part = list->first, *next; part; part = next) {
        next = part->next;
        if (oc_srv_call_is_over(part->call, now)) {
            unlink_part(list, part);
            queue->rows -= part->rows - part->taken;
            part->next = *over;
            *over = part;
        }
    }
}

static void close_parts(oc_srv_part *parts) {
    while (parts) {
        oc_srv_part *next = parts->next;
        parts->next = NULL;
        int32_t left = parts->rows - parts->taken;
        parts->taken = parts->rows;
        oc_srv_part_close_rows(parts, left);
        parts = next;
    }
}

/* The lane whose first part is to be served first. */
static oc_srv_lane_list *choose(oc_srv_queue *queue) {
    oc_srv_lane_list *best = NULL;
    for (int lane = 0; lane < OC_SRV_LANES; lane++) {
        oc_srv_lane_list *list = &queue->lanes[lane];
        if (!list->first) {
            continue;
        }
        const oc_srv_call *a = list->first->call, *b = best ? best->first->call : NULL;
        if (!b || a->priority < b->priority ||
            (a->priority == b->priority && a->ready_ns < b->ready_ns)) {
            best = list;
        }
    }
    return best;
}

/* Whether rows of `part` may run with those in `batch`: rows of ids have one length, and only texts
 * that were tokenized here may be filled up to it. */
static bool fits(const oc_srv_part *part, bool rigid, int32_t length) {
    if (part->lane != OC_SRV_IDS || length == 0) {
        return true;
    }
    return part->rigid ? (rigid ? part->length == length : part->length >= length)
                       : !rigid || part->length <= length;
}

/* The pieces that a batch of the lane would have now; nothing is taken yet. */
static void gather(const oc_srv_lane_list *list, int32_t rows_max, uint64_t delay_ns,
                   oc_srv_batch *out) {
    bool rigid = false;
    out->piece_count = out->rows = out->length = 0;
    out->due_ns = UINT64_MAX;
    for (oc_srv_part *part = list->first; part && out->rows < rows_max; part = part->next) {
        if (!fits(part, rigid, out->length)) {
            continue;
        }
        int32_t left = part->rows - part->taken, room = rows_max - out->rows;
        out->pieces[out->piece_count++] =
            (oc_srv_piece){part, part->taken, left < room ? left : room};
        out->rows += left < room ? left : room;
        out->length = part->length > out->length ? part->length : out->length;
        rigid |= part->rigid;
        const oc_srv_call *call = part->call;
        uint64_t due = call->ready_ns + delay_ns;
        if (call->deadline_ns > call->ready_ns) { /* half of its time is for computing */
            uint64_t half = call->ready_ns + (call->deadline_ns - call->ready_ns) / 2;
            due = half < due ? half : due;
        }
        out->due_ns = due < out->due_ns ? due : out->due_ns;
    }
}

static void take(oc_srv_queue *queue, oc_srv_lane_list *list, const oc_srv_batch *batch) {
    uint64_t now = oc_clock_ns();
    for (int32_t i = 0; i < batch->piece_count; i++) {
        oc_srv_part *part = batch->pieces[i].part;
        part->taken += batch->pieces[i].count;
        if (part->call->taken_ns == 0) {
            part->call->taken_ns = now;
        }
        if (part->taken == part->rows) {
            unlink_part(list, part);
        }
    }
    queue->rows -= batch->rows;
}

static void sleep_until(oc_srv_queue *queue, uint64_t until_ns) {
    struct timespec until = {(time_t)(until_ns / 1000000000), (long)(until_ns % 1000000000)};
    pthread_cond_timedwait(&queue->bell, &queue->lock, &until);
}

oc_srv_taken oc_srv_queue_take(oc_srv_queue *queue, const oc_srv_cost costs[OC_SRV_LANES],
                               int32_t rows_max, uint64_t delay_ns, uint64_t until_ns,
                               oc_srv_batch *out) {
    oc_srv_taken taken = OC_SRV_BATCH;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        uint64_t now = oc_clock_ns();
        oc_srv_part *over = NULL;
        for (int lane = 0; lane < OC_SRV_LANES; lane++) {
            sweep(queue, &queue->lanes[lane], now, &over);
        }
        if (over) {
            pthread_mutex_unlock(&queue->lock);
            close_parts(over);
            pthread_mutex_lock(&queue->lock);
            continue;
        }
        oc_srv_lane_list *list = choose(queue);
        if (now >= until_ns) {
            taken = OC_SRV_TIME; /* also when busy: what is due by the clock comes first */
            break;
        }
        if (!list) {
            if (queue->closing) {
                taken = OC_SRV_CLOSED;
                break;
            }
            sleep_until(queue, until_ns);
            continue;
        }
        out->lane = (oc_srv_lane)(list - queue->lanes);
        gather(list, rows_max, delay_ns, out);
        double wait = out->rows < rows_max && !queue->closing
                          ? oc_srv_cost_wait(&costs[out->lane], out->rows, list->interval)
                          : 0;
        if (wait > 0 && now < out->due_ns) {
            uint64_t to = now + (uint64_t)(wait * 1e9);
            to = to < out->due_ns ? to : out->due_ns;
            /* Rows that do not come make their interval longer, until waiting pays no more. */
            double since = (double)(now - list->latest_ns) * 1e-9;
            if (since > 2 * list->interval) {
                list->interval = since;
                continue;
            }
            sleep_until(queue, to < until_ns ? to : until_ns);
            continue;
        }
        take(queue, list, out);
        if (choose(queue)) {
            pthread_cond_signal(&queue->bell); /* another instance may go on with the rest */
        }
        break;
    }
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

void oc_srv_queue_close(oc_srv_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    queue->closing = true;
    pthread_cond_broadcast(&queue->bell);
    pthread_mutex_unlock(&queue->lock);
}

void oc_srv_queue_fail(oc_srv_queue *queue, const octavo_error *error) {
    oc_srv_part *over = NULL;
    pthread_mutex_lock(&queue->lock);
    for (int lane = 0; lane < OC_SRV_LANES; lane++) {
        for (oc_srv_part *part = queue->lanes[lane].first, *next; part; part = next) {
            next = part->next;
            oc_srv_call_fail(part->call, error);
            unlink_part(&queue->lanes[lane], part);
            queue->rows -= part->rows - part->taken;
            part->next = over;
            over = part;
        }
    }
    pthread_mutex_unlock(&queue->lock);
    close_parts(over);
}
