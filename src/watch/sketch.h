/* sketch.h - what is kept of rows: sums, of a size that does not depend on how many there were.
 *
 * A row is one embedding and what is known of its input.  A row maker turns it into the vectors and
 * numbers that are watched; a sketch sums them.  Neither keeps a row.  One thread at a time.
 */
#ifndef OC_WATCH_SKETCH_H
#define OC_WATCH_SKETCH_H

#include <stdbool.h>

#include "watch/reference.h"

/* Numbers in a row's vector of that kind. */
int32_t oc_mean_width(const oc_tower_reference *tower, oc_mean mean);

typedef struct oc_row_maker {
    oc_features features;
    int32_t dim;
    float *memory;
    const float *centre, *inverse;   /* [dim]: the tower's mean, 1 / variance */
    const float *towards, *other;    /* [dim], of length 1: its mean, the other tower's or NULL */
    float *scratch;                  /* [features.padded] */
    float *means[OC_MEAN_COUNT];     /* the latest row's vectors */
    float norm, centroid, alignment; /* ... and numbers; alignment NAN without another tower */
} oc_row_maker;

/* Of the tower its mean, variance, bandwidth and seed are used; both are borrowed.  other: NULL
 * where there is none.  EXHAUSTED: out of memory */
octavo_status oc_row_maker_create(const oc_tower_reference *tower, const oc_tower_reference *other,
                                  oc_row_maker *out, octavo_error *error);
void oc_row_maker_free(oc_row_maker *maker); /* a zeroed one is accepted */

/* embedding [dim], of any length.  false: it is zero or not finite, and nothing is made of it. */
bool oc_row_make(oc_row_maker *maker, const float *embedding);

typedef struct oc_sketch {
    int64_t rows;
    double *sums[OC_MEAN_COUNT]; /* [oc_mean_width] */
    int64_t counts[OC_SCALAR_COUNT][OC_BINS_MAX];
    int64_t totals[OC_SCALAR_COUNT]; /* rows that had the number */
} oc_sketch;

octavo_status oc_sketch_create(const oc_tower_reference *tower, oc_sketch *out,
                               octavo_error *error);
void oc_sketch_free(oc_sketch *sketch); /* a zeroed one is accepted */
void oc_sketch_clear(const oc_tower_reference *tower, oc_sketch *sketch);
/* Adds `from` to `to`. */
void oc_sketch_join(const oc_tower_reference *tower, oc_sketch *to, const oc_sketch *from);

/* Adds the row that was made last; scalars [OC_SCALAR_COUNT], NAN for what is not known.  NORM
 * counts where `is_raw`; CENTROID and ALIGNMENT come from the maker. */
void oc_sketch_add(const oc_tower_reference *tower, oc_sketch *sketch, const oc_row_maker *maker,
                   const float *scalars, bool is_raw);

#endif
