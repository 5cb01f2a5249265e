/* observe.h - what a quantizer will meet: the magnitudes of one value of the graph, counted, and
 * the range that they suggest.
 *
 * |x| is counted by the upper 16 bits of its float32: sign (always 0), exponent, 7 bits of
 * mantissa. No range has to be known beforehand, and a quantile is exact to 1/128 of itself. Counts
 * add up in any order: threads, batches and the order of inputs leave no trace.
 *
 * An observer belongs to one thread at a time.
 */
#ifndef OC_QUANTIZE_OBSERVE_H
#define OC_QUANTIZE_OBSERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* How the range [0, r] that FP8 shall hold is chosen; what is larger saturates. */
#define OC_RANGE_MAP(XX)                                                                           \
    XX(ABSMAX, "absmax")         /* the largest magnitude */                                       \
    XX(PERCENTILE, "percentile") /* 99.99 % of the magnitudes are in it */                         \
    XX(MSE, "mse")               /* the mean squared error of E4M3 codes is smallest */

typedef enum oc_range_method {
#define XX(name, text) OC_RANGE_##name,
    OC_RANGE_MAP(XX)
#undef XX
} oc_range_method;

/* By name; NULL: absmax.
 *   INVALID_ARGUMENT  none of that name; the sentence lists them */
octavo_status oc_range_method_find(const char *name, oc_range_method *out, octavo_error *error);
const char *oc_range_method_name(oc_range_method method);

typedef struct oc_observer {
    uint64_t count;   /* values seen */
    uint64_t *bins;   /* [1 << 15] */
    uint32_t largest; /* magnitude, as bits */
} oc_observer;

octavo_status oc_observer_create(oc_observer *out, octavo_error *error);
void oc_observer_free(oc_observer *observer); /* a zeroed one is accepted */

void oc_observer_add(oc_observer *observer, const float *values, size_t count);

/* Whether no infinity and no NaN was seen.  The functions below are for those only. */
bool oc_observer_is_finite(const oc_observer *observer);

float oc_observer_amax(const oc_observer *observer); /* exact; 0 of nothing */
/* A magnitude that `percent` (over 0, up to 100) of all values do not exceed, by the bins. */
float oc_observer_percentile(const oc_observer *observer, double percent);
/* Shares of the values whose bin lies above that of `magnitude`; below it, zeros not counted. */
double oc_observer_share_above(const oc_observer *observer, float magnitude);
double oc_observer_share_below(const oc_observer *observer, float magnitude);
/* Mean of (x - e4m3(x / scale) * scale)^2, each value taken as the middle of its bin. */
double oc_observer_error(const oc_observer *observer, float scale);
/* The root of that over the root mean square of x itself; 0 of nothing and of zeros. */
double oc_observer_relative_error(const oc_observer *observer, float scale);

float oc_observer_range(const oc_observer *observer, oc_range_method method);

#endif
