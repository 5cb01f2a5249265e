/* last_row.c - a row that is picked at the end is picked as early as can be.
 *
 * row_at(f(x)) is f(row_at(x)) for every f that works row by row, quantizers
 * included; and attention for one row of queries needs one row of q.  Of the last
 * layer that leaves only K and V for every row.
 *
 * Backwards: of which values is one row all that is ever read?  Forwards: what can be
 * computed on that row alone is, the rest as it was.
 */
#include <stdlib.h>

#include "passes/pipeline.h"
#include "passes/rewrite.h"

/* What is read of a value: nothing, every row, or what one row_at node picks. */
enum { NOTHING = -2, EVERY_ROW = -1 };

typedef struct last_row {
    oc_rewrite rw;
    oc_value *read;          /* [old values] */
    oc_value *pick, *picked; /* [old values]: a pick of it, and its value in the new graph */
} last_row;

static bool is_movable(const oc_node *node) {
    return node->op == OC_OP_LAYER_NORM || node->op == OC_OP_QUANTIZE || node->op == OC_OP_LINEAR ||
           node->op == OC_OP_GELU || node->op == OC_OP_ADD || node->op == OC_OP_COLUMNS ||
           (node->op == OC_OP_ATTENTION && node->i[3] == 0);
}

/* Whether input j holds the rows that the operation takes one by one. */
static bool is_row_input(oc_op op, int32_t j) {
    return j == 0 || op == OC_OP_ADD;
}

static bool moves(const last_row *pass, oc_value value) {
    return pass->read[value] >= 0 && is_movable(&pass->rw.from->nodes[value]);
}

static bool same_row(const last_row *pass, oc_value a, oc_value b) {
    const oc_node *x = &pass->rw.from->nodes[a], *y = &pass->rw.from->nodes[b];
    return x->i[0] == y->i[0] && x->input_count == y->input_count &&
           (x->input_count == 1 || x->inputs[1] == y->inputs[1]);
}

/* -- backwards ------------------------------------------------------------------------------- */

/* One more reader of `value`, of every row or of what `pick` picks. */
static void note(last_row *pass, oc_value value, oc_value pick) {
    oc_value *read = &pass->read[value];
    if (pick != EVERY_ROW) {
        const oc_node *node = &pass->rw.from->nodes[pick];
        pass->pick[value] = pick;
        bool first = *read == NOTHING;
        bool too_early = node->input_count == 2 && node->inputs[1] > value;
        bool second_name = !first && node->inputs[0] == value && node->name[0] != '\0';
        bool same = first || (*read != EVERY_ROW && same_row(pass, *read, pick));
        pick = !same || too_early || second_name ? EVERY_ROW : first ? pick : *read;
    }
    *read = pick;
}

static void find_readers(last_row *pass) {
    const oc_graph *from = pass->rw.from;
    for (oc_value v = 0; v < from->node_count; v++) {
        pass->read[v] = NOTHING;
        pass->pick[v] = pass->picked[v] = -1;
    }
    for (int32_t i = 0; i < from->output_count; i++) {
        note(pass, from->outputs[i], EVERY_ROW);
    }
    for (oc_value v = from->node_count - 1; v >= 0; v--) {
        const oc_node *node = &from->nodes[v];
        oc_value pick = node->op == OC_OP_ROW_AT ? v : moves(pass, v) ? pass->read[v] : EVERY_ROW;
        for (int32_t j = 0; pass->read[v] != NOTHING && j < node->input_count; j++) {
            note(pass, node->inputs[j], is_row_input(node->op, j) ? pick : EVERY_ROW);
        }
    }
}

/* -- forwards -------------------------------------------------------------------------------- */

/* The new value of what old `pick` picks of old `value`. */
static octavo_status emit_pick(last_row *pass, oc_value value, oc_value pick, const char *name,
                               oc_value *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_rewrite *rw = &pass->rw;
    oc_node node = rw->from->nodes[pick];
    if (moves(pass, value)) {
        *out = rw->map[value];
    } else if (name[0] == '\0' && pass->picked[value] >= 0 &&
               same_row(pass, pass->pick[value], pick)) {
        *out = pass->picked[value];
    } else {
        node.name = name;
        node.inputs[0] = rw->map[value];
        node.inputs[1] = node.input_count == 2 ? rw->map[node.inputs[1]] : -1;
        OC_TRY(oc_rewrite_emit(&pass->rw, &node, out, error));
        pass->pick[value] = pick;
        pass->picked[value] = *out;
    }
done:
    return status;
}

/* Old `value`, of which one row is read, as that row. */
static octavo_status emit_moved(last_row *pass, oc_value value, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_rewrite *rw = &pass->rw;
    oc_node node = rw->from->nodes[value];
    const oc_node *pick = &rw->from->nodes[pass->read[value]];
    for (int32_t j = 0; j < node.input_count; j++) {
        if (is_row_input(node.op, j)) {
            OC_TRY(emit_pick(pass, node.inputs[j], pass->read[value], "", &node.inputs[j], error));
        } else {
            node.inputs[j] = rw->map[node.inputs[j]];
        }
    }
    if (node.op == OC_OP_ATTENTION) {
        node.i[3] = pick->input_count == 2 ? 2 : 1;
        node.i[4] = pick->i[0];
        if (pick->input_count == 2) {
            node.inputs[node.input_count++] = rw->map[pick->inputs[1]];
        }
    }
    if (pick->inputs[0] == value && pick->name[0] != '\0') {
        node.name = pick->name;
    }
    OC_TRY(oc_rewrite_emit(rw, &node, &rw->map[value], error));
done:
    return status;
}

/* Old `value` as it was; what is picked of it comes right behind, so that a product that adds it
 * finds it there. */
static octavo_status emit_whole(last_row *pass, oc_value value, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_value pick = pass->pick[value], out;
    OC_TRY(oc_rewrite_copy(&pass->rw, value, error));
    if (pick >= 0 && (pass->rw.from->nodes[pick].input_count == 1 ||
                      pass->rw.from->nodes[pick].inputs[1] < value)) {
        OC_TRY(emit_pick(pass, value, pick, "", &out, error));
    }
done:
    return status;
}

octavo_status oc_pass_last_row(oc_graph *graph, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    last_row pass = {.read = NULL};
    size_t count = (size_t)graph->node_count + 1;
    OC_TRY(oc_rewrite_begin(&pass.rw, graph, error));
    pass.read = malloc(count * 3 * sizeof *pass.read);
    if (pass.read == NULL) {
        OC_NO_MEMORY(error, count * 3 * sizeof *pass.read);
    }
    pass.pick = pass.read + count;
    pass.picked = pass.pick + count;
    find_readers(&pass);
    for (oc_value v = 0; v < graph->node_count; v++) {
        const oc_node *node = &graph->nodes[v];
        if (moves(&pass, v)) {
            OC_TRY(emit_moved(&pass, v, error));
        } else if (node->op == OC_OP_ROW_AT && pass.read[v] != NOTHING) {
            OC_TRY(emit_pick(&pass, node->inputs[0], v, node->name, &pass.rw.map[v], error));
        } else if (pass.read[v] != NOTHING) {
            OC_TRY(emit_whole(&pass, v, error));
        }
    }
    OC_TRY(oc_rewrite_end(&pass.rw, error));
done:
    free(pass.read);
    oc_rewrite_free(&pass.rw);
    return status;
}
