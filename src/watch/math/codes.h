/* codes.h - counts of FP8 codes, summed over runs: shares of a sequence and how they vary.
 *
 * The codes of one image or text go together, so a share's precision comes from how it differs from
 * run to run and not from the number of codes.  A run of n sequences has the share s; per sequence
 * its variance is estimated by (sum n s^2 - (sum n s)^2 / sum n) / (runs - 1).
 */
#ifndef OC_WATCH_CODES_H
#define OC_WATCH_CODES_H

#include <stdint.h>

/* Of one step, of one run. */
typedef struct oc_code_count {
    uint64_t codes, saturated, zeros; /* saturated: +-448 */
    double range;                     /* largest magnitude: code times scale; 0: not told */
} oc_code_count;

/* Zeroed at the start. */
typedef struct oc_code_sums {
    double rows, runs;              /* sequences, and runs that had any */
    double saturated, saturated_sq; /* sum n s, sum n s^2 */
    double zeros, zeros_sq;
    double range; /* the largest */
} oc_code_sums;

void oc_code_sums_add(oc_code_sums *sums, const oc_code_count *count, int32_t rows);
void oc_code_sums_join(oc_code_sums *to, const oc_code_sums *from);

/* Shares of the codes, and their variances for one sequence (0 of fewer than two runs). */
double oc_code_sums_saturated(const oc_code_sums *sums, double *variance);
double oc_code_sums_zeros(const oc_code_sums *sums, double *variance);

#endif
