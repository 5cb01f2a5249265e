/* fold_pixels.c - (pixel/255 - mean)/std goes into the patch weights and a bias, so
 * that the patch product takes the bytes as they are. */
#include "passes/pipeline.h"
#include "passes/rewrite.h"

static bool can_fold(const oc_graph *graph, const oc_node *node) {
    return node->op == OC_OP_PATCH_EMBED &&
           graph->nodes[node->inputs[0]].op == OC_OP_NORMALIZE_PIXELS &&
           graph->nodes[node->inputs[1]].op == OC_OP_CONST &&
           (node->input_count == 2 || graph->nodes[node->inputs[2]].op == OC_OP_CONST);
}

octavo_status oc_pass_fold_pixels(oc_graph *graph, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_rewrite rw;
    OC_TRY(oc_rewrite_begin(&rw, graph, error));
    for (oc_value v = 0; v < graph->node_count; v++) {
        oc_node embed = graph->nodes[v];
        if (!can_fold(graph, &embed)) {
            OC_TRY(oc_rewrite_copy(&rw, v, error));
            continue;
        }
        const oc_node *pixels = &graph->nodes[embed.inputs[0]];
        oc_value mean = rw.map[pixels->inputs[1]], std = rw.map[pixels->inputs[2]];
        oc_node fold = {.op = OC_OP_FOLD_PIXELS,
                        .input_count = 3,
                        .inputs = {rw.map[embed.inputs[1]], mean, std}};
        oc_node bias = fold;
        bias.op = OC_OP_FOLD_PIXELS_BIAS;
        if (embed.input_count == 3) {
            bias.inputs[bias.input_count++] = rw.map[embed.inputs[2]];
        }
        embed.inputs[0] = rw.map[pixels->inputs[0]];
        embed.input_count = 3;
        OC_TRY(oc_rewrite_emit(&rw, &fold, &embed.inputs[1], error));
        OC_TRY(oc_rewrite_emit(&rw, &bias, &embed.inputs[2], error));
        OC_TRY(oc_rewrite_emit(&rw, &embed, &rw.map[v], error));
    }
    OC_TRY(oc_rewrite_end(&rw, error));
done:
    oc_rewrite_free(&rw);
    return status;
}
