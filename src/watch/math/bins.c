/* bins.c - see bins.h. */
#include "watch/math/bins.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { QUANTILES = 10 };

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void add_edge(oc_bins *bins, float edge) {
    if (bins->edge_count < OC_EDGES_MAX &&
        (bins->edge_count == 0 || edge > bins->edges[bins->edge_count - 1])) {
        bins->edges[bins->edge_count++] = edge;
    }
}

void oc_bins_cut(oc_bins *out, float *values, int32_t count) {
    *out = (oc_bins){.total = count};
    qsort(values, (size_t)count, sizeof *values, by_size);
    for (int32_t q = 1; q < QUANTILES; q++) {
        float at = values[(int64_t)q * count / QUANTILES];
        float before = values[(int64_t)(q - 1) * count / QUANTILES];
        add_edge(out, at);
        if (at == before) { /* a tenth of all values and more: what is just above, no denormal */
            add_edge(out, at + fmaxf(fabsf(at) * FLT_EPSILON, FLT_MIN));
        }
    }
    for (int32_t i = 0; i < count; i++) {
        out->counts[oc_bins_find(out, values[i])]++;
    }
}

int32_t oc_bins_find(const oc_bins *bins, float value) {
    int32_t below = 0;
    for (int32_t i = 0; i < bins->edge_count; i++) {
        below += bins->edges[i] <= value;
    }
    return below;
}

double oc_bins_psi(const oc_bins *bins, const int64_t *counts, int64_t total) {
    int32_t count = bins->edge_count + 1;
    double sum = 0, half = 0.5 * count;
    for (int32_t i = 0; i < count; i++) {
        double p = ((double)counts[i] + 0.5) / ((double)total + half);
        double q = ((double)bins->counts[i] + 0.5) / ((double)bins->total + half);
        sum += (p - q) * log(p / q);
    }
    return sum;
}
