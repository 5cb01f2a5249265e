/* sketch.c - see sketch.h. */
#include "watch/sketch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int32_t oc_mean_width(const oc_tower_reference *tower, oc_mean mean) {
    return mean == OC_MEAN_FEATURES ? OC_FEATURES : tower->dim;
}

/* -- rows ----------------------------------------------------------------------------------- */

/* Eight sums side by side: they need no order, and the compiler makes vectors of them. */
static float dot(const float *restrict a, const float *restrict b, int32_t count) {
    float lanes[8] = {0}, sum = 0;
    int32_t i = 0;
    for (; i + 8 <= count; i += 8) {
        for (int32_t l = 0; l < 8; l++) {
            lanes[l] += a[i + l] * b[i + l];
        }
    }
    for (; i < count; i++) {
        sum += a[i] * b[i];
    }
    for (int32_t l = 0; l < 8; l++) {
        sum += lanes[l];
    }
    return sum;
}

static void unit_of(const float *from, int32_t dim, float *to) {
    float norm = sqrtf(dot(from, from, dim));
    for (int32_t d = 0; d < dim; d++) {
        to[d] = norm > 0 ? from[d] / norm : 0;
    }
}

octavo_status oc_row_maker_create(const oc_tower_reference *tower, const oc_tower_reference *other,
                                  oc_row_maker *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t dim = (size_t)tower->dim;
    *out = (oc_row_maker){.dim = tower->dim};
    OC_TRY(oc_features_create(tower->dim, tower->bandwidth, tower->seed, &out->features, error));
    size_t count = 6 * dim + OC_FEATURES + (size_t)out->features.padded;
    out->memory = calloc(count, sizeof *out->memory);
    if (out->memory == NULL) {
        OC_NO_MEMORY(error, count * sizeof *out->memory);
    }
    float *centre = out->memory, *inverse = centre + dim, *towards = inverse + dim;
    float *others = towards + dim;
    out->means[OC_MEAN_EMBEDDING] = others + dim;
    out->means[OC_MEAN_SPREAD] = out->means[OC_MEAN_EMBEDDING] + dim;
    out->means[OC_MEAN_FEATURES] = out->means[OC_MEAN_SPREAD] + dim;
    out->scratch = out->means[OC_MEAN_FEATURES] + OC_FEATURES;
    memcpy(centre, tower->mean, dim * sizeof *centre);
    for (size_t d = 0; d < dim; d++) {
        inverse[d] = tower->variance[d] > 0 ? 1 / tower->variance[d] : 0;
    }
    unit_of(tower->mean, tower->dim, towards);
    if (other != NULL) {
        unit_of(other->mean, tower->dim, others);
    }
    out->centre = centre;
    out->inverse = inverse;
    out->towards = towards;
    out->other = other == NULL ? NULL : others;
done:
    if (status != OCTAVO_OK) {
        oc_row_maker_free(out);
    }
    return status;
}

void oc_row_maker_free(oc_row_maker *maker) {
    oc_features_free(&maker->features);
    free(maker->memory);
    *maker = (oc_row_maker){0};
}

bool oc_row_make(oc_row_maker *m, const float *embedding) {
    float *restrict x = m->means[OC_MEAN_EMBEDDING], *restrict y = m->means[OC_MEAN_SPREAD];
    const float *restrict centre = m->centre, *restrict inverse = m->inverse;
    m->norm = sqrtf(dot(embedding, embedding, m->dim));
    if (!(m->norm > 0 && isfinite(m->norm))) {
        return false;
    }
    float factor = 1 / m->norm;
    for (int32_t d = 0; d < m->dim; d++) {
        float unit = embedding[d] * factor, off = unit - centre[d];
        x[d] = unit;
        y[d] = off * off * inverse[d];
    }
    oc_features_of(&m->features, x, m->scratch, m->means[OC_MEAN_FEATURES]);
    m->centroid = dot(x, m->towards, m->dim);
    m->alignment = m->other == NULL ? NAN : dot(x, m->other, m->dim);
    return true;
}

/* -- sums ----------------------------------------------------------------------------------- */

octavo_status oc_sketch_create(const oc_tower_reference *tower, oc_sketch *out,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t count = 2 * (size_t)tower->dim + OC_FEATURES;
    *out = (oc_sketch){.sums = {calloc(count, sizeof(double))}};
    if (out->sums[0] == NULL) {
        OC_NO_MEMORY(error, count * sizeof(double));
    }
    for (int32_t m = 1; m < OC_MEAN_COUNT; m++) {
        out->sums[m] = out->sums[m - 1] + oc_mean_width(tower, (oc_mean)(m - 1));
    }
done:
    return status;
}

void oc_sketch_free(oc_sketch *sketch) {
    free(sketch->sums[0]);
    *sketch = (oc_sketch){0};
}

void oc_sketch_clear(const oc_tower_reference *tower, oc_sketch *sketch) {
    sketch->rows = 0;
    memset(sketch->sums[0], 0, (2 * (size_t)tower->dim + OC_FEATURES) * sizeof(double));
    memset(sketch->counts, 0, sizeof sketch->counts);
    memset(sketch->totals, 0, sizeof sketch->totals);
}

void oc_sketch_join(const oc_tower_reference *tower, oc_sketch *to, const oc_sketch *from) {
    to->rows += from->rows;
    for (int32_t i = 0; i < 2 * tower->dim + OC_FEATURES; i++) {
        to->sums[0][i] += from->sums[0][i];
    }
    for (int32_t s = 0; s < OC_SCALAR_COUNT; s++) {
        to->totals[s] += from->totals[s];
        for (int32_t b = 0; b < OC_BINS_MAX; b++) {
            to->counts[s][b] += from->counts[s][b];
        }
    }
}

static void add_scalar(const oc_tower_reference *tower, oc_sketch *sketch, oc_scalar scalar,
                       float value) {
    const oc_bins *bins = &tower->scalars[scalar];
    if (bins->edge_count > 0 && isfinite(value)) {
        sketch->counts[scalar][oc_bins_find(bins, value)]++;
        sketch->totals[scalar]++;
    }
}

void oc_sketch_add(const oc_tower_reference *tower, oc_sketch *sketch, const oc_row_maker *maker,
                   const float *scalars, bool is_raw) {
    sketch->rows++;
    for (int32_t m = 0; m < OC_MEAN_COUNT; m++) {
        const float *restrict from = maker->means[m];
        double *restrict to = sketch->sums[m];
        int32_t width = oc_mean_width(tower, (oc_mean)m);
        for (int32_t i = 0; i < width; i++) {
            to[i] += (double)from[i];
        }
    }
    for (int32_t s = 0; s < OC_SCALAR_COUNT; s++) {
        float value = s == OC_SCALAR_CENTROID    ? maker->centroid
                      : s == OC_SCALAR_ALIGNMENT ? maker->alignment
                      : s != OC_SCALAR_NORM      ? scalars[s]
                      : is_raw                   ? maker->norm
                                                 : NAN;
        add_scalar(tower, sketch, (oc_scalar)s, value);
    }
}
