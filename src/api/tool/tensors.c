/* tensors.c - .safetensors files for the tools. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/require.h"
#include "api/tool.h"
#include "base/arena.h"
#include "base/limits.h"
#include "base/sys/io.h"
#include "checkpoint/files/safetensors.h"
#include "checkpoint/files/safetensors_write.h"

/* Of tensors that are held in memory. */
#define MAX_BYTES (OC_LIMIT_LIST_BYTES * UINT64_C(16))

octavo_status octavo_tool_tensors_load(const char *path, octavo_tool_tensors *out,
                                       octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_safetensors header = {0};
    oc_arena *arena = NULL;
    oc_file file = OC_FILE_CLOSED;
    oc_error_clear(error);
    OC_REQUIRE(error, out);
    *out = (octavo_tool_tensors){0};
    OC_REQUIRE(error, path);
    arena = calloc(1, sizeof *arena);
    if (arena == NULL) {
        OC_NO_MEMORY(error, sizeof *arena);
    }
    OC_TRY(oc_file_open(path, &file, error));
    if (file.size > MAX_BYTES) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%s has %" PRIu64 " bytes, the limit is %" PRIu64, path, file.size,
                (uint64_t)MAX_BYTES);
    }
    OC_TRY(oc_safetensors_open(&file, &header, error));
    out->items = oc_arena_alloc(arena, (size_t)header.tensor_count * sizeof *out->items + 1);
    out->dtypes = oc_arena_alloc(arena, (size_t)header.tensor_count * sizeof *out->dtypes + 1);
    if (out->items == NULL || out->dtypes == NULL) {
        OC_NO_MEMORY(error, (size_t)header.tensor_count * sizeof *out->items);
    }
    for (int32_t i = 0; i < header.tensor_count; i++) {
        const oc_st_tensor *from = &header.tensors[i];
        octavo_argument *to = &out->items[out->count];
        out->dtypes[out->count] = from->dtype_name;
        to->name = oc_arena_text(arena, from->name, strlen(from->name));
        if (to->name == NULL) {
            OC_NO_MEMORY(error, strlen(from->name));
        }
        to->tensor.rank = from->rank;
        memcpy(to->tensor.shape, from->shape, sizeof to->tensor.shape);
        if (from->dtype == 0 || from->rank > OCTAVO_MAX_RANK) {
            out->count++; /* not something that octavo computes with */
            continue;
        }
        to->tensor.dtype = from->dtype;
        to->tensor.data = oc_arena_alloc(arena, (size_t)from->bytes + 1);
        if (to->tensor.data == NULL) {
            OC_NO_MEMORY(error, (size_t)from->bytes);
        }
        OC_TRY(oc_file_read(&file, from->offset, to->tensor.data, (size_t)from->bytes, error));
        out->count++;
    }
    out->memory = arena;
    arena = NULL;
done:
    if (arena != NULL) {
        oc_arena_free(arena);
        free(arena);
        *out = (octavo_tool_tensors){0};
    }
    oc_safetensors_free(&header);
    oc_file_close(&file);
    if (status != OCTAVO_OK) {
        oc_error_path(error, path);
    }
    return status;
}

void octavo_tool_tensors_free(octavo_tool_tensors *tensors) {
    if (tensors != NULL && tensors->memory != NULL) {
        oc_arena_free(tensors->memory);
        free(tensors->memory);
        *tensors = (octavo_tool_tensors){0};
    }
}

octavo_status octavo_tool_tensors_save(const char *path, const octavo_argument *items,
                                       int32_t count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_error_clear(error);
    OC_REQUIRE(error, path);
    OC_REQUIRE(error, items);
    if (count < 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "count is %d, it must be 0 or more", count);
    }
    OC_TRY(oc_safetensors_save(path, items, count, NULL, 0, error));
done:
    return status;
}
