/* statistics.h - what is said about predictions: intervals, ranks, and whether two models differ.
 */
#ifndef OC_EVALUATE_STATISTICS_H
#define OC_EVALUATE_STATISTICS_H

#include <stdint.h>

/* Wilson's 95 % interval of a share `hits` / `count` (E. B. Wilson 1927). */
void oc_wilson95(int64_t hits, int64_t count, double interval[2]);

/* McNemar's exact two-sided p: of only_a + only_b cases that one model alone got right, how likely
 * a split at least this uneven is by chance (binomial, 1/2).  1 when there is none. */
double oc_mcnemar(int64_t only_a, int64_t only_b);

/* The one-sided p: how likely only_a or fewer of them are a's by chance.  Small where a is worse.
 */
double oc_mcnemar_fewer(int64_t only_a, int64_t only_b);

/* How many scores are larger than scores[which], or equal and before it: 0 is the best. */
int32_t oc_rank_of(const float *scores, int32_t count, int32_t which);

/* scores[i] = softmax(scale * scores[i]), in place. */
void oc_softmax(float *scores, int32_t count, float scale);

/* cosine of two vectors of unit length or not */
double oc_cosine(const float *a, const float *b, int32_t count);

/* x / |x|, in place; a zero vector stays. */
void oc_unit(float *x, int32_t count);

#endif
