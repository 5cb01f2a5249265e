/* merge_qkv.c - linear operations on one input that feed one attention become one.
 *
 * Q, K and V share their input where the checkpoint's activation scales agree;
 * in a last layer that reads one row, K and V do.  Every part keeps its own
 * weight scale; nothing is rounded otherwise than before.
 */
#include <stdio.h>
#include <string.h>

#include "passes/pipeline.h"
#include "passes/rewrite.h"

static bool is_mergeable(const oc_rewrite *rw, oc_value value) {
    return rw->from->nodes[value].op == OC_OP_LINEAR && rw->uses[value] == 1;
}

static bool can_join(const oc_graph *graph, const oc_node *a, const oc_node *b) {
    if (a->inputs[0] != b->inputs[0] || a->input_count != b->input_count) {
        return false;
    }
    for (int32_t j = 1; j < a->input_count; j++) {
        const oc_node *x = &graph->nodes[a->inputs[j]], *y = &graph->nodes[b->inputs[j]];
        if (x->type.dtype != y->type.dtype || x->op == OC_OP_CONCAT || y->op == OC_OP_CONCAT) {
            return false;
        }
    }
    return true;
}

/* "vision.layers.3.q" of q, k, v -> "vision.layers.3.qkv"; "" where that is taken */
static void name_merged(const oc_rewrite *rw, const oc_value *parts, int32_t count, char *name,
                        size_t bytes) {
    const oc_graph *graph = rw->from;
    const char *first = graph->nodes[parts[0]].name;
    size_t stem = strlen(first);
    name[0] = '\0';
    if (stem == 0 || stem + 4 > bytes) {
        return;
    }
    memcpy(name, first, stem + 1);
    for (int32_t i = 1; i < count; i++) {
        const char *other = graph->nodes[parts[i]].name;
        size_t length = strlen(other), used = strlen(name);
        if (length != 0 && used + 2 < bytes) {
            name[used] = other[length - 1];
            name[used + 1] = '\0';
        }
    }
    if (oc_graph_find(graph, name) >= 0 || oc_graph_find(&rw->to, name) >= 0) {
        name[0] = '\0';
    }
}

/* The old linear values parts[0 .. count-1] as one, and a view of its columns for each; the
 * copies made when the walk passed them are dead. */
static octavo_status merge(oc_rewrite *rw, const oc_value *parts, int32_t count,
                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_graph *graph = rw->from;
    char name[256];
    oc_node linear = graph->nodes[parts[0]];
    int64_t start = 0;
    oc_value merged;
    name_merged(rw, parts, count, name, sizeof name);
    linear.name = name;
    linear.inputs[0] = rw->map[linear.inputs[0]];
    for (int32_t j = 1; j < linear.input_count; j++) {
        oc_node concat = {.op = OC_OP_CONCAT, .input_count = count};
        for (int32_t i = 0; i < count; i++) {
            concat.inputs[i] = rw->map[graph->nodes[parts[i]].inputs[j]];
        }
        OC_TRY(oc_rewrite_emit(rw, &concat, &linear.inputs[j], error));
    }
    OC_TRY(oc_rewrite_emit(rw, &linear, &merged, error));
    for (int32_t i = 0; i < count; i++) {
        const oc_node *part = &graph->nodes[parts[i]];
        oc_node columns = {.op = OC_OP_COLUMNS,
                           .input_count = 1,
                           .inputs = {merged},
                           .i = {start, part->type.dims[part->type.rank - 1]},
                           .name = part->name};
        OC_TRY(oc_rewrite_emit(rw, &columns, &rw->map[parts[i]], error));
        start += columns.i[1];
    }
done:
    return status;
}

octavo_status oc_pass_merge_qkv(oc_graph *graph, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_rewrite rw;
    OC_TRY(oc_rewrite_begin(&rw, graph, error));
    for (oc_value v = 0; v < graph->node_count; v++) {
        const oc_node *node = &graph->nodes[v];
        if (node->op == OC_OP_ATTENTION) {
            const oc_node *q = &graph->nodes[node->inputs[0]], *k = &graph->nodes[node->inputs[1]],
                          *value = &graph->nodes[node->inputs[2]];
            bool pair = is_mergeable(&rw, node->inputs[1]) && is_mergeable(&rw, node->inputs[2]) &&
                        can_join(graph, k, value);
            bool all = pair && is_mergeable(&rw, node->inputs[0]) && can_join(graph, q, k);
            if (pair) {
                OC_TRY(merge(&rw, &node->inputs[all ? 0 : 1], all ? 3 : 2, error));
            }
        }
        OC_TRY(oc_rewrite_copy(&rw, v, error));
    }
    OC_TRY(oc_rewrite_end(&rw, error));
done:
    oc_rewrite_free(&rw);
    return status;
}
