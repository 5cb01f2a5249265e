// links: text base
/* test_tokenizer_config.c - the files beside a vocabulary: which of them has the last word, and
 * what null means in each.  Every row's ids are those of transformers 4.57.6 and 5.24.0, both from
 * tokenizer.json and from vocab.json with merges.txt, unless the row says otherwise. */
#include "unit/input/text_tools.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/sys/io.h"
#include "text/files/tokenizer_files.h"

#define FOLDER TEST_DATA "/tiny-clip/f32/"
#define NAMES                                                                                      \
    "\"bos_token\":\"<|startoftext|>\",\"eos_token\":\"<|endoftext|>\","                           \
    "\"unk_token\":\"<|endoftext|>\""
#define CONFIG NAMES ",\"pad_token\":\"<|endoftext|>\",\"tokenizer_class\":\"CLIPTokenizer\""
#define DECODER                                                                                    \
    "\"added_tokens_decoder\":{\"1022\":{\"content\":\"<|startoftext|>\"},"                        \
    "\"1023\":{\"content\":\"<|endoftext|>\"}}"

/* What lies in the folder. */
typedef struct beside {
    const char *config, *map, *added; /* NULL: not there */
} beside;

typedef struct vocabulary {
    char *tokenizer, *vocabulary, *merges;
    oc_slice tokenizer_bytes, vocabulary_bytes, merges_bytes;
} vocabulary;

static char *load(const char *name, oc_slice *out) {
    char path[512], *bytes = NULL;
    snprintf(path, sizeof path, FOLDER "%s", name);
    assert_ok(oc_file_load(path, 1 << 20, &bytes, &out->length, NULL));
    out->data = bytes;
    return bytes;
}

static vocabulary load_vocabulary(void) {
    vocabulary v;
    v.tokenizer = load("tokenizer.json", &v.tokenizer_bytes);
    v.vocabulary = load("vocab.json", &v.vocabulary_bytes);
    v.merges = load("merges.txt", &v.merges_bytes);
    return v;
}

static void free_vocabulary(vocabulary *v) {
    free(v->tokenizer);
    free(v->vocabulary);
    free(v->merges);
}

static oc_slice slice_or_none(const char *text) {
    return text ? oc_slice_of(text) : (oc_slice){0};
}

/* From tokenizer.json, or else from the two older files. */
static octavo_status read_beside(const vocabulary *v, bool json, const beside *b, oc_buffer *block,
                                 octavo_error *error) {
    oc_tokenizer_files files = {.config = slice_or_none(b->config),
                                .special_tokens = slice_or_none(b->map),
                                .added_tokens = slice_or_none(b->added)};
    if (json) {
        files.tokenizer = v->tokenizer_bytes;
    } else {
        files.vocabulary = v->vocabulary_bytes;
        files.merges = v->merges_bytes;
    }
    oc_buffer_init(block);
    *error = (octavo_error){0};
    return oc_tokenizer_read(&files, 32, block, error);
}

/* "0 1023: 1022 533 75 75 334 0 1023": padding, and what encodes a text. */
static void describe(const oc_buffer *block, const char *text, char *out, size_t capacity) {
    oc_bpe *bpe = NULL;
    int32_t ids[32], count = 0;
    assert_ok(oc_bpe_create(block->data, block->size, &bpe, NULL));
    oc_bpe_info info = oc_bpe_describe(bpe);
    assert_ok(oc_bpe_encode(bpe, text, strlen(text), ids, 32, &count, NULL, NULL));
    int length = snprintf(out, capacity, "%d, %d:", info.padding, info.tokens_max);
    for (int32_t i = 0; i < count; i++) {
        length += snprintf(out + length, capacity - (size_t)length, " %d", ids[i]);
    }
    oc_bpe_free(bpe);
}

#define PLAIN   "1023, 32: 1022 533 75 75 334 256 1023"    /* "hello!" */
#define BANG    "0, 32: 1022 533 75 75 334 0 1023"         /* where "!" is special, and pads */
#define SPECIAL "1023, 32: 1022 533 75 75 334 0 1023"      /* where it is special only */
#define X_RAW   "1023, 32: 1022 283 343 285 945 1024 1023" /* "<X> and <x>": in the text as it is */
#define X_LOW   "1023, 32: 1022 1024 945 1024 1023"        /* in lower-case text */
#define X_NONE  "1023, 32: 1022 283 343 285 945 283 343 285 1023"

