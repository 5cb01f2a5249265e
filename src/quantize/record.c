/* record.c - see record.h. */
#include "quantize/record.h"

#include "base/json/json_write.h"
#include "num/e4m3.h"

static const struct {
    const char *key;
    double percent;
} percentiles[] = {{"50", 50}, {"99", 99}, {"99.9", 99.9}, {"99.99", 99.99}};

double oc_fp8_saturated(const oc_fp8_module *module) {
    return oc_observer_share_above(module->input, module->input_scale * OC_E4M3_MAX);
}

double oc_fp8_underflow(const oc_fp8_module *module) {
    return oc_observer_share_below(module->input, module->input_scale * 0x1p-10f);
}

static void write_float(oc_json_writer *json, const char *key, float value) {
    oc_json_write_key(json, key);
    oc_json_write_float(json, value);
}

static void write_module(oc_json_writer *json, const oc_fp8_module *module) {
    oc_json_write_object(json);
    oc_json_write_key(json, "name");
    oc_json_write_text(json, module->name);
    write_float(json, "input_amax", oc_observer_amax(module->input));
    write_float(json, "weight_amax", module->weight_amax);
    write_float(json, "input_scale", module->input_scale);
    oc_json_write_key(json, "percentiles");
    oc_json_write_object(json);
    for (size_t i = 0; i < OC_COUNT(percentiles); i++) {
        write_float(json, percentiles[i].key,
                    oc_observer_percentile(module->input, percentiles[i].percent));
    }
    oc_json_write_end(json);
    write_float(json, "saturated", (float)oc_fp8_saturated(module));
    write_float(json, "underflow", (float)oc_fp8_underflow(module));
    oc_json_write_end(json);
}

octavo_status oc_calibration_write(const oc_calibration_facts *facts, const oc_fp8_module *modules,
                                   int32_t count, oc_buffer *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json_writer json;
    oc_json_write_open(&json, out, false);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "method");
    oc_json_write_text(&json, oc_range_method_name(facts->method));
    oc_json_write_key(&json, "images");
    oc_json_write_int(&json, facts->images);
    oc_json_write_key(&json, "texts");
    oc_json_write_int(&json, facts->texts);
    oc_json_write_key(&json, "modules");
    oc_json_write_array(&json);
    for (int32_t i = 0; i < count; i++) {
        write_module(&json, &modules[i]);
    }
    oc_json_write_end(&json);
    oc_json_write_end(&json);
    OC_TRY(oc_json_write_finish(&json, error));
    oc_buffer_byte(out, '\n');
    OC_TRY(oc_buffer_status(out, error));
done:
    return status;
}
