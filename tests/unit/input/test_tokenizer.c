// links: text base
/* test_tokenizer.c - the files of a tokenizer and its packed block: what is read, and what is
 * refused. */
#include "unit/input/text_tools.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/sys/io.h"
#include "text/files/tokenizer_files.h"

/* -- the block
 * ------------------------------------------------------------------------------------- */

static const oc_added_token three_added[] = {
    {{"<|startoftext|>", 15}, SMALL_BEGIN, false},
    {{"<|endoftext|>", 13}, SMALL_END, false},
    {{"<x>", 3}, 516, true},
};

static oc_tokenizer with_added(void) {
    oc_tokenizer tokenizer = small_tokenizer();
    tokenizer.vocabulary = 517;
    tokenizer.added = three_added;
    tokenizer.added_count = 3;
    return tokenizer;
}

static oc_buffer pack(const oc_tokenizer *tokenizer) {
    oc_buffer block;
    oc_buffer_init(&block);
    assert_ok(oc_tokenizer_pack(tokenizer, &block, NULL));
    return block;
}

static void check_equal(const oc_tokenizer *a, const oc_tokenizer *b) {
    assert_int_equal(a->vocabulary, b->vocabulary);
    assert_memory_equal(a->byte_ids, b->byte_ids, sizeof a->byte_ids);
    assert_int_equal(a->merge_count, b->merge_count);
    for (uint32_t i = 0; i < a->merge_count; i++) {
        assert_memory_equal(&a->merges[i], &b->merges[i], sizeof a->merges[i]);
    }
    assert_int_equal(a->added_count, b->added_count);
    for (uint32_t i = 0; i < a->added_count; i++) {
        assert_true(oc_slice_equal(a->added[i].text, b->added[i].text));
        assert_int_equal(a->added[i].id, b->added[i].id);
        assert_int_equal(a->added[i].normalised, b->added[i].normalised);
    }
    assert_int_equal(a->begin, b->begin);
    assert_int_equal(a->end, b->end);
    assert_int_equal(a->padding, b->padding);
    assert_int_equal(a->unknown, b->unknown);
    assert_int_equal(a->tokens_max, b->tokens_max);
    assert_int_equal(a->split_end_tokens, b->split_end_tokens);
}

/* Whatever form it takes, a block gives back what went in, and packs to the same bytes again. */
static void test_block_round_trip(void **state) {
    (void)state;
    static const oc_merge odd[] = {{70000, 3, 5}, {0, 0, 70001}};
    for (int form = 0; form < 4; form++) {
        oc_tokenizer tokenizer = with_added(), back;
        tokenizer.split_end_tokens = form % 2;
        if (form & 1) {
            tokenizer.byte_ids['q'] = 77; /* no longer OpenAI's order */
        }
        if (form & 2) {
            tokenizer.vocabulary = 70002; /* ids of 4 bytes */
            tokenizer.merges = odd;
        }
        oc_buffer block = pack(&tokenizer);
        oc_arena arena;
        oc_arena_init(&arena);
        assert_ok(oc_tokenizer_unpack(block.data, block.size, &arena, &back, NULL));
        check_equal(&tokenizer, &back);
        oc_buffer again = pack(&back);
        assert_int_equal(again.size, block.size);
        assert_memory_equal(again.data, block.data, block.size);
        oc_buffer_free(&again);
        oc_buffer_free(&block);
        oc_arena_free(&arena);
    }
}

/* The bundled vocabulary takes 4 bytes a merge. */
static void test_block_is_small(void **state) {
    (void)state;
    oc_buffer block;
    oc_buffer_init(&block);
    assert_ok(oc_tokenizer_load(PROJECT_DIR "/models/clip-mini-fp8", 77, &block, NULL));
    assert_true(block.size < 48894 * 4 + 128);
    oc_buffer_free(&block);
}

/* A block that is cut anywhere, or has bytes behind it, is refused. */
static void test_block_cut(void **state) {
    (void)state;
    oc_tokenizer tokenizer = with_added();
    oc_buffer block = pack(&tokenizer);
    oc_bpe *bpe = NULL;
    for (size_t size = 0; size < block.size; size++) {
        char *exact = malloc(size + 1); /* so that reading behind it shows */
        assert_non_null(exact);
        memcpy(exact, block.data, size);
        assert_int_equal(oc_bpe_create(exact, size, &bpe, NULL), OCTAVO_CORRUPT);
        assert_null(bpe);
        free(exact);
    }
    oc_buffer_byte(&block, 0);
    assert_int_equal(oc_bpe_create(block.data, block.size, &bpe, NULL), OCTAVO_CORRUPT);
    oc_buffer_free(&block);
}

