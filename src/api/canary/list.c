/* list.c - canaries while they are made: items, with names and data in one arena. */
#include <stdlib.h>
#include <string.h>

#include "api/canary/make.h"

octavo_status oc_canary_list_add(oc_canary_list *list, oc_canary **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (list->count == list->capacity) {
        int32_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        oc_canary *items = realloc(list->items, (size_t)capacity * sizeof *items);
        if (items == NULL) {
            OC_NO_MEMORY(error, (size_t)capacity * sizeof *items);
        }
        list->items = items;
        list->capacity = capacity;
    }
    *out = &list->items[list->count++];
    memset(*out, 0, sizeof **out);
done:
    return status;
}

octavo_status oc_canary_list_tensor(oc_canary_list *list, octavo_tensor *tensor, octavo_dtype dtype,
                                    int32_t rank, int64_t d0, int64_t d1, int64_t d2,
                                    octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes = (size_t)(d0 * (rank > 1 ? d1 : 1) * (rank > 2 ? d2 : 1)) * oc_dtype_bytes(dtype);
    *tensor = (octavo_tensor){.dtype = dtype,
                              .rank = rank,
                              .shape = {d0, rank > 1 ? d1 : 0, rank > 2 ? d2 : 0},
                              .data = NULL};
    tensor->data = oc_arena_alloc(&list->arena, bytes);
    if (tensor->data == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
done:
    return status;
}

void oc_canary_list_free(oc_canary_list *list) {
    free(list->items);
    oc_arena_free(&list->arena);
    *list = (oc_canary_list){0};
}
