/* tokenizer_files.c - the files beside tokenizer.json, or instead of it. */
#include "text/files/tokenizer_files.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/number.h"
#include "base/sys/io.h"
#include "text/files/tokenizer_json.h"

enum { TOKENIZER, VOCABULARY, MERGES, ADDED_TOKENS, CONFIG, SPECIAL_TOKENS, FILES };

static const char *const file_names[FILES] = {"tokenizer.json",
                                              "vocab.json",
                                              "merges.txt",
                                              "added_tokens.json",
                                              "tokenizer_config.json",
                                              "special_tokens_map.json"};

/* "bos_token": "TEXT", or an object with content and flags, or null. */
static octavo_status read_named(oc_json *json, oc_named_token *named, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json_type type;
    oc_named_token token = {{0}, false};
    int32_t id = -1;
    OC_TRY(oc_json_peek(json, &type, error));
    if (type == OC_JSON_NULL) {
        OC_TRY(oc_json_skip(json, NULL, error));
        goto done;
    } else if (type == OC_JSON_STRING) {
        OC_TRY(oc_json_string(json, &token.text, error));
    } else {
        OC_TRY(oc_token_read(json, &token.text, &id, &token.normalised, error));
    }
    *named = token;
done:
    return status;
}

static oc_named_token *named_by_key(oc_named_token named[OC_ROLES], oc_slice key) {
    static const struct {
        const char *key;
        oc_role role;
    } keys[] = {{"bos_token", OC_ROLE_BEGIN},
                {"eos_token", OC_ROLE_END},
                {"unk_token", OC_ROLE_UNKNOWN},
                {"pad_token", OC_ROLE_PADDING}};
    for (size_t i = 0; i < OC_COUNT(keys); i++) {
        if (oc_slice_is(key, keys[i].key)) {
            return &named[keys[i].role];
        }
    }
    return NULL;
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

/* Tokens that are added without a word about how.  Those that are added already are fine. */
static octavo_status check_extra(oc_json *json, const oc_draft *draft, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json_type type;
    OC_TRY(oc_json_peek(json, &type, error));
    if (type != OC_JSON_ARRAY_BEGIN) {
        OC_TRY(oc_json_skip(json, NULL, error)); /* names for tokens that are there */
        goto done;
    }
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        bool more = false;
        oc_named_token token = {{0}, false};
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        OC_TRY(read_named(json, &token, error));
        if (!oc_draft_is_added(draft, token.text)) {
            OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "\"%.*s\" is not among the added tokens",
                         oc_slice_width(token.text), token.text.data ? token.text.data : "");
        }
    }
done:
    return status;
}

/* tokenizer_config.json and special_tokens_map.json; the latter has the named tokens only. */
static octavo_status read_config(oc_slice bytes, oc_draft *draft, oc_named_token named[OC_ROLES],
                                 uint32_t *tokens_max, bool *own_pattern, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json *json = oc_draft_reader(draft, bytes, 0);
    oc_slice key, text;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        oc_named_token *role = key.data ? named_by_key(named, key) : NULL;
        if (!key.data) {
            break;
        } else if (role) {
            OC_TRY(read_named(json, role, error));
        } else if (oc_slice_is(key, "added_tokens_decoder")) {
            OC_TRY(read_decoder(json, draft, error));
        } else if (oc_slice_is(key, "additional_special_tokens") ||
                   oc_slice_is(key, "extra_special_tokens")) {
            OC_TRY(check_extra(json, draft, error));
        } else if (oc_slice_is(key, "model_max_length")) {
            double length = 0;
            OC_TRY(oc_json_double(json, &length, error));
            if (length >= 0 && length < *tokens_max) {
                *tokens_max = (uint32_t)length;
            }
        } else if (oc_slice_is(key, "truncation_side") || oc_slice_is(key, "padding_side")) {
            OC_TRY(oc_json_string(json, &text, error));
            if (!oc_slice_is(text, "right")) {
                OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED,
                             "is \"%.*s\", what is read here is \"right\"", oc_slice_width(text),
                             text.data);
            }
        } else if (oc_slice_is(key, "tokenizer_class")) {
            OC_TRY(oc_json_string(json, &text, error));
            *own_pattern = oc_slice_is(text, "PreTrainedTokenizerFast") ||
                           oc_slice_is(text, "TokenizersBackend");
            if (!*own_pattern && !oc_slice_is(text, "CLIPTokenizer") &&
                !oc_slice_is(text, "CLIPTokenizerFast")) {
                OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED,
                             "is \"%.*s\", what is read here is \"CLIPTokenizer\"",
                             oc_slice_width(text), text.data);
            }
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
    OC_TRY(oc_json_finish(json, error));
done:
    return status;
}

/* "left right" a line, after "#version: ..." */
static octavo_status read_merges_text(oc_slice bytes, oc_draft *draft, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (size_t at = 0; at < bytes.length;) {
        const char *end = memchr(bytes.data + at, '\n', bytes.length - at);
        size_t next = end ? (size_t)(end - bytes.data) + 1 : bytes.length;
        oc_slice line = {bytes.data + at, next - at - (end ? 1 : 0)};
        line.length -= line.length > 0 && line.data[line.length - 1] == '\r';
        if (!oc_slice_starts(line, "#version")) {
            OC_TRY(oc_draft_merge_text(draft, line, at, error));
        }
        at = next;
    }
done:
    return status;
}

