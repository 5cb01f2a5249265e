/* graph.c - building, searching and compacting graphs. */
#include "ir/graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/size.h"

void oc_graph_init(oc_graph *graph) {
    memset(graph, 0, sizeof *graph);
    oc_arena_init(&graph->arena);
}

void oc_graph_free(oc_graph *graph) {
    if (graph == NULL) {
        return;
    }
    free(graph->nodes);
    free(graph->tensors);
    free(graph->outputs);
    oc_arena_free(&graph->arena);
    memset(graph, 0, sizeof *graph);
}

/* Room for one more element of `bytes` in a growing array. */
static octavo_status grow(void **array, int32_t count, int32_t *capacity, size_t bytes,
                          int32_t limit, const char *what, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (count >= limit) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "a graph of more than %d %s, the limit is %d", count, what, limit);
    }
    if (count >= *capacity) {
        int32_t larger = count < 64 ? 64 : 2 * count;
        void *moved = realloc(*array, (size_t)larger * bytes);
        if (moved == NULL) {
            OC_NO_MEMORY(error, (size_t)larger * bytes);
        }
        *array = moved;
        *capacity = larger;
    }
done:
    return status;
}

/* Room for what a copy of `from` has at most, behind what there is; names are copied all the same.
 */
static octavo_status reserve(oc_graph *graph, const oc_graph *from, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t nodes = graph->node_count + from->node_count + 1;
    int32_t tensors = graph->tensor_count + from->tensor_count + 1;
    void *more_nodes = realloc(graph->nodes, (size_t)nodes * sizeof *graph->nodes);
    if (more_nodes == NULL) {
        OC_NO_MEMORY(error, (size_t)nodes * sizeof *graph->nodes);
    }
    graph->nodes = more_nodes;
    graph->node_capacity = nodes;
    void *more_tensors = realloc(graph->tensors, (size_t)tensors * sizeof *graph->tensors);
    if (more_tensors == NULL) {
        OC_NO_MEMORY(error, (size_t)tensors * sizeof *graph->tensors);
    }
    graph->tensors = more_tensors;
    graph->tensor_capacity = tensors;
done:
    return status;
}

octavo_status oc_graph_add(oc_graph *graph, const oc_node *node, oc_value *out,
                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *name = node->name == NULL ? "" : node->name;
    const char *copy = "";
    OC_TRY(grow((void **)&graph->nodes, graph->node_count, &graph->node_capacity, sizeof *node,
                OC_LIMIT_NODES, "nodes", error));
    if (name[0] != '\0') {
        copy = oc_arena_text(&graph->arena, name, strlen(name));
    }
    if (copy == NULL) {
        OC_NO_MEMORY(error, strlen(name));
    }
    graph->nodes[graph->node_count] = *node;
    graph->nodes[graph->node_count].name = copy;
    for (int32_t i = node->input_count; i >= 0 && i < OC_INPUTS_MAX; i++) {
        graph->nodes[graph->node_count].inputs[i] = -1;
    }
    *out = graph->node_count++;
done:
    return status;
}

octavo_status oc_graph_add_tensor(oc_graph *graph, const oc_tensor *tensor, int32_t *out,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *copy = NULL;
    OC_TRY(grow((void **)&graph->tensors, graph->tensor_count, &graph->tensor_capacity,
                sizeof *tensor, OC_LIMIT_TENSORS, "tensors", error));
    copy = oc_arena_text(&graph->arena, tensor->name, strlen(tensor->name));
    if (copy == NULL) {
        OC_NO_MEMORY(error, strlen(tensor->name));
    }
    graph->tensors[graph->tensor_count] = *tensor;
    graph->tensors[graph->tensor_count].name = copy;
    *out = graph->tensor_count++;
done:
    return status;
}

octavo_status oc_graph_add_output(oc_graph *graph, oc_value value, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(grow((void **)&graph->outputs, graph->output_count, &graph->output_capacity,
                sizeof *graph->outputs, OC_LIMIT_NODES, "outputs", error));
    graph->outputs[graph->output_count++] = value;
done:
    return status;
}

oc_value oc_graph_find(const oc_graph *graph, const char *name) {
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (strcmp(graph->nodes[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

int32_t oc_graph_uses(const oc_graph *graph, oc_value value) {
    int32_t uses = 0;
    for (int32_t i = value + 1; i < graph->node_count; i++) {
        for (int32_t j = 0; j < graph->nodes[i].input_count; j++) {
            uses += graph->nodes[i].inputs[j] == value;
        }
    }
    for (int32_t i = 0; i < graph->output_count; i++) {
        uses += graph->outputs[i] == value;
    }
    return uses;
}

octavo_status oc_graph_copy(const oc_graph *from, oc_graph *to, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t index;
    oc_value value;
    OC_TRY(reserve(to, from, error));
    for (int32_t i = 0; i < from->tensor_count; i++) {
        OC_TRY(oc_graph_add_tensor(to, &from->tensors[i], &index, error));
    }
    for (int32_t i = 0; i < from->node_count; i++) {
        OC_TRY(oc_graph_add(to, &from->nodes[i], &value, error));
    }
    for (int32_t i = 0; i < from->output_count; i++) {
        OC_TRY(oc_graph_add_output(to, from->outputs[i], error));
    }
done:
    return status;
}

octavo_status oc_graph_compact(const oc_graph *from, oc_graph *to, oc_value *map,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t count = (size_t)from->node_count;
    oc_value *values = calloc(count + 1, sizeof *values);
    int32_t *tensors = calloc((size_t)from->tensor_count + 1, sizeof *tensors);
    bool *needed = calloc(count + 1, sizeof *needed);
    if (values == NULL || tensors == NULL || needed == NULL) {
        OC_NO_MEMORY(error, count * sizeof *values);
    }
    OC_TRY(reserve(to, from, error));
    for (int32_t i = 0; i < from->output_count; i++) {
        needed[from->outputs[i]] = true;
    }
    for (int32_t i = from->node_count - 1; i >= 0; i--) {
        for (int32_t j = 0; needed[i] && j < from->nodes[i].input_count; j++) {
            needed[from->nodes[i].inputs[j]] = true;
        }
    }
    memset(tensors, -1, ((size_t)from->tensor_count + 1) * sizeof *tensors);
    for (int32_t i = 0; i < from->node_count; i++) {
        oc_node node = from->nodes[i];
        values[i] = -1;
        if (!needed[i]) {
            continue;
        }
        for (int32_t j = 0; j < node.input_count; j++) {
            node.inputs[j] = values[node.inputs[j]];
        }
        if (node.op == OC_OP_CONST) {
            int32_t *tensor = &tensors[node.i[0]];
            if (*tensor < 0) {
                OC_TRY(oc_graph_add_tensor(to, &from->tensors[node.i[0]], tensor, error));
            }
            node.i[0] = *tensor;
        }
        OC_TRY(oc_graph_add(to, &node, &values[i], error));
    }
    for (int32_t i = 0; i < from->output_count; i++) {
        OC_TRY(oc_graph_add_output(to, values[from->outputs[i]], error));
    }
    if (map != NULL && count != 0) {
        memcpy(map, values, count * sizeof *map);
    }
done:
    free(needed);
    free(tensors);
    free(values);
    return status;
}
