/* compare.h - a window of rows against the reference: for each statistic a distance, how much of it
 * chance alone may explain, and what is sure.
 *
 * sure = distance - chance, at least 0 (of the root of PSI, which is a distance squared).  Where
 * the bound in chance.h holds, the true distance is at least so much, with confidence 1 - alpha,
 * whatever it is: |now - reference| <= |true difference| + |what chance adds|.  A state is a matter
 * of what is sure, so that little data never alarms, and much data only of what matters.
 */
#ifndef OC_WATCH_COMPARE_H
#define OC_WATCH_COMPARE_H

#include "watch/math/codes.h"
#include "watch/sketch.h"

/* name, text, warning, alarm: of what is sure.  docs/drift.md says what each means, and what the
 * thresholds come from. */
#define OC_STATISTIC_MAP(XX)                                                                       \
    XX(MEAN, "mean", 0.1, 0.15)                                                                    \
    XX(VARIANCE, "variance", 0.12, 0.18)                                                           \
    XX(MMD, "mmd", 0.06, 0.1)                                                                      \
    XX(NORM, "norm", 0.4, 0.6)                                                                     \
    XX(CENTROID, "centroid", 0.4, 0.6)                                                             \
    XX(ALIGNMENT, "alignment", 0.1, 0.25)                                                          \
    XX(PIXELS, "pixels", 0.1, 0.25)                                                                \
    XX(ASPECT, "aspect", 0.1, 0.25)                                                                \
    XX(BRIGHTNESS, "brightness", 0.1, 0.25)                                                        \
    XX(CONTRAST, "contrast", 0.1, 0.25)                                                            \
    XX(DETAIL, "detail", 0.1, 0.25)                                                                \
    XX(WARMTH, "warmth", 0.1, 0.25)                                                                \
    XX(TOKENS, "tokens", 0.1, 0.25)                                                                \
    XX(UNKNOWN, "unknown", 0.1, 0.25)                                                              \
    XX(SATURATION, "saturation", 0.001, 0.005)                                                     \
    XX(UNDERFLOW, "underflow", 0.02, 0.05)

typedef enum oc_statistic {
#define XX(name, text, warning, alarm) OC_STATISTIC_##name,
    OC_STATISTIC_MAP(XX)
#undef XX
        OC_STATISTIC_COUNT
} oc_statistic;

const char *oc_statistic_name(oc_statistic statistic);
double oc_statistic_warning(oc_statistic statistic);
double oc_statistic_alarm(oc_statistic statistic);
/* The number whose distribution it is of; -1: of none. */
int32_t oc_statistic_scalar(oc_statistic statistic);

typedef struct oc_comparison {
    bool is_known; /* else there is nothing to compare, or too little */
    double distance, chance, sure;
    int64_t rows;      /* that were compared */
    int32_t quantizer; /* of SATURATION and UNDERFLOW: where that is; else -1 */
} oc_comparison;

/* Bounds for a false-alarm rate, found once. */
typedef struct oc_bounds {
    double z, z_codes;                                /* of one comparison; of each quantizer */
    double norms[OC_REFERENCE_TOWERS][OC_MEAN_COUNT]; /* oc_norm_bound */
} oc_bounds;

/* alpha: chance that a comparison exceeds its bound where nothing has changed. */
void oc_bounds_find(const oc_reference *reference, double alpha, oc_bounds *out);

enum { OC_RUNS_LEAST = 8 }; /* whose codes are counted, before saturation is judged */

/* sketch: of the rows of tower number `tower`; codes [quantizer_count]. */
void oc_compare(const oc_reference *reference, int32_t tower, const oc_bounds *bounds,
                const oc_sketch *sketch, const oc_code_sums *codes,
                oc_comparison out[OC_STATISTIC_COUNT]);

#endif