/* {"TEXT": ID}.  Tokens with a role are found in the text as it is, others in normalised text. */
static octavo_status read_added_map(oc_slice bytes, oc_draft *draft, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json *json = oc_draft_reader(draft, bytes, 0);
    oc_slice text;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        int32_t id = 0;
        bool normalised = true;
        OC_TRY(oc_json_member(json, &text, error));
        if (!text.data) {
            break;
        }
        for (int role = 0; role < OC_ROLES; role++) {
            normalised &= !oc_slice_equal(text, draft->named[role].text);
        }
        OC_TRY(oc_json_int32(json, 0, INT32_MAX, &id, error));
        OC_TRY(oc_draft_added(draft, text, (uint32_t)id, normalised, json->latest, error));
    }
    OC_TRY(oc_json_finish(json, error));
done:
    return status;
}

/* *at: the file being read, for errors. */
static octavo_status read_files(const oc_slice files[FILES], oc_draft *draft, uint32_t *tokens_max,
                                int *at, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    static const char *const usual[OC_ROLES] = {"<|startoftext|>", "<|endoftext|>", "<|endoftext|>",
                                                "<|endoftext|>"};
    oc_named_token config[OC_ROLES] = {0}, map[OC_ROLES] = {0};
    bool own_pattern = false;
    if (files[TOKENIZER].data) {
        *at = TOKENIZER;
        OC_TRY(oc_tokenizer_json_read(files[TOKENIZER], draft, error));
    } else {
        *at = VOCABULARY;
        oc_json *json = oc_draft_reader(draft, files[VOCABULARY], 0);
        OC_TRY(oc_vocabulary_read(json, draft, error));
        OC_TRY(oc_json_finish(json, error));
        *at = MERGES;
        OC_TRY(read_merges_text(files[MERGES], draft, error));
    }
    if (files[CONFIG].data) {
        *at = CONFIG;
        OC_TRY(read_config(files[CONFIG], draft, config, tokens_max, &own_pattern, error));
    }
    if (files[SPECIAL_TOKENS].data) {
        uint32_t unused = 0;
        bool unused_too = false;
        *at = SPECIAL_TOKENS;
        OC_TRY(read_config(files[SPECIAL_TOKENS], draft, map, &unused, &unused_too, error));
    }
    for (int role = 0; role < OC_ROLES; role++) {
        oc_named_token *named = &draft->named[role];
        if (config[role].text.data) {
            *named = config[role];
        } else if (map[role].text.data) {
            *named = map[role];
        } else if (!named->text.data) {
            named->text = oc_slice_of(usual[role]);
        }
    }
    if (!files[TOKENIZER].data && files[ADDED_TOKENS].data) {
        *at = ADDED_TOKENS;
        OC_TRY(read_added_map(files[ADDED_TOKENS], draft, error));
    }
    draft->split_end_tokens |= !own_pattern;
    *at = files[TOKENIZER].data ? TOKENIZER : VOCABULARY;
done:
    return status;
}

/* *at: as in read_files; FILES where no file is at fault. */
static octavo_status pack_files(const oc_slice files[FILES], int32_t positions, oc_buffer *out,
                                int *at, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_draft draft = {0};
    oc_tokenizer tokenizer;
    uint32_t tokens_max = positions < 0 ? 0 : (uint32_t)positions;
    *at = FILES;
    if (!files[TOKENIZER].data && !(files[VOCABULARY].data && files[MERGES].data)) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                "no tokenizer: neither tokenizer.json nor vocab.json with merges.txt");
    }
    OC_TRY(oc_draft_init(&draft, error));
    OC_TRY(read_files(files, &draft, &tokens_max, at, error));
    OC_TRY(oc_draft_finish(&draft, tokens_max, &tokenizer, error));
    OC_TRY(oc_tokenizer_pack(&tokenizer, out, error));
done:
    oc_draft_free(&draft);
    return status;
}

octavo_status oc_tokenizer_read(const oc_tokenizer_files *files, int32_t positions, oc_buffer *out,
                                octavo_error *error) {
    const oc_slice list[FILES] = {files->tokenizer,    files->vocabulary, files->merges,
                                  files->added_tokens, files->config,     files->special_tokens};
    int at = FILES;
    octavo_status status = pack_files(list, positions, out, &at, error);
    if (status != OCTAVO_OK && at < FILES) {
        oc_error_path(error, file_names[at]);
    }
    return status;
}

octavo_status oc_tokenizer_load(const char *folder, int32_t positions, oc_buffer *out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *paths[FILES] = {0}, *bytes[FILES] = {0};
    oc_slice files[FILES] = {{0}};
    int at = FILES;
    for (int i = 0; i < FILES; i++) {
        paths[i] = oc_path_join(folder, file_names[i]);
        if (!paths[i]) {
            OC_NO_MEMORY(error, strlen(folder));
        }
        bool needed = i == TOKENIZER || i >= CONFIG || !files[TOKENIZER].data;
        if (needed && oc_is_file(paths[i])) {
            OC_TRY(oc_file_load(paths[i], OC_LIMIT_TOKENIZER_BYTES, &bytes[i], &files[i].length,
                                error));
            files[i].data = bytes[i];
        }
    }
    OC_TRY(pack_files(files, positions, out, &at, error));
done:
    if (status != OCTAVO_OK) {
        oc_error_path(error, at < FILES ? paths[at] : folder);
    }
    for (int i = 0; i < FILES; i++) {
        free(paths[i]);
        free(bytes[i]);
    }
    return status;
}
