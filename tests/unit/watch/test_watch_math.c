// links: watch num base
/* What chance explains, random features, bins and counts of codes: against known numbers and by
 * drawing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "num/rng.h"
#include "watch/math/bins.h"
#include "watch/math/chance.h"
#include "watch/math/codes.h"
#include "watch/math/features.h"

/* Quantiles as tables have them; the chi-square's are approximated. */
static void bounds_are_quantiles(void **state) {
    (void)state;
    assert_true(fabs(oc_normal_bound(0.025) - 1.959964) < 1e-5);
    assert_true(fabs(oc_normal_bound(1e-6) - 4.753424) < 1e-5);
    assert_true(fabs(oc_normal_bound(1e-9) - 5.997807) < 1e-4);
    assert_true(fabs(oc_chi_square_bound(9, oc_normal_bound(0.01)) / 21.666 - 1) < 0.01);
    assert_true(fabs(oc_chi_square_bound(9, oc_normal_bound(1e-6)) / 45.076 - 1) < 0.03);
    assert_true(oc_chi_square_bound(1, oc_normal_bound(1e-6)) > 23.9); /* errs upwards */
}

/* A spectrum of few large eigenvalues: the bound is exceeded more seldom than it says, and is not
 * out of all proportion. */
static void norms_stay_within_their_bound(void **state) {
    (void)state;
    enum { DIM = 40, DRAWS = 40000 };
    const double alpha = 0.01;
    double deviations[DIM], norms = 0;
    oc_spectrum spectrum = {0};
    oc_rng rng;
    int32_t over = 0;
    for (int d = 0; d < DIM; d++) {
        deviations[d] = d < 2 ? 3 : 1 / (1.0 + d);
        double v = deviations[d] * deviations[d];
        spectrum.trace += v;
        spectrum.square += v * v;
        spectrum.largest = fmax(spectrum.largest, v);
    }
    double bound = oc_norm_bound(&spectrum, alpha);
    oc_rng_init(&rng, 3, 0);
    for (int32_t i = 0; i < DRAWS; i++) {
        double sum = 0;
        for (int d = 0; d < DIM; d++) {
            double x = deviations[d] * oc_rng_normal(&rng);
            sum += x * x;
        }
        norms += sqrt(sum) / DRAWS;
        over += sqrt(sum) > bound;
    }
    assert_true(over < alpha * DRAWS);
    assert_true(bound < 4 * norms);
}

static void a_spectrum_is_of_the_covariance(void **state) {
    (void)state;
    enum { DIM = 6, ROWS = 4000 };
    static float rows[ROWS * DIM];
    double mean[DIM] = {0};
    oc_spectrum spectrum;
    oc_rng rng;
    oc_rng_init(&rng, 4, 0);
    for (int32_t r = 0; r < ROWS; r++) {
        double common = oc_rng_normal(&rng);
        for (int d = 0; d < DIM; d++) { /* covariance 1 everywhere, and 0.25 more on the diagonal */
            rows[r * DIM + d] = (float)(common + 0.5 * oc_rng_normal(&rng) + d);
            mean[d] += (double)rows[r * DIM + d] / ROWS;
        }
    }
    assert_int_equal(oc_spectrum_of(rows, ROWS, DIM, mean, &spectrum, NULL), OCTAVO_OK);
    assert_true(fabs(spectrum.trace / (DIM * 1.25) - 1) < 0.1);
    assert_true(fabs(spectrum.largest / (DIM + 0.25) - 1) < 0.1);
    assert_true(fabs(spectrum.square / (pow(DIM + 0.25, 2) + (DIM - 1) * 0.0625) - 1) < 0.15);
}

/* Products of features are the Gaussian kernel, to what 128 frequencies allow. */
static void features_make_the_kernel(void **state) {
    (void)state;
    enum { DIM = 300, PAIRS = 60 };
    const double bandwidth = 1.3;
    oc_features features;
    oc_rng rng;
    double worst = 0, mean = 0;
    assert_int_equal(oc_features_create(DIM, bandwidth, 9, &features, NULL), OCTAVO_OK);
    assert_int_equal(features.padded, 512);
    oc_rng_init(&rng, 5, 0);
    for (int32_t p = 0; p < PAIRS; p++) {
        float x[DIM], y[DIM], scratch[512], a[OC_FEATURES], b[OC_FEATURES];
        double distance = 0, product = 0, length = 0.1 + 2.0 * p / PAIRS;
        for (int d = 0; d < DIM; d++) {
            x[d] = (float)(oc_rng_normal(&rng) / sqrt(DIM));
            y[d] = x[d] + (float)(length * oc_rng_normal(&rng) / sqrt(DIM));
            distance += pow((double)x[d] - (double)y[d], 2);
        }
        oc_features_of(&features, x, scratch, a);
        oc_features_of(&features, y, scratch, b);
        for (int i = 0; i < OC_FEATURES; i++) {
            product += (double)a[i] * (double)b[i];
        }
        double off = product - exp(-distance / (2 * bandwidth * bandwidth));
        worst = fmax(worst, fabs(off));
        mean += off / PAIRS;
    }
    assert_true(worst < 0.2);
    assert_true(fabs(mean) < 0.03);
    oc_features_free(&features);
}

