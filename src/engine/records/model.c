/* model.c - see model.h. */
#include "engine/records/model.h"

#include <stdio.h>
#include <string.h>

#include "engine/front.h"

/* "F16[512,64]" */
static void type_text(octavo_dtype dtype, int32_t rank, const int64_t *shape, char *text,
                      size_t bytes) {
    int at = snprintf(text, bytes, "%s[", oc_dtype_name(dtype));
    for (int32_t i = 0; i < rank; i++) {
        at += snprintf(text + at, bytes - (size_t)at, "%s%lld", i == 0 ? "" : ",",
                       (long long)shape[i]);
    }
    snprintf(text + at, bytes - (size_t)at, "]");
}

static octavo_status tie(const oc_engine_file *file, uint64_t offset, oc_tensor *constant,
                         octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t index = oc_engine_tensor_find(file, constant->name);
    const oc_engine_tensor *tensor;
    if (index < 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, offset, "the graph names tensor %s, the engine has none",
                constant->name);
    }
    tensor = oc_engine_tensor_at(file, index);
    if (tensor->dtype != constant->dtype || tensor->rank != constant->rank ||
        memcmp(tensor->shape, constant->shape, (size_t)tensor->rank * sizeof tensor->shape[0]) !=
            0) {
        char has[128], wants[128];
        type_text(tensor->dtype, tensor->rank, tensor->shape, has, sizeof has);
        type_text(constant->dtype, constant->rank, constant->shape, wants, sizeof wants);
        OC_FAIL(error, OCTAVO_CORRUPT, offset, "tensor %s is %s, the graph wants %s",
                constant->name, has, wants);
    }
    constant->source = (uint64_t)index;
done:
    return status;
}

octavo_status oc_engine_graph(const oc_engine_file *file, oc_graph *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t bytes;
    const char *text = oc_engine_section(file, OC_SECTION_GRAPH, &bytes);
    uint64_t offset = oc_front_find(oc_engine_file_front(file), OC_SECTION_GRAPH)->offset;
    status = oc_graph_parse(text, bytes, out, error);
    if (status != OCTAVO_OK) {
        if (error != NULL && error->offset != OCTAVO_NO_OFFSET) {
            error->offset += offset; /* from the text's start to the file's */
        }
        goto done;
    }
    for (int32_t i = 0; i < out->tensor_count; i++) {
        OC_TRY(tie(file, offset, &out->tensors[i], error));
    }
done:
    if (status != OCTAVO_OK) {
        oc_error_path(error, oc_engine_file_path(file));
        oc_graph_free(out);
    }
    return status;
}
