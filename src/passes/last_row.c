/* last_row.c - a row that is picked at the end is picked as early as can be.
 *
 * row_at(f(x)) is f(row_at(x)) for every f that works row by row, quantizers
 * included; and attention for one row of queries needs one row of q.  Applied
 * until nothing moves, it leaves of the last layer only K and V for every row.
 */
#include "passes/pipeline.h"
#include "passes/rewrite.h"

static bool is_rowwise(oc_op op) {
    return op == OC_OP_LAYER_NORM || op == OC_OP_QUANTIZE || op == OC_OP_LINEAR ||
           op == OC_OP_GELU || op == OC_OP_ADD || op == OC_OP_COLUMNS;
}

/* Whether input j of a row-wise operation holds rows, rather than weights. */
static bool is_row_input(oc_op op, int32_t j) {
    return j == 0 || op == OC_OP_ADD;
}

static bool can_move(const oc_rewrite *rw, const oc_node *pick) {
    const oc_node *from = &rw->from->nodes[pick->inputs[0]];
    return rw->uses[pick->inputs[0]] == 1 &&
           (is_rowwise(from->op) || (from->op == OC_OP_ATTENTION && from->i[3] == 0));
}

/* `pick` applied to the new value `x`; an equal pick that exists already is used again. */
static octavo_status emit_pick(oc_rewrite *rw, const oc_node *pick, oc_value x, oc_value *out,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_node node = *pick;
    node.name = "";
    node.inputs[0] = x;
    if (node.input_count == 2) {
        node.inputs[1] = rw->map[pick->inputs[1]];
    }
    for (oc_value v = x + 1; v < rw->to.node_count; v++) {
        const oc_node *other = &rw->to.nodes[v];
        if (other->op == OC_OP_ROW_AT && other->inputs[0] == x && other->i[0] == node.i[0] &&
            other->input_count == node.input_count &&
            (node.input_count == 1 || other->inputs[1] == node.inputs[1])) {
            *out = v;
            goto done;
        }
    }
    OC_TRY(oc_rewrite_emit(rw, &node, out, error));
done:
    return status;
}

/* Old node `value`, a pick that can move, becomes its operand's operation on picked rows. */
static octavo_status move(oc_rewrite *rw, oc_value value, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_node *pick = &rw->from->nodes[value];
    oc_node node = rw->from->nodes[pick->inputs[0]];
    if (pick->name[0] != '\0') {
        node.name = pick->name;
    }
    for (int32_t j = 0; j < node.input_count; j++) {
        node.inputs[j] = rw->map[node.inputs[j]];
        if (is_row_input(node.op, j)) {
            OC_TRY(emit_pick(rw, pick, node.inputs[j], &node.inputs[j], error));
        }
    }
    if (node.op == OC_OP_ATTENTION) {
        node.i[3] = pick->input_count == 2 ? 2 : 1;
        node.i[4] = pick->i[0];
        if (pick->input_count == 2) {
            node.inputs[node.input_count++] = rw->map[pick->inputs[1]];
        }
    }
    OC_TRY(oc_rewrite_emit(rw, &node, &rw->map[value], error));
done:
    return status;
}

/* One round; *moved counts the picks that moved. */
static octavo_status move_once(oc_graph *graph, int32_t *moved, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_rewrite rw;
    *moved = 0;
    OC_TRY(oc_rewrite_begin(&rw, graph, error));
    for (oc_value v = 0; v < graph->node_count; v++) {
        const oc_node *node = &graph->nodes[v];
        if (node->op == OC_OP_ROW_AT && can_move(&rw, node)) {
            (*moved)++;
            OC_TRY(move(&rw, v, error));
        } else {
            OC_TRY(oc_rewrite_copy(&rw, v, error)); /* the operand of a moved pick is dead now */
        }
    }
    OC_TRY(oc_rewrite_end(&rw, error));
done:
    oc_rewrite_free(&rw);
    return status;
}

octavo_status oc_pass_last_row(oc_graph *graph, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t moved = 0;
    do {
        OC_TRY(move_once(graph, &moved, error));
    } while (moved != 0);
done:
    return status;
}
