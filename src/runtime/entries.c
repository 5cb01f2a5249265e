/* entries.c - what a graph takes and gives, held against what a run has: pixels or pixel_values,
 * input_ids and attention_mask in; embeddings and logits out. */
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
    int32_t has = (oc_graph_find(graph, "image_embeds") >= 0 ? OCTAVO_IMAGE : 0) |
                  (oc_graph_find(graph, "text_embeds") >= 0 ? OCTAVO_TEXT : 0);
    model->towers = wanted == 0 ? has : wanted;
    if ((model->towers & ~(OCTAVO_IMAGE | OCTAVO_TEXT)) != 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "towers is %d, it must be %d (image), %d (text), %d (both) or 0 (all there are)",
                wanted, OCTAVO_IMAGE, OCTAVO_TEXT, OCTAVO_IMAGE | OCTAVO_TEXT);
    }
    if ((model->towers & ~has) != 0 || model->towers == 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "the engine has %s, the %s tower is asked for",
                has == OCTAVO_IMAGE  ? "an image tower only"
                : has == OCTAVO_TEXT ? "a text tower only"
                                     : "no tower",
                (model->towers & ~has) == OCTAVO_IMAGE ? "image" : "text");
    }
done:
    return status;
}

/* Whether input j of the node is the value called `name`. */
static bool input_is(const oc_graph *graph, const oc_node *node, int32_t j, const char *name) {
    return strcmp(graph->nodes[node->inputs[j]].name, name) == 0;
}

static bool is_embeds(const oc_graph *graph, const char *name, int64_t first) {
    oc_value value = oc_graph_find(graph, name);
    const oc_type *type = value < 0 ? NULL : &graph->nodes[value].type;
    return type == NULL || (type->rank == 2 && type->dims[0] == first && type->dims[1] > 0);
}

octavo_status oc_graph_check_entries(const oc_graph *graph, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (oc_value v = 0; v < graph->node_count; v++) {
        const oc_node *node = &graph->nodes[v];
        bool fits = true;
        if (node->op == OC_OP_INPUT) {
            fits = node->type.rank == 4 && node->type.dtype == OCTAVO_U8
                       ? strcmp(node->name, "pixels") == 0
                       : node->type.rank == 2 && node->type.dtype == OCTAVO_I32 &&
                             (strcmp(node->name, "input_ids") == 0 ||
                              strcmp(node->name, "attention_mask") == 0);
        } else if (node->op == OC_OP_EMBED_TOKENS || node->op == OC_OP_END_OF_TEXT) {
            fits = input_is(graph, node, 0, "input_ids");
        } else if (node->op == OC_OP_ATTENTION && node->i[2] != 0) {
            fits = input_is(graph, node, 3, "attention_mask");
        } else if (strcmp(node->name, "logits_per_image") == 0) {
            fits = node->op == OC_OP_LOGITS && input_is(graph, node, 0, "image_embeds") &&
                   input_is(graph, node, 1, "text_embeds");
        } else if (strcmp(node->name, "pixel_values") == 0) {
            fits = node->op == OC_OP_NORMALIZE_PIXELS;
        }
        if (!fits) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "graph value %%%d%s%s: this %s does not fit what a run has (pixels, "
                    "pixel_values, input_ids, attention_mask)",
                    v, node->name[0] == '\0' ? "" : " ", node->name, oc_op_describe(node->op).name);
        }
    }
    if (!is_embeds(graph, "image_embeds", OC_DIM_IMAGES) ||
        !is_embeds(graph, "text_embeds", OC_DIM_TEXTS)) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "the graph's embeddings are not one row for each image and each text");
    }
done:
    return status;
}

static octavo_status read_image_tower(oc_model *model, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_graph *graph = model->graph;
    const oc_node *tokens = find_op(graph, OC_OP_PREPEND);
    oc_value pixels = oc_graph_find(graph, "pixels");
    if (tokens == NULL || pixels < 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "the graph's image tower does not begin with pixels and patches");
    }
    model->image_size = (int32_t)graph->nodes[pixels].type.dims[1];
    model->image_tokens = (int32_t)tokens->type.dims[1];
    model->embed_dims[0] = (int32_t)graph->nodes[oc_graph_find(graph, "image_embeds")].type.dims[1];
done:
    return status;
}

static int32_t smaller(int32_t a, int64_t b) {
    return a < b ? a : (int32_t)b;
}

static octavo_status read_text_tower(oc_model *model, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_graph *graph = model->graph;
    const oc_node *end = find_op(graph, OC_OP_END_OF_TEXT);
    model->vocabulary = model->positions_max = INT32_MAX;
    for (oc_value v = 0; v < graph->node_count; v++) {
        const oc_node *node = &graph->nodes[v];
        if (node->op == OC_OP_EMBED_TOKENS) {
            model->vocabulary =
                smaller(model->vocabulary, graph->nodes[node->inputs[1]].type.dims[0]);
        } else if (node->op == OC_OP_ADD_ROWS && node->type.dims[0] == OC_DIM_TEXTS) {
            model->positions_max =
                smaller(model->positions_max, graph->nodes[node->inputs[1]].type.dims[0]);
        } else if (node->op == OC_OP_ATTENTION && node->type.dims[0] == OC_DIM_TEXTS) {
            model->causal = model->causal && node->i[1] != 0;
        } else if (node->op == OC_OP_END_OF_TEXT &&
                   (node->i[0] != end->i[0] || node->i[1] != end->i[1])) {
            end = NULL;
            break;
        }
    }
    if (model->vocabulary == INT32_MAX || model->positions_max == INT32_MAX || end == NULL) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "the graph's text tower lacks a token table, positions or one end-of-text rule");
    }
    model->end_rule = (int32_t)end->i[0];
    model->end_id = end->i[1];
    model->embed_dims[1] = (int32_t)graph->nodes[oc_graph_find(graph, "text_embeds")].type.dims[1];
done:
    return status;
}

octavo_status oc_model_read_graph(oc_model *model, int32_t towers, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    model->causal = true;
    OC_TRY(choose_towers(model, towers, error));
    OC_TRY(oc_graph_check_entries(model->graph, error));
    if ((model->towers & OCTAVO_IMAGE) != 0) {
        OC_TRY(read_image_tower(model, error));
    }
    if ((model->towers & OCTAVO_TEXT) != 0) {
        OC_TRY(read_text_tower(model, error));
    }
done:
    return status;
}
