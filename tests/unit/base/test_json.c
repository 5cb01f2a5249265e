// links: base
/* test_json.c - the JSON reader and writer: grammar, limits, places of errors, round trips. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json/json.h"
#include "base/json/json_write.h"

/* Reads all events of `text`. */
static octavo_status read_all(const char *text, size_t size, int flags, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json;
    oc_json_event event;
    oc_json_open(&json, text, size, 0, flags);
    do {
        OC_TRY(oc_json_next(&json, &event, error));
    } while (event.type != OC_JSON_END);
done:
    oc_json_close(&json);
    return status;
}

/* The same by one skip. */
static octavo_status skip_all(const char *text, size_t size, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json;
    oc_json_open(&json, text, size, 0, 0);
    OC_TRY(oc_json_skip(&json, NULL, error));
    OC_TRY(oc_json_finish(&json, error));
done:
    oc_json_close(&json);
    return status;
}

static void expect_refused(const char *text, size_t size, octavo_status wanted, uint64_t offset,
                           const char *part) {
    octavo_error error, again;
    char *copy = malloc(size ? size : 1); /* exactly as long: a sanitizer sees reading past it */
    memcpy(copy, text, size);
    oc_error_clear(&error);
    oc_error_clear(&again);
    assert_int_equal(read_all(copy, size, 0, &error), wanted);
    if (!strstr(error.message, part)) {
        fail_msg("\"%s\" is not in: %s", part, error.message);
    }
    assert_int_equal(error.offset, offset);
    assert_int_equal(skip_all(copy, size, &again), wanted);
    assert_int_equal(again.offset, offset);
    free(copy);
}

/* Every event, with its value and place. */
static void test_events(void **state) {
    (void)state;
    static const char text[] = " {\"a\" : [1, -2.5e1, \"x\\n\", true,false ,null], \"b\":{}}\n";
    static const struct {
        oc_json_type type;
        uint64_t offset;
        const char *text;
    } wanted[] = {{OC_JSON_OBJECT_BEGIN, 1, ""},  {OC_JSON_KEY, 2, "a"},
                  {OC_JSON_ARRAY_BEGIN, 8, ""},   {OC_JSON_NUMBER, 9, "1"},
                  {OC_JSON_NUMBER, 12, "-2.5e1"}, {OC_JSON_STRING, 20, "x\n"},
                  {OC_JSON_TRUE, 27, ""},         {OC_JSON_FALSE, 32, ""},
                  {OC_JSON_NULL, 39, ""},         {OC_JSON_ARRAY_END, 43, ""},
                  {OC_JSON_KEY, 46, "b"},         {OC_JSON_OBJECT_BEGIN, 50, ""},
                  {OC_JSON_OBJECT_END, 51, ""},   {OC_JSON_OBJECT_END, 52, ""},
                  {OC_JSON_END, 54, ""},          {OC_JSON_END, 54, ""}};
    oc_json json;
    oc_json_open(&json, text, strlen(text), 100, 0);
    for (size_t i = 0; i < OC_COUNT(wanted); i++) {
        oc_json_event event;
        oc_json_type type;
        assert_int_equal(oc_json_peek(&json, &type, NULL), OCTAVO_OK);
        assert_int_equal(oc_json_next(&json, &event, NULL), OCTAVO_OK);
        assert_int_equal(event.type, wanted[i].type);
        assert_int_equal(type, wanted[i].type);
        assert_int_equal(event.offset, 100 + wanted[i].offset);
        assert_true(oc_slice_is(event.text, wanted[i].text));
        if (event.offset == 109) {
            assert_true(event.is_integer && event.integer == 1 && event.number == 1);
        } else if (event.offset == 112) {
            assert_true(!event.is_integer && event.number == -25);
        }
    }
    oc_json_close(&json);
    oc_json_close(&json);
}

