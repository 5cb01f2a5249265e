/* clip.c - transformers' CLIPConfig, CLIPTextConfig and CLIPVisionConfig.
 *
 * A legacy text_config_dict (vision_config_dict) takes the place of text_config, its own missing
 * keys having the defaults.  Of a whole model the projection is the root's, and the towers' own may
 * be null.
 */
#include "checkpoint/models/reader.h"

#define TEXT(member)   offsetof(oc_text_config, member)
#define VISION(member) offsetof(oc_vision_config, member)

enum { PROJECTION = 512 };

static const oc_config_field text_fields[] = {
    {"hidden_size", TEXT(tower.width), 1, OC_LIMIT_WIDTH, 512, OC_NULL_REFUSED},
    {"intermediate_size", TEXT(tower.mlp), 1, OC_LIMIT_MLP, 2048, OC_NULL_REFUSED},
    {"num_attention_heads", TEXT(tower.heads), 1, OC_LIMIT_HEADS, 8, OC_NULL_REFUSED},
    {"num_hidden_layers", TEXT(tower.layers), 1, OC_LIMIT_LAYERS, 12, OC_NULL_REFUSED},
    {"projection_dim", TEXT(tower.projection), 1, OC_LIMIT_WIDTH, PROJECTION, OC_NULL_NONE},
    {"vocab_size", TEXT(vocabulary), 1, OC_LIMIT_VOCABULARY, 49408, OC_NULL_REFUSED},
    {"max_position_embeddings", TEXT(positions), 2, OC_LIMIT_TOKENS, 77, OC_NULL_REFUSED},
    {"eos_token_id", TEXT(eos_id), 0, OC_LIMIT_VOCABULARY, 49407, OC_NULL_REFUSED},
    {"bos_token_id", TEXT(bos_id), 0, OC_LIMIT_VOCABULARY, 49406, OC_NULL_NONE},
    {"pad_token_id", TEXT(pad_id), -1, OC_LIMIT_VOCABULARY, 1, OC_NULL_NONE},
};

static const oc_config_field vision_fields[] = {
    {"hidden_size", VISION(tower.width), 1, OC_LIMIT_WIDTH, 768, OC_NULL_REFUSED},
    {"intermediate_size", VISION(tower.mlp), 1, OC_LIMIT_MLP, 3072, OC_NULL_REFUSED},
    {"num_attention_heads", VISION(tower.heads), 1, OC_LIMIT_HEADS, 12, OC_NULL_REFUSED},
    {"num_hidden_layers", VISION(tower.layers), 1, OC_LIMIT_LAYERS, 12, OC_NULL_REFUSED},
    {"projection_dim", VISION(tower.projection), 1, OC_LIMIT_WIDTH, PROJECTION, OC_NULL_NONE},
    {"image_size", VISION(image_size), 1, OC_LIMIT_IMAGE_SIZE, 224, OC_NULL_REFUSED},
    {"patch_size", VISION(patch), 1, OC_LIMIT_IMAGE_SIZE, 32, OC_NULL_REFUSED},
};

static const oc_tower_config preset = {.act = OC_CONFIG_QUICK_GELU, .eps = 1e-5f};

typedef struct root {
    int32_t projection;
    oc_config_part text, text_dict, vision, vision_dict;
} root;

static octavo_status read_root(oc_config_part file, root *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json = {0};
    oc_slice key;
    oc_json_open(&json, file.text.data, file.text.length, file.offset, 0);
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        OC_TRY(oc_json_member(&json, &key, error));
        if (!key.data) {
            break;
        } else if (oc_slice_is(key, "projection_dim")) {
            OC_TRY(oc_json_int32(&json, 1, OC_LIMIT_WIDTH, &out->projection, error));
        } else if (oc_slice_is(key, "text_config")) {
            OC_TRY(oc_config_read_part(&json, &out->text, error));
        } else if (oc_slice_is(key, "text_config_dict")) {
            OC_TRY(oc_config_read_part(&json, &out->text_dict, error));
        } else if (oc_slice_is(key, "vision_config")) {
            OC_TRY(oc_config_read_part(&json, &out->vision, error));
        } else if (oc_slice_is(key, "vision_config_dict")) {
            OC_TRY(oc_config_read_part(&json, &out->vision_dict, error));
        } else {
            OC_TRY(oc_json_skip(&json, NULL, error));
        }
    }
done:
    oc_json_close(&json);
    return status;
}

static octavo_status read_text(oc_config_part from, oc_text_config *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    out->tower = preset;
    OC_TRY(oc_config_read_tower(from, text_fields, OC_COUNT(text_fields), out, error));
    if (out->eos_id >= out->vocabulary) {
        OC_FAIL(error, OCTAVO_CORRUPT, from.offset,
                "eos_token_id %d is not in the vocabulary of %d", out->eos_id, out->vocabulary);
    }
done:
    return status;
}

static octavo_status read_vision(oc_config_part from, oc_vision_config *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    out->tower = preset;
    OC_TRY(oc_config_read_tower(from, vision_fields, OC_COUNT(vision_fields), out, error));
    OC_TRY(oc_config_check_patches(from, out, error));
done:
    return status;
}

static int64_t tower_parameters(const oc_tower_config *t) {
    int64_t width = t->width, mlp = t->mlp;
    int64_t attention = 4 * (width * width + width), norms = 4 * width;
    return t->layers * (attention + norms + 2 * width * mlp + width + mlp) + width * t->projection;
}

static int64_t parameters(const oc_model_config *config) {
    int64_t total = config->towers == (OCTAVO_IMAGE | OCTAVO_TEXT); /* logit_scale */
    if (config->towers & OCTAVO_TEXT) {
        const oc_text_config *text = &config->text;
        total += tower_parameters(&text->tower) +
                 (int64_t)text->tower.width * (text->vocabulary + text->positions + 2);
    }
    if (config->towers & OCTAVO_IMAGE) {
        const oc_vision_config *vision = &config->vision;
        int64_t across = vision->image_size / vision->patch;
        int64_t pixels = (int64_t)OC_CONFIG_CHANNELS * vision->patch * vision->patch;
        total += tower_parameters(&vision->tower) +
                 (int64_t)vision->tower.width * (pixels + 1 + across * across + 1 + 4);
    }
    return total;
}

octavo_status oc_clip_read(oc_config_part file, bool is_part, oc_model_config *out,
                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool both = out->towers == (OCTAVO_IMAGE | OCTAVO_TEXT);
    root from = {.projection = PROJECTION};
    if (both || is_part) {
        OC_TRY(read_root(file, &from, error));
    } else {
        from.text = from.vision = file;
    }
    if (out->towers & OCTAVO_TEXT) {
        OC_TRY(read_text(from.text_dict.text.data ? from.text_dict : from.text, &out->text, error));
    }
    if (out->towers & OCTAVO_IMAGE) {
        OC_TRY(read_vision(from.vision_dict.text.data ? from.vision_dict : from.vision,
                           &out->vision, error));
    }
    if (both) {
        out->text.tower.projection = out->vision.tower.projection = from.projection;
    }
    if (out->text.tower.projection < 0 || out->vision.tower.projection < 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "projection_dim is null, and %s cannot do without", out->architecture);
    }
    out->parameters = parameters(out);
done:
    return status;
}
