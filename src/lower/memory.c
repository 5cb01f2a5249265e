/* memory.c - greedy placement by size; see memory.h. */
#include "lower/memory.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/size.h"

static int larger_first(const void *a, const void *b) {
    const oc_plan_buffer *x = *(oc_plan_buffer *const *)a, *y = *(oc_plan_buffer *const *)b;
    if (x->bytes != y->bytes) {
        return x->bytes < y->bytes ? 1 : -1;
    }
    return x < y ? -1 : x > y;
}

static bool lives_overlap(const oc_plan_buffer *a, const oc_plan_buffer *b) {
    return a->first <= b->last && b->first <= a->last;
}

octavo_status oc_plan_memory(oc_plan_buffer *buffers, int32_t count, size_t *total,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_plan_buffer **order = calloc((size_t)count + 1, sizeof(oc_plan_buffer *));
    *total = 0;
    if (order == NULL) {
        OC_NO_MEMORY(error, (size_t)count * sizeof *order);
    }
    for (int32_t i = 0; i < count; i++) {
        order[i] = &buffers[i];
    }
    qsort(order, (size_t)count, sizeof(oc_plan_buffer *), larger_first);
    for (int32_t i = 0; i < count; i++) {
        oc_plan_buffer *buffer = order[i];
        bool moved = true;
        buffer->offset = 0;
        while (moved) { /* each move is upwards past a placed buffer, so this ends */
            moved = false;
            for (int32_t j = 0; j < i; j++) {
                if (lives_overlap(buffer, order[j]) &&
                    buffer->offset < order[j]->offset + order[j]->bytes &&
                    order[j]->offset < buffer->offset + buffer->bytes) {
                    buffer->offset = oc_round_up(order[j]->offset + order[j]->bytes, 64);
                    moved = true;
                }
            }
        }
        if (buffer->offset + buffer->bytes > *total) {
            *total = oc_round_up(buffer->offset + buffer->bytes, 64);
        }
    }
done:
    free(order);
    return status;
}
