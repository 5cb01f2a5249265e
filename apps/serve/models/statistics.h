/* statistics.h - counts of one model since it was loaded. */
#ifndef OC_SERVE_STATISTICS_H
#define OC_SERVE_STATISTICS_H

#include "serve/work/queue.h"

typedef struct oc_srv_sum {
    uint64_t count, ns;
} oc_srv_sum;

/* Upper bounds of the latency histogram, in seconds; one more bucket takes the rest. */
#define OC_SRV_BUCKETS                                                                             \
    { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 }
enum { OC_SRV_BUCKET_COUNT = 14 };

typedef struct oc_srv_counts {
    oc_srv_sum success, fail, queue, input, infer, output; /* of calls */
    uint64_t hits;                        /* of success: calls whose texts were all known */
    uint64_t rows, batches;               /* rows computed, and in how many runs */
    uint64_t latest_unix_ms;              /* of the latest success; 0: none */
    uint64_t refused, cancelled, expired; /* of fail: queue full, client gone, deadline passed */
    uint64_t buckets[OC_SRV_BUCKET_COUNT + 1]; /* of successful calls' whole time */
} oc_srv_counts;

typedef struct oc_srv_statistics {
    pthread_mutex_t lock;
    oc_srv_counts counts;
    oc_srv_sum *by_size; /* [size_max + 1] runs of so many rows */
    int32_t size_max;
} oc_srv_statistics;

octavo_status oc_srv_statistics_open(oc_srv_statistics *statistics, int32_t size_max,
                                     octavo_error *error);
void oc_srv_statistics_close(oc_srv_statistics *statistics);

void oc_srv_statistics_call(oc_srv_statistics *statistics, const oc_srv_call *call);
void oc_srv_statistics_refused(oc_srv_statistics *statistics, octavo_status status);
void oc_srv_statistics_batch(oc_srv_statistics *statistics, int32_t rows, uint64_t ns);

/* A copy of the counts; by_size, unless NULL, receives [size_max + 1]. */
oc_srv_counts oc_srv_statistics_read(oc_srv_statistics *statistics, oc_srv_sum *by_size);

#endif