/* A block with any one bit turned is refused, or is another tokenizer that keeps its own limits. */
static void test_block_bits(void **state) {
    (void)state;
    oc_tokenizer tokenizer = with_added();
    tokenizer.byte_ids['q'] = 77;
    oc_buffer block = pack(&tokenizer);
    int refused = 0;
    for (size_t bit = 0; bit < 8 * block.size; bit++) {
        oc_bpe *bpe = NULL;
        octavo_error error = {0};
        block.data[bit / 8] ^= (char)(1 << bit % 8);
        if (oc_bpe_create(block.data, block.size, &bpe, &error) == OCTAVO_OK) {
            int32_t ids[32], count = 0;
            assert_ok(oc_bpe_encode(bpe, "the quick <x> th", 16, ids, 32, &count, NULL, NULL));
            for (int32_t i = 0; i < count; i++) {
                assert_in_range(ids[i], 0, oc_bpe_describe(bpe).vocabulary - 1);
            }
            oc_bpe_free(bpe);
        } else {
            assert_true(error.message[0] != 0);
            refused++;
        }
        block.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_true(refused > 64 + 29); /* magic, version and the unknown flags at least */
    oc_buffer_free(&block);
}

/* What no file may say, each with the values in the sentence. */
static void test_block_limits(void **state) {
    (void)state;
    static const oc_merge stray[] = {{0, 517, 2}};
    static const oc_added_token empty[] = {{{"", 0}, 1, false}};
    static const oc_added_token latin[] = {{{"\xe9", 1}, 1, false}};
    struct {
        oc_tokenizer tokenizer;
        octavo_status status;
        const char *says;
    } cases[8];
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        cases[i].tokenizer = with_added();
        cases[i].status = OCTAVO_CORRUPT;
    }
    cases[0].tokenizer.end = 517;
    cases[0].says = "end token has id 517, ids end at 517";
    cases[1].tokenizer.byte_ids[256 + 'a'] = 600;
    cases[1].says = "byte 0x61 has id 600, ids end at 517";
    cases[2].tokenizer.merges = stray;
    cases[2].tokenizer.merge_count = 1;
    cases[2].says = "merge 0 of the tokenizer is 0 517 -> 2, ids end at 517";
    cases[3].tokenizer.added = latin;
    cases[3].tokenizer.added_count = 1;
    cases[3].says = "added token 1 is not UTF-8";
    for (size_t i = 4; i < OC_COUNT(cases); i++) {
        cases[i].status = OCTAVO_UNSUPPORTED;
    }
    cases[4].tokenizer.added = empty;
    cases[4].tokenizer.added_count = 1;
    cases[4].says = "has 0 bytes of text, it must have 1 .. 255";
    cases[5].tokenizer.tokens_max = 1;
    cases[5].says = "longest text in tokens is 1, it must be in 2 .. 8192";
    cases[6].tokenizer.vocabulary = OC_LIMIT_VOCABULARY + 1;
    cases[6].says = "vocabulary is 1048577, it must be in 1 .. 1048576";
    cases[7].tokenizer.added_count = OC_LIMIT_ADDED_TOKENS + 1;
    cases[7].says = "added tokens is 4097, it must be in 0 .. 4096";
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        octavo_error error = {0};
        oc_buffer block;
        oc_buffer_init(&block);
        assert_int_equal(oc_tokenizer_pack(&cases[i].tokenizer, &block, &error), cases[i].status);
        if (!strstr(error.message, cases[i].says)) {
            fail_msg("\"%s\" does not say \"%s\"", error.message, cases[i].says);
        }
        assert_int_equal(block.size, 0);
        oc_buffer_free(&block);
    }
}

/* -- the files
 * ------------------------------------------------------------------------------------- */

#define FOLDER TEST_DATA "/tiny-clip/f32/"

/* A file with the first `from` replaced by `to`: free() it. */
static char *edited(const char *path, const char *from, const char *to, size_t *size) {
    char *bytes = NULL;
    assert_ok(oc_file_load(path, 1 << 20, &bytes, size, NULL));
    char *at = from ? strstr(bytes, from) : NULL;
    if (!from) {
        return bytes;
    }
    if (!at) {
        fail_msg("%s has no %s", path, from);
    }
    size_t head = (size_t)(at - bytes), removed = strlen(from), added = strlen(to);
    char *result = malloc(*size - removed + added + 1);
    assert_non_null(result);
    memcpy(result, bytes, head);
    memcpy(result + head, to, added);
    memcpy(result + head + added, at + removed, *size - head - removed + 1);
    *size = *size - removed + added;
    free(bytes);
    return result;
}

