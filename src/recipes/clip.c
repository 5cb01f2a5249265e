/* clip.c - CLIP's two towers, as transformers' modeling_clip.py computes them:
 *
 *   image: patches -> class token + positions -> pre_layrnorm -> layers -> row 0 -> post_layernorm
 *          -> visual_projection
 *   text:  tokens + positions -> layers (causal) -> final_layer_norm -> row of the end token
 *          -> text_projection
 *   layer: x + out(attention(q, k, v of layer_norm1(x))), then x + fc2(gelu(fc1(layer_norm2(x))))
 */
#include <stdio.h>

#include "recipes/builder.h"

enum { NAME_BYTES = 160 };

/* A tower's name in modules ("vision_model") and in values ("vision"), and what is its own. */
typedef struct tower {
    const char *module, *value;
    const oc_tower_config *shape;
    oc_value mask; /* -1: none; then it is not causal either */
} tower;

static oc_value layer(oc_builder *b, const tower *t, int32_t number, oc_value x) {
    const oc_tower_config *s = t->shape;
    char module[NAME_BYTES], value[NAME_BYTES];
    oc_quantized quantized = {-1, 0};
    oc_value normed, q, k, v, mixed;
    int32_t head = s->width / s->heads; /* width of one */
#define MODULE(part)                                                                               \
    (snprintf(module, sizeof module, "%s.encoder.layers.%d." part, t->module, number), module)
#define VALUE(part) (snprintf(value, sizeof value, "%s.layers.%d." part, t->value, number), value)
    normed = oc_build_norm(b, MODULE("layer_norm1"), x, s->width, s->eps, VALUE("layer_norm1"));
    q = oc_build_linear(b, MODULE("self_attn.q_proj"), normed, s->width, s->width, true, &quantized,
                        VALUE("q"));
    k = oc_build_linear(b, MODULE("self_attn.k_proj"), normed, s->width, s->width, true, &quantized,
                        VALUE("k"));
    v = oc_build_linear(b, MODULE("self_attn.v_proj"), normed, s->width, s->width, true, &quantized,
                        VALUE("v"));
    oc_node attention = {.op = OC_OP_ATTENTION,
                         .input_count = t->mask < 0 ? 3 : 4,
                         .inputs = {q, k, v, t->mask},
                         .i = {s->heads, t->mask >= 0, t->mask >= 0},
                         .f = {(float)(1.0 / __builtin_sqrt((double)head))}};
    mixed = oc_build_node(b, &attention, VALUE("attention"));
    mixed = oc_build_linear(b, MODULE("self_attn.out_proj"), mixed, s->width, s->width, true, NULL,
                            VALUE("out"));
    x = oc_build_binary(b, OC_OP_ADD, x, mixed, VALUE("attended"));
    normed = oc_build_norm(b, MODULE("layer_norm2"), x, s->width, s->eps, VALUE("layer_norm2"));
    mixed =
        oc_build_linear(b, MODULE("mlp.fc1"), normed, s->mlp, s->width, true, NULL, VALUE("fc1"));
    mixed = oc_build_unary(b, OC_OP_GELU, mixed, (int64_t)s->act, VALUE("gelu"));
    mixed =
        oc_build_linear(b, MODULE("mlp.fc2"), mixed, s->width, s->mlp, true, NULL, VALUE("fc2"));
#undef MODULE
#undef VALUE
    snprintf(value, sizeof value, "%s.hidden.%d", t->value, number + 1);
    return oc_build_binary(b, OC_OP_ADD, x, mixed, value);
}

