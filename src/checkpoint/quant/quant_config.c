/* quant_config.c - see quant_config.h. */
#include "checkpoint/quant/quant_config.h"

#include <strings.h>

#include "base/json/json.h"

#define READ_HERE "what Model Optimizer's export_hf_checkpoint writes as FP8 is read here"

enum { WORD_MAX = 256 };

/* One object of settings, as it stands. */
typedef struct settings {
    const char *method, *algorithm, *format; /* NULL: absent or null */
    oc_slice groups;                         /* text of config_groups; data NULL: absent */
    uint64_t groups_at;
    bool has_cache; /* asks for a quantized key-value cache */
} settings;

static octavo_status read_word(oc_json *json, oc_arena *arena, const char **out,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool is_null;
    OC_TRY(oc_json_null(json, &is_null, error));
    if (!is_null) {
        OC_TRY(oc_json_text(json, WORD_MAX, arena, out, error));
    }
done:
    return status;
}

/* Appends an array of patterns; those that are there already do no harm. */
static octavo_status read_patterns(oc_json *json, oc_quant_config *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool is_null, more;
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
        uint32_t count = (uint32_t)out->pattern_count;
        if (count == OC_LIMIT_PATTERNS) {
            OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "over %u patterns", OC_LIMIT_PATTERNS);
        }
        if ((count & (count - 1)) == 0) { /* none, or a power of two: full */
            size_t bytes = (count ? 2 * (size_t)count : 1) * sizeof *out->patterns;
            const char **grown = oc_arena_alloc(&out->arena, bytes);
            if (!grown) {
                OC_NO_MEMORY(error, bytes);
            }
            if (count) {
                memcpy(grown, out->patterns, count * sizeof *grown);
            }
            out->patterns = grown;
        }
        OC_TRY(oc_json_text(json, OC_LIMIT_TENSOR_NAME, &out->arena, &out->patterns[count], error));
        out->pattern_count++;
    }
done:
    return status;
}

/* hf_quant_config.json keeps it all in an object "quantization" within the object. */
static octavo_status read_settings(oc_json *json, settings *s, oc_quant_config *out,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice key;
    bool inner = false;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data && !inner) {
            break;
        } else if (!key.data) {
            inner = false;
        } else if (oc_slice_is(key, "quant_method")) {
            OC_TRY(read_word(json, &out->arena, &s->method, error));
        } else if (oc_slice_is(key, "quant_algo")) {
            OC_TRY(read_word(json, &out->arena, &s->algorithm, error));
        } else if (oc_slice_is(key, "format")) {
            OC_TRY(read_word(json, &out->arena, &s->format, error));
        } else if (oc_slice_is(key, "exclude_modules") || oc_slice_is(key, "ignore")) {
            OC_TRY(read_patterns(json, out, error));
        } else if (oc_slice_is(key, "kv_cache_quant_algo") || oc_slice_is(key, "kv_cache_scheme")) {
            bool is_null;
            OC_TRY(oc_json_null(json, &is_null, error));
            if (!is_null) {
                OC_TRY(oc_json_skip(json, NULL, error));
                s->has_cache = true;
            }
        } else if (oc_slice_is(key, "config_groups")) {
            bool is_null;
            OC_TRY(oc_json_null(json, &is_null, error));
            if (!is_null) {
                OC_TRY(oc_json_skip(json, &s->groups, error));
                s->groups_at = json->base + (uint64_t)(s->groups.data - json->bytes);
            }
        } else if (oc_slice_is(key, "quantization") && !inner) {
            OC_TRY(oc_json_object(json, error));
            inner = true;
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
done:
    return status;
}

/* One of a group's halves: weights or input_activations. */
static octavo_status check_half(oc_json *json, const char *half, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice key, text;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        } else if (oc_slice_is(key, "dynamic")) {
            bool dynamic;
            OC_TRY(oc_json_bool(json, &dynamic, error));
            if (dynamic) {
                OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED,
                             "%s with dynamic scales are not read yet", half);
            }
        } else if (oc_slice_is(key, "num_bits")) {
            int32_t bits;
            OC_TRY(oc_json_int32(json, 1, 64, &bits, error));
            if (bits != 8) {
                OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "%s of %d bits are not read here",
                             half, bits);
            }
        } else if (oc_slice_is(key, "type") || oc_slice_is(key, "strategy")) {
            const char *wanted = oc_slice_is(key, "type") ? "float" : "tensor";
            OC_TRY(oc_json_string(json, &text, error));
            if (!oc_slice_is(text, wanted)) {
                OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED,
                             "%s of kind \"%.*s\" are not read yet, \"%s\" is", half,
                             oc_slice_width(text), text.data, wanted);
            }
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
done:
    return status;
}

