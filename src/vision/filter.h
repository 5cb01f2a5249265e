/* filter.h - which input pixels make an output pixel along one axis, and how much each counts.
 *
 * The arithmetic of Pillow's resize for 8-bit images: filters evaluated and normalised in double,
 * widened by the scale when reducing, weights rounded to OC_WEIGHT_BITS fractional bits.  An output
 * is (1/2 + sum of pixel * weight) / 2^OC_WEIGHT_BITS, rounded down and clipped to 0..255.
 */
#ifndef OC_VISION_FILTER_H
#define OC_VISION_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* A sum of bytes needs 8 bits, and filters with negative lobes up to two more. */
#define OC_WEIGHT_BITS 22

/* Names and numbers of Pillow's Resampling. */
typedef enum oc_filter {
    OC_FILTER_NEAREST = 0,
    OC_FILTER_LANCZOS = 1,
    OC_FILTER_BILINEAR = 2,
    OC_FILTER_BICUBIC = 3,
    OC_FILTER_BOX = 4,
    OC_FILTER_HAMMING = 5,
} oc_filter;

/* Outputs first .. first+count-1 of `out` that `in` pixels are resized to.  `flipped`: the input
 * comes in reverse, and the outputs are listed in reverse too. */
typedef struct oc_axis_request {
    int32_t in;
    int64_t out, first;
    int32_t count;
    bool flipped;
    oc_filter filter;
} oc_axis_request;

typedef struct oc_axis {
    int32_t count;
    int32_t stride;    /* weights kept an output: the longest run rounded up to 4 */
    int32_t low, high; /* inputs low .. high-1 are used */
    int32_t longest;   /* longest run */
    int32_t *start;    /* [count] the first input of each output's run, never decreasing */
    int32_t *length;   /* [count] length of the run; start + length never decreases either */
    int32_t *weight;   /* [count, stride], zero behind the run */
    /* [count, stride / 4, 2, 4]: of four weights, the lower 15 bits, then the bits above them
     * (signed), for multiplications of 16 bits. */
    int16_t *split;
} oc_axis;

#define OC_SPLIT_BITS 15

/* EXHAUSTED: out of memory. */
octavo_status oc_axis_create(const oc_axis_request *request, oc_axis *axis, octavo_error *error);
void oc_axis_free(oc_axis *axis); /* leaves it empty */

#endif
