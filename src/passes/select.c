/* select.c - the part of a graph between given inputs and wanted outputs. */
#include "passes/pipeline.h"
#include "passes/rewrite.h"

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

octavo_status oc_pass_select(oc_graph *graph, const char *const *inputs, int32_t input_count,
                             const char *const *outputs, int32_t output_count,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_rewrite rw = {0};
    oc_value value;
    for (int32_t i = 0; i < input_count; i++) {
        OC_TRY(find(graph, inputs[i], &value, error));
        graph->nodes[value].op = OC_OP_INPUT;
        graph->nodes[value].input_count = 0;
    }
    graph->output_count = 0;
    for (int32_t i = 0; i < output_count; i++) {
        OC_TRY(find(graph, outputs[i], &value, error));
        OC_TRY(oc_graph_add_output(graph, value, error));
    }
    OC_TRY(oc_rewrite_begin(&rw, graph, error));
    for (oc_value v = 0; v < graph->node_count; v++) {
        OC_TRY(oc_rewrite_copy(&rw, v, error));
    }
    OC_TRY(oc_rewrite_end(&rw, error));
done:
    oc_rewrite_free(&rw);
    return status;
}
