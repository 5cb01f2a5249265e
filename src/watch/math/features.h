/* features.h - random Fourier features: vectors whose mean tells distributions apart.
 *
 *   features(x) = [cos(w_i . x), sin(w_i . x)] / sqrt(F),  i = 0 .. F-1
 *
 * For w_i drawn from N(0, 1 / bandwidth^2) the product features(x) . features(y) approximates the
 * Gaussian kernel exp(-|x - y|^2 / (2 bandwidth^2)) (A. Rahimi and B. Recht, Random features for
 * large-scale kernel machines, 2007), and the distance between the means of two samples their
 * maximum mean discrepancy under it (A. Gretton et al., A kernel two-sample test, 2012).
 *
 * The w_i are rows of (1 / bandwidth) sqrt(P) H D1 H D2 H D3: H the orthonormal Hadamard matrix of
 * P columns, D diagonals of random signs (F. X. Yu et al., Orthogonal random features, 2016): P log
 * P additions in the place of P F products, and no matrix that would push a model out of the cache.
 */
#ifndef OC_WATCH_FEATURES_H
#define OC_WATCH_FEATURES_H

#include "base/status.h"

enum {
    OC_FREQUENCIES = 128, /* F */
    OC_FEATURES = 2 * OC_FREQUENCIES
};

typedef struct oc_features {
    int32_t dim, padded; /* of x; P: the next power of two, OC_FREQUENCIES at least */
    float factor;
    float *signs; /* [3, padded]: 1 or -1 */
} oc_features;

/* The same seed gives the same features on every machine, to the precision of cosf and sinf. */
octavo_status oc_features_create(int32_t dim, double bandwidth, uint64_t seed, oc_features *out,
                                 octavo_error *error);
void oc_features_free(oc_features *features); /* a zeroed one is accepted */

/* x [dim] -> out [OC_FEATURES]; scratch [padded]. */
void oc_features_of(const oc_features *features, const float *x, float *scratch, float *out);

/* The median distance between pairs of rows [count, dim], 1 where all are equal: the bandwidth rule
 * (Gretton et al., 2012, section 8).  Of more than 512 rows those spread evenly over them.
 *   EXHAUSTED  out of memory */
octavo_status oc_median_distance(const float *rows, int32_t count, int32_t dim, double *out,
                                 octavo_error *error);

#endif
