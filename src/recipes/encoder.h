/* encoder.h - the layers of a transformer encoder with its norms in front:
 *
 *   x + out(attention(q, k, v of norm1(x))), then x + fc2(gelu(fc1(norm2(x))))
 *
 * Architectures differ in what their modules are called.
 */
#ifndef OC_RECIPES_ENCODER_H
#define OC_RECIPES_ENCODER_H

#include "recipes/builder.h"

/* Paths within a layer, such as "self_attn.q_proj". */
typedef struct oc_encoder_names {
    const char *norm1, *q, *k, *v, *out, *norm2, *fc1, *fc2;
} oc_encoder_names;

typedef struct oc_encoder {
    const char *layers; /* path: layer 3 has its modules in LAYERS.3 */
    const char *tower;  /* name of the tower in values: TOWER.layers.3.q */
    const oc_encoder_names *names;
    const oc_tower_config *shape;
    oc_value mask; /* -1: every token counts */
    bool causal;
} oc_encoder;

/* All layers on x, which is TOWER.hidden.0. */
oc_value oc_build_encoder(oc_builder *b, const oc_encoder *encoder, oc_value x);

#endif
