/* encoder.c - see encoder.h. */
#include "recipes/encoder.h"

#include <stdio.h>

enum { NAME_BYTES = 160 };

/* A layer that is being written, and room for the names of its modules and values. */
typedef struct layer {
    oc_builder *b;
    const oc_encoder *encoder;
    int32_t number;
    char module[NAME_BYTES], value[NAME_BYTES];
} layer;

static const char *module_of(layer *l, const char *name) {
    snprintf(l->module, sizeof l->module, "%s.%d.%s", l->encoder->layers, l->number, name);
    return l->module;
}

static const char *value_of(layer *l, const char *name) {
    snprintf(l->value, sizeof l->value, "%s.layers.%d.%s", l->encoder->tower, l->number, name);
    return l->value;
}

static oc_value norm(layer *l, const char *module, oc_value x, const char *value) {
    const oc_tower_config *s = l->encoder->shape;
    return oc_build_norm(l->b, module_of(l, module), x, s->width, s->eps, value_of(l, value));
}

static oc_value linear(layer *l, const char *module, oc_value x, int64_t n, int64_t k,
                       oc_quantized *quantized, const char *value) {
    return oc_build_linear(l->b, module_of(l, module), x, n, k, true, quantized,
                           value_of(l, value));
}

static oc_value attend(layer *l, oc_value x) {
    const oc_encoder *e = l->encoder;
    int32_t width = e->shape->width, heads = e->shape->heads, head = width / heads;
    oc_quantized quantized = {-1, 0};
    oc_value q = linear(l, e->names->q, x, width, width, &quantized, "q");
    oc_value k = linear(l, e->names->k, x, width, width, &quantized, "k");
    oc_value v = linear(l, e->names->v, x, width, width, &quantized, "v");
    oc_node node = {.op = OC_OP_ATTENTION,
                    .input_count = e->mask < 0 ? 3 : 4,
                    .inputs = {q, k, v, e->mask},
                    .i = {heads, e->causal, e->mask >= 0},
                    .f = {(float)(1.0 / __builtin_sqrt((double)head))}};
    x = oc_build_node(l->b, &node, value_of(l, "attention"));
    return linear(l, e->names->out, x, width, width, NULL, "out");
}

static oc_value build_layer(layer *l, oc_value x) {
    const oc_encoder_names *names = l->encoder->names;
    const oc_tower_config *s = l->encoder->shape;
    oc_value y = attend(l, norm(l, names->norm1, x, "layer_norm1"));
    x = oc_build_binary(l->b, OC_OP_ADD, x, y, value_of(l, "attended"));
    y = norm(l, names->norm2, x, "layer_norm2");
    y = linear(l, names->fc1, y, s->mlp, s->width, NULL, "fc1");
    y = oc_build_unary(l->b, OC_OP_GELU, y, (int64_t)s->act, value_of(l, "gelu"));
    y = linear(l, names->fc2, y, s->width, s->mlp, NULL, "fc2");
    snprintf(l->value, sizeof l->value, "%s.hidden.%d", l->encoder->tower, l->number + 1);
    return oc_build_binary(l->b, OC_OP_ADD, x, y, l->value);
}

oc_value oc_build_encoder(oc_builder *b, const oc_encoder *encoder, oc_value x) {
    layer l = {.b = b, .encoder = encoder};
    for (; l.number < encoder->shape->layers; l.number++) {
        x = build_layer(&l, x);
    }
    return x;
}
