/* verify.c - what must hold of a graph between any two passes. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "ir/graph.h"
#include "ir/type.h"

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Printable ASCII without quotes and backslashes, so that the text form needs no escapes. */
static bool is_name(const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++) {
        if (name[i] < ' ' || name[i] > '~' || name[i] == '"' || name[i] == '\\') {
            return false;
        }
    }
    return length <= OC_LIMIT_TENSOR_NAME;
}

/* Names of values are unique, but for "". */
static octavo_status verify_names(const oc_graph *graph, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t count = 0;
    const char **names = calloc((size_t)graph->node_count + 1, sizeof *names);
    if (names == NULL) {
        OC_NO_MEMORY(error, (size_t)graph->node_count * sizeof *names);
    }
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].name[0] != '\0') {
            if (!is_name(graph->nodes[i].name)) {
                OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                        "the name of graph value %%%d is not plain text of up to %u bytes", i,
                        OC_LIMIT_TENSOR_NAME);
            }
            names[count++] = graph->nodes[i].name;
        }
    }
    qsort(names, count, sizeof *names, by_text);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, "two graph values are called %s",
                    names[i]);
        }
    }
done:
    free(names);
    return status;
}

static octavo_status verify_tensors(const oc_graph *graph, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (int32_t i = 0; i < graph->tensor_count; i++) {
        const oc_tensor *tensor = &graph->tensors[i];
        uint64_t bytes = oc_dtype_bytes(tensor->dtype);
        if (!is_name(tensor->name) || tensor->name[0] == '\0') {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "the name of tensor %d is not plain text of 1 to %u bytes", i,
                    OC_LIMIT_TENSOR_NAME);
        }
        if (bytes == 0 || tensor->rank < 0 || tensor->rank > OCTAVO_MAX_RANK) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "tensor %s has dtype %d and rank %d, which is not valid", tensor->name,
                    (int)tensor->dtype, tensor->rank);
        }
        for (int32_t d = 0; d < tensor->rank; d++) {
            if (tensor->shape[d] < 1 || tensor->shape[d] > INT32_MAX ||
                __builtin_mul_overflow(bytes, (uint64_t)tensor->shape[d], &bytes) ||
                bytes > INT64_MAX) {
                OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                        "tensor %s: dimension %d is %lld, which is not valid", tensor->name, d,
                        (long long)tensor->shape[d]);
            }
        }
    }
done:
    return status;
}

octavo_status oc_verify(const oc_graph *graph, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(verify_tensors(graph, error));
    for (int32_t i = 0; i < graph->node_count; i++) {
        oc_type inferred;
        char text[2][120];
        OC_TRY(oc_infer_type(graph, i, &inferred, error));
        if (!oc_type_equal(&graph->nodes[i].type, &inferred)) {
            oc_type_text(&graph->nodes[i].type, text[0], sizeof text[0]);
            oc_type_text(&inferred, text[1], sizeof text[1]);
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "graph value %%%d is said to be %s, its operation gives %s", i, text[0],
                    text[1]);
        }
    }
    for (int32_t i = 0; i < graph->output_count; i++) {
        oc_value value = graph->outputs[i];
        if (value < 0 || value >= graph->node_count || graph->nodes[value].name[0] == '\0') {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "graph output %d is %%%d, which does not exist or has no name", i, value);
        }
    }
    OC_TRY(verify_names(graph, error));
done:
    return status;
}
