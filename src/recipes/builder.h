/* builder.h - writing a graph down in the order of the model, with one error check at the end.
 *
 * After the first failure every function does nothing and returns -1; status tells.
 */
#ifndef OC_RECIPES_BUILDER_H
#define OC_RECIPES_BUILDER_H

#include "recipes/recipe.h"

typedef struct oc_builder {
    oc_recipe *recipe;
    const oc_checkpoint *checkpoint;
    oc_recipe_options options;
    int32_t tower; /* that the modules belong to which are added now */
    octavo_status status;
    octavo_error *error;
} oc_builder;

/* What a file of an architecture has: writes down the graph of a model of this config. */
typedef void (*oc_recipe_writer)(oc_builder *b, const oc_model_config *config,
                                 const oc_preprocessor *preprocessor);

/* clip.c */
void oc_clip_write(oc_builder *b, const oc_model_config *config,
                   const oc_preprocessor *preprocessor);

/* From here on modules are those of a tower; `root` is the path of most of them, static. */
void oc_build_tower(oc_builder *b, int32_t tower, const char *root);

/* A node of `op` on `inputs` (-1: left out); name NULL for none. */
oc_value oc_build_node(oc_builder *b, const oc_node *node, const char *name);

oc_value oc_build_input(oc_builder *b, const char *name, octavo_dtype dtype, int32_t rank,
                        int64_t d0, int64_t d1, int64_t d2, int64_t d3);
oc_value oc_build_unary(oc_builder *b, oc_op op, oc_value x, int64_t attribute, const char *name);
oc_value oc_build_binary(oc_builder *b, oc_op op, oc_value x, oc_value y, const char *name);
void oc_build_output(oc_builder *b, oc_value value);

/* The checkpoint's tensor `name`, which must have this shape. */
oc_value oc_build_tensor(oc_builder *b, const char *name, int32_t rank, const int64_t *shape);
/* Values that the checkpoint has elsewhere, as F32 tensor `name`. */
oc_value oc_build_values(oc_builder *b, const char *name, const float *values, int64_t count);

/* LayerNorm `module` of `width` on x. */
oc_value oc_build_norm(oc_builder *b, const char *module, oc_value x, int64_t width, float eps,
                       const char *name);

/* Linear `module` [n,k] on x, quantizer included.  *quantized, unless NULL, is the quantized x of a
 * linear module on the same x before this one, used again where the scales are equal; it receives
 * this one's. */
typedef struct oc_quantized {
    oc_value value;
    float scale;
} oc_quantized;
oc_value oc_build_linear(oc_builder *b, const char *module, oc_value x, int64_t n, int64_t k,
                         bool bias, oc_quantized *quantized, const char *name);

#endif
