/* tokenizer_files.c - the files beside tokenizer.json, or instead of it. */
#include "text/files/tokenizer_files.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/sys/io.h"
#include "text/files/tokenizer_config.h"
#include "text/files/tokenizer_json.h"

enum { TOKENIZER, VOCABULARY, MERGES, ADDED_TOKENS, CONFIG, SPECIAL_TOKENS, FILES };

static const char *const file_names[FILES] = {"tokenizer.json",
                                              "vocab.json",
                                              "merges.txt",
                                              "added_tokens.json",
                                              "tokenizer_config.json",
                                              "special_tokens_map.json"};

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

/* {"TEXT": ID}.  Special tokens are found in the text as it is, others in normalised text.  What
 * tokenizer.json lists too it knows better. */
static octavo_status read_added_map(oc_slice bytes, oc_draft *draft,
                                    const oc_tokenizer_config *config, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json *json = oc_draft_reader(draft, bytes, 0);
    oc_slice text;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        int32_t id = 0;
        OC_TRY(oc_json_member(json, &text, error));
        if (!text.data) {
            break;
        }
        bool special = oc_tokenizer_config_names(config, text);
        for (int role = 0; role < OC_ROLES; role++) {
            special |= oc_slice_equal(text, draft->named[role].text);
        }
        OC_TRY(oc_json_int32(json, 0, INT32_MAX, &id, error));
        if (!oc_draft_is_added(draft, text)) {
            OC_TRY(oc_draft_added(draft, text, (uint32_t)id, !special, json->latest, error));
        }
    }
    OC_TRY(oc_json_finish(json, error));
done:
    return status;
}

/* Who has which role: what the config says, or else tokenizer.json, or else CLIPTokenizer. */
static void settle_roles(oc_draft *draft, const oc_tokenizer_config *config, bool own) {
    static const char *const usual[OC_ROLES] = {"<|startoftext|>", "<|endoftext|>", "<|endoftext|>",
                                                "<|endoftext|>"};
    for (int role = 0; role < OC_ROLES; role++) {
        oc_named_token *named = &draft->named[role];
        bool ends = role == OC_ROLE_BEGIN || role == OC_ROLE_END;
        if (!ends && !(own && role == OC_ROLE_PADDING)) {
            *named = (oc_named_token){{0}, false}; /* tokenizer.json makes no special token of it */
        }
        if (config->told[role] && (config->named[role].text.data || !ends)) {
            *named = config->named[role];
        } else if (!config->told[role] && !named->text.data && !own && usual[role]) {
            named->text = oc_slice_of(usual[role]);
        }
    }
    if (draft->named[OC_ROLE_UNKNOWN].text.data) {
        draft->unknown = draft->named[OC_ROLE_UNKNOWN].text;
    }
}

/* *at: the file being read, for errors. */
static octavo_status read_files(const oc_slice files[FILES], oc_draft *draft,
                                oc_tokenizer_config *config, int *at, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
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
        OC_TRY(oc_tokenizer_config_read(config, files[CONFIG], draft, error));
    }
    if (files[SPECIAL_TOKENS].data && !config->has_decoder) {
        *at = SPECIAL_TOKENS;
        OC_TRY(oc_tokenizer_config_override(config, files[SPECIAL_TOKENS], draft, error));
    }
    settle_roles(draft, config, config->own_pattern && files[TOKENIZER].data);
    if (files[ADDED_TOKENS].data && !config->has_decoder) {
        *at = ADDED_TOKENS;
        OC_TRY(read_added_map(files[ADDED_TOKENS], draft, config, error));
    }
    draft->split_end_tokens |= !config->own_pattern;
    bool in_map = false;
    status = oc_tokenizer_config_add(config, draft, &in_map, error);
    *at = in_map ? SPECIAL_TOKENS : CONFIG;
    OC_TRY(status);
    *at = files[TOKENIZER].data ? TOKENIZER : VOCABULARY;
done:
    return status;
}

/* *at: as in read_files; FILES where no file is at fault. */
static octavo_status pack_files(const oc_slice files[FILES], int32_t positions, oc_buffer *out,
                                int *at, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_draft draft = {0};
    oc_tokenizer_config config;
    oc_tokenizer tokenizer;
    uint32_t tokens_max = positions < 0 ? 0 : (uint32_t)positions;
    oc_tokenizer_config_init(&config);
    *at = FILES;
    if (!files[TOKENIZER].data && !files[VOCABULARY].data != !files[MERGES].data) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "the tokenizer is incomplete: %s is there, %s is missing (or tokenizer.json, which "
                "has both)",
                file_names[files[VOCABULARY].data ? VOCABULARY : MERGES],
                file_names[files[VOCABULARY].data ? MERGES : VOCABULARY]);
    }
    if (!files[TOKENIZER].data && !files[VOCABULARY].data) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                "no tokenizer: neither tokenizer.json nor vocab.json with merges.txt");
    }
    OC_TRY(oc_draft_init(&draft, error));
    OC_TRY(read_files(files, &draft, &config, at, error));
    if (config.length_max < tokens_max) {
        tokens_max = (uint32_t)config.length_max;
    }
    OC_TRY(oc_draft_finish(&draft, tokens_max, &tokenizer, error));
    OC_TRY(oc_tokenizer_pack(&tokenizer, out, error));
done:
    oc_tokenizer_config_free(&config);
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
        bool needed = (i != VOCABULARY && i != MERGES) || !files[TOKENIZER].data;
        if (needed && oc_is_there(paths[i])) {
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
