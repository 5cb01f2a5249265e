/* scales.c - see scales.h. */
#include "quantize/scales.h"

#include <math.h>

#include "num/convert.h"

enum { PIECE = 4096 }; /* elements that are converted at a time */

float oc_fp8_scale(float amax) {
    float scale = amax / OC_E4M3_MAX;
    return isnormal(scale) ? scale : 1.0f;
}

static octavo_status weight_amax(const oc_ckpt_tensor *weight, float *amax, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    float raw[PIECE], values[PIECE], largest = 0; /* raw: room for every dtype */
    if (weight->dtype != OCTAVO_F32 && weight->dtype != OCTAVO_F16 &&
        weight->dtype != OCTAVO_BF16) {
        oc_error_path(error, weight->file->path);
        OC_FAIL(error, OCTAVO_UNSUPPORTED, weight->offset,
                "weight %s has dtype %s; F32, F16 and BF16 are quantized here", weight->name,
                weight->dtype_name);
    }
    uint64_t count = weight->bytes / oc_st_dtype_bytes(weight->dtype);
    for (uint64_t at = 0; at < count; at += PIECE) {
        size_t piece = count - at < PIECE ? (size_t)(count - at) : PIECE;
        OC_TRY(oc_checkpoint_read(weight, at, piece, raw, error));
        oc_convert_to_f32(weight->dtype, raw, values, piece);
        for (size_t i = 0; i < piece; i++) {
            largest = fabsf(values[i]) > largest ? fabsf(values[i]) : largest;
        }
    }
    *amax = largest;
done:
    return status;
}

octavo_status oc_fp8_module_scale(oc_range_method method, oc_fp8_module *module,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (!oc_observer_is_finite(module->input)) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "inputs of module %s are infinite or not a number on the calibration data: no "
                "scale can be found",
                module->name);
    }
    OC_TRY(weight_amax(module->weight, &module->weight_amax, error));
    module->weight_scale = oc_fp8_scale(module->weight_amax);
    module->input_scale = oc_fp8_scale(oc_observer_range(module->input, method));
done:
    return status;
}

void oc_fp8_codes(octavo_dtype dtype, const void *values, size_t count, float scale,
                  uint8_t *codes) {
    size_t size = (size_t)oc_st_dtype_bytes(dtype);
    float wide[PIECE];
    for (size_t at = 0; at < count; at += PIECE) {
        size_t piece = count - at < PIECE ? count - at : PIECE;
        oc_convert_to_f32(dtype, (const char *)values + at * size, wide, piece);
        for (size_t i = 0; i < piece; i++) {
            codes[at + i] = oc_f32_to_e4m3(wide[i] / scale);
        }
    }
}
