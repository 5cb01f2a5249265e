/* graphs.h - graphs written down as text, for tests.  To be included behind cmocka.h. */
#ifndef OC_TESTS_GRAPHS_H
#define OC_TESTS_GRAPHS_H

#include <stdlib.h>
#include <string.h>

#include "ir/graph.h"

/* Reads a graph that must be right. */
static inline void oc_test_graph(const char *text, oc_graph *out) {
    octavo_error error;
    oc_error_clear(&error);
    oc_graph_init(out);
    if (oc_graph_parse(text, strlen(text), out, &error) != OCTAVO_OK) {
        fail_msg("%s\n%s", error.message, text);
    }
}

/* The graph as text; free() it. */
static inline char *oc_test_graph_text(const oc_graph *graph) {
    char *text = NULL;
    size_t bytes = 0;
    assert_int_equal(oc_graph_print(graph, &text, &bytes, NULL), OCTAVO_OK);
    assert_int_equal(strlen(text), bytes);
    return text;
}

static inline int32_t oc_test_count(const oc_graph *graph, oc_op op) {
    int32_t count = 0;
    for (oc_value v = 0; v < graph->node_count; v++) {
        count += graph->nodes[v].op == op;
    }
    return count;
}

/* The node called `name`, which must be there. */
static inline const oc_node *oc_test_node(const oc_graph *graph, const char *name) {
    oc_value value = oc_graph_find(graph, name);
    if (value < 0) {
        fail_msg("no value is called %s", name);
    }
    return &graph->nodes[value];
}

/* The node that is input j of `node`. */
static inline const oc_node *oc_test_input(const oc_graph *graph, const oc_node *node, int32_t j) {
    assert_true(j < node->input_count);
    return &graph->nodes[node->inputs[j]];
}

#endif
