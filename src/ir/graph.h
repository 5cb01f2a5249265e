/* graph.h - a model as a list of operations in order; what passes read and write.
 *
 * A node yields one value; the value's number is the node's index.  Inputs of a
 * node have smaller numbers, so the list is its own topological order and there
 * are no cycles to look for.  Constants are entries of the tensor table, which
 * says where the bytes are (in a checkpoint while building, in an engine file
 * afterwards) but holds none.
 *
 * A graph owns its nodes, table and names, all in one arena.  One thread at a time.
 */
#ifndef OC_IR_GRAPH_H
#define OC_IR_GRAPH_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/format.h"
#include "base/status.h"

typedef enum oc_op {
#define OP(name, text, at_least, at_most, attributes) OC_OP_##name,
#include "ir/ops.def"
#undef OP
    OC_OP_COUNT
} oc_op;

/* Dimensions known only at run time are negative; all others are positive. */
enum { OC_DIM_IMAGES = -1, OC_DIM_TEXTS = -2, OC_DIM_TOKENS = -3 };

typedef struct oc_type {
    octavo_dtype dtype; /* OCTAVO_F16 stands for "float": least type, stored at least that wide */
    int32_t rank;
    int64_t dims[OCTAVO_MAX_RANK];
} oc_type;

typedef int32_t oc_value; /* index of the node that yields it; -1: none */

enum { OC_INPUTS_MAX = 5, OC_INTS_MAX = 5, OC_FLOATS_MAX = 1 };

typedef struct oc_node {
    oc_op op;
    oc_type type;
    int32_t input_count;
    oc_value inputs[OC_INPUTS_MAX];
    int64_t i[OC_INTS_MAX];
    float f[OC_FLOATS_MAX];
    const char *name; /* of the value, "" if it has none: inputs, outputs, hidden states, layers */
} oc_node;

/* One constant.  `source` is the owner's business: an index of a checkpoint
 * tensor while building, of an engine tensor afterwards. */
typedef struct oc_tensor {
    const char *name;
    octavo_dtype dtype;
    int32_t rank;
    int64_t shape[OCTAVO_MAX_RANK];
    uint64_t source;
} oc_tensor;

typedef struct oc_graph {
    oc_arena arena;
    oc_node *nodes;
    int32_t node_count, node_capacity;
    oc_tensor *tensors;
    int32_t tensor_count, tensor_capacity;
    oc_value *outputs; /* values that the graph yields; their nodes' names are the outputs' names */
    int32_t output_count, output_capacity;
} oc_graph;

void oc_graph_init(oc_graph *graph);
void oc_graph_free(oc_graph *graph);

/* Appends a node without a type; oc_infer gives it one.  `name` is copied, NULL is "". */
octavo_status oc_graph_add(oc_graph *graph, const oc_node *node, oc_value *out,
                           octavo_error *error);
octavo_status oc_graph_add_tensor(oc_graph *graph, const oc_tensor *tensor, int32_t *out,
                                  octavo_error *error);
octavo_status oc_graph_add_output(oc_graph *graph, oc_value value, octavo_error *error);

/* The value called `name`, or -1. */
oc_value oc_graph_find(const oc_graph *graph, const char *name);

/* How many nodes and outputs use `value`. */
int32_t oc_graph_uses(const oc_graph *graph, oc_value value);

/* Copies `from`, numbers and all, into an empty `to`. */
octavo_status oc_graph_copy(const oc_graph *from, oc_graph *to, octavo_error *error);

/* Copies `from` without what no output needs, behind what `to` has.  map, unless NULL, has
 * from->node_count entries and receives each value's new number or -1. */
octavo_status oc_graph_compact(const oc_graph *from, oc_graph *to, oc_value *map,
                               octavo_error *error);

/* -- what each op means -------------------------------------------------------------- */

typedef struct oc_op_info {
    const char *name;
    int32_t inputs_min, inputs_max;
    int32_t int_count, float_count;
    const char *attributes; /* as in ops.def */
} oc_op_info;

oc_op_info oc_op_describe(oc_op op);
/* By text name; OC_OP_COUNT if there is none. */
oc_op oc_op_find(const char *name, size_t length);

/* Type of node `value` from its inputs: the shape and dtype rules.  INPUT keeps its own.
 * CORRUPT: the rule is broken; the sentence names the node and its inputs' types. */
octavo_status oc_infer_type(const oc_graph *graph, oc_value value, oc_type *out,
                            octavo_error *error);
octavo_status oc_infer(oc_graph *graph, oc_value value, octavo_error *error); /* and sets it */

/* Everything that holds between passes: order, arity, attributes in range, types as
 * inferred, names unique, tensors within limits.  Errors name the node. */
octavo_status oc_verify(const oc_graph *graph, octavo_error *error);

/* -- text form: one line a tensor, node and output (docs/graph-text.md) ------------------ */

/* *out is allocated, zero-terminated and *bytes long (terminator not counted); free() it. */
octavo_status oc_graph_print(const oc_graph *graph, char **out, size_t *bytes, octavo_error *error);
/* Reads what oc_graph_print writes, into an empty graph, and verifies it. */
octavo_status oc_graph_parse(const char *text, size_t bytes, oc_graph *out, octavo_error *error);

#endif
