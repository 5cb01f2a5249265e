/* tokenizer_config.c - see tokenizer_config.h. */
#include "text/files/tokenizer_config.h"

#include <inttypes.h>
#include <math.h>

#include "base/json/number.h"
#include "base/limits.h"
#include "text/files/tokenizer_json.h"

/* A special token without a role. */
typedef struct extra {
    oc_named_token token;
    uint64_t offset;
    bool in_map; /* of special_tokens_map.json */
} extra;

void oc_tokenizer_config_init(oc_tokenizer_config *config) {
    *config = (oc_tokenizer_config){.length_max = INFINITY};
    oc_buffer_init(&config->extras);
}

void oc_tokenizer_config_free(oc_tokenizer_config *config) {
    oc_buffer_free(&config->extras);
}

/* "TEXT", or an object with content and flags, or null, which leaves text.data NULL. */
static octavo_status read_token(oc_json *json, oc_named_token *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json_type type;
    int32_t id = -1;
    *out = (oc_named_token){{0}, false};
    OC_TRY(oc_json_peek(json, &type, error));
    if (type == OC_JSON_NULL) {
        OC_TRY(oc_json_skip(json, NULL, error));
    } else if (type == OC_JSON_STRING) {
        OC_TRY(oc_json_string(json, &out->text, error));
    } else {
        OC_TRY(oc_token_read(json, &out->text, &id, &out->normalised, error));
    }
done:
    return status;
}

static octavo_status read_extra(oc_json *json, oc_tokenizer_config *config, bool in_map,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    extra one = {.in_map = in_map};
    OC_TRY(read_token(json, &one.token, error));
    one.offset = json->latest;
    if (config->extras.size / sizeof one >= OC_LIMIT_ADDED_TOKENS) {
        OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "more than %u special tokens",
                     OC_LIMIT_ADDED_TOKENS);
    }
    if (one.token.text.data) {
        oc_buffer_append(&config->extras, &one, sizeof one);
        OC_TRY(oc_buffer_status(&config->extras, error));
    }
done:
    return status;
}

/* ["TEXT", ...], {"NAME": "TEXT", ...} or null. */
static octavo_status read_extras(oc_json *json, oc_tokenizer_config *config, bool in_map,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json_type type;
    oc_slice key;
    bool more = true;
    OC_TRY(oc_json_peek(json, &type, error));
    if (type == OC_JSON_NULL) {
        OC_TRY(oc_json_skip(json, NULL, error));
        goto done;
    }
    bool is_object = type == OC_JSON_OBJECT_BEGIN;
    OC_TRY(is_object ? oc_json_object(json, error) : oc_json_array(json, error));
    for (;;) {
        if (is_object) {
            OC_TRY(oc_json_member(json, &key, error));
            more = key.data != NULL;
        } else {
            OC_TRY(oc_json_element(json, &more, error));
        }
        if (!more) {
            break;
        }
        OC_TRY(read_extra(json, config, in_map, error));
    }
done:
    return status;
}

/* "added_tokens_decoder": {"ID": {"content": ...}} */
static octavo_status read_decoder(oc_json *json, oc_draft *draft, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice key, content;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        int64_t id = -1;
        int32_t unused;
        bool normalised = false;
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        }
        if (!oc_parse_int64(key.data, key.length, &id) || id < 0 || id > INT32_MAX) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "key \"%.*s\" is no token id",
                         oc_slice_width(key), key.data);
        }
        OC_TRY(oc_token_read(json, &content, &unused, &normalised, error));
        OC_TRY(oc_draft_added(draft, content, (uint32_t)id, normalised, json->latest, error));
    }
done:
    return status;
}

/* A class of tokenizer; null is as good as none. */
static octavo_status read_class(oc_json *json, oc_tokenizer_config *config, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice name;
    bool is_null;
    OC_TRY(oc_json_null(json, &is_null, error));
    if (is_null) {
        goto done;
    }
    OC_TRY(oc_json_string(json, &name, error));
    config->own_pattern =
        oc_slice_is(name, "PreTrainedTokenizerFast") || oc_slice_is(name, "TokenizersBackend");
    if (!config->own_pattern && !oc_slice_is(name, "CLIPTokenizer") &&
        !oc_slice_is(name, "CLIPTokenizerFast")) {
        OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED,
                     "is \"%.*s\", what is read here is \"CLIPTokenizer\"", oc_slice_width(name),
                     name.data);
    }
done:
    return status;
}

