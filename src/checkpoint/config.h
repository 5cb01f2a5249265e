/* config.h - the geometry of a CLIP model, from its config.json.
 *
 * Keys and defaults are those of transformers' CLIPConfig, CLIPTextConfig and CLIPVisionConfig
 * (version 5).  A legacy text_config_dict (vision_config_dict) takes the place of text_config, its
 * own missing keys having the defaults.
 *
 * Read here: CLIPModel, CLIPVisionModelWithProjection, CLIPTextModelWithProjection; the latter two
 * also with the config of a whole CLIPModel, of which they use their part.
 */
#ifndef OC_CHECKPOINT_CONFIG_H
#define OC_CHECKPOINT_CONFIG_H

#include "checkpoint/checkpoint.h"

typedef enum oc_clip_act {
    OC_CLIP_GELU = 0,       /* x Phi(x), by erf: "gelu" */
    OC_CLIP_QUICK_GELU = 1, /* x sigmoid(1.702 x): "quick_gelu" */
    OC_CLIP_GELU_TANH = 2   /* by tanh: "gelu_new", "gelu_pytorch_tanh", "gelu_fast" */
} oc_clip_act;

/* What both towers have. */
typedef struct oc_clip_tower {
    int32_t width; /* hidden_size; heads divides it */
    int32_t mlp;   /* intermediate_size */
    int32_t heads;
    int32_t layers;
    int32_t projection; /* width of the embedding */
    oc_clip_act act;
    float eps; /* of every layer norm */
} oc_clip_tower;

typedef struct oc_clip_text {
    oc_clip_tower tower;
    int32_t vocabulary;
    int32_t positions; /* longest text in tokens */
    int32_t eos_id;    /* 2: legacy, the text ends at its largest id; else at the first eos_id */
    int32_t bos_id;    /* -1: none */
    int32_t pad_id;    /* -1: none */
} oc_clip_text;

typedef struct oc_clip_vision {
    oc_clip_tower tower;
    int32_t image_size; /* pixels a side */
    int32_t patch;      /* pixels a side; what is left at the right and bottom is not seen */
} oc_clip_vision;

typedef struct oc_clip_config {
    int32_t towers;    /* OCTAVO_IMAGE, OCTAVO_TEXT; both: a CLIPModel, which has a logit_scale */
    oc_clip_text text; /* zeroed without a text tower */
    oc_clip_vision vision; /* zeroed without an image tower */
} oc_clip_config;

/* Reads the `size` bytes of a config.json.
 *   CORRUPT      not JSON, a value out of range, or values that disagree; named
 *   UNSUPPORTED  another architecture, activation function or number of channels; more
 *                parameters than OC_LIMIT_PARAMETERS
 *   EXHAUSTED    memory is out */
octavo_status oc_clip_config_read(const char *bytes, size_t size, oc_clip_config *out,
                                  octavo_error *error);

/* The same from the checkpoint's config.json; NOT_FOUND if it has none. */
octavo_status oc_clip_config_load(const oc_checkpoint *checkpoint, oc_clip_config *out,
                                  octavo_error *error);

/* Parameters that a model of this config has. */
int64_t oc_clip_parameters(const oc_clip_config *config);

#endif