/* Whatever is not RFC 8259 is refused at the right byte. */
static void test_grammar(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t offset;
        const char *part;
    } cases[] = {
        {"", 0, "breaks off"},
        {" ", 1, "breaks off"},
        {"[1,]", 3, "expected a value"},
        {"[,1]", 1, "expected a value"},
        {"[1 2]", 3, "expected ',' or ']'"},
        {"[1}", 2, "expected ',' or ']'"},
        {"[1", 2, "expected ',' or ']'"},
        {"{\"a\":1,}", 7, "a key"},
        {"{a:1}", 1, "a key"},
        {"{\"a\" 1}", 5, "expected ':'"},
        {"{\"a\"", 4, "expected ':'"},
        {"{\"a\":}", 5, "expected a value"},
        {"{\"a\":1]", 6, "expected ',' or '}'"},
        {"{1:2}", 1, "a key"},
        {"1 2", 2, "more follows"},
        {"{}{}", 2, "more follows"},
        {"[] // x", 3, "more follows"},
        {"\xef\xbb\xbf{}", 0, "expected a value"},
        {"version https://git-lfs.github.com/spec/v1", 0, "this is not JSON but a git-lfs pointer"},
        {"tru", 0, "expected a value"},
        {"nul l", 0, "expected a value"},
        {"truex", 4, "more follows"},
        {"True", 0, "expected a value"},
        {"NaN", 0, "NaN is no JSON value, a number must be finite (byte 0)"},
        {"[-Infinity]", 1, "[0]: -Infinity is no JSON value"},
        {"{\"a\": Infinity}", 6, "a: Infinity is no JSON value"},
        {"[-Inf]", 1, "number"},
        {"Na", 0, "expected a value"},
        {"-", 0, "number"},
        {"01", 1, "more follows"},
        {"1.", 0, "number"},
        {".5", 0, "expected a value"},
        {"+1", 0, "expected a value"},
        {"1e+", 0, "number"},
        {"[1e999]", 1, "too large"},
        {"\"abc", 0, "does not end"},
        {"[\"a\\\"]", 1, "does not end"},
        {"\"a\tb\"", 2, "0x09"},
        {"\"\\x\"", 1, "escape"},
        {"\"\\u12g4\"", 1, "escape"},
        {"\"\\u123\"", 1, "escape"},
        {"\"\\ud800\"", 1, "surrogate"},
        {"\"\\ud800\\u0041\"", 1, "surrogate"},
        {"\"\\udc00\"", 1, "surrogate"},
        {"\"\\\"", 0, "does not end"},
        {"\"a\xff\"", 2, "UTF-8"},
        {"\"\xc0\x80\"", 1, "UTF-8"},
        {"\"\xed\xa0\x80\"", 1, "UTF-8"},
        {"\"\xe2\x82\"", 1, "UTF-8"},
        {"'a'", 0, "expected a value"},
        {"[1\v]", 2, "expected ','"},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        expect_refused(cases[i].text, strlen(cases[i].text), OCTAVO_CORRUPT, cases[i].offset,
                       cases[i].part);
    }
    expect_refused("[1]\0", 4, OCTAVO_CORRUPT, 3, "more follows");
    expect_refused("\"\0\"", 3, OCTAVO_CORRUPT, 1, "0x00");
    expect_refused("\"\\\0\"", 4, OCTAVO_CORRUPT, 1, "escape");
}

/* Every truncation of a document is refused, and none reads past its end. */
static void test_truncations(void **state) {
    (void)state;
    static const char text[] =
        "{\"k\\u00e9\\ud834\\udd1e\xc3\xa9\": [-1.5e+3, true, null, \"\\n\"]}";
    for (size_t size = 0; size < strlen(text); size++) {
        char *copy = malloc(size ? size : 1);
        memcpy(copy, text, size);
        assert_int_equal(read_all(copy, size, 0, NULL), OCTAVO_CORRUPT);
        assert_int_equal(skip_all(copy, size, NULL), OCTAVO_CORRUPT);
        free(copy);
    }
    assert_int_equal(read_all(text, strlen(text), 0, NULL), OCTAVO_OK);
}

