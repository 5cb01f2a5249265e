/* config.c - see config.h. */
#include "checkpoint/config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/json/json.h"

enum { LEGACY_EOS = 2, PIXEL_CHANNELS = 3 };

/* A part of config.json: its text, and where that begins. */
typedef struct part {
    oc_slice text; /* data NULL: absent or null */
    uint64_t offset;
} part;

typedef struct root {
    const char *architecture, *model_type; /* in the arena; NULL: absent */
    int32_t projection;
    part text, text_dict, vision, vision_dict;
} root;

/* An integer entry of a tower: where it goes and what it may be. */
typedef struct field {
    const char *key;
    size_t place; /* of an int32_t */
    int32_t min, max, preset;
    bool nullable; /* null is -1 */
} field;

#define TEXT(member)   offsetof(oc_clip_text, member)
#define VISION(member) offsetof(oc_clip_vision, member)

static const field text_fields[] = {
    {"hidden_size", TEXT(tower.width), 1, OC_LIMIT_WIDTH, 512, false},
    {"intermediate_size", TEXT(tower.mlp), 1, OC_LIMIT_MLP, 2048, false},
    {"num_attention_heads", TEXT(tower.heads), 1, OC_LIMIT_HEADS, 8, false},
    {"num_hidden_layers", TEXT(tower.layers), 1, OC_LIMIT_LAYERS, 12, false},
    {"projection_dim", TEXT(tower.projection), 1, OC_LIMIT_WIDTH, 512, false},
    {"vocab_size", TEXT(vocabulary), 1, OC_LIMIT_VOCABULARY, 49408, false},
    {"max_position_embeddings", TEXT(positions), 2, OC_LIMIT_TOKENS, 77, false},
    {"eos_token_id", TEXT(eos_id), 0, OC_LIMIT_VOCABULARY, 49407, false},
    {"bos_token_id", TEXT(bos_id), 0, OC_LIMIT_VOCABULARY, 49406, true},
    {"pad_token_id", TEXT(pad_id), -1, OC_LIMIT_VOCABULARY, 1, true},
};

static const field vision_fields[] = {
    {"hidden_size", VISION(tower.width), 1, OC_LIMIT_WIDTH, 768, false},
    {"intermediate_size", VISION(tower.mlp), 1, OC_LIMIT_MLP, 3072, false},
    {"num_attention_heads", VISION(tower.heads), 1, OC_LIMIT_HEADS, 12, false},
    {"num_hidden_layers", VISION(tower.layers), 1, OC_LIMIT_LAYERS, 12, false},
    {"projection_dim", VISION(tower.projection), 1, OC_LIMIT_WIDTH, 512, false},
    {"image_size", VISION(image_size), 1, OC_LIMIT_IMAGE_SIZE, 224, false},
    {"patch_size", VISION(patch), 1, OC_LIMIT_IMAGE_SIZE, 32, false},
};

static const struct {
    const char *name;
    oc_clip_act act;
} acts[] = {{"gelu", OC_CLIP_GELU},
            {"quick_gelu", OC_CLIP_QUICK_GELU},
            {"gelu_new", OC_CLIP_GELU_TANH},
            {"gelu_pytorch_tanh", OC_CLIP_GELU_TANH},
            {"gelu_fast", OC_CLIP_GELU_TANH}};

static octavo_status read_act(oc_json *json, oc_clip_act *out, octavo_error *error) {
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

static octavo_status read_field(oc_json *json, const field *entry, int32_t *out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool is_null = false;
    oc_json_type type;
    OC_TRY(oc_json_peek(json, &type, error));
    if (entry->nullable) {
        OC_TRY(oc_json_null(json, &is_null, error));
    }
    if (is_null) {
        *out = -1;
    } else if (type == OC_JSON_ARRAY_BEGIN &&
               (strcmp(entry->key, "image_size") == 0 || strcmp(entry->key, "patch_size") == 0)) {
        int32_t height;
        bool more;
        OC_TRY(oc_json_array(json, error));
        OC_TRY(oc_json_int32(json, entry->min, entry->max, &height, error));
        OC_TRY(oc_json_int32(json, entry->min, entry->max, out, error));
        OC_TRY(oc_json_element(json, &more, error));
        if (more || height != *out) {
            OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "only squares are read here");
        }
    } else {
        OC_TRY(oc_json_int32(json, entry->min, entry->max, out, error));
    }
done:
    return status;
}