static octavo_status read_edited(const char *from, const char *to, oc_buffer *block,
                                 octavo_error *error) {
    oc_tokenizer_files files = {.tokenizer = {0}};
    char *bytes = edited(FOLDER "tokenizer.json", from, to, &files.tokenizer.length);
    files.tokenizer.data = bytes;
    oc_buffer_init(block);
    octavo_status status = oc_tokenizer_read(&files, 32, block, error);
    free(bytes);
    return status;
}

/* Both forms of the same tokenizer pack to the same bytes. */
static void test_both_forms(void **state) {
    (void)state;
    oc_tokenizer_files files = {.tokenizer = {0}};
    oc_buffer json, old;
    octavo_error error = {0};
    char *vocabulary = edited(FOLDER "vocab.json", NULL, NULL, &files.vocabulary.length);
    char *merges = edited(FOLDER "merges.txt", NULL, NULL, &files.merges.length);
    files.vocabulary.data = vocabulary;
    files.merges.data = merges;
    oc_buffer_init(&old);
    if (oc_tokenizer_read(&files, 32, &old, &error) != OCTAVO_OK) {
        fail_msg("%s: %s", error.path, error.message);
    }
    assert_ok(read_edited(NULL, NULL, &json, NULL));
    assert_int_equal(json.size, old.size);
    assert_memory_equal(json.data, old.data, old.size);
    oc_buffer_free(&json);
    oc_buffer_free(&old);
    free(vocabulary);
    free(merges);
}

/* Differences that change no id are read as what they are. */
static void test_harmless_edits(void **state) {
    (void)state;
    static const char *const edits[][2] = {
        {"\"ignore_merges\": false,", ""},
        {"\"trim_offsets\": true", "\"trim_offsets\": false"},
        {"\"truncation\": null", "\"truncation\": {\"direction\": \"Right\", \"max_length\": 9}"},
        {"\"padding\": null", "\"padding\": {\"strategy\": {\"Fixed\": 77}, \"pad_id\": 1}"},
        {"<\\\\|startoftext\\\\|>|<\\\\|endoftext\\\\|>|", ""},   /* CLIPTokenizer has it anyway */
        {"[\n        \"i\",\n        \"n\"\n      ]", "\"i n\""}, /* as older files write merges */
    };
    oc_buffer want, got;
    assert_ok(read_edited(NULL, NULL, &want, NULL));
    for (size_t i = 0; i < OC_COUNT(edits); i++) {
        octavo_error error = {0};
        if (read_edited(edits[i][0], edits[i][1], &got, &error) != OCTAVO_OK) {
            fail_msg("%s", error.message);
        }
        assert_int_equal(got.size, want.size);
        assert_memory_equal(got.data, want.data, want.size);
        oc_buffer_free(&got);
    }
    oc_buffer_free(&want);
}

