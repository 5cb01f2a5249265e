/* builder.c - see builder.h. */
#include "recipes/builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "recipes/keep.h"

enum { NAME_BYTES = OC_LIMIT_TENSOR_NAME + 1 };

oc_value oc_build_node(oc_builder *b, const oc_node *node, const char *name) {
    oc_graph *graph = &b->recipe->graph;
    oc_node whole = *node;
    oc_value value = -1;
    whole.name = name;
    if (b->status == OCTAVO_OK) {
        b->status = oc_graph_add(graph, &whole, &value, b->error);
    }
    if (b->status == OCTAVO_OK) {
        b->status = oc_infer(graph, value, b->error);
    }
    return b->status == OCTAVO_OK ? value : -1;
}

oc_value oc_build_input(oc_builder *b, const char *name, octavo_dtype dtype, int32_t rank,
                        int64_t d0, int64_t d1, int64_t d2, int64_t d3) {
    oc_node node = {.op = OC_OP_INPUT, .type = {dtype, rank, {d0, d1, d2, d3}}};
    return oc_build_node(b, &node, name);
}

oc_value oc_build_unary(oc_builder *b, oc_op op, oc_value x, int64_t attribute, const char *name) {
    oc_node node = {.op = op, .input_count = 1, .inputs = {x}, .i = {attribute}};
    return oc_build_node(b, &node, name);
}

oc_value oc_build_binary(oc_builder *b, oc_op op, oc_value x, oc_value y, const char *name) {
    oc_node node = {.op = op, .input_count = 2, .inputs = {x, y}};
    return oc_build_node(b, &node, name);
}

void oc_build_tower(oc_builder *b, int32_t tower, const char *root) {
    b->tower = tower;
    b->recipe->roots[tower] = root;
}

void oc_build_output(oc_builder *b, oc_value value) {
    if (b->status == OCTAVO_OK) {
        b->status = oc_graph_add_output(&b->recipe->graph, value, b->error);
    }
}

/* Adds `tensor` to the table under `name` and a constant for it. */
static oc_value add_tensor(oc_builder *b, const char *name, int32_t rank, const int64_t *shape,
                           const oc_recipe_tensor *tensor) {
    oc_recipe *recipe = b->recipe;
    oc_tensor entry = {.name = name,
                       .dtype = tensor->dtype,
                       .rank = rank,
                       .source = (uint64_t)recipe->graph.tensor_count};
    int32_t index = -1;
    if (b->status != OCTAVO_OK) {
        return -1;
    }
    if (recipe->graph.tensor_count == recipe->tensor_capacity) {
        int32_t capacity = recipe->tensor_capacity == 0 ? 256 : recipe->tensor_capacity * 2;
        oc_recipe_tensor *tensors = realloc(recipe->tensors, (size_t)capacity * sizeof *tensors);
        if (tensors == NULL) {
            b->status = oc_fail(b->error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                                "out of memory: a table of %d tensors", capacity);
            return -1;
        }
        recipe->tensors = tensors;
        recipe->tensor_capacity = capacity;
    }
    oc_recipe_tensor *slot = &recipe->tensors[recipe->graph.tensor_count];
    *slot = *tensor;
    slot->rows = rank >= 2 ? shape[0] : 1;
    slot->row_elements = 1;
    for (int32_t i = 0; i < rank; i++) {
        entry.shape[i] = shape[i];
        slot->row_elements *= i == 0 && rank >= 2 ? 1 : shape[i];
    }
    b->status = oc_graph_add_tensor(&recipe->graph, &entry, &index, b->error);
    return oc_build_node(b, &(oc_node){.op = OC_OP_CONST, .i = {index}}, NULL);
}

/* The type that a float tensor of the checkpoint is stored as: matrices follow the precision. */
static octavo_dtype stored_dtype(const oc_builder *b, octavo_dtype dtype, int32_t rank) {
    if (b->options.precision == OCTAVO_AS_CHECKPOINT || rank < 2) {
        return dtype;
    }
    return b->options.precision == OCTAVO_PRECISION_BF16 ? OCTAVO_BF16 : OCTAVO_F16;
}

