/* source.h - a checkpoint, opened, understood and turned into a graph: where build and quantize
 * begin. */
#ifndef OC_API_SOURCE_H
#define OC_API_SOURCE_H

#include "base/buffer.h"
#include "lower/weights.h"
#include "recipes/recipe.h"
#include "runtime/towers.h"

/* The calibration record that quantize leaves beside a checkpoint and build takes along. */
#define OC_CALIBRATION_FILE "octavo_calibration.json"
/* The reference statistics that quantize leaves there, of the model as it is then. */
#define OC_REFERENCE_FILE "octavo_reference.json"

typedef struct oc_source {
    oc_checkpoint *checkpoint;
    oc_model_config config;
    oc_preprocessor preprocessor;
    oc_recipe recipe;
    oc_quant_facts quantization; /* of the checkpoint */
} oc_source;

/* Errors: octavo_build's. */
octavo_status oc_source_open(const char *path, octavo_precision precision, const char *keep,
                             oc_source *out, octavo_error *error);
void oc_source_close(oc_source *source); /* a zeroed one is accepted */

/* What the config says of a tower; NULL: it has none such. */
const oc_tower_config *oc_source_tower(const oc_source *source, const oc_tower *tower);
/* Rows of its longest sequence. */
int32_t oc_source_longest(const oc_source *source, const oc_tower *tower);

/* Whether a packed tokenizer is this model's: its ids fit the token table, its end token is where
 * the model looks for it.  CORRUPT: both numbers are named. */
octavo_status oc_source_check_tokenizer(const oc_source *source, const oc_buffer *packed,
                                        octavo_error *error);

/* Weights straight from the checkpoint; source is borrowed. */
oc_weight_source oc_source_weights(oc_source *source);

#endif
