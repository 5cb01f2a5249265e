/* scales.h - FP8 weights: scales and codes.
 *
 *     scale = amax / 448        one for the whole tensor; also that of a layer's input
 *     code  = e4m3(w / scale)
 *
 * Both divisions are in float32 from the weight as the checkpoint has it (exporters that divide in
 * the model's 16-bit type round twice).  Where amax / 448 is no normal number - a tensor of zeros -
 * the scale is 1: codes are zero then, which is what the weights are worth.
 */
#ifndef OC_QUANTIZE_SCALES_H
#define OC_QUANTIZE_SCALES_H

#include "checkpoint/checkpoint.h"
#include "quantize/observe.h"

/* A linear module that becomes FP8. */
typedef struct oc_fp8_module {
    const char *name;             /* "vision_model.encoder.layers.3.mlp.fc1" */
    const oc_ckpt_tensor *weight; /* F32, F16 or BF16 */
    const oc_observer *input;
    float weight_amax, weight_scale, input_scale;
    double weight_error; /* relative rms of code * scale against the weight */
} oc_fp8_module;

float oc_fp8_scale(float amax);

/* Sets what the weight decides, and the input's scale by `method` from its observer.  Modules that
 * share an observer get the same input scale.
 *   CORRUPT      an infinity or NaN: in the weight, with its place; among the inputs
 *   UNSUPPORTED  a weight of another dtype */
octavo_status oc_fp8_module_scale(oc_range_method method, oc_fp8_module *module,
                                  octavo_error *error);

/* Codes of `count` values. */
void oc_fp8_codes(octavo_dtype dtype, const void *values, size_t count, float scale,
                  uint8_t *codes);

#endif
