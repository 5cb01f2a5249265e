/* scales.c - see scales.h. */
#include "quantize/scales.h"

#include <inttypes.h>
#include <math.h>

#include "num/convert.h"

enum { PIECE = 4096 }; /* elements that are converted at a time */

float oc_fp8_scale(float amax) {
    float scale = amax / OC_E4M3_MAX;
    return isnormal(scale) ? scale : 1.0f;
}

/* Elements of a weight from `first` on, at most PIECE of them, as float32; how many. */
static size_t load(const oc_ckpt_tensor *weight, uint64_t first, uint64_t count, float *values) {
    size_t size = (size_t)oc_st_dtype_bytes(weight->dtype);
    size_t piece = count < PIECE ? (size_t)count : PIECE;
    oc_convert_to_f32(weight->dtype, (const char *)weight->data + first * size, values, piece);
    return piece;
}

static octavo_status weight_amax(const oc_checkpoint *checkpoint, const oc_ckpt_tensor *weight,
                                 float *amax, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    float values[PIECE], largest = 0;
    uint64_t size = oc_st_dtype_bytes(weight->dtype);
    if (weight->dtype != OCTAVO_F32 && weight->dtype != OCTAVO_F16 &&
        weight->dtype != OCTAVO_BF16) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, weight->offset,
                "weight %s has dtype %s; F32, F16 and BF16 are quantized here", weight->name,
                weight->dtype_name);
    }
    for (uint64_t at = 0, count = weight->bytes / size, piece; at < count; at += piece) {
        piece = load(weight, at, count - at, values);
        for (size_t i = 0; i < piece; i++) {
            if (!isfinite(values[i])) {
                OC_FAIL(error, OCTAVO_CORRUPT, weight->offset + (at + i) * size,
                        "weight %s has %g at element %" PRIu64 " (byte %" PRIu64
                        "); it cannot be quantized",
                        weight->name, (double)values[i], at + i, weight->offset + (at + i) * size);
            }
            largest = fabsf(values[i]) > largest ? fabsf(values[i]) : largest;
        }
    }
    *amax = largest;
done:
    if (status != OCTAVO_OK) {
        oc_error_path(error, oc_checkpoint_path_of(checkpoint, weight));
    }
    return status;
}

octavo_status oc_fp8_module_scale(const oc_checkpoint *checkpoint, oc_range_method method,
                                  oc_fp8_module *module, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (!oc_observer_is_finite(module->input)) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "inputs of module %s are infinite or not a number on the calibration data: no "
                "scale can be found",
                module->name);
    }
    OC_TRY(weight_amax(checkpoint, module->weight, &module->weight_amax, error));
    module->weight_scale = oc_fp8_scale(module->weight_amax);
    module->input_scale = oc_fp8_scale(oc_observer_range(module->input, method));
done:
    return status;
}

void oc_fp8_codes(const oc_ckpt_tensor *weight, uint64_t first, size_t count, float scale,
                  uint8_t *codes) {
    float values[PIECE];
    for (size_t at = 0, piece; at < count; at += piece) {
        piece = load(weight, first + at, count - at, values);
        for (size_t i = 0; i < piece; i++) {
            codes[at + i] = oc_f32_to_e4m3(values[i] / scale);
        }
    }
}
