/* resize_portable.c - the two passes in plain C. */
#include <string.h>

#include "vision/resize.h"

enum { BLOCK = 256 };

static const int32_t half = 1 << (OC_WEIGHT_BITS - 1);

static uint8_t clip(int32_t sum) {
    int32_t value = sum >> OC_WEIGHT_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void across(const oc_axis *axis, const uint8_t *in, uint8_t *out) {
    for (int32_t i = 0; i < axis->count; i++, out += 3) {
        const uint8_t *pixel = in + (size_t)axis->start[i] * 3;
        const int32_t *weight = axis->weight + (size_t)i * (size_t)axis->stride;
        int32_t red = half;
        int32_t green = half;
        int32_t blue = half;
        for (int32_t k = 0; k < axis->length[i]; k++, pixel += 3) {
            red += pixel[0] * weight[k];
            green += pixel[1] * weight[k];
            blue += pixel[2] * weight[k];
        }
        out[0] = clip(red);
        out[1] = clip(green);
        out[2] = clip(blue);
    }
}

static void down(const oc_axis *axis, int32_t index, const uint8_t *const *rows, size_t bytes,
                 uint8_t *out) {
    const int32_t *weight = axis->weight + (size_t)index * (size_t)axis->stride;
    for (size_t from = 0; from < bytes; from += BLOCK) {
        int32_t sums[BLOCK];
        size_t count = bytes - from < BLOCK ? bytes - from : BLOCK;
        for (size_t i = 0; i < count; i++) {
            sums[i] = half;
        }
        for (int32_t k = 0; k < axis->length[index]; k++) {
            const uint8_t *row = rows[k] + from;
            for (size_t i = 0; i < count; i++) {
                sums[i] += row[i] * weight[k];
            }
        }
        for (size_t i = 0; i < count; i++) {
            out[from + i] = clip(sums[i]);
        }
    }
}

const oc_resize_kernels oc_resize_portable = {"portable", across, down};
