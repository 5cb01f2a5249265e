/* watch_fields.h - the fields of a watch, for watch.c and report.c. */
#ifndef OC_WATCH_WATCH_FIELDS_H
#define OC_WATCH_WATCH_FIELDS_H

#include <pthread.h>
#include <stdatomic.h>

#include "watch/watch.h"

enum { OC_WATCH_LANES = 4, OC_WATCH_BLOCKS = 8, OC_WATCH_HISTORY = 240 };

/* Sums of some rows. */
typedef struct oc_watch_sums {
    oc_sketch sketch;
    oc_code_sums *codes; /* [quantizer_count] */
} oc_watch_sums;

typedef struct oc_watch_lane {
    pthread_mutex_t lock;
    bool has_lock;
    oc_row_maker maker;
    oc_watch_sums sums; /* since the latest block */
} oc_watch_lane;

/* One comparison, for plots. */
typedef struct oc_watch_moment {
    int64_t rows;                                                   /* looked at until then */
    float distance[OC_STATISTIC_COUNT], chance[OC_STATISTIC_COUNT]; /* NAN: not known */
} oc_watch_moment;

typedef struct oc_watch_tower {
    oc_watch_lane lanes[OC_WATCH_LANES];
    atomic_llong seen, watched, refused;
    atomic_llong pending; /* rows in lanes */
    /* Behind the watch's lock: */
    oc_watch_sums blocks[OC_WATCH_BLOCKS], window;
    int32_t block_count, next_block;
    oc_watch_value values[OC_STATISTIC_COUNT];
    int32_t calm[OC_STATISTIC_COUNT]; /* comparisons under the way back, so far */
    oc_watch_moment history[OC_WATCH_HISTORY];
    int64_t comparisons; /* history[i % OC_WATCH_HISTORY] */
} oc_watch_tower;

struct oc_watch {
    const oc_reference *reference;
    oc_watch_options options;
    oc_bounds bounds;
    int64_t block_rows;
    pthread_mutex_t lock;
    bool has_lock;
    atomic_uint turn;        /* which lane is tried first */
    atomic_llong paid_until; /* by oc_clock_ns: when what was spent is within the budget again */
    atomic_int state;
    oc_watch_tower *towers; /* [reference->tower_count] */
};

#endif