/* Escapes of every kind become their characters. */
static void test_strings(void **state) {
    (void)state;
    static const struct {
        const char *json, *text;
        size_t length;
    } cases[] = {
        {"\"\"", "", 0},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
        {"\"\\u0041\\u00E9\\u20ac\\uFFFF\"", "A\xc3\xa9\xe2\x82\xac\xef\xbf\xbf", 9},
        {"\"\\uD834\\uDD1E\\udbff\\udfff\"", "\xf0\x9d\x84\x9e\xf4\x8f\xbf\xbf", 8},
        {"\"a\\u0000b\"", "a\0b", 3},
        {"\"\xc4\xa0plain\x7f\"", "\xc4\xa0plain\x7f", 8},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        oc_json json;
        oc_slice text;
        oc_json_open(&json, cases[i].json, strlen(cases[i].json), 0, 0);
        assert_int_equal(oc_json_string(&json, &text, NULL), OCTAVO_OK);
        assert_true(oc_slice_equal(text, (oc_slice){cases[i].text, cases[i].length}));
        assert_int_equal(oc_json_finish(&json, NULL), OCTAVO_OK);
        oc_json_close(&json);
    }
}

/* Integers are exact to the ends of int64; beyond, only the double is left. */
static void test_numbers(void **state) {
    (void)state;
    static const struct {
        const char *json;
        bool is_integer;
        int64_t integer;
        double number;
    } cases[] = {
        {"9223372036854775807", true, INT64_MAX, 0x1p63},
        {"-9223372036854775808", true, INT64_MIN, -0x1p63},
        {"9223372036854775808", false, 0, 0x1p63},
        {"1000000000000000019884624838656", false, 0, 1e30},
        {"9007199254740993", true, 9007199254740993, 9007199254740992.0},
        {"-0", true, 0, -0.0},
        {"0.0", false, 0, 0},
        {"1e2", false, 0, 100},
        {"1e-05", false, 0, 1e-5},
        {"0.1", false, 0, 0.1},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        oc_json json;
        oc_json_event event;
        oc_json_open(&json, cases[i].json, strlen(cases[i].json), 0, 0);
        assert_int_equal(oc_json_next(&json, &event, NULL), OCTAVO_OK);
        assert_int_equal(event.is_integer, cases[i].is_integer);
        assert_true(event.integer == cases[i].integer && event.number == cases[i].number);
        assert_int_equal(signbit(event.number), signbit(cases[i].number));
        oc_json_close(&json);
    }
}

/* A key twice in one object is refused, however it is spelled; in different objects it is not. */
static void test_duplicate_keys(void **state) {
    (void)state;
    expect_refused("{\"a\":1,\"b\":2,\"a\":3}", 19, OCTAVO_CORRUPT, 13, "a: this key comes twice");
    expect_refused("{\"a\":1,\"\\u0061\":3}", 18, OCTAVO_CORRUPT, 7, "twice");
    expect_refused("[{\"x\":{\"\":1,\"\":2}}]", 19, OCTAVO_CORRUPT, 12, "twice");
    expect_refused("{\"a\":{\"a\":{}, \"b\":[{\"a\":1}]}, \"a\":1}", 36, OCTAVO_CORRUPT, 30,
                   "twice");
    static const char fine[] =
        "{\"a\":{\"a\":[{\"a\":1},{\"a\":2}],\"b\":{\"b\":0}},\"b\":{\"a\":3}}";
    assert_int_equal(read_all(fine, strlen(fine), 0, NULL), OCTAVO_OK);
    static const char twice[] = "{\"a\":1,\"a\":2}";
    assert_int_equal(read_all(twice, strlen(twice), OC_JSON_ALLOW_DUPLICATES, NULL), OCTAVO_OK);
}

/* Duplicates are found among many keys, nested objects in between. */
static void test_many_keys(void **state) {
    (void)state;
    enum { KEYS = 5000 };
    for (int twin = -1; twin < KEYS; twin += 1234) {
        oc_buffer text;
        octavo_error error;
        oc_error_clear(&error);
        oc_buffer_init(&text);
        oc_buffer_byte(&text, '{');
        for (int i = 0; i < KEYS; i++) {
            oc_buffer_printf(&text, "\"k%d\":{\"k%d\":0,\"k%d\":0},", i, i + 1, i);
        }
        oc_buffer_printf(&text, "\"k%d\":0}", twin);
        octavo_status status = read_all(text.data, text.size, 0, &error);
        assert_int_equal(status, twin < 0 ? OCTAVO_OK : OCTAVO_CORRUPT);
        oc_buffer_free(&text);
    }
}

