/* constant.c - the meaning of constant expressions (ir/ops.def), in float32. */
#include "lower/constant.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num/convert.h"

int64_t oc_constant_count(const oc_type *type) {
    int64_t count = 1;
    for (int32_t i = 0; i < type->rank; i++) {
        count *= type->dims[i];
    }
    return count;
}

static const oc_node *input(const oc_graph *graph, const oc_node *node, int32_t j) {
    return &graph->nodes[node->inputs[j]];
}

/* A plain tensor, widened. */
static octavo_status read_const(const oc_weight_source *source, const oc_graph *graph,
                                const oc_node *node, float *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_tensor *tensor = &graph->tensors[node->i[0]];
    int64_t count = oc_constant_count(&node->type);
    int64_t rows = tensor->rank >= 2 ? tensor->shape[0] : 1;
    size_t bytes = (size_t)count * oc_dtype_bytes(tensor->dtype);
    void *raw = malloc(bytes);
    if (raw == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    OC_TRY(source->read(source->context, tensor->source, 0, rows, raw, error));
    if (!oc_convert_to_f32(tensor->dtype, raw, out, (size_t)count)) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "tensor %s has dtype %s, which has no float values", tensor->name,
                oc_dtype_name(tensor->dtype));
    }
done:
    free(raw);
    return status;
}

static octavo_status eval_scaled(const oc_weight_source *source, const oc_graph *graph,
                                 const oc_node *node, float *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int64_t count = oc_constant_count(&node->type), rows = node->type.dims[0];
    int64_t scales = 1;
    float *scale = NULL;
    if (node->input_count == 2) {
        scales = oc_constant_count(&input(graph, node, 1)->type);
    }
    scale = malloc((size_t)scales * sizeof *scale);
    if (scale == NULL) {
        OC_NO_MEMORY(error, (size_t)scales * sizeof *scale);
    }
    scale[0] = 1.0f;
    if (node->input_count == 2) {
        OC_TRY(read_const(source, graph, input(graph, node, 1), scale, error));
    }
    OC_TRY(read_const(source, graph, input(graph, node, 0), out, error));
    for (int64_t i = 0; i < count; i++) {
        out[i] *= scale[scales == 1 ? 0 : i / (count / rows)] * node->f[0];
    }
done:
    free(scale);
    return status;
}

/* mean and std [3] of a fold. */
static octavo_status read_pixel_stats(const oc_weight_source *source, const oc_graph *graph,
                                      const oc_node *node, float *mean, float *std,
                                      octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(read_const(source, graph, input(graph, node, 1), mean, error));
    OC_TRY(read_const(source, graph, input(graph, node, 2), std, error));
    for (int32_t c = 0; c < 3; c++) {
        if (!(std[c] > 0)) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, "pixel std %d is %g", c,
                    (double)std[c]);
        }
    }
done:
    return status;
}

static octavo_status eval_fold_pixels(const oc_weight_source *source, const oc_graph *graph,
                                      const oc_node *node, float *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    float mean[3], std[3];
    int64_t area = node->type.dims[2] * node->type.dims[3];
    OC_TRY(read_pixel_stats(source, graph, node, mean, std, error));
    OC_TRY(read_const(source, graph, input(graph, node, 0), out, error));
    for (int64_t i = 0; i < oc_constant_count(&node->type); i++) {
        out[i] = (float)((double)out[i] / (255.0 * (double)std[i / area % 3]));
    }
done:
    return status;
}

static octavo_status eval_fold_bias(const oc_weight_source *source, const oc_graph *graph,
                                    const oc_node *node, float *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_type *type = &input(graph, node, 0)->type;
    float mean[3], std[3];
    int64_t area = type->dims[2] * type->dims[3], width = type->dims[0];
    float *w = malloc((size_t)oc_constant_count(type) * sizeof *w);
    if (w == NULL) {
        OC_NO_MEMORY(error, (size_t)oc_constant_count(type) * sizeof *w);
    }
    OC_TRY(read_pixel_stats(source, graph, node, mean, std, error));
    OC_TRY(read_const(source, graph, input(graph, node, 0), w, error));
    memset(out, 0, (size_t)width * sizeof *out);
    if (node->input_count == 4) {
        OC_TRY(read_const(source, graph, input(graph, node, 3), out, error));
    }
    for (int64_t d = 0; d < width; d++) {
        double sum = 0;
        for (int64_t i = 0; i < 3 * area; i++) {
            int64_t c = i / area;
            sum += (double)w[d * 3 * area + i] * ((double)mean[c] / (double)std[c]);
        }
        out[d] = (float)((double)out[d] - sum);
    }
done:
    free(w);
    return status;
}

