/* compare.c - see compare.h. */
#include "watch/compare.h"

#include <math.h>

static const struct {
    const char *name;
    double warning, alarm;
} statistics[] = {
#define XX(name, text, warning, alarm) {text, warning, alarm},
    OC_STATISTIC_MAP(XX)
#undef XX
};

_Static_assert((int)OC_STATISTIC_NORM == (int)OC_MEAN_COUNT, "means come first");
_Static_assert((int)OC_STATISTIC_SATURATION == (int)OC_MEAN_COUNT + (int)OC_SCALAR_COUNT,
               "then the numbers");

const char *oc_statistic_name(oc_statistic statistic) {
    return statistics[statistic].name;
}

double oc_statistic_warning(oc_statistic statistic) {
    return statistics[statistic].warning;
}

double oc_statistic_alarm(oc_statistic statistic) {
    return statistics[statistic].alarm;
}

int32_t oc_statistic_scalar(oc_statistic statistic) {
    int32_t scalar = (int32_t)statistic - OC_MEAN_COUNT;
    return scalar >= 0 && scalar < OC_SCALAR_COUNT ? scalar : -1;
}

void oc_bounds_find(const oc_reference *reference, double alpha, oc_bounds *out) {
    int32_t quantizers = reference->quantizer_count < 1 ? 1 : reference->quantizer_count;
    double each = fmax(alpha / quantizers, 1e-12);
    *out = (oc_bounds){.z = oc_normal_bound(alpha), .z_codes = oc_normal_bound(each)};
    for (int32_t t = 0; t < reference->tower_count; t++) {
        for (int32_t m = 0; m < OC_MEAN_COUNT; m++) {
            out->norms[t][m] = oc_norm_bound(&reference->towers[t].spectra[m], alpha);
        }
    }
}

/* -- means ---------------------------------------------------------------------------------- */

/* A number of the vector's mean at calibration. */
static double at_calibration(const oc_tower_reference *tower, oc_mean mean, int32_t i) {
    return mean == OC_MEAN_EMBEDDING  ? (double)tower->mean[i]
           : mean == OC_MEAN_FEATURES ? (double)tower->features[i]
           : tower->variance[i] > 0   ? 1
                                      : 0;
}

/* Distances are told in what makes sense: of the embedding in standard deviations of the
 * calibration's, of the variance as the root mean square of its relative change. */
static double unit_of(const oc_tower_reference *tower, oc_mean mean) {
    return mean == OC_MEAN_EMBEDDING ? sqrt(tower->spectra[mean].trace)
           : mean == OC_MEAN_SPREAD  ? sqrt(tower->dim)
                                     : 1;
}

static void compare_mean(const oc_tower_reference *tower, oc_mean mean, double bound,
                         const oc_sketch *sketch, oc_comparison *out) {
    double rows = (double)sketch->rows, sum = 0, unit = unit_of(tower, mean);
    int32_t width = oc_mean_width(tower, mean);
    for (int32_t i = 0; i < width; i++) {
        double off = sketch->sums[mean][i] / rows - at_calibration(tower, mean, i);
        sum += off * off;
    }
    out->is_known = true;
    out->rows = sketch->rows;
    out->distance = sqrt(sum) / unit;
    out->chance = bound * sqrt(1 / rows + 1.0 / tower->rows) / unit;
    out->sure = fmax(0, out->distance - out->chance);
}

/* -- distributions -------------------------------------------------------------------------- */

static void compare_scalar(const oc_bins *bins, const int64_t *counts, int64_t total, double z,
                           oc_comparison *out) {
    if (bins->edge_count == 0 || total == 0) {
        return;
    }
    double both = 1 / (double)total + 1 / (double)bins->total;
    out->is_known = true;
    out->rows = total;
    out->distance = oc_bins_psi(bins, counts, total);
    out->chance = oc_chi_square_bound(bins->edge_count, z) * both;
    double root = fmax(0, sqrt(out->distance) - sqrt(out->chance));
    out->sure = root * root;
}

/* -- codes ---------------------------------------------------------------------------------- */

/* A share of now against that of calibration; only more of it is drift. */
static void compare_share(double now, double variance_now, const oc_code_sums *sums, double then,
                          double variance_then, const oc_quantizer_reference *quantizer,
                          int32_t index, double z, oc_comparison *worst) {
    double degrees = sums->runs + quantizer->runs - 2;
    double variance =
        (variance_now * (sums->runs - 1) + variance_then * (quantizer->runs - 1)) / degrees;
    double chance = z * sqrt(variance * (1 / sums->rows + 1 / quantizer->rows));
    double distance = fmax(0, now - then), sure = fmax(0, distance - chance);
    if (!worst->is_known || sure > worst->sure ||
        (sure == worst->sure && distance > worst->distance)) {
        *worst = (oc_comparison){.is_known = true,
                                 .distance = distance,
                                 .chance = chance,
                                 .sure = sure,
                                 .rows = (int64_t)sums->rows,
                                 .quantizer = index};
    }
}

static void compare_codes(const oc_reference *reference, int32_t tower, double z,
                          const oc_code_sums *codes, oc_comparison *saturation,
                          oc_comparison *underflow) {
    for (int32_t q = 0; q < reference->quantizer_count; q++) {
        const oc_quantizer_reference *then = &reference->quantizers[q];
        if (then->tower != tower || then->runs < OC_RUNS_LEAST || codes[q].runs < OC_RUNS_LEAST) {
            continue;
        }
        double variance, now = oc_code_sums_saturated(&codes[q], &variance);
        compare_share(now, variance, &codes[q], then->saturated, then->saturated_variance, then, q,
                      z, saturation);
        now = oc_code_sums_zeros(&codes[q], &variance);
        compare_share(now, variance, &codes[q], then->zeros, then->zeros_variance, then, q, z,
                      underflow);
    }
}

void oc_compare(const oc_reference *reference, int32_t tower, const oc_bounds *bounds,
                const oc_sketch *sketch, const oc_code_sums *codes,
                oc_comparison out[OC_STATISTIC_COUNT]) {
    const oc_tower_reference *then = &reference->towers[tower];
    for (int32_t i = 0; i < OC_STATISTIC_COUNT; i++) {
        out[i] = (oc_comparison){.quantizer = -1};
    }
    for (int32_t m = 0; m < OC_MEAN_COUNT && sketch->rows > 0; m++) {
        compare_mean(then, (oc_mean)m, bounds->norms[tower][m], sketch, &out[m]);
    }
    for (int32_t s = 0; s < OC_SCALAR_COUNT; s++) {
        compare_scalar(&then->scalars[s], sketch->counts[s], sketch->totals[s], bounds->z,
                       &out[OC_STATISTIC_NORM + s]);
    }
    compare_codes(reference, tower, bounds->z_codes, codes, &out[OC_STATISTIC_SATURATION],
                  &out[OC_STATISTIC_UNDERFLOW]);
}
