/* recipe.h - a checkpoint and its config to a graph (safetensors carry none).
 *
 * The graph is the faithful, unfolded one: what the checkpoint's framework computes,
 * operation by operation, with quantizers where the checkpoint has them.
 *
 * Values have these names: pixels, pixel_values, input_ids, attention_mask;
 * TOWER.hidden.N (0 after embeddings and pre-norm, then after each layer);
 * TOWER.layers.N.{layer_norm1,q,k,v,attention,out,layer_norm2,fc1,gelu,fc2};
 * image_embeds_raw, image_embeds, text_embeds_raw, text_embeds, logits_per_image.
 * TOWER is vision or text.
 */
#ifndef OC_RECIPES_RECIPE_H
#define OC_RECIPES_RECIPE_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/config.h"
#include "checkpoint/preprocessor.h"
#include "checkpoint/quant/quant_layout.h"
#include "ir/graph.h"

/* One tensor of the graph: where its bytes are in the checkpoint, and as what they are stored. */
typedef struct oc_recipe_tensor {
    const oc_ckpt_tensor *from; /* NULL: `values` */
    const float *values;        /* F32, in the recipe's arena */
    octavo_dtype dtype;         /* stored as; equals from->dtype unless it was asked to change */
    float scale;                /* of F8_E4M3 codes that are widened: value = code * scale */
    int64_t rows, row_elements;
} oc_recipe_tensor;

/* One linear module, for the build report. */
typedef struct oc_recipe_module {
    const char *name;
    int32_t tower;          /* OCTAVO_IMAGE or OCTAVO_TEXT */
    oc_format weight, acts; /* as the engine has them; acts F16 stands for "float" */
    int64_t parameters;
    const char *why; /* NULL, or why it is not what the checkpoint's scheme says */
} oc_recipe_module;

typedef struct oc_recipe {
    oc_graph graph;
    oc_recipe_tensor *tensors; /* [graph.tensor_count]; oc_tensor.source is the index */
    int32_t tensor_capacity;
    oc_recipe_module *modules;
    int32_t module_count, module_capacity;
    const char
        *roots[3]; /* of towers, by OCTAVO_IMAGE and OCTAVO_TEXT: "vision_model"; NULL: none */
    const char **unread; /* tensors of the checkpoint that the graph has no use for, by file name */
    int32_t unread_count;
    int32_t unmerged; /* attentions whose q, k and v have different activation scales */
    oc_arena arena;
} oc_recipe;

typedef struct oc_recipe_options {
    octavo_precision precision;
    const char *keep; /* as octavo_build_options.keep */
} oc_recipe_options;

/* Builds the graph of a model; the table of architectures is in recipes.c.  checkpoint has passed
 * oc_quant_check, gets the notices, and must outlive the recipe.
 *   NOT_FOUND, CORRUPT, UNSUPPORTED  a tensor is missing, has another shape or an unusable scale
 *   INVALID_ARGUMENT  options->keep is malformed or names no module */
octavo_status oc_recipe_build(oc_checkpoint *checkpoint, const oc_model_config *config,
                              const oc_preprocessor *preprocessor, const oc_recipe_options *options,
                              oc_recipe *out, octavo_error *error);
void oc_recipe_free(oc_recipe *recipe);

/* Rows first .. first + count - 1 of tensor `index` as it is to be stored.  Safe from many threads.
 *   CORRUPT  a value that is infinite or NaN, or that the stored type cannot hold
 *   IO       the checkpoint's file cannot be read, or has become shorter */
octavo_status oc_recipe_read(const oc_recipe *recipe, int32_t index, int64_t first, int64_t count,
                             void *dst, octavo_error *error);

#endif
