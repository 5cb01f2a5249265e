/* memory.c - greedy placement by size; see memory.h. */
#include "lower/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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

/* The lowest place among those placed before, which are sorted by offset: one walk upwards finds
 * the first gap that is wide enough. */
static size_t lowest_place(const oc_plan_buffer *buffer, oc_plan_buffer *const *placed,
                           int32_t count) {
    size_t offset = 0;
    for (int32_t i = 0; i < count; i++) {
        const oc_plan_buffer *other = placed[i];
        if (!lives_overlap(buffer, other)) {
            continue;
        }
        if (offset + buffer->bytes <= other->offset) {
            break;
        }
        size_t end = oc_round_up(other->offset + other->bytes, 64);
        offset = end > offset ? end : offset;
    }
    return offset;
}

octavo_status oc_plan_memory(oc_plan_buffer *buffers, int32_t count, size_t *total,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t pointers = (size_t)count + 1;
    oc_plan_buffer **order = calloc(2 * pointers, sizeof(oc_plan_buffer *));
    oc_plan_buffer **placed = order + pointers; /* by offset */
    *total = 0;
    if (order == NULL) {
        OC_NO_MEMORY(error, 2 * pointers * sizeof *order);
    }
    for (int32_t i = 0; i < count; i++) {
        order[i] = &buffers[i];
    }
    qsort(order, (size_t)count, sizeof(oc_plan_buffer *), larger_first);
    for (int32_t i = 0; i < count; i++) {
        oc_plan_buffer *buffer = order[i];
        int32_t at = i;
        buffer->offset = lowest_place(buffer, placed, i);
        while (at > 0 && placed[at - 1]->offset > buffer->offset) {
            at--;
        }
        memmove(placed + at + 1, placed + at, (size_t)(i - at) * sizeof *placed);
        placed[at] = buffer;
        if (buffer->offset + buffer->bytes > *total) {
            *total = oc_round_up(buffer->offset + buffer->bytes, 64);
        }
    }
done:
    free(order);
    return status;
}
