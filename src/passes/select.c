/* select.c - the part of a graph between given inputs and wanted outputs. */
#include <stdlib.h>
#include <string.h>

#include "passes/pipeline.h"

static octavo_status find(const oc_graph *graph, const char *name, oc_value *out,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = oc_graph_find(graph, name);
    if (*out < 0) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET, "the graph has no value called %s",
                name);
    }
done:
    return status;
}

octavo_status oc_pass_select(const oc_graph *graph, const char *const *inputs, int32_t input_count,
                             const char *const *outputs, int32_t output_count, oc_graph *out,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_graph view = *graph; /* with nodes and outputs of its own, names and tensors borrowed */
    size_t bytes = (size_t)graph->node_count * sizeof *view.nodes;
    view.nodes = malloc(bytes + 1);
    view.outputs = calloc((size_t)output_count + 1, sizeof *view.outputs);
    view.output_count = output_count;
    if (view.nodes == NULL || view.outputs == NULL) {
        OC_NO_MEMORY(error, bytes + (size_t)output_count * sizeof *view.outputs);
    }
    if (bytes != 0) {
        memcpy(view.nodes, graph->nodes, bytes);
    }
    for (int32_t i = 0; i < input_count; i++) {
        oc_value value;
        OC_TRY(find(graph, inputs[i], &value, error));
        view.nodes[value].op = OC_OP_INPUT;
        view.nodes[value].input_count = 0;
    }
    for (int32_t i = 0; i < output_count; i++) {
        OC_TRY(find(graph, outputs[i], &view.outputs[i], error));
    }
    OC_TRY(oc_graph_compact(&view, out, NULL, error));
done:
    free(view.nodes);
    free(view.outputs);
    return status;
}
