/* cost.c - see cost.h. */
#include "serve/work/cost.h"

#define KEEP 0.98 /* of what is known, with each batch: the last fifty count */

void oc_srv_cost_learn(oc_srv_cost *cost, int32_t rows, double seconds) {
    double n = rows;
    cost->weight = KEEP * cost->weight + 1;
    cost->rows = KEEP * cost->rows + n;
    cost->rows2 = KEEP * cost->rows2 + n * n;
    cost->seconds = KEEP * cost->seconds + seconds;
    cost->rows_seconds = KEEP * cost->rows_seconds + n * seconds;
}

double oc_srv_cost_of(const oc_srv_cost *cost, int32_t rows) {
    if (!(cost->weight > 0)) {
        return 0;
    }
    double mean = cost->rows / cost->weight, time = cost->seconds / cost->weight;
    double spread = cost->rows2 / cost->weight - mean * mean;
    /* Batches of one size tell nothing about others: their time is taken to grow with the rows, by
     * which waiting never pays until something else was seen. */
    double slope = time / mean;
    if (spread > 1e-3 * mean * mean) {
        slope = (cost->rows_seconds / cost->weight - mean * time) / spread;
    }
    slope = slope < 0 ? 0 : slope;
    double fixed = time - slope * mean;
    return fixed < 0 ? time / mean * rows : fixed + slope * rows;
}

double oc_srv_cost_wait(const oc_srv_cost *cost, int32_t rows, double interval) {
    double now = oc_srv_cost_of(cost, rows), more = oc_srv_cost_of(cost, rows + 1);
    if (!(now > 0) || !(interval > 0) || interval >= now) {
        return 0; /* it comes when these are done */
    }
    /* Alone it would wait until these are done and then run by itself. */
    double gain = now - interval + oc_srv_cost_of(cost, 1) - more;
    double loss = rows * (interval + more - now);
    return gain > loss ? 2 * interval : 0; /* it may be late; then this is asked again */
}
