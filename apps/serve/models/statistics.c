/* statistics.c - see statistics.h. */
#include "serve/models/statistics.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

octavo_status oc_srv_statistics_open(oc_srv_statistics *statistics, int32_t size_max,
                                     octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    memset(statistics, 0, sizeof *statistics);
    pthread_mutex_init(&statistics->lock, NULL);
    statistics->size_max = size_max;
    statistics->by_size = calloc((size_t)size_max + 1, sizeof *statistics->by_size);
    if (!statistics->by_size) {
        OC_NO_MEMORY(error, (size_t)size_max * sizeof *statistics->by_size);
    }
done:
    return status;
}

void oc_srv_statistics_close(oc_srv_statistics *statistics) {
    if (statistics->size_max) {
        pthread_mutex_destroy(&statistics->lock);
    }
    free(statistics->by_size);
    memset(statistics, 0, sizeof *statistics);
}

static void add(oc_srv_sum *sum, uint64_t from, uint64_t to) {
    sum->count++;
    sum->ns += to > from ? to - from : 0;
}

void oc_srv_statistics_call(oc_srv_statistics *statistics, const oc_srv_call *call) {
    static const double bounds[] = OC_SRV_BUCKETS;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    pthread_mutex_lock(&statistics->lock);
    oc_srv_counts *counts = &statistics->counts;
    if (call->error.status) {
        add(&counts->fail, call->started_ns, call->ended_ns);
        counts->cancelled += call->error.status == OCTAVO_CANCELLED;
        counts->expired += call->error.status == OCTAVO_DEADLINE_EXCEEDED;
    } else {
        double seconds = (double)(call->ended_ns - call->started_ns) * 1e-9;
        int bucket = 0;
        while (bucket < OC_SRV_BUCKET_COUNT && seconds > bounds[bucket]) {
            bucket++;
        }
        counts->buckets[bucket]++;
        counts->hits += call->knows_texts;
        add(&counts->success, call->started_ns, call->ended_ns);
        add(&counts->input, call->started_ns, call->ready_ns);
        add(&counts->queue, call->ready_ns, call->taken_ns);
        add(&counts->infer, call->taken_ns, call->computed_ns);
        add(&counts->output, call->computed_ns, call->ended_ns);
        counts->latest_unix_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    }
    pthread_mutex_unlock(&statistics->lock);
}

void oc_srv_statistics_refused(oc_srv_statistics *statistics, octavo_status status) {
    pthread_mutex_lock(&statistics->lock);
    statistics->counts.fail.count++;
    statistics->counts.refused += status == OCTAVO_EXHAUSTED;
    pthread_mutex_unlock(&statistics->lock);
}

void oc_srv_statistics_batch(oc_srv_statistics *statistics, int32_t rows, uint64_t ns) {
    pthread_mutex_lock(&statistics->lock);
    statistics->counts.rows += (uint64_t)rows;
    statistics->counts.batches++;
    statistics->by_size[rows].count++;
    statistics->by_size[rows].ns += ns;
    pthread_mutex_unlock(&statistics->lock);
}

oc_srv_counts oc_srv_statistics_read(oc_srv_statistics *statistics, oc_srv_sum *by_size) {
    pthread_mutex_lock(&statistics->lock);
    oc_srv_counts counts = statistics->counts;
    if (by_size) {
        memcpy(by_size, statistics->by_size, ((size_t)statistics->size_max + 1) * sizeof *by_size);
    }
    pthread_mutex_unlock(&statistics->lock);
    return counts;
}
