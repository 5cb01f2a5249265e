/* layout.h - how FP8 folders say what they hold: names, shapes and JSON.
 *
 * Both layouts have, for a module X, X.weight F8_E4M3 [out,in], X.weight_scale and X.input_scale
 * F32 of one element; they differ in
 *
 *                        scales   says how in
 *   modelopt             []       config.json and hf_quant_config.json
 *   compressed-tensors   [1]      config.json
 *
 * Formats: NVIDIA Model Optimizer's export_hf_checkpoint (0.47); vllm-project/compressed-tensors
 * "float-quantized" (0.20).
 */
#ifndef OC_QUANTIZE_LAYOUT_H
#define OC_QUANTIZE_LAYOUT_H

#include "base/buffer.h"
#include "base/slice.h"
#include "runtime/towers.h"

#define OC_FP8_LAYOUT_MAP(XX)                                                                      \
    XX(MODELOPT, "modelopt", 0)                                                                    \
    XX(COMPRESSED_TENSORS, "compressed-tensors", 1)

typedef enum oc_fp8_layout {
#define XX(name, text, rank) OC_FP8_##name,
    OC_FP8_LAYOUT_MAP(XX)
#undef XX
} oc_fp8_layout;

/* By name; NULL: modelopt.
 *   INVALID_ARGUMENT  none of that name; the sentence lists them */
octavo_status oc_fp8_layout_find(const char *name, oc_fp8_layout *out, octavo_error *error);
const char *oc_fp8_layout_name(oc_fp8_layout layout);

/* Dimensions of a scale, each of size 1. */
int32_t oc_fp8_scale_rank(oc_fp8_layout layout);

/* What is not quantized. */
typedef struct oc_fp8_excluded {
    const char *const *modules; /* linear modules, by path */
    int32_t count;
    const char
        *roots[OC_TOWERS]; /* paths of towers, whose embeddings are excluded too; NULL: none */
} oc_fp8_excluded;

/* Appends `config`, the bytes of a config.json, with this layout's quantization_config as its last
 * member in place of any that it had.  All other members stay byte for byte.
 *   CORRUPT  config is no JSON object */
octavo_status oc_fp8_config(oc_fp8_layout layout, oc_slice config, const oc_fp8_excluded *excluded,
                            oc_buffer *out, octavo_error *error);

/* The same of a checkpoint that is not quantized: without a quantization_config. */
octavo_status oc_plain_config(oc_slice config, oc_buffer *out, octavo_error *error);

/* Appends hf_quant_config.json; nothing for a layout without. */
octavo_status oc_fp8_hf_config(oc_fp8_layout layout, const oc_fp8_excluded *excluded,
                               oc_buffer *out, octavo_error *error);

#endif
