/* watch_rows.h - rows of known distributions for tests of src/watch.  To be included behind
 * cmocka.h. */
#ifndef OC_TESTS_WATCH_ROWS_H
#define OC_TESTS_WATCH_ROWS_H

#include <math.h>

#include "num/rng.h"
#include "watch/learn.h"
#include "watch/watch.h"

enum { OC_ROW_DIM = 48, OC_ROW_FACTORS = 8, OC_ROW_LEARNED = 400 };

/* How rows differ from those that were learned from. */
typedef struct oc_row_drift {
    double shift;  /* of the mean, in one direction, of a row's length */
    double spread; /* times the deviation; 0: 1 */
    double length; /* times the length; 0: 1 */
    double bright; /* added to the brightness */
} oc_row_drift;

/* A few common factors and noise around a mean: correlated, as embeddings are. */
static inline void oc_row_draw(oc_rng *rng, oc_row_drift drift, float *embedding, float *scalars) {
    double factors[OC_ROW_FACTORS], sum = 0;
    double spread = drift.spread == 0 ? 1 : drift.spread;
    double length = (drift.length == 0 ? 1 : drift.length) * (20 + oc_rng_normal(rng));
    for (int i = 0; i < OC_ROW_FACTORS; i++) {
        factors[i] = spread * oc_rng_normal(rng);
    }
    for (int d = 0; d < OC_ROW_DIM; d++) {
        double x = d % 5 == 0 ? 2 : 0.3;
        x += factors[d % OC_ROW_FACTORS] * (1 + d % 3) + 0.5 * spread * oc_rng_normal(rng);
        embedding[d] = (float)(x + (d == 7 ? drift.shift * 10 : 0));
        sum += (double)embedding[d] * (double)embedding[d];
    }
    for (int d = 0; d < OC_ROW_DIM; d++) {
        embedding[d] = (float)((double)embedding[d] / sqrt(sum) * length);
    }
    for (int s = 0; s < OC_SCALAR_COUNT; s++) {
        scalars[s] = NAN;
    }
    scalars[OC_SCALAR_BRIGHTNESS] = (float)(120 + drift.bright + 30 * oc_rng_normal(rng));
    scalars[OC_SCALAR_PIXELS] = 250000; /* all alike */
}

/* A reference of one tower, learned from `rows` clean rows of that seed; lists in `arena`. */
static inline void oc_row_learn(uint64_t seed, int32_t rows, oc_arena *arena, oc_reference *out) {
    oc_learner learner, *learners[] = {&learner};
    const char *names[] = {"image"};
    float embedding[OC_ROW_DIM], scalars[OC_SCALAR_COUNT];
    octavo_error error;
    oc_rng rng;
    oc_rng_init(&rng, seed, 0);
    oc_learner_init(&learner, OC_ROW_DIM);
    for (int32_t i = 0; i < rows; i++) {
        oc_row_draw(&rng, (oc_row_drift){0}, embedding, scalars);
        assert_int_equal(oc_learner_add(&learner, embedding, scalars, &error), OCTAVO_OK);
    }
    if (oc_learn_towers(learners, names, 1, arena, out, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    oc_learner_free(&learner);
}

static inline void oc_row_feed(oc_watch *watch, oc_rng *rng, oc_row_drift drift, int32_t rows) {
    float embedding[OC_ROW_DIM], scalars[OC_SCALAR_COUNT];
    for (int32_t i = 0; i < rows; i++) {
        oc_row_draw(rng, drift, embedding, scalars);
        if (oc_watch_wants(watch, 0, 1)) {
            oc_watch_add(
                watch, &(oc_watch_batch){
                           .rows = 1, .embeddings = embedding, .is_raw = true, .scalars = scalars});
        }
    }
}

#endif
