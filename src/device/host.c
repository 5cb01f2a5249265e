/* host.c - see host.h. */
#include "device/host.h"

#include <stdlib.h>
#include <string.h>

octavo_status oc_host_fits(const oc_plan *plan, int32_t threads, size_t bytes,
                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t wanted = oc_plan_bytes(plan, threads);
    if (wanted > bytes) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET,
                "a plan needs %zu bytes of a queue that has %zu", wanted, bytes);
    }
done:
    return status;
}

octavo_status oc_host_steps(const oc_plan *plan, void *memory, oc_step **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes = ((size_t)plan->step_count + 1) * sizeof(oc_step);
    oc_step *steps = malloc(bytes);
    *out = NULL;
    if (steps == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    for (int32_t i = 0; i < plan->step_count; i++) {
        oc_view *views[OC_STEP_VIEWS] = {0};
        steps[i] = plan->steps[i];
        int32_t count = oc_step_views(&steps[i], views);
        for (int32_t v = 0; v < count; v++) {
            if (views[v]->columns != 0) {
                views[v]->data = (char *)memory + oc_plan_offset(plan, views[v]);
                views[v]->stride = plan->buffers[views[v]->buffer].stride;
            }
        }
    }
    *out = steps;
done:
    return status;
}

static size_t element_bytes(const oc_view *view) {
    return oc_dtype_bytes(view->dtype);
}

void oc_host_write(void *memory, const oc_plan *plan, const oc_view *view, int32_t first,
                   int32_t count, const void *rows) {
    size_t stride = (size_t)plan->buffers[view->buffer].stride * element_bytes(view);
    size_t bytes = (size_t)view->columns * element_bytes(view);
    char *to = (char *)memory + oc_plan_offset(plan, view) + (size_t)first * stride;
    for (int32_t i = 0; i < count; i++) {
        memcpy(to + (size_t)i * stride, (const char *)rows + (size_t)i * bytes, bytes);
    }
}

void oc_host_read(const void *memory, const oc_plan *plan, const oc_view *view, int32_t first,
                  const int32_t *index, int32_t count, void *rows) {
    size_t stride = (size_t)plan->buffers[view->buffer].stride * element_bytes(view);
    size_t bytes = (size_t)view->columns * element_bytes(view);
    const char *from = (const char *)memory + oc_plan_offset(plan, view);
    for (int32_t i = 0; i < count; i++) {
        size_t row = (size_t)(index == NULL ? first + i : index[i]);
        memcpy((char *)rows + (size_t)i * bytes, from + row * stride, bytes);
    }
}

/* -- codes -------------------------------------------------------------------------------- */

enum { LANES = 16, FLUSH = 255 }; /* a lane counts to 255 */

typedef uint8_t lanes __attribute__((vector_size(LANES)));

static void add_counts(const lanes *saturated, const lanes *zeros, oc_step_report *out) {
    for (int i = 0; i < LANES; i++) {
        out->saturated += (*saturated)[i];
        out->zeros += (*zeros)[i];
    }
}

void oc_host_count_row(const uint8_t *codes, int32_t columns, oc_step_report *out) {
    const lanes magnitude = (lanes){0} + 0x7f, limit = (lanes){0} + 0x7e;
    lanes most = {0}, zero = {0};
    int32_t at = 0;
    while (at + LANES <= columns) {
        lanes saturated = {0}, zeros = {0};
        for (int n = 0; n < FLUSH && at + LANES <= columns; n++, at += LANES) {
            lanes code;
            memcpy(&code, codes + at, LANES);
            code &= magnitude;
            saturated -= (lanes)(code == limit); /* true is 0xff, one less than zero */
            zeros -= (lanes)(code == zero);
            lanes larger = (lanes)(code > most);
            most = (code & larger) | (most & ~larger);
        }
        add_counts(&saturated, &zeros, out);
    }
    int32_t largest = 0;
    for (int i = 0; i < LANES; i++) {
        largest = most[i] > largest ? most[i] : largest;
    }
    for (; at < columns; at++) {
        int32_t code = codes[at] & 0x7f;
        out->saturated += code == 0x7e;
        out->zeros += code == 0;
        largest = code > largest ? code : largest;
    }
    out->largest = largest > out->largest ? largest : out->largest;
}

void oc_host_count_codes(const oc_step *step, const oc_run *run, oc_step_report *out) {
    oc_view result = oc_host_result(step);
    out->codes = out->saturated = out->zeros = 0;
    out->largest = 0;
    for (int32_t r = 0; oc_is_codes(result.dtype) && r < run->rows[step->rows]; r++) {
        oc_host_count_row((const uint8_t *)result.data + r * result.stride, result.columns, out);
        out->codes += (uint64_t)result.columns;
    }
}
