/* scales.c - see scales.h. */
#include "quantize/scales.h"

#include <math.h>

#include "num/convert.h"

enum { PIECE = 4096 }; /* elements that are converted at a time */

float oc_fp8_scale(float amax) {
    float scale = amax / OC_E4M3_MAX;
    return isnormal(scale) ? scale : 1.0f;
}

/* Its largest magnitude, the scale that goes with it, and what that loses. */
static octavo_status weigh(oc_fp8_module *module, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    float raw[PIECE], values[PIECE]; /* raw: room for every dtype */
    const oc_ckpt_tensor *weight = module->weight;
    oc_observer magnitudes = {0};
    if (weight->dtype != OCTAVO_F32 && weight->dtype != OCTAVO_F16 &&
        weight->dtype != OCTAVO_BF16) {
        oc_error_path(error, weight->file->path);
        OC_FAIL(error, OCTAVO_UNSUPPORTED, weight->offset,
                "weight %s has dtype %s; F32, F16 and BF16 are quantized here", weight->name,
                weight->dtype_name);
    }
    OC_TRY(oc_observer_create(&magnitudes, error));
    uint64_t count = weight->bytes / oc_st_dtype_bytes(weight->dtype);
    for (uint64_t at = 0; at < count; at += PIECE) {
        size_t piece = count - at < PIECE ? (size_t)(count - at) : PIECE;
        OC_TRY(oc_checkpoint_read(weight, at, piece, raw, error));
        oc_convert_to_f32(weight->dtype, raw, values, piece);
        oc_observer_add(&magnitudes, values, piece);
    }
    module->weight_amax = oc_observer_amax(&magnitudes);
    module->weight_scale = oc_fp8_scale(module->weight_amax);
    module->weight_error = oc_observer_relative_error(&magnitudes, module->weight_scale);
done:
    oc_observer_free(&magnitudes);
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
    OC_TRY(weigh(module, error));
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