oc_value oc_build_tensor(oc_builder *b, const char *name, int32_t rank, const int64_t *shape) {
    const oc_ckpt_tensor *from = NULL;
    if (b->status == OCTAVO_OK) {
        b->status = oc_checkpoint_require(b->checkpoint, name, shape, rank, &from, b->error);
    }
    if (b->status == OCTAVO_OK && from->dtype != OCTAVO_F32 && from->dtype != OCTAVO_F16 &&
        from->dtype != OCTAVO_BF16) {
        b->status = oc_fail(b->error, OCTAVO_UNSUPPORTED, from->offset, __FILE__, __LINE__,
                            "tensor %s has dtype %s, here F32, F16 or BF16 is read (byte %llu)",
                            name, from->dtype_name, (unsigned long long)from->offset);
        oc_error_path(b->error, from->file->path);
    }
    if (b->status != OCTAVO_OK) {
        return -1;
    }
    return add_tensor(
        b, name, rank, shape,
        &(oc_recipe_tensor){.from = from, .dtype = stored_dtype(b, from->dtype, rank)});
}

oc_value oc_build_values(oc_builder *b, const char *name, const float *values, int64_t count) {
    float *copy = oc_arena_alloc(&b->recipe->arena, (size_t)count * sizeof *copy);
    if (copy == NULL) {
        b->status = oc_fail(b->error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                            "out of memory: %lld values", (long long)count);
        return -1;
    }
    memcpy(copy, values, (size_t)count * sizeof *copy);
    return add_tensor(b, name, 1, &count, &(oc_recipe_tensor){.values = copy, .dtype = OCTAVO_F32});
}

oc_value oc_build_norm(oc_builder *b, const char *module, oc_value x, int64_t width, float eps,
                       const char *name) {
    char tensor[NAME_BYTES];
    oc_value gamma, beta;
    snprintf(tensor, sizeof tensor, "%s.weight", module);
    gamma = oc_build_tensor(b, tensor, 1, &width);
    snprintf(tensor, sizeof tensor, "%s.bias", module);
    beta = oc_build_tensor(b, tensor, 1, &width);
    oc_node node = {
        .op = OC_OP_LAYER_NORM, .input_count = 3, .inputs = {x, gamma, beta}, .f = {eps}};
    return oc_build_node(b, &node, name);
}

/* -- linear modules -------------------------------------------------------------------------- */

static void note_module(oc_builder *b, const char *module, oc_format weight, oc_format acts,
                        int64_t parameters, const char *why) {
    oc_recipe *recipe = b->recipe;
    if (b->status != OCTAVO_OK) {
        return;
    }
    if (recipe->module_count == recipe->module_capacity) {
        int32_t capacity = recipe->module_capacity == 0 ? 128 : recipe->module_capacity * 2;
        oc_recipe_module *modules = realloc(recipe->modules, (size_t)capacity * sizeof *modules);
        if (modules == NULL) {
            b->status = oc_fail(b->error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                                "out of memory: a table of %d modules", capacity);
            return;
        }
        recipe->modules = modules;
        recipe->module_capacity = capacity;
    }
    const char *name = oc_arena_text(&recipe->arena, module, strlen(module));
    if (name == NULL) {
        b->status = oc_fail(b->error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                            "out of memory: a module's name");
        return;
    }
    recipe->modules[recipe->module_count++] =
        (oc_recipe_module){name, b->tower, weight, acts, parameters, why};
}

/* One F32 value as a constant. */
static oc_value build_scalar(oc_builder *b, const char *name, float value) {
    float *copy = oc_arena_alloc(&b->recipe->arena, sizeof *copy);
    if (copy == NULL) {
        b->status = oc_fail(b->error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                            "out of memory: a scale");
        return -1;
    }
    *copy = value;
    return add_tensor(b, name, 0, NULL, &(oc_recipe_tensor){.values = copy, .dtype = OCTAVO_F32});
}

