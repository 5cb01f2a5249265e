// links: text base
/* test_text.c - text to token ids: against ids of Hugging Face's CLIPTokenizer, and case by case.
 */
#include "unit/input/text_tools.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json/json.h"
#include "base/limits.h"
#include "base/sys/io.h"
#include "text/files/tokenizer_files.h"
#include "text/merges.h"
#include "text/unicode.h"

static oc_bpe *load(const char *folder) {
    char path[512];
    oc_buffer block;
    oc_bpe *bpe = NULL;
    octavo_error error = {0};
    oc_buffer_init(&block);
    snprintf(path, sizeof path, "%s/%s", PROJECT_DIR, folder);
    if (oc_tokenizer_load(path, 77, &block, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    assert_ok(oc_bpe_create(block.data, block.size, &bpe, NULL));
    oc_buffer_free(&block);
    return bpe;
}

/* -- the recorded ids
 * ------------------------------------------------------------------------------ */

typedef struct sample {
    oc_slice folder, text;
    int32_t ids[77], count, full;
} sample;

static void read_sample(oc_json *json, sample *out) {
    oc_slice key;
    bool more = false;
    *out = (sample){0};
    assert_ok(oc_json_object(json, NULL));
    for (;;) {
        assert_ok(oc_json_member(json, &key, NULL));
        if (!key.data) {
            break;
        } else if (oc_slice_is(key, "folder")) {
            assert_ok(oc_json_string(json, &out->folder, NULL));
        } else if (oc_slice_is(key, "text")) {
            assert_ok(oc_json_string(json, &out->text, NULL));
        } else if (oc_slice_is(key, "untruncated_length")) {
            assert_ok(oc_json_int32(json, 0, INT32_MAX, &out->full, NULL));
        } else if (oc_slice_is(key, "ids")) {
            assert_ok(oc_json_array(json, NULL));
            for (assert_ok(oc_json_element(json, &more, NULL)); more;
                 assert_ok(oc_json_element(json, &more, NULL))) {
                assert_true(out->count < 77);
                assert_ok(oc_json_int32(json, 0, INT32_MAX, &out->ids[out->count++], NULL));
            }
        } else {
            assert_ok(oc_json_skip(json, NULL, NULL));
        }
    }
    out->full = out->full ? out->full : out->count;
}

/* Every line of a file of samples; returns how many there are. */
static int check_samples(const char *file, const char *default_folder) {
    char *bytes = NULL, folder[128] = "";
    size_t size = 0;
    int lines = 0;
    oc_bpe *bpe = NULL;
    assert_ok(oc_file_load(file, 1 << 20, &bytes, &size, NULL));
    for (char *line = bytes, *end; line < bytes + size; line = end + 1, lines++) {
        oc_json json;
        sample want;
        int32_t ids[77], count = 0, full = 0;
        end = memchr(line, '\n', (size_t)(bytes + size - line));
        assert_non_null(end);
        oc_json_open(&json, line, (size_t)(end - line), 0, 0);
        read_sample(&json, &want);
        oc_slice name = want.folder.data ? want.folder : oc_slice_of(default_folder);
        if (!oc_slice_is(name, folder)) {
            snprintf(folder, sizeof folder, "%.*s", oc_slice_width(name), name.data);
            oc_bpe_free(bpe);
            bpe = load(folder);
        }
        assert_ok(oc_bpe_encode(bpe, want.text.data, want.text.length, ids,
                                oc_bpe_describe(bpe).tokens_max, &count, &full, NULL));
        if (count != want.count || full != want.full ||
            memcmp(ids, want.ids, (size_t)count * sizeof *ids) != 0) {
            fail_msg("%s line %d: \"%.*s\"", file, lines + 1, oc_slice_width(want.text),
                     want.text.data);
        }
        oc_json_close(&json);
    }
    oc_bpe_free(bpe);
    free(bytes);
    return lines;
}

/* The bundled model's ids are those of Hugging Face's tokenizer, on text of every kind. */
static void test_recorded_ids(void **state) {
    (void)state;
    assert_int_equal(check_samples(TEST_DATA "/tokens.jsonl", "models/clip-mini-fp8"), 3000);
}

/* Random Unicode, and other vocabularies: added tokens, other limits, vocab.json with merges.txt.
 */
static void test_more_recorded_ids(void **state) {
    (void)state;
    assert_int_equal(check_samples(TEST_DATA "/tokens_more.jsonl", ""), 480);
}

/* -- Unicode
 * --------------------------------------------------------------------------------------- */

/* A utf8proc with other tables may not change ids: class and normal form of every code point, as
 * one sum that was taken from the tokenizers library 0.23. */
static void test_every_code_point(void **state) {
    (void)state;
    static const uint64_t class_value[] = {
        [OC_TEXT_SPACE] = 0, [OC_TEXT_LETTER] = 1, [OC_TEXT_NUMBER] = 2, [OC_TEXT_OTHER] = 3};
    oc_text normal = {0};
    uint64_t sum = 0xcbf29ce484222325;
    for (uint32_t point = 0; point < 0x110000; point++) {
        if (point >= 0xd800 && point < 0xe000) {
            continue;
        }
        sum = (sum ^ class_value[oc_text_classify(point)]) * 0x100000001b3;
        assert_ok(oc_text_normalise(&point, 1, &normal, NULL));
        for (size_t i = 0; i < normal.count; i++) {
            sum = (sum ^ normal.points[i]) * 0x100000001b3;
        }
    }
    oc_text_free(&normal);
    assert_true(sum == 0x1271164c003f807a);
}

/* Composition: order of marks, exclusions, Hangul, and what is younger than its tables. */
static void test_normal_forms(void **state) {
    (void)state;
    static const struct {
        uint32_t from[8], to[8];
    } cases[] = {
        {{'E', 0x301}, {0xe9}},          /* composed, then lower */
        {{'e', 0x323, 0x302}, {0x1ec7}}, /* two steps */
        {{'e', 0x302, 0x323}, {0x1ec7}}, /* marks put in order first */
        {{'a', 0x315, 0x300, 0x5ae, 0x62}, {0xe0, 0x5ae, 0x315, 0x62}},
        {{0x958}, {0x915, 0x93c}},                    /* excluded from composition */
        {{0x1112, 0x1161, 0x11ab}, {0xd55c}},         /* Hangul */
        {{0xac00, 0x11a7}, {0xac00, 0x11a7}},         /* no trailing consonant */
        {{'a', 0x1ac0, 0x301}, {'a', 0x1ac0, 0x301}}, /* a young mark keeps the two apart */
        {{0x11935, 0x11930}, {0x11935, 0x11930}},     /* a young composition */
        {{0x130}, {'i', 0x307}},                      /* one letter becomes two */
        {{'A', 0x3a3}, {'a', 0x3c3}},                 /* no final sigma */
        {{'a', 0x9, 0x3000, 0xa0, 'b', 0x85}, {'a', ' ', 'b', ' '}},
    };
    oc_text normal = {0};
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        size_t from = 0, to = 0;
        for (; from < 8 && cases[i].from[from]; from++) {
        }
        for (; to < 8 && cases[i].to[to]; to++) {
        }
        assert_ok(oc_text_normalise(cases[i].from, from, &normal, NULL));
        assert_int_equal(normal.count, to);
        assert_memory_equal(normal.points, cases[i].to, to * sizeof(uint32_t));
    }
    oc_text_free(&normal);
}

/* -- words
 * ----------------------------------------------------------------------------------------- */

enum { T = 't' - 0x21, H = 'h' - 0x21, E_END = 256 + 'e' - 0x21, A_END = 256 + 'a' - 0x21 };

/* Words, contractions, single numbers, and merges by rank; nothing crosses a word's end. */
static void test_words(void **state) {
    (void)state;
    oc_tokenizer tokenizer = small_tokenizer();
    oc_bpe *bpe = make_bpe(&tokenizer);
    const int32_t the[] = {513};
    check_ids(bpe, "ThE", 3, the, 1);
    const int32_t tha[] = {512, A_END};
    check_ids(bpe, "  tha\n", 6, tha, 2);
    const int32_t numbers[] = {256 + '1' - 0x21, 256 + '2' - 0x21};
    check_ids(bpe, "12", 2, numbers, 2);
    const int32_t its[] = {'\'' - 0x21, 256 + 's' - 0x21, '\'' - 0x21, 'r' - 0x21, E_END};
    check_ids(bpe, "'s'RE", 5, its, 5);
    const int32_t marks[] = {'!' - 0x21, 256 + '\'' - 0x21, 256 + 's' - 0x21};
    check_ids(bpe, "!'s", 3, marks, 3); /* a run of marks takes the apostrophe along */
    check_ids(bpe, "", 0, NULL, 0);
    check_ids(bpe, " \t\xe3\x80\x80", 5, NULL, 0);
    oc_bpe_free(bpe);
}

/* Malformed UTF-8 becomes one U+FFFD for each maximal part, wherever it stands. */
static void test_malformed_text(void **state) {
    (void)state;
    oc_tokenizer tokenizer = small_tokenizer();
    oc_bpe *bpe = make_bpe(&tokenizer);
    static const struct {
        const char *malformed, *replaced;
    } cases[] = {
        {"\xff", "\xef\xbf\xbd"},
        {"a\xc3", "a\xef\xbf\xbd"},
        {"\xe2\x82"
         "a",
         "\xef\xbf\xbd"
         "a"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf0\x9f\x98"
         "\xf0\x9f\x98",
         "\xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        int32_t ids[64], count = 0;
        assert_ok(oc_bpe_encode(bpe, cases[i].replaced, strlen(cases[i].replaced), ids, 64, &count,
                                NULL, NULL));
        check_ids(bpe, cases[i].malformed, strlen(cases[i].malformed), ids + 1, count - 2);
    }
    oc_bpe_free(bpe);
}

/* Cutting keeps the end token and tells the full length; the least and the most that is taken. */
static void test_limits(void **state) {
    (void)state;
    oc_tokenizer tokenizer = small_tokenizer();
    oc_bpe *bpe = make_bpe(&tokenizer);
    octavo_error error = {0};
    int32_t ids[5] = {0, 0, 0, -7, -7}, count = 0, full = 0;
    assert_ok(oc_bpe_encode(bpe, "the the the", 11, ids, 3, &count, &full, NULL));
    assert_int_equal(count, 3);
    assert_int_equal(full, 5);
    const int32_t cut[] = {SMALL_BEGIN, 513, SMALL_END, -7, -7};
    assert_memory_equal(ids, cut, sizeof cut);
    assert_ok(oc_bpe_encode(bpe, "the", 3, ids, 2, &count, &full, NULL));
    assert_int_equal(ids[1], SMALL_END);
    assert_int_equal(full, 3);
    assert_int_equal(oc_bpe_encode(bpe, "the", 3, ids, 1, &count, &full, &error),
                     OCTAVO_INVALID_ARGUMENT);
    assert_int_equal(count, 0);

    char *text = malloc(OC_LIMIT_TEXT_BYTES + 1);
    assert_non_null(text);
    memset(text, 'a', OC_LIMIT_TEXT_BYTES + 1);
    assert_ok(oc_bpe_encode(bpe, text, OC_LIMIT_TEXT_BYTES, ids, 5, &count, &full, NULL));
    assert_int_equal(full, OC_LIMIT_TEXT_BYTES + 2);
    error = (octavo_error){0};
    assert_int_equal(
        oc_bpe_encode(bpe, text, OC_LIMIT_TEXT_BYTES + 1, ids, 5, &count, &full, &error),
        OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "1048577"));
    free(text);
    oc_bpe_free(bpe);
}

/* Many marks in the worst order are put in order, not moved past each other one by one. */
static void test_marks_in_the_worst_order(void **state) {
    (void)state;
    enum { COUNT = 200000 };
    uint32_t *points = malloc(COUNT * sizeof *points);
    oc_text normal = {0};
    assert_non_null(points);
    for (size_t i = 0; i < COUNT; i++) {
        points[i] = i % 2 ? 0x316 : 0x302; /* below (class 220), above (class 230) */
    }
    assert_ok(oc_text_normalise(points, COUNT, &normal, NULL));
    assert_int_equal(normal.count, COUNT);
    assert_int_equal(normal.points[0], 0x316);
    assert_int_equal(normal.points[COUNT / 2 - 1], 0x316);
    assert_int_equal(normal.points[COUNT / 2], 0x302);
    oc_text_free(&normal);
    free(points);
}

/* -- merges
 * ---------------------------------------------------------------------------------------- */

/* By the definition: the earliest merge of all neighbours, the leftmost of equals, until none. */
static size_t merge_by_definition(const oc_tokenizer *tokenizer, uint32_t *ids, size_t count) {
    for (;;) {
        uint32_t best = UINT32_MAX;
        size_t at = 0;
        for (size_t i = 0; i + 1 < count; i++) {
            for (uint32_t m = 0; m < tokenizer->merge_count && m < best; m++) {
                if (tokenizer->merges[m].left == ids[i] &&
                    tokenizer->merges[m].right == ids[i + 1]) {
                    best = m;
                    at = i;
                }
            }
        }
        if (best == UINT32_MAX) {
            return count;
        }
        ids[at] = tokenizer->merges[best].result;
        memmove(ids + at + 1, ids + at + 2, (count - at - 2) * sizeof *ids);
        count--;
    }
}

/* The heap does what the definition says, on merges and words without any structure. */
static void test_merges_by_definition(void **state) {
    (void)state;
    enum { IDS = 12, MERGES = 24, WORD = 40, ROUNDS = 3000 };
    uint32_t random = 1;
    oc_word word = {0};
    assert_ok(oc_word_reserve(&word, WORD, NULL));
    for (int round = 0; round < ROUNDS; round++) {
        oc_merge merges[MERGES];
        uint32_t ids[WORD], count = 0;
        bool taken[IDS][IDS] = {{false}};
        for (int i = 0; i < MERGES; i++) {
            uint32_t draw[3];
            for (int k = 0; k < 3; k++) {
                random = random * 1664525 + 1013904223;
                draw[k] = (random >> 16) % IDS;
            }
            if (!taken[draw[0]][draw[1]]) {
                taken[draw[0]][draw[1]] = true;
                merges[count++] = (oc_merge){draw[0], draw[1], (uint32_t)(IDS + i)};
            }
        }
        const oc_tokenizer tokenizer = {
            .vocabulary = IDS + MERGES, .merges = merges, .merge_count = count};
        oc_merges table;
        assert_ok(oc_merges_create(&tokenizer, &table, NULL));
        for (int i = 0; i < WORD; i++) {
            random = random * 1664525 + 1013904223;
            ids[i] = (random >> 16) % IDS;
            word.symbols[i].id = ids[i];
        }
        word.count = WORD;
        oc_word_merge(&word, &table);
        size_t want = merge_by_definition(&tokenizer, ids, WORD);
        assert_int_equal(word.count, want);
        for (size_t i = 0; i < want; i++) {
            assert_int_equal(word.symbols[i].id, ids[i]);
        }
        oc_merges_free(&table);
    }
    oc_word_free(&word);
}

/* -- added tokens
 * ---------------------------------------------------------------------------------- */

/* Raw ones match the text as it came, others its normal form; the longest of those that start
 * first wins. */
static void test_added_tokens(void **state) {
    (void)state;
    const oc_added_token added[] = {
        {oc_slice_of("<X>"), 516, false},      {oc_slice_of("<X><"), 517, false},
        {oc_slice_of("<y>"), 518, true},       {oc_slice_of("the"), 519, true},
        {oc_slice_of("\xc3\xa9!"), 520, true}, {oc_slice_of("<|endoftext|>"), SMALL_END, false},
    };
    oc_tokenizer tokenizer = small_tokenizer();
    tokenizer.vocabulary = 521;
    tokenizer.added = added;
    tokenizer.added_count = OC_COUNT(added);
    oc_bpe *bpe = make_bpe(&tokenizer);
    const int32_t plain[] = {516, 517, 518, 519, SMALL_END, 520};
    check_ids(bpe, "<X> <X><<Y>ThE<|endoftext|>E\xcc\x81!", 31, plain, 6);
    const int32_t not_raw[] = {'<' - 0x21, 'x' - 0x21 + 256}; /* "<x>" is no "<X>" */
    int32_t ids[64], count = 0;
    assert_ok(oc_bpe_encode(bpe, "<x>", 3, ids, 64, &count, NULL, NULL));
    assert_int_equal(count, 5);
    assert_int_equal(ids[1], not_raw[0] + 256);
    assert_int_equal(ids[2], not_raw[1]);
    oc_bpe_free(bpe);

    const oc_added_token twice[] = {{oc_slice_of("<X>"), 516, false},
                                    {oc_slice_of("<X>"), 517, false}};
    tokenizer.added = twice;
    tokenizer.added_count = 2;
    oc_buffer block;
    octavo_error error = {0};
    oc_buffer_init(&block);
    assert_ok(oc_tokenizer_pack(&tokenizer, &block, NULL));
    assert_int_equal(oc_bpe_create(block.data, block.size, &bpe, &error), OCTAVO_UNSUPPORTED);
    assert_null(bpe);
    assert_non_null(strstr(error.message, "516 and 517"));
    oc_buffer_free(&block);
}

/* Lower-casing can spell an end token; it is no end token, but its bars are words of their own. */
static void test_spelt_out_end_token(void **state) {
    (void)state;
    for (int split = 0; split < 2; split++) {
        oc_tokenizer tokenizer = small_tokenizer();
        tokenizer.split_end_tokens = split;
        oc_bpe *bpe = make_bpe(&tokenizer);
        int32_t ids[64], count = 0;
        assert_ok(oc_bpe_encode(bpe, "<|EndOfText|>!", 14, ids, 64, &count, NULL, NULL));
        assert_int_equal(count, 16);
        assert_int_equal(ids[13], '>' - 0x21 + (split ? 256 : 0));
        assert_int_equal(ids[14], '!' - 0x21 + 256);
        oc_bpe_free(bpe);
    }
}

/* -- threads
 * --------------------------------------------------------------------------------------- */

static void *encode_often(void *argument) {
    const oc_bpe *bpe = argument;
    static const char text[] = "The quick brown \xc3\x89"
                               "cureuil's <|endoftext|> 12";
    int32_t first[64], first_count = 0;
    bool same =
        oc_bpe_encode(bpe, text, sizeof text - 1, first, 64, &first_count, NULL, NULL) == OCTAVO_OK;
    for (int i = 0; i < 200 && same; i++) {
        int32_t ids[64], count = 0;
        same =
            oc_bpe_encode(bpe, text, sizeof text - 1, ids, 64, &count, NULL, NULL) == OCTAVO_OK &&
            count == first_count && memcmp(ids, first, (size_t)count * sizeof *ids) == 0;
    }
    return same ? NULL : argument;
}

/* One tokenizer serves several threads at once. */
static void test_threads(void **state) {
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    oc_tokenizer tokenizer = small_tokenizer();
    oc_bpe *bpe = make_bpe(&tokenizer);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, encode_often, bpe), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed = bpe;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    oc_bpe_free(bpe);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_ids),
        cmocka_unit_test(test_more_recorded_ids),
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_normal_forms),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_malformed_text),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_marks_in_the_worst_order),
        cmocka_unit_test(test_merges_by_definition),
        cmocka_unit_test(test_added_tokens),
        cmocka_unit_test(test_spelt_out_end_token),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