static oc_value image_tower(oc_builder *b, const oc_vision_config *c, const oc_preprocessor *p) {
    const oc_tower_config *s = &c->tower;
    tower t = {"vision_model", "vision", s, -1};
    int64_t across = c->image_size / c->patch, tokens = across * across + 1;
    int64_t patch_shape[] = {s->width, 3, c->patch, c->patch};
    int64_t class_shape[] = {s->width}, position_shape[] = {tokens, s->width};
    oc_value pixels =
        oc_build_input(b, "pixels", OCTAVO_U8, 4, OC_DIM_IMAGES, c->image_size, c->image_size, 3);
    oc_node normalize = {.op = OC_OP_NORMALIZE_PIXELS,
                         .input_count = 3,
                         .inputs = {pixels, oc_build_values(b, "preprocessor.mean", p->mean, 3),
                                    oc_build_values(b, "preprocessor.std", p->std, 3)}};
    oc_value x = oc_build_node(b, &normalize, "pixel_values");
    x = oc_build_binary(
        b, OC_OP_PATCH_EMBED, x,
        oc_build_tensor(b, "vision_model.embeddings.patch_embedding.weight", 4, patch_shape),
        "vision.patch_embedding");
    x = oc_build_binary(
        b, OC_OP_PREPEND,
        oc_build_tensor(b, "vision_model.embeddings.class_embedding", 1, class_shape), x, NULL);
    x = oc_build_binary(
        b, OC_OP_ADD_ROWS, x,
        oc_build_tensor(b, "vision_model.embeddings.position_embedding.weight", 2, position_shape),
        "vision.embeddings");
    x = oc_build_norm(b, "vision_model.pre_layrnorm", x, s->width, s->eps, "vision.hidden.0");
    for (int32_t i = 0; i < s->layers; i++) {
        x = layer(b, &t, i, x);
    }
    x = oc_build_unary(b, OC_OP_ROW_AT, x, 0, NULL);
    x = oc_build_norm(b, "vision_model.post_layernorm", x, s->width, s->eps,
                      "vision.post_layernorm");
    x = oc_build_linear(b, "visual_projection", x, s->projection, s->width, false, NULL,
                        "image_embeds_raw");
    return oc_build_unary(b, OC_OP_L2_NORMALIZE, x, 0, "image_embeds");
}

static oc_value text_tower(oc_builder *b, const oc_text_config *c) {
    const oc_tower_config *s = &c->tower;
    int64_t token_shape[] = {c->vocabulary, s->width}, position_shape[] = {c->positions, s->width};
    oc_value ids = oc_build_input(b, "input_ids", OCTAVO_I32, 2, OC_DIM_TEXTS, OC_DIM_TOKENS, 0, 0);
    tower t = {
        "text_model", "text", s,
        oc_build_input(b, "attention_mask", OCTAVO_I32, 2, OC_DIM_TEXTS, OC_DIM_TOKENS, 0, 0)};
    oc_node find_end = {.op = OC_OP_END_OF_TEXT,
                        .input_count = 1,
                        .inputs = {ids},
                        .i = {c->eos_id == 2, c->eos_id}};
    oc_value end = oc_build_node(b, &find_end, "text.end");
    oc_value x = oc_build_binary(
        b, OC_OP_EMBED_TOKENS, ids,
        oc_build_tensor(b, "text_model.embeddings.token_embedding.weight", 2, token_shape), NULL);
    x = oc_build_binary(
        b, OC_OP_ADD_ROWS, x,
        oc_build_tensor(b, "text_model.embeddings.position_embedding.weight", 2, position_shape),
        "text.hidden.0");
    for (int32_t i = 0; i < s->layers; i++) {
        x = layer(b, &t, i, x);
    }
    x = oc_build_norm(b, "text_model.final_layer_norm", x, s->width, s->eps,
                      "text.final_layer_norm");
    x = oc_build_binary(b, OC_OP_ROW_AT, x, end, NULL);
    x = oc_build_linear(b, "text_projection", x, s->projection, s->width, false, NULL,
                        "text_embeds_raw");
    return oc_build_unary(b, OC_OP_L2_NORMALIZE, x, 0, "text_embeds");
}

void oc_clip_write(oc_builder *b, const oc_model_config *config,
                   const oc_preprocessor *preprocessor) {
    static const int64_t scalar[1] = {0};
    oc_value image = -1, text = -1;
    if ((config->towers & OCTAVO_IMAGE) != 0) {
        b->tower = OCTAVO_IMAGE;
        image = image_tower(b, &config->vision, preprocessor);
        oc_build_output(b, image);
    }
    if ((config->towers & OCTAVO_TEXT) != 0) {
        b->tower = OCTAVO_TEXT;
        text = text_tower(b, &config->text);
        oc_build_output(b, text);
    }
    if (config->towers == (OCTAVO_IMAGE | OCTAVO_TEXT)) {
        oc_node logits = {.op = OC_OP_LOGITS,
                          .input_count = 3,
                          .inputs = {image, text, oc_build_tensor(b, "logit_scale", 0, scalar)}};
        oc_build_output(b, oc_build_node(b, &logits, "logits_per_image"));
    }
}
