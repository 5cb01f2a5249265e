/* resize.h - rows of RGB in, rows of a resized and cropped picture out.
 *
 * Bit-exact with Pillow's two passes of 8 bits, in either order.  Rows are taken as the decoder
 * yields them; only as many are kept as one output row needs.  Outputs that a crop throws away
 * are never computed.
 *
 *     while (rows are left) {
 *         decode a row to oc_resize_row(resize);
 *         oc_resize_push(resize);
 *     }
 */
#ifndef OC_VISION_RESIZE_H
#define OC_VISION_RESIZE_H

#include <stddef.h>

#include "vision/filter.h"

/* Bytes that a row in memory may be read or written beyond its end. */
#define OC_ROW_SLACK 32

/* The two passes.  Every implementation gives the same bits. */
typedef struct oc_resize_kernels {
    const char *name;
    /* in: RGB from input 0 of `axis` on; out: axis->count pixels. */
    void (*across)(const oc_axis *axis, const uint8_t *in, uint8_t *out);
    /* out[i] for i < bytes: output `index` of `axis` from axis->length[index] rows. */
    void (*down)(const oc_axis *axis, int32_t index, const uint8_t *const *rows, size_t bytes,
                 uint8_t *out);
} oc_resize_kernels;

extern const oc_resize_kernels oc_resize_portable;
const oc_resize_kernels *oc_resize_avx2(void); /* NULL where this machine lacks it */
const oc_resize_kernels *oc_resize_best(void);

/* Where output pixel (x, y) goes: at + x * step_x + y * step_y; steps in bytes, signed. */
typedef struct oc_resize_target {
    uint8_t *at;
    ptrdiff_t step_x, step_y;
} oc_resize_target;

typedef struct oc_resize_request {
    oc_axis_request x, y;
    bool down_first; /* the vertical pass comes first */
    oc_resize_target target;
    const oc_resize_kernels *kernels; /* NULL: the best */
} oc_resize_request;

typedef struct oc_resize oc_resize;

/* EXHAUSTED: out of memory. */
octavo_status oc_resize_create(const oc_resize_request *request, oc_resize **out,
                               octavo_error *error);
void oc_resize_free(oc_resize *resize); /* NULL is accepted */

/* Room for the next row: x.in * 3 bytes. */
uint8_t *oc_resize_row(oc_resize *resize);
/* Takes the row that was written there and writes every output row that it completes.  To be
 * called y.in times. */
void oc_resize_push(oc_resize *resize);

#endif