/* What may stand inside concat and preadd. */
static octavo_status eval_part(const oc_weight_source *source, const oc_graph *graph,
                               const oc_node *node, float *out, octavo_error *error) {
    switch (node->op) {
    case OC_OP_SCALED:
        return eval_scaled(source, graph, node, out, error);
    case OC_OP_FOLD_PIXELS:
        return eval_fold_pixels(source, graph, node, out, error);
    case OC_OP_FOLD_PIXELS_BIAS:
        return eval_fold_bias(source, graph, node, out, error);
    default:
        return read_const(source, graph, node, out, error);
    }
}

static octavo_status eval_preadd(const oc_weight_source *source, const oc_graph *graph,
                                 const oc_node *node, float *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int64_t rows = node->type.dims[0], width = node->type.dims[1];
    float *row = malloc((size_t)width * 2 * sizeof *row), *bias = row + width;
    if (row == NULL) {
        OC_NO_MEMORY(error, (size_t)width * 2 * sizeof *row);
    }
    memset(bias, 0, (size_t)width * sizeof *bias);
    OC_TRY(eval_part(source, graph, input(graph, node, 0), row, error));
    OC_TRY(eval_part(source, graph, input(graph, node, 1), out, error));
    if (node->input_count == 3) {
        OC_TRY(eval_part(source, graph, input(graph, node, 2), bias, error));
    }
    for (int64_t t = 0; t < rows; t++) {
        for (int64_t d = 0; d < width; d++) {
            out[t * width + d] += t == 0 ? row[d] : bias[d];
        }
    }
done:
    free(row);
    return status;
}

octavo_status oc_constant_floats(const oc_weight_source *source, const oc_graph *graph,
                                 oc_value value, float *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_node *node = &graph->nodes[value];
    if (node->op == OC_OP_PREADD) {
        OC_TRY(eval_preadd(source, graph, node, out, error));
    } else if (node->op == OC_OP_CONCAT) {
        for (int32_t j = 0; j < node->input_count; j++) {
            OC_TRY(eval_part(source, graph, input(graph, node, j), out, error));
            out += oc_constant_count(&input(graph, node, j)->type);
        }
    } else {
        OC_TRY(eval_part(source, graph, node, out, error));
    }
done:
    return status;
}

/* Appends one node without its parts' parts: forms nest no deeper than concat(scaled(const)). */
static size_t append_part(const oc_graph *graph, const oc_node *node, char *key, size_t bytes) {
    size_t used = 0;
    if (node->op == OC_OP_CONST) {
        return (size_t)snprintf(key, bytes, "%" PRIu64 ",", graph->tensors[node->i[0]].source);
    }
    used = (size_t)snprintf(key, bytes, "%s(", oc_op_describe(node->op).name);
    for (int32_t j = 0; j < node->input_count; j++) {
        uint64_t source = graph->tensors[input(graph, node, j)->i[0]].source;
        used +=
            (size_t)snprintf(key + used, used < bytes ? bytes - used : 0, "%" PRIu64 ",", source);
        if (used >= bytes) {
            return used;
        }
    }
    return used + (size_t)snprintf(key + used, bytes - used, "%a)", (double)node->f[0]);
}

octavo_status oc_constant_key(const oc_graph *graph, oc_value value, char *key, size_t bytes,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_node *node = &graph->nodes[value];
    size_t used = 0;
    if (node->op == OC_OP_CONCAT || node->op == OC_OP_PREADD) {
        used = (size_t)snprintf(key, bytes, "%s(", oc_op_describe(node->op).name);
        for (int32_t j = 0; j < node->input_count && used < bytes; j++) {
            used += append_part(graph, input(graph, node, j), key + used, bytes - used);
        }
    } else {
        used = append_part(graph, node, key, bytes);
    }
    if (used >= bytes) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET, "a constant's key needs %zu bytes", used);
    }
done:
    return status;
}