/* Fills an oc_clip_text or oc_clip_vision at `out`, whose tower comes first in it. */
static octavo_status read_tower(part from, const field *fields, size_t field_count, void *out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_clip_tower *tower = out;
    oc_json json = {0};
    oc_slice key;
    int32_t channels = PIXEL_CHANNELS;
    for (size_t i = 0; i < field_count; i++) {
        *(int32_t *)(void *)((char *)out + fields[i].place) = fields[i].preset;
    }
    tower->act = OC_CLIP_QUICK_GELU;
    tower->eps = 1e-5f;
    if (!from.text.data) {
        goto done;
    }
    oc_json_open(&json, from.text.data, from.text.length, from.offset, 0);
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        const field *known = NULL;
        OC_TRY(oc_json_member(&json, &key, error));
        if (!key.data) {
            break;
        }
        for (size_t i = 0; i < field_count && !known; i++) {
            known = oc_slice_is(key, fields[i].key) ? &fields[i] : NULL;
        }
        if (known) {
            OC_TRY(
                read_field(&json, known, (int32_t *)(void *)((char *)out + known->place), error));
        } else if (oc_slice_is(key, "hidden_act")) {
            OC_TRY(read_act(&json, &tower->act, error));
        } else if (oc_slice_is(key, "layer_norm_eps")) {
            OC_TRY(read_eps(&json, &tower->eps, error));
        } else if (fields == vision_fields && oc_slice_is(key, "num_channels")) {
            OC_TRY(oc_json_int32(&json, 1, INT32_MAX, &channels, error));
            if (channels != PIXEL_CHANNELS) {
                OC_JSON_FAIL(&json, error, OCTAVO_UNSUPPORTED, "%d channels, only %d are read here",
                             channels, PIXEL_CHANNELS);
            }
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

static octavo_status read_text(part from, oc_clip_text *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(read_tower(from, text_fields, OC_COUNT(text_fields), out, error));
    if (out->eos_id >= out->vocabulary) {
        OC_FAIL(error, OCTAVO_CORRUPT, from.offset,
                "eos_token_id %d is not in the vocabulary of %d", out->eos_id, out->vocabulary);
    }
done:
    return status;
}

static octavo_status read_vision(part from, oc_clip_vision *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(read_tower(from, vision_fields, OC_COUNT(vision_fields), out, error));
    int32_t across = out->image_size / out->patch;
    if (across < 1) {
        OC_FAIL(error, OCTAVO_CORRUPT, from.offset, "patch_size %d is larger than image_size %d",
                out->patch, out->image_size);
    }
    if (across * across + 1 > OC_LIMIT_TOKENS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, from.offset,
                "image_size %d and patch_size %d make %d patches and a class token, the limit is "
                "%d",
                out->image_size, out->patch, across * across, OC_LIMIT_TOKENS);
    }
done:
    return status;
}

/* The value as a part, none where it is null. */
static octavo_status read_part(oc_json *json, part *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool is_null;
    OC_TRY(oc_json_null(json, &is_null, error));
    if (!is_null) {
        OC_TRY(oc_json_skip(json, &out->text, error));
        out->offset = (uint64_t)(out->text.data - json->bytes);
    }
done:
    return status;
}

static octavo_status read_architectures(oc_json *json, oc_arena *arena, const char **out,
                                        octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *name;
    bool more, is_null;
    OC_TRY(oc_json_null(json, &is_null, error));
    if (is_null) {
        goto done;
    }
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        OC_TRY(oc_json_text(json, 256, arena, &name, error));
        *out = *out ? *out : name;
    }
done:
    return status;
}

static octavo_status read_root(oc_json *json, oc_arena *arena, root *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice key;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        } else if (oc_slice_is(key, "architectures")) {
            OC_TRY(read_architectures(json, arena, &out->architecture, error));
        } else if (oc_slice_is(key, "model_type")) {
            OC_TRY(oc_json_text(json, 256, arena, &out->model_type, error));
        } else if (oc_slice_is(key, "projection_dim")) {
            OC_TRY(oc_json_int32(json, 1, OC_LIMIT_WIDTH, &out->projection, error));
        } else if (oc_slice_is(key, "text_config")) {
            OC_TRY(read_part(json, &out->text, error));
        } else if (oc_slice_is(key, "text_config_dict")) {
            OC_TRY(read_part(json, &out->text_dict, error));
        } else if (oc_slice_is(key, "vision_config")) {
            OC_TRY(read_part(json, &out->vision, error));
        } else if (oc_slice_is(key, "vision_config_dict")) {
            OC_TRY(read_part(json, &out->vision_dict, error));
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
    OC_TRY(oc_json_finish(json, error));
done:
    return status;
}

