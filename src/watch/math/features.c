/* features.c - see features.h. */
#include "watch/math/features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/rng.h"

enum { LANES = 8, PAIR_ROWS = 512 };

octavo_status oc_features_create(int32_t dim, double bandwidth, uint64_t seed, oc_features *out,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t padded = OC_FREQUENCIES;
    oc_rng rng;
    while (padded < dim) {
        padded *= 2;
    }
    size_t count = 3 * (size_t)padded;
    *out = (oc_features){.dim = dim, .padded = padded, .signs = malloc(count * sizeof(float))};
    if (out->signs == NULL) {
        OC_NO_MEMORY(error, count * sizeof(float));
    }
    out->factor = (float)(1 / (bandwidth * padded)); /* sqrt(P) over the P^1.5 of three plain H */
    oc_rng_init(&rng, seed, 0);
    for (size_t i = 0; i < count; i++) {
        out->signs[i] = (oc_rng_bits(&rng) >> 63) != 0 ? 1.0f : -1.0f;
    }
done:
    return status;
}

void oc_features_free(oc_features *features) {
    free(features->signs);
    *features = (oc_features){0};
}

static inline void cross(float *restrict a, float *restrict b) {
    for (int i = 0; i < LANES; i++) {
        float sum = a[i] + b[i], difference = a[i] - b[i];
        a[i] = sum;
        b[i] = difference;
    }
}

/* x H, plain: entries 1 and -1. */
static void hadamard(float *x, int32_t size) {
    for (int32_t at = 0; at < size; at += LANES) {
        for (int32_t half = 1; half < LANES; half *= 2) {
            for (int32_t i = 0; i < LANES; i++) {
                if ((i & half) == 0) {
                    float a = x[at + i], b = x[at + i + half];
                    x[at + i] = a + b;
                    x[at + i + half] = a - b;
                }
            }
        }
    }
    for (int32_t half = LANES; half < size; half *= 2) {
        for (int32_t at = 0; at < size; at += 2 * half) {
            for (int32_t i = at; i < at + half; i += LANES) {
                cross(x + i, x + i + half);
            }
        }
    }
}

void oc_features_of(const oc_features *features, const float *x, float *scratch, float *out) {
    const float scale = 0.088388347648318447f; /* 1 / sqrt(F) */
    int32_t size = features->padded;
    _Static_assert(OC_FREQUENCIES == 128, "scale is of 128 frequencies");
    memcpy(scratch, x, (size_t)features->dim * sizeof *scratch);
    memset(scratch + features->dim, 0, (size_t)(size - features->dim) * sizeof *scratch);
    for (int32_t turn = 0; turn < 3; turn++) {
        const float *signs = features->signs + (size_t)turn * (size_t)size;
        for (int32_t i = 0; i < size; i++) {
            scratch[i] *= signs[i];
        }
        hadamard(scratch, size);
    }
    for (int32_t i = 0; i < OC_FREQUENCIES; i++) {
        float angle = scratch[i] * features->factor;
        out[i] = scale * cosf(angle);
        out[OC_FREQUENCIES + i] = scale * sinf(angle);
    }
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

octavo_status oc_median_distance(const float *rows, int32_t count, int32_t dim, double *out,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t used = count < PAIR_ROWS ? count : PAIR_ROWS;
    size_t pairs = (size_t)used * (size_t)(used - 1) / 2, at = 0;
    float *distances = malloc((pairs + 1) * sizeof *distances);
    *out = 1;
    if (distances == NULL) {
        OC_NO_MEMORY(error, pairs * sizeof *distances);
    }
    for (int32_t i = 1; i < used; i++) {
        const float *a = rows + (int64_t)i * count / used * dim;
        for (int32_t j = 0; j < i; j++) {
            const float *b = rows + (int64_t)j * count / used * dim;
            float sum = 0;
            for (int32_t d = 0; d < dim; d++) {
                sum += (a[d] - b[d]) * (a[d] - b[d]);
            }
            distances[at++] = sqrtf(sum);
        }
    }
    qsort(distances, pairs, sizeof *distances, by_size);
    if (pairs > 0 && distances[pairs / 2] > 0) {
        *out = (double)distances[pairs / 2];
    }
done:
    free(distances);
    return status;
}