/* Each of these would give other ids, or is damaged: refused, with place and reason. */
static void test_refused_edits(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        octavo_status status;
        const char *says;
    } cases[] = {
        {"\"NFC\"", "\"NFKC\"", OCTAVO_UNSUPPORTED,
         "normalizer.normalizers[0].type: is \"NFKC\", CLIP's tokenizer has \"NFC\""},
        {"\"Lowercase\"\n      }", "\"Lowercase\"}, {\"type\": \"Strip\"}", OCTAVO_UNSUPPORTED,
         "normalizer.normalizers[3].type"},
        {"{\n        \"type\": \"Lowercase\"\n      }", "{}", OCTAVO_UNSUPPORTED,
         "normalizer.normalizers[2].type is missing"},
        {"[\\\\p{N}]", "\\\\p{N}{1,3}", OCTAVO_UNSUPPORTED, "pretokenizers[0].pattern.Regex"},
        {"\"invert\": true", "\"invert\": false", OCTAVO_UNSUPPORTED, "invert: is \"false\""},
        {"\"use_regex\": true", "\"use_regex\": false", OCTAVO_UNSUPPORTED, "use_regex"},
        {"\"RobertaProcessing\"", "\"TemplateProcessing\"", OCTAVO_UNSUPPORTED,
         "\"TemplateProcessing\", CLIP's tokenizer has \"RobertaProcessing\""},
        {"\"BPE\"", "\"WordPiece\"", OCTAVO_UNSUPPORTED, "model.type: is \"WordPiece\""},
        {"\"dropout\": null", "\"dropout\": 0.1", OCTAVO_UNSUPPORTED, "model.dropout: is \"0.1\""},
        {"\"end_of_word_suffix\": \"</w>\"", "\"end_of_word_suffix\": \"\"", OCTAVO_UNSUPPORTED,
         "model.end_of_word_suffix"},
        {"\"byte_fallback\": false", "\"byte_fallback\": true", OCTAVO_UNSUPPORTED,
         "model.byte_fallback"},
        {"\"dropout\": null", "\"dropped\": null", OCTAVO_UNSUPPORTED,
         "model.dropped: is \"null\", CLIP's tokenizer has no such setting"},
        {"\"truncation\": null", "\"truncation\": {\"direction\": \"Left\"}", OCTAVO_UNSUPPORTED,
         "truncation.direction"},
        {"\"lstrip\": false", "\"lstrip\": true", OCTAVO_UNSUPPORTED, "added_tokens"},
        {"\"special\": true", "\"specials\": true", OCTAVO_UNSUPPORTED, "specials"},
        {"\"id\": 1022", "\"id\": 1021", OCTAVO_CORRUPT,
         "added token \"<|startoftext|>\" has id 1021, the vocabulary has it as 1022"},
        {"\"<|endoftext|>\",\n      1023", "\"<|endoftext|>\", 7", OCTAVO_CORRUPT,
         "post_processor.sep gives \"<|endoftext|>\" the id 7, the vocabulary has it as 1023"},
        {"\"\\\"\": 1,", "\"\\\"\": 2,", OCTAVO_CORRUPT, "has id 2, which another has too"},
        {"\"\\\"\": 1,", "\"!\": 1,", OCTAVO_CORRUPT, "!"},
        {"\"\\\"\": 1,", "\"\\\"\": 9000000,", OCTAVO_UNSUPPORTED, "9000000"},
        {"\"\\\"\": 1,", "\"\\\"\": -1,", OCTAVO_CORRUPT, "-1"},
        {"\"merges\": [", "\"merges\": [[\"i\", \"#!\"],", OCTAVO_CORRUPT,
         "merge 0 is \"i\" + \"#!\", the vocabulary lacks \"#!\""},
        {"\"merges\": [", "\"merges\": [[\"i\"],", OCTAVO_CORRUPT, "model.merges[0]"},
        {"\"merges\": [", "\"merges\": [[\"i\",\"n\",\"g\"],", OCTAVO_CORRUPT, "model.merges[0]"},
        {"\"merges\": [", "\"merges\": [\"in\",", OCTAVO_CORRUPT, "merge \"in\" is not two tokens"},
        {"\"version\": \"1.0\"", "\"version\": \"2.0\"", OCTAVO_UNSUPPORTED, "version"},
        {"\"unk_token\": \"<|endoftext|>\"", "\"unk_token\": \"<unk>\"", OCTAVO_CORRUPT,
         "the vocabulary lacks the unk_token \"<unk>\""},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        oc_buffer block;
        octavo_error error = {0};
        octavo_status status = read_edited(cases[i].from, cases[i].to, &block, &error);
        if (status != cases[i].status || !strstr(error.message, cases[i].says)) {
            fail_msg("case %zu: status %d, \"%s\" does not say \"%s\"", i, (int)status,
                     error.message, cases[i].says);
        }
        assert_string_equal(error.path, "tokenizer.json");
        assert_int_equal(block.size, 0);
        oc_buffer_free(&block);
    }
}

/* tokenizer.json cut anywhere is refused (each 97th byte: all would take a minute). */
static void test_cut_files(void **state) {
    (void)state;
    oc_tokenizer_files files = {.tokenizer = {0}};
    size_t size = 0;
    char *bytes = edited(FOLDER "tokenizer.json", NULL, NULL, &size);
    size_t whole = size; /* the closing brace and the white space behind it */
    while (bytes[whole - 1] != '}') {
        whole--;
    }
    for (size_t cut = 0; cut < whole; cut += 97) {
        oc_buffer block;
        oc_buffer_init(&block);
        files.tokenizer = (oc_slice){bytes, cut};
        assert_int_equal(oc_tokenizer_read(&files, 32, &block, NULL), OCTAVO_CORRUPT);
        oc_buffer_free(&block);
    }
    free(bytes);
}

