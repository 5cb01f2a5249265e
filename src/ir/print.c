/* print.c - a graph as text, one line a tensor, node and output:
 *
 *   octavo graph 1
 *   tensor "visual_projection.weight" F16[256,256]
 *   %0 = input : F16[images,3,64,64] "pixel_values"
 *   %1 = const tensor=0 : F16[256,256]
 *   %7 = layer_norm %4 %5 %6 eps=1e-05 : F16[images,65,256] "vision.layers.0.layer_norm1"
 *   output %9
 *
 * parse.c reads it back; the text is the engine file's GRAPH section.
 */
#include <string.h>

#include "base/buffer.h"
#include "base/json/number.h"
#include "ir/graph.h"
#include "ir/type.h"

static void print_node(oc_buffer *out, const oc_graph *graph, int32_t i) {
    const oc_node *node = &graph->nodes[i];
    oc_op_info info = oc_op_describe(node->op);
    char type[120];
    int32_t attribute = 0;
    oc_buffer_printf(out, "%%%d = %s", i, info.name);
    for (int32_t j = 0; j < node->input_count; j++) {
        oc_buffer_printf(out, " %%%d", node->inputs[j]);
    }
    for (const char *at = info.attributes; *at != '\0';) {
        size_t length = strcspn(at, " |");
        if (length == 0) {
            at++;
            continue;
        }
        if (attribute < info.int_count) {
            oc_buffer_printf(out, " %.*s=%lld", (int)length, at, (long long)node->i[attribute]);
        } else {
            char number[OC_NUMBER_TEXT];
            oc_format_float(node->f[attribute - info.int_count], number);
            oc_buffer_printf(out, " %.*s=%s", (int)length, at, number);
        }
        attribute++;
        at += length;
    }
    oc_type_text(&node->type, type, sizeof type);
    oc_buffer_printf(out, " : %s", type);
    if (node->name[0] != '\0') {
        oc_buffer_printf(out, " \"%s\"", node->name);
    }
    oc_buffer_byte(out, '\n');
}

octavo_status oc_graph_print(const oc_graph *graph, char **out, size_t *bytes,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer text;
    oc_buffer_init(&text);
    oc_buffer_text(&text, "octavo graph 1\n");
    for (int32_t i = 0; i < graph->tensor_count; i++) {
        const oc_tensor *tensor = &graph->tensors[i];
        oc_type type = {.dtype = tensor->dtype, .rank = tensor->rank};
        char shape[120];
        memcpy(type.dims, tensor->shape, sizeof type.dims);
        oc_type_text(&type, shape, sizeof shape);
        oc_buffer_printf(&text, "tensor \"%s\" %s\n", tensor->name, shape);
    }
    for (int32_t i = 0; i < graph->node_count; i++) {
        print_node(&text, graph, i);
    }
    for (int32_t i = 0; i < graph->output_count; i++) {
        oc_buffer_printf(&text, "output %%%d\n", graph->outputs[i]);
    }
    OC_TRY(oc_buffer_status(&text, error));
    *out = oc_buffer_take(&text, bytes);
    if (*out == NULL) {
        OC_NO_MEMORY(error, 1);
    }
done:
    oc_buffer_free(&text);
    if (status != OCTAVO_OK) {
        *out = NULL;
        *bytes = 0;
    }
    return status;
}
