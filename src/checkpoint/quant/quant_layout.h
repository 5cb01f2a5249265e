/* quant_layout.h - every FP8 layout in one normal form.
 *
 * A linear layer of module path X ("vision_model.encoder.layers.3.mlp.fc1") is a weight [out,in]
 * and, where it is quantized, scales that are multiplied to dequantize, whatever their names say:
 *
 *     w = f32(code) * scale            the scale of the weight's tensor, channel or block
 *     x ~ f32(e4m3(x / scale)) * scale the scale of the layer's input
 *
 * Read now: weights in F32, F16 and BF16; and X.weight F8_E4M3 with X.weight_scale and
 * X.input_scale of one element each, F32, F16 or BF16 (Model Optimizer's unified FP8 export has
 * them in F32 [], compressed-tensors in the model's dtype [1]), in any mixture with 16-bit layers.
 * Every other layout is UNSUPPORTED by its name, here and nowhere else.
 *
 * Layouts: NVIDIA Model Optimizer, modelopt/torch/export; vllm-project/compressed-tensors; and
 * what transformers, torchao and ComfyUI write.
 */
#ifndef OC_CHECKPOINT_QUANT_LAYOUT_H
#define OC_CHECKPOINT_QUANT_LAYOUT_H

#include "base/format.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/quant/quant_config.h"

typedef struct oc_linear_layout {
    const oc_ckpt_tensor *weight; /* [out,in] */
    oc_format weight_format;
    const oc_ckpt_tensor *weight_scale; /* NULL: the weight is F32, F16 or BF16 */
    /* F16 stands for "float".  dtype 0: the weight is FP8, but nothing says how its input is. */
    oc_format input_format;
    const oc_ckpt_tensor *input_scale; /* NULL but where input_format has a stored scale */
} oc_linear_layout;

typedef struct oc_quant_facts {
    int32_t fp8_count; /* FP8 layers */
    char producer[64]; /* "modelopt 0.47.0"; "" where no file says it */
} oc_quant_facts;

/* Checks the quantization of the whole checkpoint, but for the weights' codes: config.json and
 * hf_quant_config.json against the tensors, every tensor's part in a layout that is read, every
 * scale finite, positive and not denormal.  Exclude lists are heeded: an excluded module that is
 * FP8 all the same is an error.
 *   CORRUPT      the file contradicts itself or its config
 *   UNSUPPORTED  a layout that is not read, named */
octavo_status oc_quant_check(oc_checkpoint *checkpoint, oc_quant_facts *out, octavo_error *error);

/* The normal form of module `path`, of a checkpoint that oc_quant_check has passed.
 *   NOT_FOUND, CORRUPT, UNSUPPORTED  as oc_checkpoint_require; a weight neither float nor FP8 */
octavo_status oc_linear_find(const oc_checkpoint *checkpoint, const char *path, int64_t out_width,
                             int64_t in_width, oc_linear_layout *out, octavo_error *error);

/* Reads a scale, an F32 tensor of one element.
 *   CORRUPT  it is not finite, positive and normal */
octavo_status oc_scale_value(const oc_ckpt_tensor *scale, float *out, octavo_error *error);

#endif