/* The last word: tokenizer_config.json where it has an added_tokens_decoder, and otherwise
 * special_tokens_map.json, key by key; added_tokens.json only without that decoder. */
static void test_precedence(void **state) {
    (void)state;
    static const struct {
        beside files;
        const char *text, *want;
    } rows[] = {
        {{NULL, NULL, NULL}, "hello!", PLAIN},
        {{"{" CONFIG "}", NULL, NULL}, "hello!", PLAIN},
        {{"{" CONFIG "}", "{" NAMES ",\"pad_token\":\"!\"}", NULL}, "hello!", BANG},
        {{"{" CONFIG "}", "{\"pad_token\":{\"content\":\"!\",\"normalized\":false}}", NULL},
         "hello!",
         BANG},
        {{NULL, "{\"pad_token\":\"!\"}", NULL}, "hello!", BANG},
        {{"{" CONFIG "," DECODER "}", "{\"pad_token\":\"!\"}", NULL}, "hello!", PLAIN},
        {{"{" CONFIG ",\"added_tokens_decoder\":{}}", "{\"pad_token\":\"!\"}", NULL},
         "hello!",
         PLAIN},
        {{"{" NAMES ",\"pad_token\":\"!\"}", "{\"pad_token\":\"<|endoftext|>\"}", NULL},
         "hello!",
         PLAIN},
        {{"{" NAMES ",\"pad_token\":\"!\"," DECODER "}", "{\"pad_token\":\"<|endoftext|>\"}", NULL},
         "hello!",
         BANG},
        {{"{" NAMES ",\"pad_token\":\"!\"}", "{}", NULL}, "hello!", BANG},
        {{"{" CONFIG "}", "{" DECODER ",\"pad_token\":\"!\"}", NULL}, "hello!", BANG},
        {{"{" CONFIG "}", "{\"tokenizer_class\":\"Other\"}", NULL}, "hello!", PLAIN},
        {{"{" CONFIG ",\"model_max_length\":20}", NULL, NULL},
         "hello!",
         "1023, 20: 1022 533 75 75 334 256 1023"},
        {{"{" CONFIG "}", "{\"model_max_length\":20}", NULL},
         "hello!",
         "1023, 20: 1022 533 75 75 334 256 1023"},
        {{"{" CONFIG ",\"model_max_length\":20}", "{\"model_max_length\":1e30}", NULL},
         "hello!",
         PLAIN},
        {{"{" CONFIG "}", NULL, "{\"<x>\":1024}"}, "<X> and <x>", X_LOW},
        {{NULL, NULL, "{\"<x>\":1024}"}, "<X> and <x>", X_LOW},
        {{"{" CONFIG "," DECODER "}", NULL, "{\"<x>\":1024}"}, "<X> and <x>", X_NONE},
        {{"{" CONFIG ",\"additional_special_tokens\":[\"<x>\"]}", NULL, "{\"<x>\":1024}"},
         "<X> and <x>",
         X_RAW},
        {{"{" CONFIG "}", NULL, "{\"!\":0}"}, "hello!", SPECIAL},
    };
    vocabulary v = load_vocabulary();
    for (size_t i = 0; i < 2 * OC_COUNT(rows); i++) {
        bool json = i % 2 == 0;
        oc_buffer block;
        octavo_error error;
        char got[256];
        if (read_beside(&v, json, &rows[i / 2].files, &block, &error) != OCTAVO_OK) {
            fail_msg("row %zu: %s", i / 2, error.message);
        }
        describe(&block, rows[i / 2].text, got, sizeof got);
        if (strcmp(got, rows[i / 2].want) != 0) {
            fail_msg("row %zu, %s: %s, not %s", i / 2, json ? "tokenizer.json" : "vocab.json", got,
                     rows[i / 2].want);
        }
        oc_buffer_free(&block);
    }
    free_vocabulary(&v);
}

