/* statistics.c - see statistics.h. */
#include "evaluate/statistics.h"

#include <math.h>

#include "num/mathf.h"
#include "num/metrics.h"

void oc_wilson95(int64_t hits, int64_t count, double interval[2]) {
    const double z = 1.959963984540054; /* the normal distribution's 97.5 % quantile */
    double n = (double)count, p = count > 0 ? (double)hits / n : 0;
    interval[0] = 0;
    interval[1] = 1;
    if (count > 0) {
        double centre = (p + z * z / (2 * n)) / (1 + z * z / n);
        double half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n);
        interval[0] = centre - half < 0 ? 0 : centre - half;
        interval[1] = centre + half > 1 ? 1 : centre + half;
    }
}

double oc_mcnemar_fewer(int64_t only_a, int64_t only_b) {
    int64_t n = only_a + only_b;
    double log_term = -(double)n * 0.69314718055994531, sum = 0; /* ln C(n,0) / 2^n */
    for (int64_t i = 0; i <= only_a; i++) {
        sum += oc_exp(log_term);
        log_term += i < n ? oc_log((double)(n - i) / (double)(i + 1)) : 0;
    }
    return sum > 1 ? 1 : sum;
}

double oc_mcnemar(int64_t only_a, int64_t only_b) {
    double tail =
        only_a < only_b ? oc_mcnemar_fewer(only_a, only_b) : oc_mcnemar_fewer(only_b, only_a);
    return 2 * tail > 1 ? 1 : 2 * tail;
}

int32_t oc_rank_of(const float *scores, int32_t count, int32_t which) {
    int32_t rank = 0;
    for (int32_t i = 0; i < count; i++) {
        rank += scores[i] > scores[which] || (scores[i] == scores[which] && i < which);
    }
    return rank;
}

void oc_softmax(float *scores, int32_t count, float scale) {
    float most = scores[0];
    double sum = 0;
    for (int32_t i = 1; i < count; i++) {
        most = scores[i] > most ? scores[i] : most;
    }
    for (int32_t i = 0; i < count; i++) {
        double e = oc_exp((double)scale * ((double)scores[i] - (double)most));
        scores[i] = (float)e;
        sum += e;
    }
    for (int32_t i = 0; i < count; i++) {
        scores[i] = (float)((double)scores[i] / sum);
    }
}

double oc_cosine(const float *a, const float *b, int32_t count) {
    oc_metrics metrics = {0};
    oc_metrics_add(&metrics, a, b, (size_t)count);
    return oc_metrics_cosine(&metrics);
}

void oc_unit(float *x, int32_t count) {
    double sum = 0;
    for (int32_t i = 0; i < count; i++) {
        sum += (double)x[i] * (double)x[i];
    }
    for (int32_t i = 0; sum > 0 && i < count; i++) {
        x[i] = (float)((double)x[i] / sqrt(sum));
    }
}
