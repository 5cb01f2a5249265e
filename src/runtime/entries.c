/* entries.c - what a graph takes and gives, held against what a run has: the entries of the towers
 * in; embeddings and logits out. */
#include <stdio.h>
#include <string.h>

#include "runtime/model_fields.h"

static const oc_node *find_op(const oc_graph *graph, oc_op op) {
    for (oc_value v = 0; v < graph->node_count; v++) {
        if (graph->nodes[v].op == op) {
            return &graph->nodes[v];
        }
    }
    return NULL;
}

/* Which towers, of those that the graph has. */
static octavo_status choose_towers(oc_model *model, int32_t wanted, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_graph *graph = model->graph;
    const oc_tower *only = NULL, *lacking = NULL;
    char list[80];
    int32_t has = 0;
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        has |= oc_graph_find(graph, oc_towers[t].embeds) >= 0 ? oc_towers[t].bit : 0;
    }
    model->towers = wanted == 0 ? has : wanted;
    if ((model->towers & ~oc_towers_all()) != 0) {
        oc_towers_list(list, sizeof list);
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "towers is %d, it must be %s, %d (both) or 0 (all there are)", wanted, list,
                oc_towers_all());
    }
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        const oc_tower *tower = &oc_towers[t];
        only = has == tower->bit ? tower : only;
        lacking = (has & tower->bit) == 0 ? tower : lacking;
    }
    if ((model->towers & ~has) != 0 || model->towers == 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "the engine has %s%s tower%s, the %s tower is asked for",
                only == NULL                          ? "no"
                : strchr("aeiou", only->name[0]) != 0 ? "an "
                                                      : "a ",
                only == NULL ? "" : only->name, only == NULL ? "" : " only", lacking->name);
    }
done:
    return status;
}

/* Whether input j of the node is the value called `name`. */
static bool input_is(const oc_graph *graph, const oc_node *node, int32_t j, const char *name) {
    return strcmp(graph->nodes[node->inputs[j]].name, name) == 0;
}

static bool has_embeds(const oc_graph *graph, const oc_tower *tower) {
    oc_value value = oc_graph_find(graph, tower->embeds);
    const oc_type *type = value < 0 ? NULL : &graph->nodes[value].type;
    return type == NULL || (type->rank == 2 && type->dims[0] == tower->dim && type->dims[1] > 0);
}

/* Whether some tower takes a value of this name in this form, or has such a mask to it. */
static bool is_entry(const char *name, oc_form form, bool or_mask) {
    bool found = false;
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        const oc_tower *tower = &oc_towers[t];
        const oc_entry *entry = oc_tower_entry(tower, name);
        found = found || (entry != NULL && entry->form == form) ||
                (or_mask && tower->mask != NULL && strcmp(name, tower->mask) == 0);
    }
    return found;
}

static bool input_is_entry(const oc_graph *graph, const oc_node *node, int32_t j, oc_form form) {
    return is_entry(graph->nodes[node->inputs[j]].name, form, false);
}

/* "pixels, pixel_values, input_ids, attention_mask" */
static void list_inputs(char *text, size_t bytes) {
    size_t used = 0;
    text[0] = '\0';
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        for (int32_t i = 0; i <= oc_towers[t].entry_count && used < bytes; i++) {
            const char *name =
                i < oc_towers[t].entry_count ? oc_towers[t].entries[i].input : oc_towers[t].mask;
            used += name == NULL ? 0
                                 : (size_t)snprintf(text + used, bytes - used, "%s%s",
                                                    used == 0 ? "" : ", ", name);
        }
    }
}

/* Whether the node takes what a run has for it, and is what its name says. */
static bool fits(const oc_graph *graph, const oc_node *node) {
    const oc_tower *rows = &oc_towers[oc_logits.rows], *columns = &oc_towers[oc_logits.columns];
    const oc_tower *tower = oc_tower_of_dim(node->type.rank > 0 ? node->type.dims[0] : 0);
    const oc_type *type = &node->type;
    if (node->op == OC_OP_INPUT) {
        return type->rank == 4 && type->dtype == OCTAVO_U8
                   ? is_entry(node->name, OC_FORM_BYTES, false)
                   : type->rank == 2 && type->dtype == OCTAVO_I32 &&
                         is_entry(node->name, OC_FORM_IDS, true);
    }
    if (node->op == OC_OP_EMBED_TOKENS || node->op == OC_OP_END_OF_TEXT) {
        return input_is_entry(graph, node, 0, OC_FORM_IDS);
    }
    if (node->op == OC_OP_ATTENTION && node->i[2] != 0) {
        return tower != NULL && tower->mask != NULL && input_is(graph, node, 3, tower->mask);
    }
    if (strcmp(node->name, oc_logits.output) == 0) {
        return node->op == OC_OP_LOGITS && input_is(graph, node, 0, rows->embeds) &&
               input_is(graph, node, 1, columns->embeds);
    }
    return !is_entry(node->name, OC_FORM_VALUES, false) || node->op == OC_OP_NORMALIZE_PIXELS;
}

