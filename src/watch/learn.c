/* learn.c - see learn.h. */
#include "watch/learn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "watch/sketch.h"

enum { SEED = 2026, SPECTRUM_ROWS = 2048 };

void oc_learner_init(oc_learner *learner, int32_t dim) {
    *learner = (oc_learner){.dim = dim};
    oc_rng_init(&learner->rng, SEED, 1);
}

void oc_learner_free(oc_learner *learner) {
    free(learner->embeddings);
    free(learner->scalars);
    *learner = (oc_learner){0};
}

static octavo_status grow(oc_learner *l, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t capacity = l->capacity == 0 ? 256 : 2 * l->capacity;
    size_t bytes = (size_t)capacity * (size_t)l->dim * sizeof(float);
    float *embeddings = realloc(l->embeddings, bytes);
    l->embeddings = embeddings == NULL ? l->embeddings : embeddings;
    float *scalars = realloc(l->scalars, (size_t)capacity * OC_SCALAR_COUNT * sizeof(float));
    l->scalars = scalars == NULL ? l->scalars : scalars;
    if (embeddings == NULL || scalars == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    l->capacity = capacity;
done:
    return status;
}

octavo_status oc_learner_add(oc_learner *l, const float *embedding, const float *scalars,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    double sum = 0;
    for (int32_t d = 0; d < l->dim; d++) {
        sum += (double)embedding[d] * (double)embedding[d];
    }
    double norm = sqrt(sum);
    if (!(norm > 0 && isfinite(norm))) {
        goto done;
    }
    int64_t place = l->seen++;
    if (l->rows < OC_LEARN_ROWS) {
        if (l->rows == l->capacity) {
            OC_TRY(grow(l, error));
        }
        l->rows++;
    } else {
        place = (int64_t)oc_rng_below(&l->rng, (uint64_t)l->seen);
    }
    if (place < l->rows) {
        for (int32_t d = 0; d < l->dim; d++) {
            l->embeddings[place * l->dim + d] = (float)((double)embedding[d] / norm);
        }
        memcpy(l->scalars + place * OC_SCALAR_COUNT, scalars, OC_SCALAR_COUNT * sizeof(float));
        l->scalars[place * OC_SCALAR_COUNT + OC_SCALAR_NORM] = (float)norm;
    }
done:
    return status;
}

/* -- one tower ------------------------------------------------------------------------------ */

/* Means of rows [count, dim], in double. */
static void mean_of(const float *rows, int32_t count, int32_t dim, double *mean) {
    memset(mean, 0, (size_t)dim * sizeof *mean);
    for (int32_t r = 0; r < count; r++) {
        for (int32_t d = 0; d < dim; d++) {
            mean[d] += (double)rows[(int64_t)r * dim + d];
        }
    }
    for (int32_t d = 0; d < dim; d++) {
        mean[d] /= count;
    }
}

static octavo_status find_moments(const oc_learner *l, oc_arena *arena, double *mean,
                                  oc_tower_reference *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes = (size_t)l->dim * sizeof(float);
    float *means = oc_arena_alloc(arena, bytes), *variances = oc_arena_alloc(arena, bytes);
    if (means == NULL || variances == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    mean_of(l->embeddings, l->rows, l->dim, mean);
    for (int32_t d = 0; d < l->dim; d++) {
        double sum = 0;
        for (int32_t r = 0; r < l->rows; r++) {
            double x = (double)l->embeddings[(int64_t)r * l->dim + d] - mean[d];
            sum += x * x;
        }
        means[d] = (float)mean[d];
        variances[d] = (float)(sum / (l->rows - 1));
    }
    out->mean = means;
    out->variance = variances;
done:
    return status;
}

/* The spectra, and the mean of the features, of what a sketch makes of the rows. */
static octavo_status find_spectra(const oc_learner *l, oc_arena *arena, oc_tower_reference *out,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_row_maker maker = {0};
    int32_t used = l->rows < SPECTRUM_ROWS ? l->rows : SPECTRUM_ROWS;
    int32_t widest = l->dim > OC_FEATURES ? l->dim : OC_FEATURES;
    size_t bytes = (size_t)used * (size_t)widest * sizeof(float);
    float *rows = malloc(bytes), *features = oc_arena_alloc(arena, OC_FEATURES * sizeof(float));
    double *mean = calloc((size_t)widest, sizeof *mean), *sums = calloc(OC_FEATURES, sizeof *sums);
    if (rows == NULL || features == NULL || mean == NULL || sums == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    OC_TRY(oc_row_maker_create(out, NULL, &maker, error));
    for (int32_t m = 0; m < OC_MEAN_COUNT; m++) {
        int32_t width = oc_mean_width(out, (oc_mean)m);
        for (int32_t r = 0; r < used; r++) {
            const float *embedding = l->embeddings + (int64_t)r * l->rows / used * l->dim;
            oc_row_make(&maker, embedding);
            memcpy(rows + (int64_t)r * width, maker.means[m], (size_t)width * sizeof(float));
        }
        mean_of(rows, used, width, mean);
        OC_TRY(oc_spectrum_of(rows, used, width, mean, &out->spectra[m], error));
        if (!(out->spectra[m].trace > 0)) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "all %d %ss have the same embedding: nothing can be learned from them", l->rows,
                    out->name);
        }
    }
    for (int32_t r = 0; r < l->rows; r++) {
        oc_row_make(&maker, l->embeddings + (int64_t)r * l->dim);
        for (int32_t i = 0; i < OC_FEATURES; i++) {
            sums[i] += (double)maker.means[OC_MEAN_FEATURES][i];
        }
    }
    for (int32_t i = 0; i < OC_FEATURES; i++) {
        features[i] = (float)(sums[i] / l->rows);
    }
    out->features = features;
done:
    oc_row_maker_free(&maker);
    free(rows);
    free(mean);
    free(sums);
    return status;
}

/* `column` of the rows that know it, [rows at most] in values. */
static void cut_scalar(const oc_learner *l, int32_t column, float *values, oc_bins *out) {
    int32_t count = 0;
    for (int32_t r = 0; r < l->rows; r++) {
        float value = l->scalars[(int64_t)r * OC_SCALAR_COUNT + column];
        if (isfinite(value)) {
            values[count++] = value;
        }
    }
    if (count >= OC_LEARN_ROWS_LEAST) {
        oc_bins_cut(out, values, count);
    }
}

static octavo_status find_scalars(oc_learner *l, const oc_tower_reference *other,
                                  oc_tower_reference *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_row_maker maker = {0};
    float *values = malloc((size_t)l->rows * sizeof *values);
    if (values == NULL) {
        OC_NO_MEMORY(error, (size_t)l->rows * sizeof *values);
    }
    OC_TRY(oc_row_maker_create(out, other, &maker, error));
    for (int32_t r = 0; r < l->rows; r++) {
        float *scalars = l->scalars + (int64_t)r * OC_SCALAR_COUNT;
        oc_row_make(&maker, l->embeddings + (int64_t)r * l->dim);
        scalars[OC_SCALAR_CENTROID] = maker.centroid;
        scalars[OC_SCALAR_ALIGNMENT] = maker.alignment;
    }
    for (int32_t s = 0; s < OC_SCALAR_COUNT; s++) {
        cut_scalar(l, s, values, &out->scalars[s]);
    }
done:
    oc_row_maker_free(&maker);
    free(values);
    return status;
}

octavo_status oc_learn_towers(oc_learner *const *learners, const char *const *names, int32_t count,
                              oc_arena *arena, oc_reference *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    double *mean = NULL;
    *out = (oc_reference){.tower_count = count};
    for (int32_t t = 0; t < count; t++) {
        oc_learner *l = learners[t];
        oc_tower_reference *tower = &out->towers[t];
        if (l->rows < OC_LEARN_ROWS_LEAST) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "%d %s%s are too few for a reference, it takes %d at least", l->rows, names[t],
                    OC_PLURAL(l->rows), OC_LEARN_ROWS_LEAST);
        }
        *tower =
            (oc_tower_reference){.name = names[t], .rows = l->rows, .dim = l->dim, .seed = SEED};
        free(mean);
        mean = calloc((size_t)l->dim, sizeof *mean);
        if (mean == NULL) {
            OC_NO_MEMORY(error, (size_t)l->dim * sizeof *mean);
        }
        OC_TRY(find_moments(l, arena, mean, tower, error));
        OC_TRY(oc_median_distance(l->embeddings, l->rows, l->dim, &tower->bandwidth, error));
        OC_TRY(find_spectra(l, arena, tower, error));
    }
    for (int32_t t = 0; t < count; t++) {
        OC_TRY(find_scalars(learners[t], oc_reference_other(out, t), &out->towers[t], error));
    }
done:
    free(mean);
    return status;
}
