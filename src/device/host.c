/* host.c - see host.h. */
#include "device/host.h"

#include <stdlib.h>
#include <string.h>

octavo_status oc_host_steps(const oc_plan *plan, void *memory, oc_step **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes = ((size_t)plan->step_count + 1) * sizeof(oc_step);
    oc_step *steps = malloc(bytes);
    *out = NULL;
    if (steps == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    for (int32_t i = 0; i < plan->step_count; i++) {
        oc_view *views[OC_STEP_VIEWS];
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
    return view->is_codes ? 1 : sizeof(float);
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
