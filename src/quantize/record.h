/* record.h - octavo_calibration.json: what the calibration saw, for whoever compares production
 * data with it later.  build stores it in the engine.
 *
 *     {"method": "absmax", "images": 512, "texts": 512, "modules": [
 *       {"name": "vision_model.encoder.layers.0.mlp.fc1", "input_amax": 5.31, "weight_amax": 0.41,
 *        "input_scale": 0.011852679, "percentiles": {"50": 0.53, "99": 2.1, "99.9": 3.2, "99.99":
 * 4}, "saturated": 0, "underflow": 0.0021}, ...]}
 *
 * input_amax and the percentiles are of the input's magnitudes; saturated is the share of them over
 * 448 * input_scale, underflow the share of those other than zero that become the code 0, both to
 * within one of the observer's bins.  About 250 bytes a module.
 */
#ifndef OC_QUANTIZE_RECORD_H
#define OC_QUANTIZE_RECORD_H

#include "base/buffer.h"
#include "quantize/scales.h"

typedef struct oc_calibration_facts {
    oc_range_method method;
    int32_t images, texts; /* that were run */
} oc_calibration_facts;

/* Appends the file's bytes. */
octavo_status oc_calibration_write(const oc_calibration_facts *facts, const oc_fp8_module *modules,
                                   int32_t count, oc_buffer *out, octavo_error *error);

double oc_fp8_saturated(const oc_fp8_module *module);
double oc_fp8_underflow(const oc_fp8_module *module);

#endif
