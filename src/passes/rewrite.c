/* rewrite.c - see rewrite.h. */
#include "passes/rewrite.h"

#include <stdlib.h>
#include <string.h>

octavo_status oc_rewrite_begin(oc_rewrite *rw, oc_graph *graph, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t count = (size_t)graph->node_count + 1;
    memset(rw, 0, sizeof *rw);
    oc_graph_init(&rw->to);
    rw->from = graph;
    rw->map = calloc(count, sizeof *rw->map);
    rw->uses = calloc(count, sizeof *rw->uses);
    if (rw->map == NULL || rw->uses == NULL) {
        OC_NO_MEMORY(error, count * sizeof *rw->map);
    }
    memset(rw->map, -1, count * sizeof *rw->map);
    for (oc_value v = 0; v < graph->node_count; v++) {
        for (int32_t j = 0; j < graph->nodes[v].input_count; j++) {
            rw->uses[graph->nodes[v].inputs[j]]++;
        }
    }
    for (int32_t i = 0; i < graph->output_count; i++) {
        rw->uses[graph->outputs[i]]++;
    }
    for (int32_t i = 0; i < graph->tensor_count; i++) {
        int32_t index;
        OC_TRY(oc_graph_add_tensor(&rw->to, &graph->tensors[i], &index, error));
    }
done:
    return status;
}

octavo_status oc_rewrite_copy(oc_rewrite *rw, oc_value value, octavo_error *error) {
    oc_node node = rw->from->nodes[value];
    for (int32_t j = 0; j < node.input_count; j++) {
        node.inputs[j] = rw->map[node.inputs[j]];
    }
    return oc_rewrite_emit(rw, &node, &rw->map[value], error);
}

octavo_status oc_rewrite_emit(oc_rewrite *rw, const oc_node *node, oc_value *out,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_graph_add(&rw->to, node, out, error));
    OC_TRY(oc_infer(&rw->to, *out, error));
done:
    return status;
}

octavo_status oc_rewrite_end(oc_rewrite *rw, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_graph compact;
    oc_graph_init(&compact);
    for (int32_t i = 0; i < rw->from->output_count; i++) {
        OC_TRY(oc_graph_add_output(&rw->to, rw->map[rw->from->outputs[i]], error));
    }
    OC_TRY(oc_graph_compact(&rw->to, &compact, NULL, error));
    oc_graph_free(rw->from);
    *rw->from = compact;
    oc_graph_init(&compact);
done:
    oc_graph_free(&compact);
    return status;
}

void oc_rewrite_free(oc_rewrite *rw) {
    oc_graph_free(&rw->to);
    free(rw->map);
    free(rw->uses);
    rw->map = NULL;
    rw->uses = NULL;
}
