/* processor_record.c - see processor_record.h. */
#include "api/processor_record.h"

#include "base/json/json.h"
#include "base/json/json_write.h"
#include "base/limits.h"

oc_image_processor oc_processor_of(const oc_preprocessor *preprocessor) {
    oc_image_processor out = oc_image_processor_clip;
    out.shortest_edge = preprocessor->shortest_edge;
    out.height = out.width = preprocessor->image_size;
    out.crop_height = out.crop_width = preprocessor->image_size;
    out.resample = (int32_t)preprocessor->resample;
    for (int32_t c = 0; c < 3; c++) {
        out.mean[c] = (double)preprocessor->mean[c];
        out.std[c] = (double)preprocessor->std[c];
    }
    return out;
}

static void write_floats(oc_json_writer *json, const char *key, const float *values) {
    oc_json_write_key(json, key);
    oc_json_write_array(json);
    for (int32_t c = 0; c < 3; c++) {
        oc_json_write_float(json, values[c]);
    }
    oc_json_write_end(json);
}

octavo_status oc_processor_write(const oc_preprocessor *preprocessor, oc_buffer *out,
                                 octavo_error *error) {
    oc_json_writer json;
    oc_json_write_open(&json, out, false);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "image");
    oc_json_write_object(&json);
    oc_json_write_key(&json, "size");
    oc_json_write_int(&json, preprocessor->image_size);
    oc_json_write_key(&json, "shortest_edge");
    oc_json_write_int(&json, preprocessor->shortest_edge);
    oc_json_write_key(&json, "resample");
    oc_json_write_int(&json, (int64_t)preprocessor->resample);
    write_floats(&json, "mean", preprocessor->mean);
    write_floats(&json, "std", preprocessor->std);
    oc_json_write_end(&json);
    oc_json_write_end(&json);
    return oc_json_write_finish(&json, error);
}

static octavo_status read_floats(oc_json *json, float *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t count = 0;
    bool more;
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        double value;
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        OC_TRY(oc_json_double(json, &value, error));
        if (count == 3 || !(value > -1e6 && value < 1e6)) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "three numbers of ordinary size expected");
        }
        out[count++] = (float)value;
    }
    if (count != 3) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "%d numbers, three expected", count);
    }
done:
    return status;
}

static octavo_status read_image(oc_json *json, oc_preprocessor *p, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice key;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (key.data == NULL) {
            break;
        }
        if (oc_slice_is(key, "size")) {
            OC_TRY(oc_json_int32(json, 1, OC_LIMIT_IMAGE_SIZE, &p->image_size, error));
        } else if (oc_slice_is(key, "shortest_edge")) {
            OC_TRY(oc_json_int32(json, 0, OC_LIMIT_IMAGE_SIZE, &p->shortest_edge, error));
        } else if (oc_slice_is(key, "resample")) {
            int32_t resample = 0;
            OC_TRY(oc_json_int32(json, 0, 5, &resample, error));
            p->resample = (oc_resample)resample;
        } else if (oc_slice_is(key, "mean")) {
            OC_TRY(read_floats(json, p->mean, error));
        } else if (oc_slice_is(key, "std")) {
            OC_TRY(read_floats(json, p->std, error));
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
done:
    return status;
}

octavo_status oc_processor_read(const void *section, size_t bytes, uint64_t offset,
                                oc_image_processor *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_preprocessor preprocessor = oc_preprocessor_default(0);
    oc_json json = {0};
    oc_slice key;
    oc_json_open(&json, section, bytes, offset, 0);
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        OC_TRY(oc_json_member(&json, &key, error));
        if (key.data == NULL) {
            break;
        }
        if (oc_slice_is(key, "image")) {
            OC_TRY(read_image(&json, &preprocessor, error));
        } else {
            OC_TRY(oc_json_skip(&json, NULL, error));
        }
    }
    OC_TRY(oc_json_finish(&json, error));
    *out = oc_processor_of(&preprocessor);
    OC_TRY(oc_image_processor_check(out, error));
done:
    oc_json_close(&json);
    return status;
}
