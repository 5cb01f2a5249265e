/* metrics.h - how far one run of numbers is from another, in double, summed in order.
 *
 * Sums can be taken in pieces: the result depends on the order of the values alone.
 */
#ifndef OC_NUM_METRICS_H
#define OC_NUM_METRICS_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed at the start.  x the values, r the reference, d = x - r. */
typedef struct oc_metrics {
    uint64_t count;
    uint64_t not_finite; /* pairs where x or r is infinite or NaN, left out of the sums */
    double sum_xx, sum_rr, sum_xr, sum_dd, sum_d;
    double max_abs;  /* largest |d| */
    uint64_t max_at; /* where that is, counted over all pieces */
} oc_metrics;

void oc_metrics_add(oc_metrics *metrics, const float *values, const float *reference, size_t count);

/* All are infinite (the cosine 0) when a pair was not finite: such values are never near. */

/* sqrt(sum d^2 / sum r^2); 0 where both are zero, infinity where only the reference is. */
double oc_metrics_relative_rms(const oc_metrics *metrics);
/* sum xr / sqrt(sum xx * sum rr); 1 where both are zero, 0 where one is. */
double oc_metrics_cosine(const oc_metrics *metrics);
double oc_metrics_max_abs(const oc_metrics *metrics);
double oc_metrics_mean(const oc_metrics *metrics); /* of d; 0 of nothing */

#endif