/* Nesting is capped where limits.h says, without recursion. */
static void test_depth(void **state) {
    (void)state;
    char text[2 * OC_LIMIT_JSON_DEPTH + 2];
    memset(text, '[', OC_LIMIT_JSON_DEPTH);
    memset(text + OC_LIMIT_JSON_DEPTH, ']', OC_LIMIT_JSON_DEPTH);
    assert_int_equal(read_all(text, 2 * (size_t)OC_LIMIT_JSON_DEPTH, 0, NULL), OCTAVO_OK);
    memset(text, '[', sizeof text);
    expect_refused(text, sizeof text, OCTAVO_UNSUPPORTED, OC_LIMIT_JSON_DEPTH, "deeper than 64");
    size_t size = 1 << 20;
    char *deep = malloc(size);
    memset(deep, '[', size);
    expect_refused(deep, size, OCTAVO_UNSUPPORTED, OC_LIMIT_JSON_DEPTH, "deeper");
    memset(deep, '1', size);
    expect_refused(deep, size, OCTAVO_UNSUPPORTED, 0, "a number of 1048576 characters");
    free(deep);
}

static const char config[] =
    "{\"text\": {\"width\": 512, \"layers\": [{\"eps\": 1e-5}, {\"eps\": \"small\"}]},\n"
    " \"name\": \"tiny\", \"tied\": true, \"extra\": null, \"rest\": [1, {\"a\": [2]}], \"n\": "
    "7.5}";

/* A configuration file reads in order, with what is not wanted skipped. */
static void test_expectations(void **state) {
    (void)state;
    oc_json json;
    oc_slice key, raw = {0};
    oc_arena arena;
    const char *name = NULL;
    bool tied = false, null = false;
    double n = 0;
    int seen = 0;
    oc_arena_init(&arena);
    oc_json_open(&json, config, strlen(config), 0, 0);
    assert_int_equal(oc_json_object(&json, NULL), OCTAVO_OK);
    for (;; seen++) {
        octavo_status status = oc_json_member(&json, &key, NULL);
        assert_int_equal(status, OCTAVO_OK);
        if (!key.data) {
            break;
        }
        if (oc_slice_is(key, "name")) {
            status = oc_json_text(&json, 10, &arena, &name, NULL);
        } else if (oc_slice_is(key, "tied")) {
            status = oc_json_bool(&json, &tied, NULL);
        } else if (oc_slice_is(key, "extra")) {
            status = oc_json_null(&json, &null, NULL);
        } else if (oc_slice_is(key, "n")) {
            bool none = true;
            assert_int_equal(oc_json_null(&json, &none, NULL), OCTAVO_OK);
            assert_false(none);
            status = oc_json_double(&json, &n, NULL);
        } else if (oc_slice_is(key, "rest")) {
            status = oc_json_skip(&json, &raw, NULL);
        } else {
            status = oc_json_skip(&json, NULL, NULL);
        }
        assert_int_equal(status, OCTAVO_OK);
    }
    assert_int_equal(oc_json_finish(&json, NULL), OCTAVO_OK);
    oc_json_close(&json);
    assert_int_equal(seen, 6);
    assert_string_equal(name, "tiny");
    assert_true(tied && null && n == 7.5);
    assert_true(oc_slice_is(raw, "[1, {\"a\": [2]}]"));

    /* What was skipped can be read later, with offsets of the whole file. */
    oc_json later;
    bool more;
    int32_t one;
    octavo_error error;
    oc_error_clear(&error);
    oc_json_open(&later, raw.data, raw.length, (uint64_t)(raw.data - config), 0);
    assert_int_equal(oc_json_array(&later, &error), OCTAVO_OK);
    assert_int_equal(oc_json_element(&later, &more, &error), OCTAVO_OK);
    assert_true(more);
    assert_int_equal(oc_json_int32(&later, 1, 1, &one, &error), OCTAVO_OK);
    assert_int_equal(one, 1);
    assert_int_equal(oc_json_int32(&later, 1, 1, &one, &error), OCTAVO_CORRUPT);
    assert_int_equal(error.offset, strstr(config, "{\"a\"") - config);
    oc_json_close(&later);
    oc_arena_free(&arena);
}