/* Tokens that are special without being one of CLIP's four are found in texts all the same. */
static void test_special_tokens(void **state) {
    (void)state;
    static const struct {
        const char *members;
        const char *want;
    } rows[] = {
        {"\"cls_token\":\"!\"", SPECIAL},
        {"\"sep_token\":\"!\"", SPECIAL},
        {"\"mask_token\":{\"content\":\"!\"}", SPECIAL},
        {"\"additional_special_tokens\":[\"!\"]", SPECIAL},
        {"\"additional_special_tokens\":[{\"content\":\"!\"},\"<|endoftext|>\"]", SPECIAL},
        {"\"extra_special_tokens\":[\"!\"]", SPECIAL}, /* transformers 4 refuses a list */
        {"\"extra_special_tokens\":{\"shout\":\"!\"}", SPECIAL},
        {"\"shout_token\":\"!\"", SPECIAL}, /* to transformers 5 alone */
        {"\"add_bos_token\":false", PLAIN},
        {"\"additional_special_tokens\":[]", PLAIN},
    };
    vocabulary v = load_vocabulary();
    for (size_t i = 0; i < 4 * OC_COUNT(rows); i++) { /* two forms, in the config or in the map */
        beside files = {NULL, NULL, NULL};
        oc_buffer block;
        octavo_error error;
        char text[512], got[256];
        snprintf(text, sizeof text, "{%s}", rows[i / 4].members);
        *(i & 2 ? &files.config : &files.map) = text;
        if (read_beside(&v, i & 1, &files, &block, &error) != OCTAVO_OK) {
            fail_msg("%s: %s", text, error.message);
        }
        describe(&block, "hello!", got, sizeof got);
        if (strcmp(got, rows[i / 4].want) != 0) {
            fail_msg("%s: %s, not %s", text, got, rows[i / 4].want);
        }
        oc_buffer_free(&block);
    }
    free_vocabulary(&v);
}

/* Every key that is read, as null: absent, or refused with its name. */
static void test_nulls(void **state) {
    (void)state;
    static const struct {
        const char *key;
        bool refused[2]; /* with tokenizer.json, with vocab.json */
        const char *line4, *line5;
    } rows[] = {
        {"pad_token", {false, false}, "no padding", "no padding"},
        {"unk_token", {false, false}, "ids stay", "ids stay"},
        {"bos_token", {false, true}, "that of tokenizer.json, or refused", "refused"},
        {"eos_token", {false, true}, "that of tokenizer.json, or None", "refused"},
        {"cls_token", {false, false}, "none", "none"},
        {"sep_token", {false, false}, "none", "none"},
        {"mask_token", {false, false}, "none", "none"},
        {"tokenizer_class", {false, false}, "by config.json", "by config.json"},
        {"model_max_length", {false, false}, "none", "none"},
        {"additional_special_tokens", {false, false}, "none", "none"},
        {"extra_special_tokens", {false, false}, "refused", "none"},
        {"split_special_tokens", {false, false}, "off", "off"},
        {"added_tokens_decoder", {true, true}, "refused", "refused"},
        {"padding_side", {true, true}, "refused", "refused"},
        {"truncation_side", {true, true}, "refused", "refused"},
        {"clean_up_tokenization_spaces", {false, false}, "not of ids", "not of ids"},
    };
    vocabulary v = load_vocabulary();
    for (size_t i = 0; i < 2 * OC_COUNT(rows); i++) {
        char text[128], got[256];
        oc_buffer block;
        octavo_error error;
        snprintf(text, sizeof text, "{\"%s\":null}", rows[i / 2].key);
        octavo_status status =
            read_beside(&v, i % 2 == 0, &(beside){text, NULL, NULL}, &block, &error);
        if (rows[i / 2].refused[i % 2]) {
            assert_int_equal(status, OCTAVO_CORRUPT);
            const char *says = strstr(rows[i / 2].key, "decoder") ? "found null" : rows[i / 2].key;
            if (!strstr(error.message, says)) {
                fail_msg("%s: %s", text, error.message);
            }
        } else {
            if (status != OCTAVO_OK) {
                fail_msg("%s: %s", text, error.message);
            }
            describe(&block, "hello!", got, sizeof got);
            assert_string_equal(got, PLAIN);
        }
        oc_buffer_free(&block);
    }
    free_vocabulary(&v);
}

