/* reader.c - the entries that towers of all architectures have. */
#include "checkpoint/models/reader.h"

#include <inttypes.h>

static const struct {
    const char *name;
    oc_config_act act;
} acts[] = {{"gelu", OC_CONFIG_GELU},
            {"quick_gelu", OC_CONFIG_QUICK_GELU},
            {"gelu_new", OC_CONFIG_GELU_TANH},
            {"gelu_pytorch_tanh", OC_CONFIG_GELU_TANH},
            {"gelu_fast", OC_CONFIG_GELU_TANH}};

static octavo_status read_act(oc_json *json, oc_config_act *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice name;
    OC_TRY(oc_json_string(json, &name, error));
    for (size_t i = 0; i < OC_COUNT(acts); i++) {
        if (oc_slice_is(name, acts[i].name)) {
            *out = acts[i].act;
            goto done;
        }
    }
    OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED,
                 "the activation function \"%.*s\" is not computed here", oc_slice_width(name),
                 name.data);
done:
    return status;
}

static octavo_status read_eps(oc_json *json, float *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    double value;
    OC_TRY(oc_json_double(json, &value, error));
    if (!(value >= 1e-30 && value <= 1)) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "%g is not between 1e-30 and 1", value);
    }
    *out = (float)value;
done:
    return status;
}

static octavo_status read_channels(oc_json *json, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t channels;
    OC_TRY(oc_json_int32(json, 1, INT32_MAX, &channels, error));
    if (channels != OC_CONFIG_CHANNELS) {
        OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "%d channels, only %d are read here",
                     channels, OC_CONFIG_CHANNELS);
    }
done:
    return status;
}

/* [side, side] */
static octavo_status read_square(oc_json *json, const oc_config_field *field, int32_t *out,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t height;
    bool more;
    OC_TRY(oc_json_array(json, error));
    OC_TRY(oc_json_int32(json, field->min, field->max, &height, error));
    OC_TRY(oc_json_int32(json, field->min, field->max, out, error));
    OC_TRY(oc_json_element(json, &more, error));
    if (more || height != *out) {
        OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "only squares are read here");
    }
done:
    return status;
}

static octavo_status read_field(oc_json *json, const oc_config_field *field, int32_t *out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json_type type;
    OC_TRY(oc_json_peek(json, &type, error));
    if (type == OC_JSON_NULL && field->null == OC_NULL_NONE) {
        OC_TRY(oc_json_skip(json, NULL, error));
        *out = -1;
    } else if (type == OC_JSON_ARRAY_BEGIN &&
               (strcmp(field->key, "image_size") == 0 || strcmp(field->key, "patch_size") == 0)) {
        OC_TRY(read_square(json, field, out, error));
    } else {
        OC_TRY(oc_json_int32(json, field->min, field->max, out, error));
    }
done:
    return status;
}

octavo_status oc_config_read_part(oc_json *json, oc_config_part *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool is_null;
    OC_TRY(oc_json_null(json, &is_null, error));
    if (!is_null) {
        OC_TRY(oc_json_skip(json, &out->text, error));
        out->offset = json->base + (uint64_t)(out->text.data - json->bytes);
    }
done:
    return status;
}

octavo_status oc_config_read_tower(oc_config_part from, const oc_config_field *fields,
                                   size_t field_count, void *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_tower_config *tower = out; /* comes first in both */
    oc_json json = {0};
    oc_slice key;
    for (size_t i = 0; i < field_count; i++) {
        *(int32_t *)(void *)((char *)out + fields[i].place) = fields[i].preset;
    }
    if (!from.text.data) {
        goto done;
    }
    oc_json_open(&json, from.text.data, from.text.length, from.offset, 0);
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        const oc_config_field *known = NULL;
        OC_TRY(oc_json_member(&json, &key, error));
        if (!key.data) {
            break;
        }
        for (size_t i = 0; i < field_count && !known; i++) {
            known = oc_slice_is(key, fields[i].key) ? &fields[i] : NULL;
        }
        if (known) {
            int32_t *place = (int32_t *)(void *)((char *)out + known->place);
            OC_TRY(read_field(&json, known, place, error));
        } else if (oc_slice_is(key, "hidden_act")) {
            OC_TRY(read_act(&json, &tower->act, error));
        } else if (oc_slice_is(key, "layer_norm_eps")) {
            OC_TRY(read_eps(&json, &tower->eps, error));
        } else if (oc_slice_is(key, "num_channels")) {
            OC_TRY(read_channels(&json, error));
        } else {
            OC_TRY(oc_json_skip(&json, NULL, error));
        }
    }
    if (tower->width % tower->heads != 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, from.offset,
                "hidden_size %d is no multiple of num_attention_heads %d (byte %" PRIu64 ")",
                tower->width, tower->heads, from.offset);
    }
done:
    oc_json_close(&json);
    return status;
}

octavo_status oc_config_check_patches(oc_config_part from, const oc_vision_config *vision,
                                      octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t across = vision->image_size / vision->patch;
    if (across < 1) {
        OC_FAIL(error, OCTAVO_CORRUPT, from.offset, "patch_size %d is larger than image_size %d",
                vision->patch, vision->image_size);
    }
    if (across * across + 1 > OC_LIMIT_TOKENS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, from.offset,
                "image_size %d and patch_size %d make %d patches and a class token, the limit is "
                "%d",
                vision->image_size, vision->patch, across * across, OC_LIMIT_TOKENS);
    }
done:
    return status;
}
