/* resize.c - a ring of rows between the two passes. */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "vision/resize.h"

struct oc_resize {
    oc_axis x, y;
    bool down_first;
    oc_resize_target target;
    const oc_resize_kernels *kernels;
    int32_t row;  /* input rows taken */
    int32_t done; /* output rows written */
    int32_t ring_rows;
    size_t ring_stride;
    uint8_t *ring;   /* [ring_rows, ring_stride]: input rows, or rows resized across */
    uint8_t *input;  /* one input row that the ring does not hold */
    uint8_t *middle; /* down_first: one row, resized down */
    uint8_t *output; /* one finished row */
    const uint8_t **run;
};

static size_t row_bytes(int32_t pixels) {
    return oc_round_up((size_t)pixels * 3, OC_ROW_SLACK) + OC_ROW_SLACK;
}

octavo_status oc_resize_create(const oc_resize_request *request, oc_resize **out,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = NULL;
    oc_resize *resize = calloc(1, sizeof *resize);
    if (!resize) {
        OC_NO_MEMORY(error, sizeof *resize);
    }
    resize->down_first = request->down_first;
    resize->target = request->target;
    resize->kernels = request->kernels ? request->kernels : oc_resize_best();
    OC_TRY(oc_axis_create(&request->x, &resize->x, error));
    OC_TRY(oc_axis_create(&request->y, &resize->y, error));
    resize->ring_rows = resize->y.longest > 0 ? resize->y.longest : 1;
    resize->ring_stride = row_bytes(request->down_first ? request->x.in : resize->x.count);
    resize->ring = calloc((size_t)resize->ring_rows, resize->ring_stride);
    resize->input = calloc(1, row_bytes(request->x.in));
    resize->middle = calloc(1, row_bytes(request->x.in));
    resize->output = calloc(1, row_bytes(resize->x.count));
    resize->run = calloc((size_t)resize->ring_rows, sizeof *resize->run);
    if (!resize->ring || !resize->input || !resize->middle || !resize->output || !resize->run) {
        OC_NO_MEMORY(error, (size_t)resize->ring_rows * resize->ring_stride);
    }
    *out = resize;
    resize = NULL;
done:
    oc_resize_free(resize);
    return status;
}

void oc_resize_free(oc_resize *resize) {
    if (resize) {
        oc_axis_free(&resize->x);
        oc_axis_free(&resize->y);
        free(resize->ring);
        free(resize->input);
        free(resize->middle);
        free(resize->output);
        free(resize->run);
        free(resize);
    }
}

static uint8_t *slot(const oc_resize *resize, int32_t row) {
    return resize->ring + (size_t)(row % resize->ring_rows) * resize->ring_stride;
}

static bool is_needed(const oc_resize *resize) {
    return resize->row >= resize->y.low && resize->row < resize->y.high;
}

uint8_t *oc_resize_row(oc_resize *resize) {
    return resize->down_first && is_needed(resize) ? slot(resize, resize->row) : resize->input;
}

static void finish_row(oc_resize *resize) {
    const oc_axis *x = &resize->x;
    const oc_axis *y = &resize->y;
    size_t skipped = resize->down_first ? (size_t)x->low * 3 : 0;
    for (int32_t i = 0; i < y->length[resize->done]; i++) {
        resize->run[i] = slot(resize, y->start[resize->done] + i) + skipped;
    }
    if (resize->down_first) {
        resize->kernels->down(y, resize->done, resize->run, (size_t)(x->high - x->low) * 3,
                              resize->middle + skipped);
        resize->kernels->across(x, resize->middle, resize->output);
    } else {
        resize->kernels->down(y, resize->done, resize->run, (size_t)x->count * 3, resize->output);
    }
    uint8_t *to = resize->target.at + resize->done * resize->target.step_y;
    for (int32_t i = 0; i < x->count; i++) {
        memcpy(to + i * resize->target.step_x, resize->output + (size_t)i * 3, 3);
    }
    resize->done++;
}

void oc_resize_push(oc_resize *resize) {
    const oc_axis *y = &resize->y;
    if (is_needed(resize) && !resize->down_first) {
        resize->kernels->across(&resize->x, resize->input, slot(resize, resize->row));
    }
    resize->row++;
    while (resize->done < y->count &&
           y->start[resize->done] + y->length[resize->done] <= resize->row) {
        finish_row(resize);
    }
}

const oc_resize_kernels *oc_resize_best(void) {
    const oc_resize_kernels *fast = oc_resize_avx2();
    return fast ? fast : &oc_resize_portable;
}