/* Reads the plain fixture with a tokenizer_config.json of the test's own. */
static octavo_status read_with_config(const char *config, oc_arena *arena, oc_tokenizer *out,
                                      octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_tokenizer_files files = {.config = oc_slice_of(config)};
    char *bytes = edited(FOLDER "tokenizer.json", NULL, NULL, &files.tokenizer.length);
    oc_buffer block;
    oc_buffer_init(&block);
    files.tokenizer.data = bytes;
    OC_TRY(oc_tokenizer_read(&files, 32, &block, error));
    char *kept = oc_arena_text(arena, block.data, block.size); /* added text points into it */
    assert_non_null(kept);
    OC_TRY(oc_tokenizer_unpack(kept, block.size, arena, out, error));
done:
    oc_buffer_free(&block);
    free(bytes);
    return status;
}

/* tokenizer_config.json has the last word on named tokens, flags and the longest text. */
static void test_config(void **state) {
    (void)state;
    oc_arena arena;
    oc_tokenizer tokenizer;
    octavo_error error = {0};
    oc_arena_init(&arena);

    assert_ok(read_with_config("{}", &arena, &tokenizer, NULL));
    assert_int_equal(tokenizer.tokens_max, 32);
    assert_int_equal(tokenizer.padding, 1023);
    assert_int_equal(tokenizer.added_count, 2);
    assert_true(tokenizer.split_end_tokens);

    assert_ok(read_with_config("{\"pad_token\": {\"content\": \"!\"}, \"model_max_length\": 20}",
                               &arena, &tokenizer, NULL));
    assert_int_equal(tokenizer.tokens_max, 20);
    assert_int_equal(tokenizer.padding, 0);
    assert_int_equal(tokenizer.added_count, 3); /* "!" is found as a token of its own now */
    assert_int_equal(tokenizer.added[2].id, 0);

    assert_ok(read_with_config("{\"model_max_length\": 1e30, \"bos_token\": null, "
                               "\"tokenizer_class\": \"CLIPTokenizer\"}",
                               &arena, &tokenizer, NULL));
    assert_int_equal(tokenizer.tokens_max, 32);
    assert_int_equal(tokenizer.begin, 1022);

    assert_ok(read_with_config("{\"added_tokens_decoder\": {\"1022\": {\"content\": "
                               "\"<|startoftext|>\", \"normalized\": true}, \"1024\": "
                               "{\"content\": \"<Foo>\", \"normalized\": true}}}",
                               &arena, &tokenizer, NULL));
    assert_int_equal(tokenizer.vocabulary, 1025);
    assert_true(tokenizer.added[0].normalised);
    assert_true(oc_slice_is(tokenizer.added[2].text, "<foo>")); /* as it is looked for */

    static const struct {
        const char *config;
        octavo_status status;
        const char *says;
    } refused[] = {
        {"{\"added_tokens_decoder\": {\"1030\": {\"content\": \"<foo>\"}}}", OCTAVO_UNSUPPORTED,
         "have ids up to 1030"},
        {"{\"added_tokens_decoder\": {\"x\": {\"content\": \"<foo>\"}}}", OCTAVO_CORRUPT,
         "\"x\" is no token id"},
        {"{\"added_tokens_decoder\": {\"7\": {\"content\": \"<foo>\"}}}", OCTAVO_CORRUPT,
         "has id 7, which another has too"},
        {"{\"additional_special_tokens\": [\"<foo>\"]}", OCTAVO_UNSUPPORTED,
         "\"<foo>\" is not among the added tokens"},
        {"{\"truncation_side\": \"left\"}", OCTAVO_UNSUPPORTED, "truncation_side: is \"left\""},
        {"{\"tokenizer_class\": \"BertTokenizer\"}", OCTAVO_UNSUPPORTED, "BertTokenizer"},
        {"{\"bos_token\": {\"normalized\": true}}", OCTAVO_CORRUPT, "content"},
        {"{\"pad_token\": \"<pad>\"}", OCTAVO_CORRUPT, "the vocabulary lacks the pad_token"},
        {"{\"model_max_length\": 1}", OCTAVO_UNSUPPORTED, "longest text in tokens is 1"},
        {"[]", OCTAVO_CORRUPT, ""},
    };
    for (size_t i = 0; i < OC_COUNT(refused); i++) {
        error = (octavo_error){0};
        assert_int_equal(read_with_config(refused[i].config, &arena, &tokenizer, &error),
                         refused[i].status);
        if (!strstr(error.message, refused[i].says)) {
            fail_msg("\"%s\" does not say \"%s\"", error.message, refused[i].says);
        }
    }
    oc_arena_free(&arena);
}