/* Which towers the architecture has, and whether the config is one tower's own. */
static octavo_status find_towers(const root *from, int32_t *towers, bool *own,
                                 octavo_error *error) {
    static const struct {
        const char *architecture, *model_type;
        int32_t towers;
    } known[] = {{"CLIPModel", "clip", OCTAVO_IMAGE | OCTAVO_TEXT},
                 {"CLIPVisionModelWithProjection", "clip_vision_model", OCTAVO_IMAGE},
                 {"CLIPTextModelWithProjection", "clip_text_model", OCTAVO_TEXT}};
    octavo_status status = OCTAVO_OK;
    const char *name = from->architecture ? from->architecture : from->model_type;
    if (!name) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "config.json names neither architectures nor model_type");
    }
    for (size_t i = 0; i < OC_COUNT(known); i++) {
        if (strcmp(name, from->architecture ? known[i].architecture : known[i].model_type) == 0) {
            bool whole = !from->model_type || strcmp(from->model_type, "clip") == 0;
            *towers = known[i].towers;
            *own = from->model_type && strcmp(from->model_type, known[i].model_type) == 0 && i > 0;
            if (!whole && !*own) {
                OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                        "architecture %s and model_type %s disagree", name, from->model_type);
            }
            goto done;
        }
    }
    OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
            "%s %s is not read here; CLIPModel, CLIPVisionModelWithProjection and "
            "CLIPTextModelWithProjection are",
            from->architecture ? "architecture" : "model_type", name);
done:
    return status;
}

static int64_t tower_parameters(const oc_clip_tower *t) {
    int64_t width = t->width, mlp = t->mlp;
    int64_t attention = 4 * (width * width + width), norms = 4 * width;
    return t->layers * (attention + norms + 2 * width * mlp + width + mlp) + width * t->projection;
}

int64_t oc_clip_parameters(const oc_clip_config *config) {
    int64_t total = 0;
    if (config->towers & OCTAVO_TEXT) {
        const oc_clip_text *text = &config->text;
        total += tower_parameters(&text->tower) +
                 (int64_t)text->tower.width * (text->vocabulary + text->positions + 2);
    }
    if (config->towers & OCTAVO_IMAGE) {
        const oc_clip_vision *vision = &config->vision;
        int64_t across = vision->image_size / vision->patch;
        int64_t pixels = (int64_t)PIXEL_CHANNELS * vision->patch * vision->patch;
        total += tower_parameters(&vision->tower) +
                 (int64_t)vision->tower.width * (pixels + 1 + across * across + 1 + 4);
    }
    return total + (config->towers == (OCTAVO_IMAGE | OCTAVO_TEXT));
}

octavo_status oc_clip_config_read(const char *bytes, size_t size, oc_clip_config *out,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json = {0};
    oc_arena arena;
    root from = {.projection = 512};
    bool own = false;
    *out = (oc_clip_config){0};
    oc_arena_init(&arena);
    oc_json_open(&json, bytes, size, 0, 0);
    OC_TRY(read_root(&json, &arena, &from, error));
    OC_TRY(find_towers(&from, &out->towers, &own, error));
    part whole = {{bytes, size}, 0};
    if (out->towers & OCTAVO_TEXT) {
        part text = own ? whole : from.text_dict.text.data ? from.text_dict : from.text;
        OC_TRY(read_text(text, &out->text, error));
    }
    if (out->towers & OCTAVO_IMAGE) {
        part vision = own ? whole : from.vision_dict.text.data ? from.vision_dict : from.vision;
        OC_TRY(read_vision(vision, &out->vision, error));
    }
    if (out->towers == (OCTAVO_IMAGE | OCTAVO_TEXT)) {
        out->text.tower.projection = from.projection;
        out->vision.tower.projection = from.projection;
    }
    int64_t parameters = oc_clip_parameters(out);
    if ((uint64_t)parameters > OC_LIMIT_PARAMETERS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "config.json asks for %" PRId64 " parameters, the limit is %" PRIu64, parameters,
                OC_LIMIT_PARAMETERS);
    }
done:
    oc_json_close(&json);
    oc_arena_free(&arena);
    if (status) {
        *out = (oc_clip_config){0};
    }
    return status;
}

octavo_status oc_clip_config_load(const oc_checkpoint *checkpoint, oc_clip_config *out,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *bytes = NULL, *path = oc_path_join(checkpoint->folder, "config.json");
    size_t size;
    *out = (oc_clip_config){0};
    if (!path) {
        OC_NO_MEMORY(error, strlen(checkpoint->folder));
    }
    OC_TRY(oc_file_load(path, OC_LIMIT_CONFIG_BYTES, &bytes, &size, error));
    OC_TRY(oc_clip_config_read(bytes, size, out, error));
done:
    if (status) {
        oc_error_path(error, path);
    }
    free(bytes);
    free(path);
    return status;
}
