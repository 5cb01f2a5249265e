/* config.h - the geometry of a model, from its config.json.
 *
 * A table of architectures (config.c) says which reader a file goes to; models/ has the readers.
 * Keys and defaults are those of transformers 5.  A null is absent where transformers can do with
 * one, and refused otherwise.
 *
 * Read here: CLIPModel, CLIPVisionModelWithProjection, CLIPTextModelWithProjection; the latter two
 * also with the config of a whole CLIPModel, of which they use their part.
 */
#ifndef OC_CHECKPOINT_CONFIG_H
#define OC_CHECKPOINT_CONFIG_H

#include "checkpoint/checkpoint.h"

typedef enum oc_config_act {
    OC_CONFIG_GELU = 0,       /* x Phi(x), by erf: "gelu" */
    OC_CONFIG_QUICK_GELU = 1, /* x sigmoid(1.702 x): "quick_gelu" */
    OC_CONFIG_GELU_TANH = 2   /* by tanh: "gelu_new", "gelu_pytorch_tanh", "gelu_fast" */
} oc_config_act;

/* What towers of every kind have. */
typedef struct oc_tower_config {
    int32_t width; /* hidden_size; heads divides it */
    int32_t mlp;   /* intermediate_size */
    int32_t heads;
    int32_t layers;
    int32_t projection; /* width of the embedding */
    oc_config_act act;
    float eps; /* of every layer norm */
} oc_tower_config;

typedef struct oc_text_config {
    oc_tower_config tower;
    int32_t vocabulary;
    int32_t positions; /* longest text in tokens */
    int32_t eos_id;    /* 2: legacy, the text ends at its largest id; else at the first eos_id */
    int32_t bos_id;    /* -1: none */
    int32_t pad_id;    /* -1: none */
} oc_text_config;

typedef struct oc_vision_config {
    oc_tower_config tower;
    int32_t image_size; /* pixels a side */
    int32_t patch;      /* pixels a side; what is left at the right and bottom is not seen */
} oc_vision_config;

typedef struct oc_model_config {
    const char *architecture; /* "CLIPModel"; static */
    int32_t towers;           /* OCTAVO_IMAGE, OCTAVO_TEXT */
    oc_text_config text;      /* zeroed without a text tower */
    oc_vision_config vision;  /* zeroed without an image tower */
    int64_t parameters;       /* that a model of this config has */
} oc_model_config;

/* Reads the `size` bytes of a config.json.
 *   CORRUPT      not JSON, a value out of range, or values that disagree; named
 *   UNSUPPORTED  another architecture, activation function or number of channels; more
 *                parameters than OC_LIMIT_PARAMETERS
 *   EXHAUSTED    memory is out */
octavo_status oc_model_config_read(const char *bytes, size_t size, oc_model_config *out,
                                   octavo_error *error);

/* The same from the checkpoint's config.json; NOT_FOUND if it has none. */
octavo_status oc_model_config_load(const oc_checkpoint *checkpoint, oc_model_config *out,
                                   octavo_error *error);

#endif
