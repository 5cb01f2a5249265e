/* bins.h - the distribution of one number, as shares of bins that calibration cut.
 *
 * The bins are cut at the deciles of the calibration's values, so that each holds a tenth of them.
 * A value that many have in common has a bin of its own: values just over it are elsewhere.  The
 * first and the last bin are open.
 */
#ifndef OC_WATCH_BINS_H
#define OC_WATCH_BINS_H

#include <stdint.h>

enum { OC_BINS_MAX = 20, OC_EDGES_MAX = OC_BINS_MAX - 1 };

typedef struct oc_bins {
    int32_t edge_count;          /* bins are one more; 0: nothing is known */
    float edges[OC_EDGES_MAX];   /* strictly ascending */
    int64_t counts[OC_BINS_MAX]; /* of the calibration's values */
    int64_t total;               /* of them */
} oc_bins;

/* values [count >= 1], finite; sorted by this. */
void oc_bins_cut(oc_bins *out, float *values, int32_t count);

/* The bin of a value: how many edges are not above it. */
int32_t oc_bins_find(const oc_bins *bins, float value);

/* The population stability index, sum (p - q) ln(p / q) over the bins, of counts now (p) against
 * the calibration's (q); half a value is added to every bin of both.  Where nothing has changed it
 * is about (1/n + 1/m) times a chi-square of one degree less than there are bins (B. Yurdakul and
 * J. Naranjo, Statistical properties of the population stability index, 2020). */
double oc_bins_psi(const oc_bins *bins, const int64_t *counts, int64_t total);

#endif
