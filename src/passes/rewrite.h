/* rewrite.h - how a pass is written: walk the old graph in order, copy each node or
 * emit others in its place, and say which new value stands for the old one.
 *
 *     oc_rewrite rw;
 *     OC_TRY(oc_rewrite_begin(&rw, graph, error));
 *     for (oc_value v = 0; v < graph->node_count; v++) { ... oc_rewrite_copy(&rw, v, error) ... }
 *     OC_TRY(oc_rewrite_end(&rw, error));     // graph is now the new one, compacted
 * done:
 *     oc_rewrite_free(&rw);
 */
#ifndef OC_PASSES_REWRITE_H
#define OC_PASSES_REWRITE_H

#include "ir/graph.h"

typedef struct oc_rewrite {
    oc_graph *from; /* borrowed */
    oc_graph to;
    oc_value *map; /* [from->node_count]: new value of each old one, -1 before it is reached */
    int32_t *uses; /* [from->node_count]: uses of each old value, outputs counted */
} oc_rewrite;

octavo_status oc_rewrite_begin(oc_rewrite *rw, oc_graph *graph, octavo_error *error);

/* Copies old node `value` with its inputs' new values and maps it. */
octavo_status oc_rewrite_copy(oc_rewrite *rw, oc_value value, octavo_error *error);

/* Appends a node whose inputs are new values; its type is inferred. */
octavo_status oc_rewrite_emit(oc_rewrite *rw, const oc_node *node, oc_value *out,
                              octavo_error *error);

/* The outputs follow the map; the old graph is replaced. */
octavo_status oc_rewrite_end(oc_rewrite *rw, octavo_error *error);
void oc_rewrite_free(oc_rewrite *rw);

#endif
