/* quant_config.c - see quant_config.h. */
#include "checkpoint/quant/quant_config.h"

#include <stdio.h>
#include <strings.h>

#include "base/json/json.h"
#include "checkpoint/quant/quant_groups.h"

#define READ_HERE                                                                                  \
    "FP8 with static scales for whole tensors is read here, as Model Optimizer's and "             \
    "llm-compressor's FP8 have it"

enum { WORD_MAX = 256 };

/* One object of settings, as it stands. */
typedef struct settings {
    const char *method, *algorithm, *format; /* NULL: absent or null */
    oc_slice groups;                         /* text of config_groups; data NULL: absent */
    uint64_t groups_at;
    const char *altered; /* how weights were changed besides; NULL: in no way */
    const char *version; /* of compressed-tensors */
    bool has_cache;      /* asks for a quantized key-value cache */
} settings;

/* compressed-tensors' formats that are not read. */
static const struct {
    const char *format, *what;
} formats[] = {{"mxfp8-quantized", ", MXFP8: a power of two for each 32 values"},
               {"mxfp6-pack-quantized", ", MXFP6"},
               {"mxfp4-pack-quantized", ", MXFP4"},
               {"nvfp4-pack-quantized", ", NVFP4"},
               {"int-quantized", ", integers"},
               {"pack-quantized", ", packed integers"},
               {"marlin-24", ", packed integers with half of them left out"},
               {"mixed-precision", ", several formats in one file"},
               {"sparse-24-bitmask", ", sparse weights"},
               {"sparse-bitmask", ", sparse weights"}};

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

/* {"name": "modelopt", "version": "0.47.0"}; what has another form says nothing. */
static octavo_status read_producer(oc_json *json, oc_quant_config *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice key, name = {"", 0}, version = {"", 0};
    oc_json_type type;
    OC_TRY(oc_json_peek(json, &type, error));
    if (type != OC_JSON_OBJECT_BEGIN) {
        OC_TRY(oc_json_skip(json, NULL, error));
        goto done;
    }
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        }
        OC_TRY(oc_json_peek(json, &type, error));
        oc_slice *to = type != OC_JSON_STRING        ? NULL
                       : oc_slice_is(key, "name")    ? &name
                       : oc_slice_is(key, "version") ? &version
                                                     : NULL;
        OC_TRY(to ? oc_json_string(json, to, error) : oc_json_skip(json, NULL, error));
    }
    if (name.length != 0) {
        snprintf(out->producer, sizeof out->producer, "%.*s %.*s", oc_slice_width(name), name.data,
                 oc_slice_width(version), version.data);
    }
done:
    return status;
}

/* sparsity_config, transform_config: null, empty, or saying that nothing was done. */
static octavo_status read_alteration(oc_json *json, const char *what, settings *s,
                                     octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice key, format = {0};
    oc_json_type type;
    bool is_null, any = false;
    OC_TRY(oc_json_null(json, &is_null, error));
    if (is_null) {
        goto done;
    }
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        }
        any = true;
        OC_TRY(oc_json_peek(json, &type, error));
        OC_TRY(oc_slice_is(key, "format") && type == OC_JSON_STRING
                   ? oc_json_string(json, &format, error)
                   : oc_json_skip(json, NULL, error));
    }
    if (any && !oc_slice_is(format, "dense")) {
        s->altered = what;
    }
done:
    return status;
}

