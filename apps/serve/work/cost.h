/* cost.h - what a batch takes, learnt from those that ran, and whether waiting for another row
 * pays.
 *
 * The time of a batch of n rows is taken for a + b n; both are fitted by least squares over the
 * batches that ran, older ones counting less and less.  One thread at a time.
 */
#ifndef OC_SERVE_COST_H
#define OC_SERVE_COST_H

#include <stdint.h>

typedef struct oc_srv_cost {
    double weight, rows, rows2, seconds, rows_seconds; /* decaying sums */
} oc_srv_cost;

void oc_srv_cost_learn(oc_srv_cost *cost, int32_t rows, double seconds);

/* Seconds that `rows` rows are expected to take; 0: nothing was learnt yet. */
double oc_srv_cost_of(const oc_srv_cost *cost, int32_t rows);

/* Seconds for which `rows` waiting rows should be kept back for one more, when rows come every
 * `interval` seconds on average; 0: run them now.  They are kept back where what the next row gains
 * by coming along is more than what those that wait for it lose, all taken together. */
double oc_srv_cost_wait(const oc_srv_cost *cost, int32_t rows, double interval);

#endif
