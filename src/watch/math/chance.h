/* chance.h - how far chance alone may take a statistic from its reference.
 *
 * A statistic is compared by its distance from what calibration found.  Of the distance, chance
 * explains so much: both are means over rows that were drawn, m rows at calibration and n now.  A
 * difference of two such means of rows with covariance S has covariance S (1/n + 1/m), and by the
 * central limit theorem is normal.  The bounds below hold for a standard such difference (1/n + 1/m
 * = 1) and are multiplied by the root of the true one.
 *
 * alpha is the chance, at most, of exceeding a bound where nothing has changed.
 */
#ifndef OC_WATCH_CHANCE_H
#define OC_WATCH_CHANCE_H

#include <stdint.h>

#include "base/status.h"

/* z with P(Z > z) = alpha of a standard normal Z, by bisection of erf; alpha from 1e-12 to 0.5. */
double oc_normal_bound(double alpha);

/* x with P(X > x) = alpha, about, of a chi-square X of so many degrees of freedom (E. B. Wilson and
 * M. M. Hilferty, The distribution of chi-square, 1931); z is oc_normal_bound(alpha). */
double oc_chi_square_bound(double degrees, double z);

/* What is to be known of a covariance matrix S: its trace, that of S S, its largest eigenvalue. */
typedef struct oc_spectrum {
    double trace, square, largest;
} oc_spectrum;

/* l with P(|Z| > l) <= alpha of a normal Z with mean 0 and that covariance, whatever its other
 * eigenvalues: |Z|^2 <= trace + 2 sqrt(square t) + 2 largest t with t = ln(1 / alpha) (B. Laurent
 * and P. Massart, Adaptive estimation of a quadratic functional by model selection, 2000, lemma 1).
 */
double oc_norm_bound(const oc_spectrum *spectrum, double alpha);

/* The spectrum of the covariance of rows [count, dim], count >= 2, which are at least not constant
 * in all columns; mean [dim].  square is that of the sample's covariance, which errs upwards.
 *   EXHAUSTED  dim * dim doubles are not to be had */
octavo_status oc_spectrum_of(const float *rows, int32_t count, int32_t dim, const double *mean,
                             oc_spectrum *out, octavo_error *error);

#endif
