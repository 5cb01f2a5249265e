/* metrics.c - see metrics.h. */
#include "num/metrics.h"

#include <math.h>

void oc_metrics_add(oc_metrics *metrics, const float *values, const float *reference,
                    size_t count) {
    for (size_t i = 0; i < count; i++) {
        double x = (double)values[i], r = (double)reference[i], d = x - r;
        uint64_t at = metrics->count++;
        if (!isfinite(x) || !isfinite(r)) {
            metrics->not_finite++;
            continue;
        }
        metrics->sum_xx += x * x;
        metrics->sum_rr += r * r;
        metrics->sum_xr += x * r;
        metrics->sum_dd += d * d;
        metrics->sum_d += d;
        if (fabs(d) > metrics->max_abs) {
            metrics->max_abs = fabs(d);
            metrics->max_at = at;
        }
    }
}

double oc_metrics_relative_rms(const oc_metrics *metrics) {
    if (metrics->not_finite || (metrics->sum_rr == 0 && metrics->sum_dd > 0)) {
        return INFINITY;
    }
    return metrics->sum_dd > 0 ? sqrt(metrics->sum_dd / metrics->sum_rr) : 0;
}

double oc_metrics_cosine(const oc_metrics *metrics) {
    if (metrics->not_finite) {
        return 0;
    }
    if (metrics->sum_xx == 0 || metrics->sum_rr == 0) {
        return metrics->sum_xx == metrics->sum_rr;
    }
    return metrics->sum_xr / (sqrt(metrics->sum_xx) * sqrt(metrics->sum_rr));
}

double oc_metrics_max_abs(const oc_metrics *metrics) {
    return metrics->not_finite ? INFINITY : metrics->max_abs;
}

double oc_metrics_mean(const oc_metrics *metrics) {
    if (metrics->not_finite) {
        return INFINITY;
    }
    return metrics->count ? metrics->sum_d / (double)metrics->count : 0;
}
