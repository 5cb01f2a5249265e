/* chance.c - see chance.h. */
#include "watch/math/chance.h"

#include <math.h>
#include <stdlib.h>

#include "num/mathf.h"

double oc_normal_bound(double alpha) {
    double low = 0, high = 10;
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high);
        double tail = 0.5 * (1 - oc_erf(middle * 0.70710678118654752));
        *(tail > alpha ? &low : &high) = middle;
    }
    return high;
}

double oc_chi_square_bound(double degrees, double z) {
    double v = 2 / (9 * degrees), root = 1 - v + z * sqrt(v);
    return degrees * root * root * root;
}

double oc_norm_bound(const oc_spectrum *spectrum, double alpha) {
    double t = -oc_log(alpha);
    return sqrt(spectrum->trace + 2 * sqrt(spectrum->square * t) + 2 * spectrum->largest * t);
}

/* covariance [dim, dim] of the rows; only j <= i is summed, then mirrored. */
static void covariance_of(const float *rows, int32_t count, int32_t dim, const double *mean,
                          double *centred, double *covariance) {
    size_t width = (size_t)dim;
    for (int32_t r = 0; r < count; r++) {
        for (size_t d = 0; d < width; d++) {
            centred[d] = (double)rows[(size_t)r * width + d] - mean[d];
        }
        for (size_t i = 0; i < width; i++) {
            double *to = covariance + i * width;
            for (size_t j = 0; j <= i; j++) {
                to[j] += centred[i] * centred[j];
            }
        }
    }
    for (size_t i = 0; i < width; i++) {
        for (size_t j = 0; j <= i; j++) {
            covariance[i * width + j] /= count - 1;
            covariance[j * width + i] = covariance[i * width + j];
        }
    }
}

/* By power iteration: what it has not reached after so many rounds is within a percent of it. */
static double largest_of(const double *matrix, size_t width, double *vector, double *next) {
    double length = 0;
    for (size_t i = 0; i < width; i++) {
        vector[i] = 1 + (double)(i % 7) / 7; /* along no axis */
    }
    for (int round = 0; round < 100; round++) {
        double sum = 0;
        for (size_t i = 0; i < width; i++) {
            double dot = 0;
            for (size_t j = 0; j < width; j++) {
                dot += matrix[i * width + j] * vector[j];
            }
            next[i] = dot;
            sum += dot * dot;
        }
        length = sqrt(sum);
        for (size_t i = 0; i < width && length > 0; i++) {
            vector[i] = next[i] / length;
        }
    }
    return length;
}

octavo_status oc_spectrum_of(const float *rows, int32_t count, int32_t dim, const double *mean,
                             oc_spectrum *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t width = (size_t)dim, bytes = (width + 2) * width * sizeof(double);
    double *memory = calloc(1, bytes), *covariance = memory;
    *out = (oc_spectrum){0};
    if (memory == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    double *vector = memory + width * width, *next = vector + width;
    covariance_of(rows, count, dim, mean, vector, covariance);
    for (size_t i = 0; i < width; i++) {
        out->trace += covariance[i * width + i];
        for (size_t j = 0; j < width; j++) {
            out->square += covariance[i * width + j] * covariance[i * width + j];
        }
    }
    out->largest = largest_of(covariance, width, vector, next);
done:
    free(memory);
    return status;
}
