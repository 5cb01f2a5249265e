/* learn.h - from the rows of a calibration to a reference.
 *
 * A learner keeps a sample of the rows, drawn evenly (reservoir sampling: J. S. Vitter, 1985), so
 * that memory stays bounded however many there are.  One thread at a time.
 */
#ifndef OC_WATCH_LEARN_H
#define OC_WATCH_LEARN_H

#include "num/rng.h"
#include "watch/math/codes.h"
#include "watch/reference.h"

enum {
    OC_LEARN_ROWS = 8192,    /* kept */
    OC_LEARN_ROWS_LEAST = 32 /* for a reference: its means would say nothing */
};

typedef struct oc_learner {
    int32_t dim, rows, capacity; /* kept so far */
    int64_t seen;
    float *embeddings; /* [rows, dim], of length 1 */
    float *scalars;    /* [rows, OC_SCALAR_COUNT]; NAN: not known */
    oc_rng rng;
} oc_learner;

void oc_learner_init(oc_learner *learner, int32_t dim);
void oc_learner_free(oc_learner *learner); /* a zeroed one is accepted */

/* embedding [dim], before it is normalised: its length is learned too; one that is zero or not
 * finite counts for nothing.  scalars [OC_SCALAR_COUNT] with NAN for what is not known; NORM,
 * CENTROID and ALIGNMENT are found here. EXHAUSTED  out of memory */
octavo_status oc_learner_add(oc_learner *learner, const float *embedding, const float *scalars,
                             octavo_error *error);

/* Makes the towers of a reference from learners of `names`, count 1 or 2; lists are in `arena`,
 * names are borrowed.
 *   INVALID_ARGUMENT  fewer than OC_LEARN_ROWS_LEAST rows; embeddings that are all equal
 *   EXHAUSTED         out of memory */
octavo_status oc_learn_towers(oc_learner *const *learners, const char *const *names, int32_t count,
                              oc_arena *arena, oc_reference *out, octavo_error *error);

#endif
