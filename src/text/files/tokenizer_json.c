/* tokenizer_json.c - vocabulary, merges and added tokens of tokenizer.json. */
#include "text/files/tokenizer_json.h"

#include "text/files/tokenizer_settings.h"

octavo_status oc_vocabulary_read(oc_json *json, oc_draft *draft, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice text;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        int32_t id = 0;
        OC_TRY(oc_json_member(json, &text, error));
        if (!text.data) {
            break;
        }
        OC_TRY(oc_json_int32(json, 0, INT32_MAX, &id, error));
        OC_TRY(oc_draft_entry(draft, text, (uint32_t)id, json->latest, error));
    }
done:
    return status;
}

/* ["left", "right"] each, or "left right" in files before tokenizers 0.20. */
static octavo_status read_merges(oc_json *json, oc_draft *draft, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        bool more = false;
        oc_json_type type;
        oc_slice parts[2] = {{0}};
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        OC_TRY(oc_json_peek(json, &type, error));
        if (type == OC_JSON_STRING) {
            OC_TRY(oc_json_string(json, &parts[0], error));
            OC_TRY(oc_draft_merge_text(draft, parts[0], json->latest, error));
            continue;
        }
        OC_TRY(oc_json_array(json, error));
        for (int i = 0; i < 2; i++) {
            OC_TRY(oc_json_element(json, &more, error));
            if (!more) {
                OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "has %d tokens, a merge has 2", i);
            }
            OC_TRY(oc_json_string(json, &parts[i], error));
        }
        OC_TRY(oc_draft_merge(draft, parts[0], parts[1], json->latest, error));
        OC_TRY(oc_json_element(json, &more, error));
        if (more) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "has more tokens than the 2 of a merge");
        }
    }
done:
    return status;
}

octavo_status oc_token_read(oc_json *json, oc_slice *content, int32_t *id, bool *normalised,
                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice key;
    *content = (oc_slice){0};
    *id = -1;
    *normalised = false;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        bool flag = false;
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        } else if (oc_slice_is(key, "id")) {
            OC_TRY(oc_json_int32(json, 0, INT32_MAX, id, error));
        } else if (oc_slice_is(key, "content")) {
            OC_TRY(oc_json_string(json, content, error));
        } else if (oc_slice_is(key, "normalized")) {
            OC_TRY(oc_json_bool(json, normalised, error));
        } else if (oc_slice_is(key, "special")) { /* matters to decoding only */
            OC_TRY(oc_json_bool(json, &flag, error));
        } else if (oc_slice_is(key, "__type")) {
            OC_TRY(oc_json_skip(json, NULL, error));
        } else if (oc_slice_is(key, "single_word") || oc_slice_is(key, "lstrip") ||
                   oc_slice_is(key, "rstrip")) {
            OC_TRY(oc_json_bool(json, &flag, error));
            if (flag) {
                OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED,
                             "is true, read here are added tokens without it");
            }
        } else {
            OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "is no flag that is known here");
        }
    }
    if (!content->data) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "a token has no \"content\"");
    }
done:
    return status;
}

typedef struct pending_token {
    oc_slice text;
    uint32_t id;
    bool normalised;
    uint64_t offset;
} pending_token;

/* Added tokens usually come before the vocabulary that they are checked against: kept until then.
 */
static octavo_status read_added(oc_json *json, oc_buffer *pending, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        bool more = false;
        pending_token token = {.id = 0};
        int32_t id = -1;
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        OC_TRY(oc_token_read(json, &token.text, &id, &token.normalised, error));
        if (id < 0) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "added token \"%.*s\" has no \"id\"",
                         oc_slice_width(token.text), token.text.data);
        }
        token.id = (uint32_t)id;
        token.offset = json->latest;
        oc_buffer_append(pending, &token, sizeof token);
        OC_TRY(oc_buffer_status(pending, error));
    }
done:
    return status;
}

static octavo_status read_model(oc_json *json, oc_draft *draft, oc_tokenizer_settings *settings,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool vocabulary = false, merges = false;
    oc_slice key;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        } else if (oc_slice_is(key, "vocab")) {
            OC_TRY(oc_vocabulary_read(json, draft, error));
            vocabulary = true;
        } else if (oc_slice_is(key, "merges")) {
            OC_TRY(read_merges(json, draft, error));
            merges = true;
        } else {
            OC_TRY(oc_tokenizer_settings_read(settings, json, error));
        }
    }
    if (!vocabulary || !merges) {
        OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "\"%s\" is missing, a BPE model has it",
                     vocabulary ? "merges" : "vocab");
    }
done:
    return status;
}

/* The post-processor's two ids are those of the vocabulary, which has the unknown token too. */
static octavo_status check_tokens(const oc_draft *draft, const oc_tokenizer_settings *settings,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const struct {
        oc_slice text;
        int64_t id;
        const char *key;
    } ends[] = {{settings->named[OC_ROLE_BEGIN], settings->begin, "cls"},
                {settings->named[OC_ROLE_END], settings->end, "sep"}};
    for (size_t i = 0; i < OC_COUNT(ends); i++) {
        const int32_t *id = oc_strmap_find(&draft->ids, ends[i].text);
        if (!id || *id != ends[i].id) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "post_processor.%s gives \"%.*s\" the id %lld, the vocabulary has it as %d",
                    ends[i].key, oc_slice_width(ends[i].text), ends[i].text.data,
                    (long long)ends[i].id, id ? *id : -1);
        }
    }
    oc_slice unknown = settings->named[OC_ROLE_UNKNOWN];
    if (unknown.data && !oc_strmap_find(&draft->ids, unknown)) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "the vocabulary lacks the unk_token \"%.*s\"", oc_slice_width(unknown),
                unknown.data);
    }
done:
    return status;
}

octavo_status oc_tokenizer_json_read(oc_slice bytes, oc_draft *draft, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_tokenizer_settings settings = {0};
    oc_json *json = oc_draft_reader(draft, bytes, 0);
    oc_buffer added; /* pending_token */
    oc_slice key;
    oc_buffer_init(&added);
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        } else if (oc_slice_is(key, "added_tokens")) {
            OC_TRY(read_added(json, &added, error));
        } else if (oc_slice_is(key, "model")) {
            OC_TRY(read_model(json, draft, &settings, error));
        } else {
            OC_TRY(oc_tokenizer_settings_read(&settings, json, error));
        }
    }
    OC_TRY(oc_json_finish(json, error));
    OC_TRY(oc_tokenizer_settings_check(&settings, error));
    const pending_token *tokens = (const pending_token *)added.data;
    for (size_t i = 0; i < added.size / sizeof *tokens; i++) {
        OC_TRY(oc_draft_added(draft, tokens[i].text, tokens[i].id, tokens[i].normalised,
                              tokens[i].offset, error));
    }
    OC_TRY(check_tokens(draft, &settings, error));
    for (int role = 0; role < OC_ROLES; role++) {
        draft->named[role].text = settings.named[role];
    }
    draft->unknown = settings.named[OC_ROLE_UNKNOWN];
    draft->split_end_tokens = settings.split_end_tokens;
done:
    oc_buffer_free(&added);
    return status;
}
