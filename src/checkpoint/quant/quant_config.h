/* quant_config.h - what a checkpoint's JSON says about its quantization.
 *
 * Two places may say it: config.json's quantization_config and hf_quant_config.json, which
 * NVIDIA Model Optimizer's export_hf_checkpoint writes both.  Where both are there they must name
 * the same algorithm.
 *
 * Read here: quant_method "modelopt" with quant_algo "FP8" in any case; and "compressed-tensors"
 * with format "float-quantized", symmetric, static and per tensor, weights and inputs alike
 * (llm-compressor's FP8).  Every other method, algorithm, format and scheme is UNSUPPORTED by its
 * name.
 */
#ifndef OC_CHECKPOINT_QUANT_CONFIG_H
#define OC_CHECKPOINT_QUANT_CONFIG_H

#include "base/status.h"
#include "checkpoint/notices.h"

typedef struct oc_quant_config {
    const char *algorithm; /* "FP8" as the file spells it, or the format; NULL: nothing is said */
    const char **patterns; /* globs over modules that stay as they were: exclude_modules, ignore;
                            * "re:" in front of one: a regular expression of Python's */
    int32_t pattern_count;
    char producer[64]; /* "modelopt 0.47.0"; "" where no file says it */
    oc_arena arena;
} oc_quant_config;

/* Adds what the `size` bytes of a config.json say to `out`, which was zeroed at first.
 *   CORRUPT      not JSON, or not of this form; the two files disagree
 *   UNSUPPORTED  another method, algorithm or group of settings, named; over OC_LIMIT_PATTERNS
 *   EXHAUSTED    memory is out */
octavo_status oc_quant_config_read(const char *bytes, size_t size, oc_quant_config *out,
                                   oc_notices *notices, octavo_error *error);
/* The same for a hf_quant_config.json. */
octavo_status oc_quant_config_read_hf(const char *bytes, size_t size, oc_quant_config *out,
                                      oc_notices *notices, octavo_error *error);
void oc_quant_config_free(oc_quant_config *config); /* a zeroed one is accepted */

#endif