/* Errors name place, expectation, finding and byte; afterwards the reader only fails. */
static void test_error_places(void **state) {
    (void)state;
    oc_json json;
    oc_slice key;
    octavo_error error;
    double eps;
    bool more;
    oc_error_clear(&error);
    oc_json_open(&json, config, strlen(config), 0, 0);
    assert_int_equal(oc_json_object(&json, &error), OCTAVO_OK);
    assert_int_equal(oc_json_member(&json, &key, &error), OCTAVO_OK);
    assert_int_equal(oc_json_object(&json, &error), OCTAVO_OK);
    assert_int_equal(oc_json_member(&json, &key, &error), OCTAVO_OK);
    assert_int_equal(oc_json_skip(&json, NULL, &error), OCTAVO_OK);
    assert_int_equal(oc_json_member(&json, &key, &error), OCTAVO_OK);
    assert_int_equal(oc_json_array(&json, &error), OCTAVO_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(oc_json_element(&json, &more, &error), OCTAVO_OK);
        assert_true(more);
        assert_int_equal(oc_json_object(&json, &error), OCTAVO_OK);
        assert_int_equal(oc_json_member(&json, &key, &error), OCTAVO_OK);
        octavo_status status = oc_json_double(&json, &eps, &error);
        assert_int_equal(status, i == 0 ? OCTAVO_OK : OCTAVO_CORRUPT);
        if (i == 0) {
            assert_int_equal(oc_json_member(&json, &key, &error), OCTAVO_OK);
        }
    }
    assert_string_equal(error.message,
                        "text.layers[1].eps: expected a number, found \"small\" (byte 58)");
    assert_int_equal(error.offset, 58);
    oc_json_event event;
    assert_int_equal(oc_json_next(&json, &event, &error), OCTAVO_CORRUPT);
    assert_int_equal(oc_json_skip(&json, NULL, &error), OCTAVO_CORRUPT);
    assert_int_equal(oc_json_finish(&json, &error), OCTAVO_CORRUPT);
    oc_json_close(&json);
}

/* Each expectation refuses what it does not expect, in a sentence. */
static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *json;
        const char *message;
    } cases[] = {
        {"768.0", "expected an integer from 1 to 16384, found 768.0 (byte 0)"},
        {"0", "expected an integer from 1 to 16384, found 0 (byte 0)"},
        {" 16385", "expected an integer from 1 to 16384, found 16385 (byte 1)"},
        {"null", "expected an integer from 1 to 16384, found null (byte 0)"},
        {"[1]", "expected an integer from 1 to 16384, found an array (byte 0)"},
        {"\"0123456789012345678901234567890123456789012\"",
         "expected an integer from 1 to 16384, found "
         "\"0123456789012345678901234567890123456789...\" (byte 0)"},
        {"{\"a\":1}", "expected an integer from 1 to 16384, found an object (byte 0)"},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        oc_json json;
        octavo_error error;
        int32_t value = 5;
        oc_error_clear(&error);
        oc_json_open(&json, cases[i].json, strlen(cases[i].json), 0, 0);
        assert_int_equal(oc_json_int32(&json, 1, 16384, &value, &error), OCTAVO_CORRUPT);
        assert_int_equal(value, 0);
        assert_string_equal(error.message, cases[i].message);
        oc_json_close(&json);
    }
    oc_json json;
    oc_arena arena;
    const char *text = "x";
    oc_arena_init(&arena);
    oc_json_open(&json, "\"abc\"", 5, 0, 0);
    assert_int_equal(oc_json_text(&json, 2, &arena, &text, NULL), OCTAVO_CORRUPT);
    assert_null(text);
    oc_json_close(&json);
    oc_json_open(&json, "\"a\\u0000\"", 9, 0, 0);
    assert_int_equal(oc_json_text(&json, 9, &arena, &text, NULL), OCTAVO_CORRUPT);
    oc_json_close(&json);
    bool flag = true;
    oc_json_open(&json, "1", 1, 0, 0);
    assert_int_equal(oc_json_bool(&json, &flag, NULL), OCTAVO_CORRUPT);
    assert_false(flag);
    oc_json_close(&json);
    oc_json_open(&json, "1", 1, 0, 0);
    assert_int_equal(oc_json_finish(&json, NULL), OCTAVO_CORRUPT); /* the value was not read */
    oc_json_close(&json);
    oc_arena_free(&arena);
}

