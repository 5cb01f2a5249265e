/* observe.c - see observe.h. */
#include "quantize/observe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/e4m3.h"

enum { BINS = 1 << 15, INFINITE = 0x7f80 }; /* from that bin on: infinity and NaN */

static const char *const method_names[] = {
#define XX(name, text) text,
    OC_RANGE_MAP(XX)
#undef XX
};

octavo_status oc_range_method_find(const char *name, oc_range_method *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = OC_RANGE_ABSMAX;
    if (name == NULL) {
        goto done;
    }
    for (size_t i = 0; i < OC_COUNT(method_names); i++) {
        if (strcmp(method_names[i], name) == 0) {
            *out = (oc_range_method)i;
            goto done;
        }
    }
    OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
            "there is no calibration method called '%s'; there are absmax, percentile and mse",
            name);
done:
    return status;
}

const char *oc_range_method_name(oc_range_method method) {
    return method_names[method];
}

octavo_status oc_observer_create(oc_observer *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = (oc_observer){.bins = calloc(BINS, sizeof *out->bins)};
    if (out->bins == NULL) {
        OC_NO_MEMORY(error, BINS * sizeof *out->bins);
    }
done:
    return status;
}

void oc_observer_free(oc_observer *observer) {
    free(observer->bins);
    *observer = (oc_observer){0};
}

void oc_observer_add(oc_observer *observer, const float *values, size_t count) {
    uint32_t largest = observer->largest;
    for (size_t i = 0; i < count; i++) {
        uint32_t magnitude = oc_f32_bits(values[i]) & 0x7fffffffu;
        observer->bins[magnitude >> 16]++;
        largest = magnitude > largest ? magnitude : largest;
    }
    observer->largest = largest;
    observer->count += count;
}

bool oc_observer_is_finite(const oc_observer *observer) {
    return observer->largest >> 16 < INFINITE;
}

float oc_observer_amax(const oc_observer *observer) {
    return oc_f32_of_bits(observer->largest);
}

static uint32_t bin_of(float magnitude) {
    return oc_f32_bits(magnitude) >> 16;
}

float oc_observer_percentile(const oc_observer *observer, double percent) {
    double rank = ceil(percent / 100.0 * (double)observer->count);
    uint64_t sum = 0;
    for (uint32_t bin = 0; bin < bin_of(oc_observer_amax(observer)); bin++) {
        sum += observer->bins[bin];
        if ((double)sum >= rank) { /* its upper edge; zeros have the first bin for themselves */
            return bin == 0 ? 0.0f : oc_f32_of_bits((bin + 1) << 16);
        }
    }
    return oc_observer_amax(observer);
}

static double share(const oc_observer *observer, uint32_t first, uint32_t end) {
    uint64_t sum = 0;
    for (uint32_t bin = first; bin < end; bin++) {
        sum += observer->bins[bin];
    }
    return observer->count == 0 ? 0.0 : (double)sum / (double)observer->count;
}

double oc_observer_share_above(const oc_observer *observer, float magnitude) {
    return share(observer, bin_of(magnitude) + 1, INFINITE);
}

double oc_observer_share_below(const oc_observer *observer, float magnitude) {
    return share(observer, 1, bin_of(magnitude));
}

double oc_observer_error(const oc_observer *observer, float scale) {
    double sum = 0;
    for (uint32_t bin = 1; bin <= observer->largest >> 16; bin++) {
        if (observer->bins[bin] != 0) {
            float x = oc_f32_of_bits(bin << 16 | 0x8000u);
            double error = (double)x - (double)oc_e4m3_to_f32(oc_f32_to_e4m3(x / scale)) * scale;
            sum += error * error * (double)observer->bins[bin];
        }
    }
    return observer->count == 0 ? 0.0 : sum / (double)observer->count;
}

double oc_observer_relative_error(const oc_observer *observer, float scale) {
    double sum = 0;
    for (uint32_t bin = 1; bin <= observer->largest >> 16; bin++) {
        double x = (double)oc_f32_of_bits(bin << 16 | 0x8000u);
        sum += observer->bins[bin] == 0 ? 0.0 : x * x * (double)observer->bins[bin];
    }
    return sum > 0 ? sqrt(oc_observer_error(observer, scale) * (double)observer->count / sum) : 0.0;
}

/* The range of least error among amax * 2^(-k/8) down to amax / 16; the largest of equals. */
static float least_error(const oc_observer *observer) {
    double range = (double)oc_observer_amax(observer), best = range, least = INFINITY;
    for (int k = 0; k <= 32; k++) {
        float scale = (float)range / OC_E4M3_MAX;
        double error = isnormal(scale) ? oc_observer_error(observer, scale) : INFINITY;
        if (error < least) {
            least = error;
            best = range;
        }
        range *= 0.91700404320467123174; /* 2^(-1/8) */
    }
    return (float)best;
}

float oc_observer_range(const oc_observer *observer, oc_range_method method) {
    return method == OC_RANGE_PERCENTILE ? oc_observer_percentile(observer, 99.99)
           : method == OC_RANGE_MSE      ? least_error(observer)
                                         : oc_observer_amax(observer);
}