/* A null in special_tokens_map.json takes away what tokenizer_config.json names. */
static void test_null_overrides(void **state) {
    (void)state;
    vocabulary v = load_vocabulary();
    for (int json = 0; json < 2; json++) {
        oc_buffer block;
        octavo_error error;
        char got[256];
        const beside files = {"{\"pad_token\":\"!\"}", "{\"pad_token\":null}", NULL};
        assert_ok(read_beside(&v, json, &files, &block, &error));
        describe(&block, "hello!", got, sizeof got);
        assert_string_equal(got, PLAIN);
        oc_buffer_free(&block);
    }
    free_vocabulary(&v);
}

/* Of a token with two roles the latter says how it is looked for, if no file lists it: in the form
 * of OpenAI's own folders, "<|EndOfText|>" is text.  (transformers 5 and the slow tokenizer of 4;
 * its fast one takes the former.) */
static void test_two_roles(void **state) {
    (void)state;
#define LOW_END "\"eos_token\":{\"content\":\"<|endoftext|>\",\"normalized\":true}"
    static const struct {
        const char *config;
        int32_t length; /* of "\"<|EndOfText|>\"" in ids */
    } rows[] = {{"{" LOW_END ",\"pad_token\":\"<|endoftext|>\"}", 16},
                {"{" LOW_END ",\"unk_token\":{\"content\":\"<|endoftext|>\",\"normalized\":true},"
                 "\"pad_token\":\"!\"}",
                 5}};
    vocabulary v = load_vocabulary();
    for (size_t i = 0; i < OC_COUNT(rows); i++) {
        oc_buffer block;
        octavo_error error;
        oc_bpe *bpe = NULL;
        int32_t ids[32], count = 0;
        assert_ok(read_beside(&v, false, &(beside){rows[i].config, NULL, NULL}, &block, &error));
        assert_ok(oc_bpe_create(block.data, block.size, &bpe, NULL));
        assert_ok(oc_bpe_encode(bpe, "\"<|EndOfText|>\"", 15, ids, 32, &count, NULL, NULL));
        assert_int_equal(count, rows[i].length);
        oc_bpe_free(bpe);
        oc_buffer_free(&block);
    }
    free_vocabulary(&v);
}

/* tokenizer.json's own padding and unknown token are special to no class but its own. */
static void test_own_class(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *config, *want;
    } rows[] = {
        {"\"padding\": null", "\"padding\": {\"pad_token\": \"!\"}", NULL, PLAIN},
        {"\"padding\": null", "\"padding\": {\"pad_token\": \"!\"}", "{" CONFIG "}", PLAIN},
        {"\"padding\": null", "\"padding\": {\"pad_token\": \"!\"}",
         "{\"tokenizer_class\":\"PreTrainedTokenizerFast\"}", BANG},
        {"\"padding\": null", "\"padding\": {\"pad_token\": \"!\"}",
         "{\"tokenizer_class\":\"PreTrainedTokenizerFast\",\"pad_token\":null}", PLAIN},
        {"\"unk_token\": \"<|endoftext|>\"", "\"unk_token\": \"!\"", NULL, PLAIN},
        {"\"unk_token\": \"<|endoftext|>\"", "\"unk_token\": \"!\"",
         "{\"tokenizer_class\":\"PreTrainedTokenizerFast\"}", PLAIN},
        {"\"unk_token\": \"<|endoftext|>\"", "\"unk_token\": null", "{\"unk_token\":null}", PLAIN},
    };
    vocabulary v = load_vocabulary();
    for (size_t i = 0; i < OC_COUNT(rows); i++) {
        const char *at = strstr(v.tokenizer, rows[i].from);
        vocabulary edited = {0};
        oc_buffer text, block;
        octavo_error error;
        char got[256];
        assert_non_null(at);
        oc_buffer_init(&text);
        oc_buffer_append(&text, v.tokenizer, (size_t)(at - v.tokenizer));
        oc_buffer_text(&text, rows[i].to);
        oc_buffer_text(&text, at + strlen(rows[i].from));
        edited.tokenizer_bytes = (oc_slice){text.data, text.size};
        if (read_beside(&edited, true, &(beside){rows[i].config, NULL, NULL}, &block, &error)) {
            fail_msg("row %zu: %s", i, error.message);
        }
        describe(&block, "hello!", got, sizeof got);
        if (strcmp(got, rows[i].want) != 0) {
            fail_msg("row %zu: %s, not %s", i, got, rows[i].want);
        }
        oc_buffer_free(&block);
        oc_buffer_free(&text);
    }
    free_vocabulary(&v);
}