static void write_sample(oc_json_writer *json) {
    oc_json_write_object(json);
    oc_json_write_key(json, "list");
    oc_json_write_array(json);
    oc_json_write_int(json, INT64_MIN);
    oc_json_write_double(json, 0.1);
    oc_json_write_float(json, 0.1f);
    oc_json_write_double(json, NAN);
    oc_json_write_bool(json, true);
    oc_json_write_null(json);
    oc_json_write_text(json, NULL);
    oc_json_write_end(json);
    oc_json_write_key_slice(json, oc_slice_of("a\"\\\n\x01"));
    oc_json_write_slice(json, (oc_slice){"\xff\xc3\xa9\0\xe2\x82", 6});
    oc_json_write_key(json, "empty");
    oc_json_write_object(json);
    oc_json_write_end(json);
    oc_json_write_key(json, "raw");
    oc_json_write_raw(json, oc_slice_of("[1]"));
    oc_json_write_end(json);
}

/* Compact and indented forms to the byte; invalid UTF-8 never comes out. */
static void test_writer(void **state) {
    (void)state;
    static const char *const wanted[] = {
        "{\"list\":[-9223372036854775808,0.1,0.1,null,true,null,null],"
        "\"a\\\"\\\\\\n\\u0001\":\"\xef\xbf\xbd\xc3\xa9\\u0000\xef\xbf\xbd\",\"empty\":{},\"raw\":["
        "1]}",
        "{\n  \"list\": [\n    -9223372036854775808,\n    0.1,\n    0.1,\n    null,\n    true,\n"
        "    null,\n    null\n  ],\n  \"a\\\"\\\\\\n\\u0001\": "
        "\"\xef\xbf\xbd\xc3\xa9\\u0000\xef\xbf\xbd\",\n"
        "  \"empty\": {},\n  \"raw\": [1]\n}"};
    for (int indent = 0; indent < 2; indent++) {
        oc_buffer out;
        oc_json_writer json;
        oc_buffer_init(&out);
        oc_json_write_open(&json, &out, indent);
        write_sample(&json);
        assert_int_equal(oc_json_write_finish(&json, NULL), OCTAVO_OK);
        assert_string_equal(out.data, wanted[indent]);
        assert_int_equal(read_all(out.data, out.size, 0, NULL), OCTAVO_OK);
        oc_buffer_free(&out);
    }
}

/* A document that is not finished is not taken for one. */
static void test_writer_unfinished(void **state) {
    (void)state;
    oc_buffer out;
    oc_json_writer json;
    oc_buffer_init(&out);
    oc_json_write_open(&json, &out, false);
    assert_int_equal(oc_json_write_finish(&json, NULL), OCTAVO_INTERNAL);
    oc_json_write_array(&json);
    assert_int_equal(oc_json_write_finish(&json, NULL), OCTAVO_INTERNAL);
    oc_json_write_end(&json);
    assert_int_equal(oc_json_write_finish(&json, NULL), OCTAVO_OK);
    assert_null(oc_buffer_reserve(&out, SIZE_MAX));
    assert_int_equal(oc_json_write_finish(&json, NULL), OCTAVO_EXHAUSTED);
    oc_buffer_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_duplicate_keys),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_expectations),
        cmocka_unit_test(test_error_places),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_writer),
        cmocka_unit_test(test_writer_unfinished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
