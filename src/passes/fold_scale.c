/* fold_scale.c - softmax(s q k^T): s goes into the matrix that makes q.
 *
 * Only where q comes straight from a linear operation of its own: a quantizer
 * between the two would see other values.  With a head dimension of 16, 64 or
 * 256 the scale is a power of two and no bit changes.
 */
#include "passes/pipeline.h"
#include "passes/rewrite.h"

/* Whether every weight of the linear node can take `alpha` in. */
static bool can_scale(const oc_graph *graph, const oc_node *linear, float alpha) {
    for (int32_t j = 1; j < linear->input_count; j++) {
        const oc_node *weight = &graph->nodes[linear->inputs[j]];
        float product = alpha * (weight->op == OC_OP_SCALED ? weight->f[0] : 1.0f);
        if (weight->op == OC_OP_CONCAT || !(product > 1e-30f && product < 1e30f)) {
            return false;
        }
    }
    return true;
}

/* constant `value` of the new graph, times alpha */
static octavo_status emit_scaled(oc_rewrite *rw, oc_value value, float alpha, oc_value *out,
                                 octavo_error *error) {
    oc_node node = {.op = OC_OP_SCALED, .input_count = 1, .inputs = {value}, .f = {alpha}};
    if (rw->to.nodes[value].op == OC_OP_SCALED) {
        node = rw->to.nodes[value];
        node.f[0] *= alpha;
        node.name = "";
    }
    return oc_rewrite_emit(rw, &node, out, error);
}

octavo_status oc_pass_fold_scale(oc_graph *graph, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_rewrite rw;
    OC_TRY(oc_rewrite_begin(&rw, graph, error));
    for (oc_value v = 0; v < graph->node_count; v++) {
        oc_node node = graph->nodes[v];
        const oc_node *q = node.op == OC_OP_ATTENTION ? &graph->nodes[node.inputs[0]] : NULL;
        if (q == NULL || q->op != OC_OP_LINEAR || rw.uses[node.inputs[0]] != 1 ||
            node.f[0] == 1.0f || !can_scale(graph, q, node.f[0])) {
            OC_TRY(oc_rewrite_copy(&rw, v, error));
            continue;
        }
        oc_node linear = *q;
        for (int32_t j = 0; j < linear.input_count; j++) {
            linear.inputs[j] = rw.map[linear.inputs[j]];
            if (j > 0) {
                OC_TRY(emit_scaled(&rw, linear.inputs[j], node.f[0], &linear.inputs[j], error));
            }
        }
        for (int32_t j = 0; j < node.input_count; j++) {
            node.inputs[j] = rw.map[node.inputs[j]];
        }
        OC_TRY(oc_rewrite_emit(&rw, &linear, &node.inputs[0], error));
        node.f[0] = 1.0f;
        OC_TRY(oc_rewrite_emit(&rw, &node, &rw.map[v], error));
    }
    OC_TRY(oc_rewrite_end(&rw, error));
done:
    oc_rewrite_free(&rw);
    return status;
}