/* model_max_length; null, like a huge number, is none. */
static octavo_status read_length(oc_json *json, oc_tokenizer_config *config, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    double length = INFINITY;
    bool is_null;
    OC_TRY(oc_json_null(json, &is_null, error));
    OC_TRY(is_null ? OCTAVO_OK : oc_json_double(json, &length, error));
    config->length_max = length < 0 ? INFINITY : length;
done:
    return status;
}

/* Settings that are done here in one way only. */
static octavo_status check_setting(oc_json *json, oc_slice key, bool *known, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *known = true;
    if (oc_slice_is(key, "truncation_side") || oc_slice_is(key, "padding_side")) {
        oc_slice text;
        OC_TRY(oc_json_string(json, &text, error));
        if (!oc_slice_is(text, "right")) {
            OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED,
                         "is \"%.*s\", what is read here is \"right\"", oc_slice_width(text),
                         text.data);
        }
    } else if (oc_slice_is(key, "split_special_tokens")) {
        bool is_null, splits = false;
        OC_TRY(oc_json_null(json, &is_null, error));
        OC_TRY(is_null ? OCTAVO_OK : oc_json_bool(json, &splits, error));
        if (splits) {
            OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED,
                         "is true, special tokens in texts are found here");
        }
    } else {
        *known = false;
    }
done:
    return status;
}

static int role_of(oc_slice key) {
    int role = 0;
    while (role < OC_ROLES && !oc_slice_is(key, oc_role_keys[role])) {
        role++;
    }
    return role;
}

/* in_map: of a special_tokens_map.json, which has no decoder and no class. */
static octavo_status read_members(oc_tokenizer_config *config, oc_slice bytes, oc_draft *draft,
                                  bool in_map, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json *json = oc_draft_reader(draft, bytes, 0);
    oc_slice key;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        oc_json_type type;
        bool known;
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        }
        OC_TRY(check_setting(json, key, &known, error));
        if (known) {
            continue;
        }
        OC_TRY(oc_json_peek(json, &type, error));
        int role = role_of(key);
        if (role < OC_ROLES) {
            OC_TRY(read_token(json, &config->named[role], error));
            config->told[role] = true;
        } else if (oc_slice_is(key, "model_max_length")) {
            OC_TRY(read_length(json, config, error));
        } else if (oc_slice_is(key, "additional_special_tokens") ||
                   oc_slice_is(key, "extra_special_tokens")) {
            OC_TRY(read_extras(json, config, in_map, error));
        } else if (oc_slice_ends(key, "_token") &&
                   (type == OC_JSON_STRING || type == OC_JSON_OBJECT_BEGIN)) {
            OC_TRY(
                read_extra(json, config, in_map, error)); /* special by a role of the model's own */
        } else if (!in_map && oc_slice_is(key, "added_tokens_decoder")) {
            OC_TRY(read_decoder(json, draft, error));
            config->has_decoder = true;
        } else if (!in_map && oc_slice_is(key, "tokenizer_class")) {
            OC_TRY(read_class(json, config, error));
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
    OC_TRY(oc_json_finish(json, error));
done:
    return status;
}

octavo_status oc_tokenizer_config_read(oc_tokenizer_config *config, oc_slice bytes, oc_draft *draft,
                                       octavo_error *error) {
    return read_members(config, bytes, draft, false, error);
}

octavo_status oc_tokenizer_config_override(oc_tokenizer_config *config, oc_slice bytes,
                                           oc_draft *draft, octavo_error *error) {
    return read_members(config, bytes, draft, true, error);
}

bool oc_tokenizer_config_names(const oc_tokenizer_config *config, oc_slice text) {
    const extra *extras = (const extra *)(const void *)config->extras.data;
    bool found = false;
    for (size_t i = 0; i < config->extras.size / sizeof *extras; i++) {
        found |= oc_slice_equal(extras[i].token.text, text);
    }
    return found;
}

octavo_status oc_tokenizer_config_add(const oc_tokenizer_config *config, oc_draft *draft,
                                      bool *in_map, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const extra *extras = (const extra *)(const void *)config->extras.data;
    for (size_t i = 0; i < config->extras.size / sizeof *extras; i++) {
        const extra *one = &extras[i];
        int32_t id;
        *in_map = one->in_map;
        OC_TRY(oc_draft_special(draft, &one->token, one->offset, &id, error));
        if (id < 0) {
            OC_FAIL(error, OCTAVO_UNSUPPORTED, one->offset,
                    "special token \"%.*s\" is not among the added tokens, and the vocabulary "
                    "lacks it (byte %" PRIu64 ")",
                    oc_slice_width(one->token.text), one->token.text.data, one->offset);
        }
    }
done:
    return status;
}