octavo_status oc_graph_check_entries(const oc_graph *graph, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (oc_value v = 0; v < graph->node_count; v++) {
        const oc_node *node = &graph->nodes[v];
        if (!fits(graph, node)) {
            char list[160];
            list_inputs(list, sizeof list);
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "graph value %%%d%s%s: this %s does not fit what a run has (%s)", v,
                    node->name[0] == '\0' ? "" : " ", node->name, oc_op_describe(node->op).name,
                    list);
        }
    }
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        if (!has_embeds(graph, &oc_towers[t])) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "the graph's embeddings are not one row for each image and each text");
        }
    }
done:
    return status;
}

static octavo_status read_pixels(oc_model *model, const oc_tower *tower, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_graph *graph = model->graph;
    const oc_node *tokens = find_op(graph, OC_OP_PREPEND);
    oc_value pixels = oc_graph_find(graph, tower->entries[0].input);
    if (tokens == NULL || pixels < 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "the graph's %s tower does not begin with pixels and patches", tower->name);
    }
    model->image_size = (int32_t)graph->nodes[pixels].type.dims[1];
    model->longest[oc_tower_index(tower)] = (int32_t)tokens->type.dims[1];
done:
    return status;
}

static int32_t smaller(int32_t a, int64_t b) {
    return a < b ? a : (int32_t)b;
}

static octavo_status read_ids(oc_model *model, const oc_tower *tower, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_graph *graph = model->graph;
    const oc_node *end = find_op(graph, OC_OP_END_OF_TEXT);
    int32_t vocabulary = INT32_MAX, positions = INT32_MAX;
    for (oc_value v = 0; v < graph->node_count; v++) {
        const oc_node *node = &graph->nodes[v];
        if (node->op == OC_OP_EMBED_TOKENS) {
            vocabulary = smaller(vocabulary, graph->nodes[node->inputs[1]].type.dims[0]);
        } else if (node->op == OC_OP_ADD_ROWS && node->type.dims[0] == tower->dim) {
            positions = smaller(positions, graph->nodes[node->inputs[1]].type.dims[0]);
        } else if (node->op == OC_OP_ATTENTION && node->type.dims[0] == tower->dim) {
            model->causal = model->causal && node->i[1] != 0;
        } else if (node->op == OC_OP_END_OF_TEXT &&
                   (node->i[0] != end->i[0] || node->i[1] != end->i[1])) {
            end = NULL;
            break;
        }
    }
    if (vocabulary == INT32_MAX || positions == INT32_MAX || end == NULL) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "the graph's %s tower lacks a token table, positions or one end-of-text rule",
                tower->name);
    }
    model->texts = (oc_texts){.vocabulary = vocabulary,
                              .positions_max = positions,
                              .rule = (int32_t)end->i[0],
                              .eos = end->i[1]};
    model->longest[oc_tower_index(tower)] = positions;
done:
    return status;
}

octavo_status oc_model_read_graph(oc_model *model, int32_t towers, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    model->causal = true;
    OC_TRY(choose_towers(model, towers, error));
    OC_TRY(oc_graph_check_entries(model->graph, error));
    for (int32_t t = 0; t < OC_TOWERS; t++) {
        const oc_tower *tower = &oc_towers[t];
        if ((model->towers & tower->bit) != 0) {
            oc_value embeds = oc_graph_find(model->graph, tower->embeds);
            OC_TRY((oc_tower_is_packed(tower) ? read_ids : read_pixels)(model, tower, error));
            model->embed_dims[t] = (int32_t)model->graph->nodes[embeds].type.dims[1];
        }
    }
done:
    return status;
}