static void the_bandwidth_is_the_median_distance(void **state) {
    (void)state;
    const float line[] = {0, 1, 3}; /* 1, 2, 3 apart */
    const float equal[] = {2, 2, 2, 2};
    double median;
    assert_int_equal(oc_median_distance(line, 3, 1, &median, NULL), OCTAVO_OK);
    assert_true(median == 2);
    assert_int_equal(oc_median_distance(equal, 4, 1, &median, NULL), OCTAVO_OK);
    assert_true(median == 1);
}

static void bins_are_deciles(void **state) {
    (void)state;
    float values[1000];
    oc_bins bins;
    int64_t shifted[OC_BINS_MAX] = {0};
    for (int i = 0; i < 1000; i++) {
        values[i] = (float)((i * 7) % 1000);
    }
    oc_bins_cut(&bins, values, 1000);
    assert_int_equal(bins.edge_count, 9);
    assert_int_equal(bins.total, 1000);
    for (int i = 0; i <= bins.edge_count; i++) {
        assert_int_equal(bins.counts[i], 100);
    }
    assert_int_equal(oc_bins_find(&bins, -1e9f), 0);
    assert_int_equal(oc_bins_find(&bins, 100), 1);
    assert_int_equal(oc_bins_find(&bins, 1e9f), 9);
    assert_true(fabs(oc_bins_psi(&bins, bins.counts, bins.total)) < 1e-12);
    /* all of the first bin in the last: (0.2 - 0.1) ln 2 + (0.1 - 0) ln(0.1 / 0), nearly */
    memcpy(shifted, bins.counts, sizeof shifted);
    shifted[9] += shifted[0];
    shifted[0] = 0;
    double psi = oc_bins_psi(&bins, shifted, 1000);
    assert_true(psi > 0.5 && psi < 0.7);
}

/* Values that are all alike: what lies beside them is seen, on both sides. */
static void a_common_value_has_a_bin(void **state) {
    (void)state;
    float values[300];
    oc_bins bins;
    for (int i = 0; i < 300; i++) {
        values[i] = 77;
    }
    oc_bins_cut(&bins, values, 300);
    assert_int_equal(bins.edge_count, 2);
    assert_int_equal(oc_bins_find(&bins, 76.99f), 0);
    assert_int_equal(oc_bins_find(&bins, 77), 1);
    assert_int_equal(oc_bins_find(&bins, 77.01f), 2);
    assert_int_equal(bins.counts[1], 300);
}

static void codes_are_shares_of_sequences(void **state) {
    (void)state;
    oc_code_sums a = {0}, b = {0};
    double variance;
    oc_code_sums_add(&a, &(oc_code_count){1000, 10, 100, 3.5}, 2);
    oc_code_sums_add(&a, &(oc_code_count){3000, 90, 300, 1.5}, 6);
    oc_code_sums_add(&a, &(oc_code_count){0, 0, 0, 0}, 6); /* nothing was counted */
    assert_true(a.rows == 8 && a.runs == 2 && a.range == 3.5);
    assert_true(fabs(oc_code_sums_saturated(&a, &variance) - 0.025) < 1e-12);
    /* 2 (0.01 - 0.025)^2 + 6 (0.03 - 0.025)^2, over one run */
    assert_true(fabs(variance - 0.0006) < 1e-12);
    assert_true(fabs(oc_code_sums_zeros(&a, &variance) - 0.1) < 1e-12);
    assert_true(variance < 1e-12);
    oc_code_sums_join(&b, &a);
    oc_code_sums_join(&b, &a);
    assert_true(b.rows == 16 && b.runs == 4);
    assert_true(fabs(oc_code_sums_saturated(&b, &variance) - 0.025) < 1e-12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_quantiles),
        cmocka_unit_test(norms_stay_within_their_bound),
        cmocka_unit_test(a_spectrum_is_of_the_covariance),
        cmocka_unit_test(features_make_the_kernel),
        cmocka_unit_test(the_bandwidth_is_the_median_distance),
        cmocka_unit_test(bins_are_deciles),
        cmocka_unit_test(a_common_value_has_a_bin),
        cmocka_unit_test(codes_are_shares_of_sequences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