/* merges.txt: line ends of either kind; a line that is no merge is named with its byte. */
static void test_merges_text(void **state) {
    (void)state;
    static const struct {
        const char *merges;
        octavo_status status;
        uint64_t offset;
    } cases[] = {
        {"#version: 0.2\ni n\nr e\n", OCTAVO_OK, 0},
        {"i n\r\nr e\r\n", OCTAVO_OK, 0},
        {"i n", OCTAVO_OK, 0},
        {"", OCTAVO_OK, 0},
        {"#version: 0.2\ni n\nre\n", OCTAVO_CORRUPT, 18},
        {"i n\n\nr e\n", OCTAVO_CORRUPT, 4},
        {"i n g\n", OCTAVO_CORRUPT, 0},
        {"i  n\n", OCTAVO_CORRUPT, 0},
        {" n\n", OCTAVO_CORRUPT, 0},
        {"i n\nq \xff\n", OCTAVO_CORRUPT, 4},
    };
    oc_tokenizer_files files = {.tokenizer = {0}};
    char *vocabulary = edited(FOLDER "vocab.json", NULL, NULL, &files.vocabulary.length);
    files.vocabulary.data = vocabulary;
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        octavo_error error = {0};
        oc_buffer block;
        oc_buffer_init(&block);
        files.merges = oc_slice_of(cases[i].merges);
        assert_int_equal(oc_tokenizer_read(&files, 32, &block, &error), cases[i].status);
        assert_int_equal(error.offset, cases[i].offset);
        oc_buffer_free(&block);
    }
    free(vocabulary);
}

/* added_tokens.json of old folders: ids behind the vocabulary, found in normalised text. */
static void test_added_map(void **state) {
    (void)state;
    oc_tokenizer_files files = {.added_tokens = oc_slice_of("{\"<Foo>\": 1024, \"<bar>\": 1025}")};
    char *vocabulary = edited(FOLDER "vocab.json", NULL, NULL, &files.vocabulary.length);
    char *merges = edited(FOLDER "merges.txt", NULL, NULL, &files.merges.length);
    files.vocabulary.data = vocabulary;
    files.merges.data = merges;
    oc_buffer block;
    oc_bpe *bpe = NULL;
    oc_buffer_init(&block);
    assert_ok(oc_tokenizer_read(&files, 32, &block, NULL));
    assert_ok(oc_bpe_create(block.data, block.size, &bpe, NULL));
    int32_t ids[8], count = 0;
    assert_ok(oc_bpe_encode(bpe, "<FOO><bar>", 10, ids, 8, &count, NULL, NULL));
    const int32_t want[] = {1022, 1024, 1025, 1023};
    assert_int_equal(count, 4);
    assert_memory_equal(ids, want, sizeof want);
    oc_bpe_free(bpe);
    oc_buffer_free(&block);
    free(vocabulary);
    free(merges);
}

/* A folder without a tokenizer, and one that is not there. */
static void test_missing_files(void **state) {
    (void)state;
    static const char *const folders[] = {TEST_DATA, TEST_DATA "/no-such-folder"};
    for (size_t i = 0; i < OC_COUNT(folders); i++) {
        octavo_error error = {0};
        oc_buffer block;
        oc_buffer_init(&block);
        assert_int_equal(oc_tokenizer_load(folders[i], 77, &block, &error), OCTAVO_NOT_FOUND);
        assert_string_equal(error.path, folders[i]);
        assert_non_null(strstr(error.message, "tokenizer.json"));
        oc_buffer_free(&block);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block_round_trip), cmocka_unit_test(test_block_is_small),
        cmocka_unit_test(test_block_cut),        cmocka_unit_test(test_block_bits),
        cmocka_unit_test(test_block_limits),     cmocka_unit_test(test_both_forms),
        cmocka_unit_test(test_harmless_edits),   cmocka_unit_test(test_refused_edits),
        cmocka_unit_test(test_cut_files),        cmocka_unit_test(test_config),
        cmocka_unit_test(test_merges_text),      cmocka_unit_test(test_added_map),
        cmocka_unit_test(test_missing_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
