/* watch.h - a model's traffic against its reference, while it runs: windows, states, history.
 *
 * Rows go into one of a few lanes, each with sums of its own, so that threads seldom meet.  When an
 * eighth of a window has come together it becomes a block.  After each new one the latest eight
 * blocks, which are the window, and the latest four and two of them are compared (compare.h); of
 * each statistic that counts by which the most is sure.  Memory is bounded and no row is kept.
 *
 * States.  A statistic is a warning, or an alarm, from the first comparison on in which what is
 * sure reaches its threshold.  It comes back when for eight comparisons in a row, a whole window of
 * new rows, what is sure stays under 0.8 of the threshold of the state that it leaves.
 *
 * Cost.  A watch takes rows only as long as it spends no more than its budget, a share of one
 * core's time, of which it may save up for bursts; the rows in between are counted and not looked
 * at.
 *
 * Threads.  Any, for all functions but create and free.
 */
#ifndef OC_WATCH_WATCH_H
#define OC_WATCH_WATCH_H

#include "base/json/json_write.h"
#include "watch/compare.h"

typedef struct oc_watch oc_watch;

typedef enum oc_watch_state {
    OC_WATCH_UNKNOWN = -1, /* nothing to compare, or too little */
    OC_WATCH_OK = 0,
    OC_WATCH_WARNING = 1,
    OC_WATCH_ALARM = 2
} oc_watch_state;

const char *oc_watch_state_name(oc_watch_state state); /* "unknown", "ok", "warning", "alarm" */

typedef struct oc_watch_options {
    double false_alarms; /* chance that one comparison exceeds its bound where nothing changed; 0:
                            1e-6 */
    double tolerance;    /* times the thresholds; 0: 1 */
    double budget;       /* share of a core; 0: without limit */
    int32_t window;      /* rows; 0: 1000; below 0: all rows from the first on */
} oc_watch_options;

/* The reference is borrowed.
 *   INVALID_ARGUMENT  an option out of range
 *   EXHAUSTED         out of memory */
octavo_status oc_watch_create(const oc_reference *reference, const oc_watch_options *options,
                              oc_watch **out, octavo_error *error);
void oc_watch_free(oc_watch *watch); /* NULL is accepted */

/* Whether the budget allows to look at rows now; counts them as seen. */
bool oc_watch_wants(oc_watch *watch, int32_t tower, int32_t rows);

typedef struct oc_watch_batch {
    int32_t tower, rows;
    const float *embeddings;    /* [rows, dim]; NULL: no rows, codes only */
    bool is_raw;                /* before they were normalised: their length is watched */
    const float *scalars;       /* [rows, OC_SCALAR_COUNT]; NAN: not known */
    const oc_code_count *codes; /* [quantizer_count]; NULL: not counted in this run */
    int32_t code_rows;          /* sequences of the run whose codes they are */
} oc_watch_batch;

void oc_watch_add(oc_watch *watch, const oc_watch_batch *batch);

/* That so many nanoseconds of a thread's time went into watching. */
void oc_watch_spend(oc_watch *watch, uint64_t nanoseconds);

/* Compares what has not filled a block, too: for the end of what is given. */
void oc_watch_flush(oc_watch *watch);

typedef struct oc_watch_value {
    oc_comparison now; /* the latest */
    oc_watch_state state;
    int64_t since; /* rows looked at when it came into that state */
} oc_watch_value;

/* The latest comparison; of a tower, and the worst state of all. */
oc_watch_value oc_watch_value_of(oc_watch *watch, int32_t tower, oc_statistic statistic);
oc_watch_state oc_watch_state_of(const oc_watch *watch);

typedef struct oc_watch_counts {
    int64_t seen, watched, refused; /* rows: that came, that were looked at, without an embedding */
    int64_t comparisons;
    int64_t window; /* rows of the latest comparison */
} oc_watch_counts;

oc_watch_counts oc_watch_counts_of(oc_watch *watch, int32_t tower);

/* Writes the object that docs/drift.md describes.  history: the latest comparisons too. */
void oc_watch_report(oc_watch *watch, const char *engine, bool history, oc_json_writer *json);

#endif