static octavo_status read_setting(oc_json *json, oc_slice key, settings *s, oc_quant_config *out,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json_type type;
    bool is_null;
    OC_TRY(oc_json_peek(json, &type, error));
    if (oc_slice_is(key, "quant_method")) {
        OC_TRY(read_word(json, &out->arena, &s->method, error));
    } else if (oc_slice_is(key, "quant_algo")) {
        OC_TRY(read_word(json, &out->arena, &s->algorithm, error));
    } else if (oc_slice_is(key, "format")) {
        OC_TRY(read_word(json, &out->arena, &s->format, error));
    } else if (oc_slice_is(key, "exclude_modules") || oc_slice_is(key, "ignore")) {
        OC_TRY(read_patterns(json, out, error));
    } else if (oc_slice_is(key, "kv_cache_quant_algo") || oc_slice_is(key, "kv_cache_scheme")) {
        OC_TRY(oc_json_null(json, &is_null, error));
        OC_TRY(is_null ? OCTAVO_OK : oc_json_skip(json, NULL, error));
        s->has_cache |= !is_null;
    } else if (oc_slice_is(key, "config_groups")) {
        OC_TRY(oc_json_null(json, &is_null, error));
        OC_TRY(is_null ? OCTAVO_OK : oc_json_skip(json, &s->groups, error));
        s->groups_at = json->base + (is_null ? 0 : (uint64_t)(s->groups.data - json->bytes));
    } else if (oc_slice_is(key, "sparsity_config")) {
        OC_TRY(read_alteration(json, "sparsity", s, error));
    } else if (oc_slice_is(key, "transform_config")) {
        OC_TRY(read_alteration(json, "transforms", s, error));
    } else if (oc_slice_is(key, "producer")) {
        OC_TRY(read_producer(json, out, error));
    } else if (oc_slice_is(key, "version") && type == OC_JSON_STRING) {
        OC_TRY(read_word(json, &out->arena, &s->version, error));
    } else {
        OC_TRY(oc_json_skip(json, NULL, error));
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
        } else if (oc_slice_is(key, "quantization") && !inner) {
            OC_TRY(oc_json_object(json, error));
            inner = true;
        } else {
            OC_TRY(read_setting(json, key, s, out, error));
        }
    }
done:
    return status;
}

static octavo_status settle_modelopt(const settings *s, const char *place, oc_quant_config *out,
                                     octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (s->algorithm && strcasecmp(s->algorithm, "FP8") != 0) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%s has quant_algo \"%s\", which is not read yet; " READ_HERE, place, s->algorithm);
    }
    if (s->groups.data) {
        OC_TRY(oc_quant_groups_check(s->groups, s->groups_at, false, error));
    }
    out->algorithm = s->algorithm;
done:
    return status;
}

static octavo_status settle_compressed(const settings *s, const char *place, oc_quant_config *out,
                                       octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (s->altered) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%s has quant_method \"compressed-tensors\" with %s, which is not read here", place,
                s->altered);
    }
    if (!s->groups.data) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "%s has quant_method \"compressed-tensors\", but no config_groups", place);
    }
    OC_TRY(oc_quant_groups_check(s->groups, s->groups_at, true, error));
    out->algorithm = s->format;
    if (s->version) {
        snprintf(out->producer, sizeof out->producer, "compressed-tensors %s", s->version);
    }
done:
    return status;
}

/* Decides what the settings come to. */
static octavo_status settle(const settings *s, const char *place, oc_quant_config *out,
                            oc_notices *notices, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (!s->method || strcmp(s->method, "modelopt") == 0) {
        OC_TRY(settle_modelopt(s, place, out, error));
    } else if (strcmp(s->method, "compressed-tensors") == 0 && s->format &&
               strcmp(s->format, OC_QUANT_FORMAT) == 0) {
        OC_TRY(settle_compressed(s, place, out, error));
    } else {
        const char *what = "";
        for (size_t i = 0; i < OC_COUNT(formats) && s->format; i++) {
            what = strcmp(s->format, formats[i].format) == 0 ? formats[i].what : what;
        }
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%s has quant_method \"%s\"%s%s%s%s, which is not read yet; " READ_HERE, place,
                s->method, s->format ? " (format \"" : "", s->format ? s->format : "",
                s->format ? "\")" : "", what);
    }
    if (s->has_cache) {
        oc_notice(notices, "%s asks for a quantized key-value cache, which an encoder has not",
                  place);
    }
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
    const char *before = out->algorithm;
    oc_json_open(&json, bytes, size, 0, 0);
    OC_TRY(read_settings(&json, &s, out, error));
    OC_TRY(oc_json_finish(&json, error));
    OC_TRY(settle(&s, "hf_quant_config.json", out, notices, error));
    if (before && (!s.algorithm || strcasecmp(before, s.algorithm) != 0)) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "config.json says \"%s\", hf_quant_config.json has %s%s%s", before,
                s.algorithm ? "quant_algo \"" : "none", s.algorithm ? s.algorithm : "",
                s.algorithm ? "\"" : "");
    }
done:
    oc_json_close(&json);
    return status;
}

void oc_quant_config_free(oc_quant_config *config) {
    oc_arena_free(&config->arena);
    *config = (oc_quant_config){0};
}
