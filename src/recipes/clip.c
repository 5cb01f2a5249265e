/* clip.c - CLIP's two towers, as transformers' modeling_clip.py computes them:
 *
 *   image: patches -> class token + positions -> pre_layrnorm -> layers -> row 0 -> post_layernorm
 *          -> visual_projection
 *   text:  tokens + positions -> layers (causal) -> final_layer_norm -> row of the end token
 *          -> text_projection
 *   layers: encoder.h
 */
#include "recipes/encoder.h"

static const oc_encoder_names names = {
    .norm1 = "layer_norm1",
    .q = "self_attn.q_proj",
    .k = "self_attn.k_proj",
    .v = "self_attn.v_proj",
    .out = "self_attn.out_proj",
    .norm2 = "layer_norm2",
    .fc1 = "mlp.fc1",
    .fc2 = "mlp.fc2",
};

static oc_value image_tower(oc_builder *b, const oc_vision_config *c, const oc_preprocessor *p) {
    const oc_tower_config *s = &c->tower;
    oc_encoder encoder = {"vision_model.encoder.layers", "vision", &names, s, -1, false};
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
    x = oc_build_encoder(b, &encoder, x);
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
    oc_value mask =
        oc_build_input(b, "attention_mask", OCTAVO_I32, 2, OC_DIM_TEXTS, OC_DIM_TOKENS, 0, 0);
    oc_encoder encoder = {"text_model.encoder.layers", "text", &names, s, mask, true};
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
    x = oc_build_encoder(b, &encoder, x);
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
        oc_build_tower(b, OCTAVO_IMAGE, "vision_model");
        image = image_tower(b, &config->vision, preprocessor);
        oc_build_output(b, image);
    }
    if ((config->towers & OCTAVO_TEXT) != 0) {
        oc_build_tower(b, OCTAVO_TEXT, "text_model");
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