/* x behind a quantizer of `scale`; the one before is used again where the scales are equal. */
static oc_value quantize(oc_builder *b, const char *module, oc_value x, float scale,
                         oc_quantized *quantized) {
    char name[NAME_BYTES];
    bool before = quantized != NULL && quantized->value >= 0;
    if (before && quantized->scale == scale) {
        return quantized->value;
    }
    b->recipe->unmerged += before;
    snprintf(name, sizeof name, "%s.input_scale", module);
    oc_node node = {
        .op = OC_OP_QUANTIZE, .input_count = 2, .inputs = {x, build_scalar(b, name, scale)}};
    oc_value value = oc_build_node(b, &node, NULL);
    if (quantized != NULL) {
        *quantized = (oc_quantized){value, scale};
    }
    return value;
}

/* The scale of an FP8 module's input. */
static float input_scale(oc_builder *b, const char *module, const oc_linear_layout *layout) {
    float scale = 1.0f;
    if (b->status == OCTAVO_OK && layout->input_scale != NULL) {
        b->status = oc_scale_value(layout->input_scale, &scale, b->error);
    } else if (b->status == OCTAVO_OK) {
        oc_error_path(b->error, layout->weight->file->path);
        b->status = oc_fail(
            b->error, OCTAVO_UNSUPPORTED, layout->weight->offset, __FILE__, __LINE__,
            "weight %s is FP8, but has no input_scale, as where calibration never reached its "
            "tower: calibrate with images and texts and export again, or build with --precision "
            "f16 "
            "(or --keep '%s=f16')",
            layout->weight->name, module);
    }
    return scale;
}

oc_value oc_build_linear(oc_builder *b, const char *module, oc_value x, int64_t n, int64_t k,
                         bool bias, oc_quantized *quantized, const char *name) {
    char tensor[NAME_BYTES];
    const char *why = NULL;
    oc_linear_layout layout = {0};
    int64_t shape[2] = {n, k};
    oc_node linear = {.op = OC_OP_LINEAR, .input_count = 2};
    if (b->status == OCTAVO_OK) {
        b->status = oc_linear_find(b->checkpoint, module, n, k, &layout, b->error);
    }
    if (b->status != OCTAVO_OK) {
        return -1;
    }
    bool is_scaled = layout.weight_format.scaling != OC_SCALING_NONE;
    octavo_dtype dtype = layout.weight_format.dtype;
    if (b->options.precision != OCTAVO_AS_CHECKPOINT) {
        dtype = stored_dtype(b, dtype, 2);
        why = is_scaled ? "widened by --precision" : NULL;
    } else if (is_scaled && oc_keep_has(b->options.keep, module)) {
        dtype = OCTAVO_F16;
        why = "widened by --keep";
    }
    oc_recipe_tensor weight = {.from = layout.weight, .dtype = dtype, .scale = 1.0f};
    if (is_scaled) {
        b->status = oc_scale_value(layout.weight_scale, &weight.scale, b->error);
    }
    snprintf(tensor, sizeof tensor, "%s.weight", module);
    linear.inputs[1] = add_tensor(b, tensor, 2, shape, &weight);
    if (dtype == OCTAVO_F8_E4M3) {
        snprintf(tensor, sizeof tensor, "%s.weight_scale", module);
        oc_node scaled = {.op = OC_OP_SCALED,
                          .input_count = 2,
                          .inputs = {linear.inputs[1], build_scalar(b, tensor, weight.scale)},
                          .f = {1.0f}};
        linear.inputs[1] = oc_build_node(b, &scaled, NULL);
        x = quantize(b, module, x, input_scale(b, module, &layout), quantized);
    }
    linear.inputs[0] = x;
    if (bias) {
        snprintf(tensor, sizeof tensor, "%s.bias", module);
        linear.inputs[linear.input_count++] = oc_build_tensor(b, tensor, 1, shape);
    }
    if (dtype == OCTAVO_F8_E4M3) {
        note_module(b, module, layout.weight_format, layout.input_format, n * k, why);
    } else {
        note_module(b, module, (oc_format){.dtype = dtype}, (oc_format){.dtype = OCTAVO_F16}, n * k,
                    why);
    }
    return oc_build_node(b, &linear, name);
}
