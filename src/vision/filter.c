/* filter.c - the filters and their weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "vision/filter.h"

static double box(double x) {
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double bilinear(double x) {
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double sinc(double x) {
    if (x == 0.0) {
        return 1.0;
    }
    x *= M_PI;
    return sin(x) / x;
}

/* The window's constants are of single precision. */
static double hamming(double x) {
    x = fabs(x);
    return x < 1.0 ? sinc(x) * (0.54f + 0.46f * cos(x * M_PI)) : 0.0;
}

/* Keys' cubic with a = -1/2. */
static double bicubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) {
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    }
    return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
}

static double lanczos(double x) {
    return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0;
}

static const struct {
    double (*value)(double x);
    double support;
} filters[] = {
    [OC_FILTER_LANCZOS] = {lanczos, 3.0}, [OC_FILTER_BILINEAR] = {bilinear, 1.0},
    [OC_FILTER_BICUBIC] = {bicubic, 2.0}, [OC_FILTER_BOX] = {box, 0.5},
    [OC_FILTER_HAMMING] = {hamming, 1.0},
};

static const int32_t whole = 1 << OC_WEIGHT_BITS;

/* One output's run of `length` weights; `scratch` holds as many doubles. */
static void weigh(double (*value)(double), int32_t start, double centre, double step,
                  int32_t length, double *scratch, int32_t *weight) {
    double sum = 0.0;
    for (int32_t i = 0; i < length; i++) {
        scratch[i] = value((i + start - centre + 0.5) * step);
        sum += scratch[i];
    }
    for (int32_t i = 0; i < length; i++) {
        double share = sum != 0.0 ? scratch[i] / sum : scratch[i];
        weight[i] = (int32_t)((share < 0.0 ? -0.5 : 0.5) + share * whole);
    }
}

static void smooth(const oc_axis_request *request, double scale, double reach, double *scratch,
                   oc_axis *axis) {
    double step = 1.0 / (scale < 1.0 ? 1.0 : scale);
    for (int32_t i = 0; i < axis->count; i++) {
        double centre = ((double)(request->first + i) + 0.5) * scale;
        int32_t start = (int32_t)(centre - reach + 0.5);
        int32_t end = (int32_t)(centre + reach + 0.5);
        start = start < 0 ? 0 : start;
        end = end > request->in ? request->in : end;
        axis->start[i] = start;
        axis->length[i] = end - start;
        weigh(filters[request->filter].value, start, centre, step, end - start, scratch,
              axis->weight + (size_t)i * (size_t)axis->stride);
    }
}

/* Positions are summed up as Pillow does, so that they round alike. */
static void nearest(const oc_axis_request *request, double scale, oc_axis *axis) {
    double at = scale * 0.5;
    for (int64_t i = 0; i < request->first; i++) {
        at += scale;
    }
    for (int32_t i = 0; i < axis->count; i++, at += scale) {
        bool inside = at < request->in;
        axis->start[i] = inside ? (int32_t)at : request->in;
        axis->length[i] = inside ? 1 : 0;
        axis->weight[(size_t)i * (size_t)axis->stride] = inside ? whole : 0;
    }
}

static void identity(const oc_axis_request *request, oc_axis *axis) {
    for (int32_t i = 0; i < axis->count; i++) {
        axis->start[i] = (int32_t)request->first + i;
        axis->length[i] = 1;
        axis->weight[(size_t)i * (size_t)axis->stride] = whole;
    }
}

static void swap(int32_t *a, int32_t *b) {
    int32_t kept = *a;
    *a = *b;
    *b = kept;
}

static void flip(oc_axis *axis, int32_t in) {
    size_t stride = (size_t)axis->stride;
    for (int32_t i = 0; i < axis->count; i++) {
        int32_t *weight = axis->weight + (size_t)i * stride;
        int32_t length = axis->length[i];
        axis->start[i] = in - axis->start[i] - length;
        for (int32_t k = 0; k < length / 2; k++) {
            swap(&weight[k], &weight[length - 1 - k]);
        }
    }
    for (int32_t i = 0; i < axis->count / 2; i++) {
        int32_t j = axis->count - 1 - i;
        swap(&axis->start[i], &axis->start[j]);
        swap(&axis->length[i], &axis->length[j]);
        for (size_t k = 0; k < stride; k++) {
            swap(&axis->weight[(size_t)i * stride + k], &axis->weight[(size_t)j * stride + k]);
        }
    }
}

static void split(oc_axis *axis) {
    size_t weights = (size_t)axis->count * (size_t)axis->stride;
    for (size_t i = 0; i < weights; i++) {
        int16_t *group = axis->split + i / 4 * 8;
        group[i % 4] = (int16_t)(axis->weight[i] & ((1 << OC_SPLIT_BITS) - 1));
        group[i % 4 + 4] = (int16_t)(axis->weight[i] >> OC_SPLIT_BITS);
    }
}

static void find_range(oc_axis *axis, int32_t in) {
    axis->low = in;
    for (int32_t i = 0; i < axis->count; i++) {
        if (axis->length[i] > 0) {
            int32_t end = axis->start[i] + axis->length[i];
            axis->low = axis->start[i] < axis->low ? axis->start[i] : axis->low;
            axis->high = end > axis->high ? end : axis->high;
            axis->longest = axis->length[i] > axis->longest ? axis->length[i] : axis->longest;
        }
    }
    axis->low = axis->high == 0 ? 0 : axis->low;
}

octavo_status oc_axis_create(const oc_axis_request *request, oc_axis *axis, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    double *scratch = NULL;
    double scale = (double)request->in / (double)request->out;
    double reach = filters[request->filter].support * (scale < 1.0 ? 1.0 : scale);
    size_t longest = request->filter == OC_FILTER_NEAREST || request->in == request->out
                         ? 1
                         : (size_t)ceil(reach) * 2 + 1;
    size_t count = (size_t)request->count;
    size_t weights = 0;
    size_t bytes = 0;
    *axis = (oc_axis){.count = request->count, .stride = (int32_t)oc_round_up(longest, 4)};
    if (!oc_mul_size(count, (size_t)axis->stride, &weights) ||
        !oc_mul_size(weights, sizeof(int32_t), &bytes)) {
        OC_NO_MEMORY(error, SIZE_MAX);
    }
    axis->start = calloc(count + 1, sizeof *axis->start);
    axis->length = calloc(count + 1, sizeof *axis->length);
    axis->weight = calloc(weights + 1, sizeof *axis->weight);
    axis->split = calloc(weights * 2 + 1, sizeof *axis->split);
    scratch = calloc(longest, sizeof *scratch);
    if (!axis->start || !axis->length || !axis->weight || !axis->split || !scratch) {
        OC_NO_MEMORY(error, bytes);
    }
    if (request->in == request->out) {
        identity(request, axis);
    } else if (request->filter == OC_FILTER_NEAREST) {
        nearest(request, scale, axis);
    } else {
        smooth(request, scale, reach, scratch, axis);
    }
    if (request->flipped) {
        flip(axis, request->in);
    }
    split(axis);
    find_range(axis, request->in);
done:
    free(scratch);
    if (status != OCTAVO_OK) {
        oc_axis_free(axis);
    }
    return status;
}

void oc_axis_free(oc_axis *axis) {
    free(axis->start);
    free(axis->length);
    free(axis->weight);
    free(axis->split);
    *axis = (oc_axis){0};
}