/* What would change ids otherwise is refused; the file at fault is named. */
static void test_refused(void **state) {
    (void)state;
    static const struct {
        beside files;
        octavo_status status;
        const char *path, *says;
    } rows[] = {
        {{"{\"split_special_tokens\":true}", NULL, NULL},
         OCTAVO_UNSUPPORTED,
         "tokenizer_config.json",
         "split_special_tokens: is true"},
        {{"{}", "{\"padding_side\":\"left\"}", NULL},
         OCTAVO_UNSUPPORTED,
         "special_tokens_map.json",
         "padding_side: is \"left\""},
        {{"{\"extra_special_tokens\":[\"!\",\"<y>\"]}", NULL, NULL},
         OCTAVO_UNSUPPORTED,
         "tokenizer_config.json",
         "special token \"<y>\" is not among the added tokens, and the vocabulary lacks it (byte "
         "29)"},
        {{"{\"extra_special_tokens\":[\"!\"]}", "{\"shout_token\":\"<y>\"}", NULL},
         OCTAVO_UNSUPPORTED,
         "special_tokens_map.json",
         "special token \"<y>\" is not among"},
        {{"{\"cls_token\":\"<y>\"}", NULL, NULL},
         OCTAVO_CORRUPT,
         "tokenizer.json",
         "the vocabulary lacks the cls_token \"<y>\""},
        {{NULL, NULL, "{\"!\":7}"},
         OCTAVO_CORRUPT,
         "added_tokens.json",
         "added token \"!\" has id 7, the vocabulary has it as 0"},
    };
    vocabulary v = load_vocabulary();
    for (size_t i = 0; i < OC_COUNT(rows); i++) {
        oc_buffer block;
        octavo_error error;
        octavo_status status = read_beside(&v, true, &rows[i].files, &block, &error);
        if (status != rows[i].status || !strstr(error.message, rows[i].says)) {
            fail_msg("row %zu: %d, %s", i, (int)status, error.message);
        }
        assert_string_equal(error.path, rows[i].path);
        oc_buffer_free(&block);
    }
    free_vocabulary(&v);
}

/* Half a tokenizer is refused with the name of what is missing; none at all is not found. */
static void test_incomplete(void **state) {
    (void)state;
    static const struct {
        oc_tokenizer_files files;
        octavo_status status;
        const char *says;
    } rows[] = {
        {{.vocabulary = {"{}", 2}}, OCTAVO_CORRUPT, "vocab.json is there, merges.txt is missing"},
        {{.merges = {"a b", 3}}, OCTAVO_CORRUPT, "merges.txt is there, vocab.json is missing"},
        {{.config = {"{}", 2}},
         OCTAVO_NOT_FOUND,
         "neither tokenizer.json nor vocab.json with merges.txt"},
    };
    for (size_t i = 0; i < OC_COUNT(rows); i++) {
        oc_buffer block;
        octavo_error error = {0};
        oc_buffer_init(&block);
        assert_int_equal(oc_tokenizer_read(&rows[i].files, 32, &block, &error), rows[i].status);
        assert_non_null(strstr(error.message, rows[i].says));
        oc_buffer_free(&block);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precedence), cmocka_unit_test(test_special_tokens),
        cmocka_unit_test(test_nulls),      cmocka_unit_test(test_null_overrides),
        cmocka_unit_test(test_two_roles),  cmocka_unit_test(test_own_class),
        cmocka_unit_test(test_refused),    cmocka_unit_test(test_incomplete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
