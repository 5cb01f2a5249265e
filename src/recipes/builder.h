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
    octavo_status status;
    octavo_error *error;
} oc_builder;

/* A node of `op` on `inputs` (-1: left out); name NULL for none. */
oc_value oc_build_node(oc_builder *b, const oc_node *node, const char *name);

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