/* Every group is 8-bit floats with static scales for the whole tensor. */
static octavo_status check_groups(oc_slice groups, uint64_t base, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json = {0};
    oc_slice group, key;
    oc_json_open(&json, groups.data, groups.length, base, 0);
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        OC_TRY(oc_json_member(&json, &group, error));
        if (!group.data) {
            break;
        }
        OC_TRY(oc_json_object(&json, error));
        for (;;) {
            OC_TRY(oc_json_member(&json, &key, error));
            bool is_weights = key.data && oc_slice_is(key, "weights");
            if (!key.data) {
                break;
            } else if (is_weights || oc_slice_is(key, "input_activations")) {
                OC_TRY(check_half(&json, is_weights ? "weights" : "activations", error));
            } else if (oc_slice_is(key, "output_activations")) {
                bool is_null;
                OC_TRY(oc_json_null(&json, &is_null, error));
                if (!is_null) {
                    OC_JSON_FAIL(&json, error, OCTAVO_UNSUPPORTED,
                                 "quantized outputs are not read here");
                }
            } else {
                OC_TRY(oc_json_skip(&json, NULL, error));
            }
        }
    }
done:
    oc_json_close(&json);
    return status;
}

/* Decides what the settings come to. */
static octavo_status settle(const settings *s, const char *place, oc_quant_config *out,
                            oc_notices *notices, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (s->method && strcmp(s->method, "modelopt") != 0) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%s has quant_method \"%s\"%s%s%s, which is not read yet; " READ_HERE, place,
                s->method, s->format ? " (format \"" : "", s->format ? s->format : "",
                s->format ? "\")" : "");
    }
    if (s->algorithm && strcasecmp(s->algorithm, "FP8") != 0) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%s has quant_algo \"%s\", which is not read yet; " READ_HERE, place, s->algorithm);
    }
    if (s->groups.data) {
        OC_TRY(check_groups(s->groups, s->groups_at, error));
    }
    if (s->has_cache && notices) {
        oc_notice(notices, "%s asks for a quantized key-value cache, which an encoder has not",
                  place);
    }
    out->algorithm = s->algorithm;
done:
    return status;
}

octavo_status oc_quant_config_read(const char *bytes, size_t size, oc_quant_config *out,
                                   oc_notices *notices, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json = {0};
    oc_slice key;
    oc_json_open(&json, bytes, size, 0, 0);
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        OC_TRY(oc_json_member(&json, &key, error));
        if (!key.data) {
            break;
        }
        bool is_older = oc_slice_is(key, "compression_config"); /* compressed-tensors wrote it */
        if (!is_older && !oc_slice_is(key, "quantization_config")) {
            OC_TRY(oc_json_skip(&json, NULL, error));
            continue;
        }
        settings s = {0};
        bool is_null;
        OC_TRY(oc_json_null(&json, &is_null, error));
        if (is_null) {
            continue;
        }
        OC_TRY(read_settings(&json, &s, out, error));
        if (is_older) {
            s.method = "compressed-tensors";
        } else if (!s.algorithm && (!s.method || strcmp(s.method, "modelopt") == 0)) {
            OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET, "quantization_config names no %s",
                    s.method ? "quant_algo" : "quant_method");
        }
        OC_TRY(settle(&s, is_older ? "compression_config" : "quantization_config", out, notices,
                      error));
    }
    OC_TRY(oc_json_finish(&json, error));
done:
    oc_json_close(&json);
    return status;
}

octavo_status oc_quant_config_read_hf(const char *bytes, size_t size, oc_quant_config *out,
                                      oc_notices *notices, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json = {0};
    settings s = {0};
    oc_json_open(&json, bytes, size, 0, 0);
    OC_TRY(read_settings(&json, &s, out, error));
    OC_TRY(oc_json_finish(&json, error));
    if (out->algorithm && !s.algorithm) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "config.json has quant_algo \"%s\", hf_quant_config.json has none", out->algorithm);
    }
    OC_TRY(settle(&s, "hf_quant_config.json", out, notices, error));
done:
    oc_json_close(&json);
    return status;
}

void oc_quant_config_free(oc_quant_config *config) {
    oc_arena_free(&config->arena);
    *config = (oc_quant_config){0};
}
