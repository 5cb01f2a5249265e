// links: base
/* test_base.c - errors, memory, text, numbers, maps and the environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/hash.h"
#include "base/json/number.h"
#include "base/size.h"
#include "base/slice.h"
#include "base/strmap.h"
#include "base/sys/clock.h"
#include "base/sys/env.h"
#include "base/utf8.h"

static octavo_status fails(int value, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_FAIL(error, OCTAVO_CORRUPT, 82113, "value %d, expected %d", value, 3);
done:
    return status;
}

/* The first error stays, with its place; a NULL error is no trouble; clearing makes room. */
static void test_error_is_filled_once(void **state) {
    (void)state;
    octavo_error error;
    oc_error_clear(&error);
    assert_int_equal(error.status, OCTAVO_OK);
    assert_true(error.offset == OCTAVO_NO_OFFSET);
    assert_int_equal(fails(4, &error), OCTAVO_CORRUPT);
    assert_int_equal(fails(5, &error), OCTAVO_CORRUPT);
    assert_string_equal(error.message, "value 4, expected 3");
    assert_int_equal(error.status, OCTAVO_CORRUPT);
    assert_true(error.offset == 82113);
    assert_non_null(strstr(error.source, "test_base.c"));
    assert_true(error.line > 0);
    oc_error_path(&error, "a.json");
    oc_error_path(&error, "b.json");
    assert_string_equal(error.path, "a.json");
    assert_int_equal(fails(4, NULL), OCTAVO_CORRUPT);
    oc_error_path(NULL, "a");
    oc_error_clear(NULL);
    oc_error_clear(&error);
    assert_int_equal(fails(6, &error), OCTAVO_CORRUPT);
    assert_string_equal(error.message, "value 6, expected 3");
}

/* Hostile names cannot put control characters, broken UTF-8 or half a character in a message. */
static void test_messages_are_printable(void **state) {
    (void)state;
    octavo_error error;
    oc_error_clear(&error);
    oc_fail(&error, OCTAVO_IO, 0, __FILE__, __LINE__, "name %s", "\x1b[31m\n\xff\xc3\xa9\xc2\x9b.");
    assert_string_equal(error.message, "name ?[31m??\xc3\xa9?.");
    char longer[2000];
    memset(longer, 'x', sizeof longer);
    for (size_t i = 0; i + 2 < sizeof longer; i += 2) {
        memcpy(longer + i, "\xc3\xa9", 2);
    }
    longer[sizeof longer - 1] = 0;
    oc_error_clear(&error);
    oc_fail(&error, OCTAVO_IO, 0, __FILE__, __LINE__, "%s", longer);
    size_t length = strlen(error.message);
    assert_int_equal(length, sizeof error.message - 2); /* 735 would split a character */
    assert_memory_equal(error.message + length - 2, "\xc3\xa9", 2);
}

/* Memory is zeroed, aligned, apart and counted, whatever sizes are asked for in whatever order. */
static void test_arena(void **state) {
    (void)state;
    oc_arena arena;
    oc_arena_init(&arena);
    static const size_t sizes[] = {0, 1, 15, 16, 17, 4000, 5000, 1, 3000000, 2, 100000};
    unsigned char *pieces[OC_COUNT(sizes)];
    size_t total = 0;
    for (size_t i = 0; i < OC_COUNT(sizes); i++) {
        pieces[i] = oc_arena_alloc(&arena, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        for (size_t j = 0; j < sizes[i]; j++) {
            assert_int_equal(pieces[i][j], 0);
        }
        memset(pieces[i], (int)i + 1, sizes[i]);
        total += sizes[i];
    }
    for (size_t i = 0; i < OC_COUNT(sizes); i++) {
        for (size_t j = 0; j < sizes[i]; j++) {
            assert_int_equal(pieces[i][j], i + 1);
        }
    }
    assert_int_equal(arena.total, total);
    assert_string_equal(oc_arena_text(&arena, "abcdef", 3), "abc");
    assert_string_equal(oc_arena_text(&arena, NULL, 0), "");
    assert_null(oc_arena_alloc(&arena, SIZE_MAX));
    assert_null(
        oc_arena_alloc(&arena, SIZE_MAX - 15)); /* fits rounded up, but not with its block */
    assert_null(oc_arena_text(&arena, "", SIZE_MAX));
    oc_arena_free(&arena);
    assert_non_null(oc_arena_alloc(&arena, 1)); /* empty and usable */
    oc_arena_free(&arena);
}

/* Sums and products that do not fit are told, and leave the result alone. */
static void test_sizes(void **state) {
    (void)state;
    size_t size = 7;
    uint64_t wide = 7;
    assert_false(oc_add_size(SIZE_MAX, 1, &size));
    assert_false(oc_mul_size(SIZE_MAX / 2 + 1, 2, &size));
    assert_false(oc_add_u64(UINT64_MAX, 1, &wide));
    assert_true(size == 7 && wide == 7);
    assert_true(oc_add_size(SIZE_MAX - 1, 1, &size) && size == SIZE_MAX);
    assert_true(oc_mul_size(SIZE_MAX / 2, 2, &size) && size == SIZE_MAX - 1);
    assert_int_equal(oc_round_up(0, 64), 0);
    assert_int_equal(oc_round_up(1, 64), 64);
    assert_int_equal(oc_round_up(64, 64), 64);
}

/* What was appended is there, terminated; taking leaves nothing behind. */
static void test_buffer(void **state) {
    (void)state;
    oc_buffer buffer;
    oc_buffer_init(&buffer);
    for (int i = 0; i < 1000; i++) {
        oc_buffer_printf(&buffer, "%d,", i);
    }
    oc_buffer_text(&buffer, "end");
    oc_buffer_byte(&buffer, '.');
    oc_buffer_append(&buffer, NULL, 0);
    assert_int_equal(buffer.size, 10 * 2 + 90 * 3 + 900 * 4 + 4);
    assert_int_equal(strlen(buffer.data), buffer.size);
    assert_memory_equal(buffer.data, "0,1,2,", 6);
    assert_string_equal(buffer.data + buffer.size - 8, "999,end.");
    size_t size;
    char *text = oc_buffer_take(&buffer, &size);
    assert_int_equal(strlen(text), size);
    free(text);
    text = oc_buffer_take(&buffer, &size);
    assert_string_equal(text, "");
    assert_int_equal(size, 0);
    free(text);
}

/* Out of memory is remembered until the end, and nothing half-done is handed out. */
static void test_buffer_out_of_memory(void **state) {
    (void)state;
    oc_buffer buffer;
    octavo_error error;
    oc_error_clear(&error);
    oc_buffer_init(&buffer);
    oc_buffer_text(&buffer, "kept");
    assert_int_equal(oc_buffer_status(&buffer, &error), OCTAVO_OK);
    assert_null(oc_buffer_reserve(&buffer, SIZE_MAX));
    oc_buffer_text(&buffer, "not");
    assert_string_equal(buffer.data, "kept");
    assert_int_equal(oc_buffer_status(&buffer, &error), OCTAVO_EXHAUSTED);
    assert_null(oc_buffer_take(&buffer, NULL));
    oc_buffer_free(&buffer);
}

/* Comparisons respect lengths; a slice of nothing is no trouble. */
static void test_slices(void **state) {
    (void)state;
    oc_slice slice = {"model.safetensors.x", 17}, nothing = {NULL, 0};
    assert_true(oc_slice_is(slice, "model.safetensors"));
    assert_false(oc_slice_is(slice, "model.safetensors.x"));
    assert_true(oc_slice_starts(slice, "model.") && oc_slice_ends(slice, ".safetensors"));
    assert_false(oc_slice_starts(slice, "odel") || oc_slice_ends(slice, ".x"));
    assert_false(oc_slice_starts(slice, "model.safetensors.x"));
    assert_true(oc_slice_is(nothing, "") && oc_slice_starts(nothing, ""));
    assert_true(oc_slice_equal(nothing, oc_slice_of("")));
    assert_false(oc_slice_is(nothing, "a"));
}

/* Every scalar value goes out and comes back; nothing else comes in. */
static void test_utf8_every_character(void **state) {
    (void)state;
    for (uint32_t point = 0; point < 0x110000; point++) {
        if (point >= 0xd800 && point < 0xe000) {
            continue;
        }
        char text[4];
        uint32_t back;
        size_t used, length = oc_utf8_write(point, text);
        assert_true(oc_utf8_read(text, length, &back, &used));
        assert_true(back == point && used == length);
        assert_true(length == 1 || !oc_utf8_read(text, length - 1, &back, &used));
    }
}

/* Invalid sequences stand for as many U+FFFD as the Unicode standard's examples say. */
static void test_utf8_invalid(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t lengths[8]; /* of the pieces; valid ones included */
    } cases[] = {
        {"\xc0\xaf", {1, 1}},                               /* overlong, table 3-8 */
        {"\xe0\x80\xbf\xf0\x81\x82", {1, 1, 1, 1, 1, 1}},   /* overlong */
        {"\xed\xa0\x80\xed\xbf\xbf", {1, 1, 1, 1, 1, 1}},   /* surrogates, table 3-9 */
        {"\xf4\x91\x92\x93\xff", {1, 1, 1, 1, 1}},          /* too large, table 3-10 */
        {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf", {2, 1, 3, 2}}, /* cut short, table 3-11 */
        {"\x80\xbf\xfe", {1, 1, 1}},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        size_t at = 0, size = strlen(cases[i].text), used;
        for (size_t piece = 0; at < size; piece++, at += used) {
            uint32_t point = 0;
            assert_false(oc_utf8_read(cases[i].text + at, size - at, &point, &used));
            assert_int_equal(point, OC_UTF8_REPLACEMENT);
            assert_int_equal(used, cases[i].lengths[piece]);
        }
        assert_int_equal(at, size);
    }
}

static bool parses(const char *text, double expected) {
    double value = 0;
    return oc_parse_double(text, strlen(text), &value) && value == expected;
}

/* Decimal text is read to the nearest double, in JSON's grammar and no other. */
static void test_parse_double(void **state) {
    (void)state;
    assert_true(parses("0", 0) && parses("-1.5e-3", -0.0015) && parses("1E+2", 100));
    assert_true(parses("9007199254740993", 9007199254740992.0)); /* a tie, to even */
    assert_true(parses("9007199254740993.0000000000000000000001", 9007199254740994.0));
    assert_true(parses("4.9406564584124654e-324", DBL_TRUE_MIN) && parses("1e-400", 0));
    assert_true(parses("1.7976931348623157e308", DBL_MAX));
    static const char *const bad[] = {"",    "-",   "+1",  "01",  "1.",  ".5",    "1e",
                                      "1e+", "0x1", "inf", "nan", "1 ",  "1e309", "-1e309",
                                      " 1",  "1,5", "1_0", "--1", "1.e", "1e1.5"};
    for (size_t i = 0; i < OC_COUNT(bad); i++) {
        double value;
        assert_false(oc_parse_double(bad[i], strlen(bad[i]), &value));
    }
    int64_t integer;
    assert_true(oc_parse_int64("-9223372036854775808", 20, &integer) && integer == INT64_MIN);
    assert_true(oc_parse_int64("9223372036854775807", 19, &integer) && integer == INT64_MAX);
    assert_false(oc_parse_int64("9223372036854775808", 19, &integer));
    assert_false(oc_parse_int64("-9223372036854775809", 20, &integer));
    assert_false(oc_parse_int64("1.0", 3, &integer) || oc_parse_int64("1e2", 3, &integer));
}

/* What is written reads back equal: simple values briefly, random bits exactly. */
static void test_format_double(void **state) {
    (void)state;
    char text[OC_NUMBER_TEXT];
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},        {0.1, "0.1"},     {1.0 / 3, "0.3333333333333333"},
                 {1e22, "1e+22"}, {-12.5, "-12.5"}, {1e-5, "1e-05"}};
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        assert_int_equal(oc_format_double(cases[i].value, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
    oc_format_float(0.1f, text);
    assert_string_equal(text, "0.1");
    uint64_t bits = 1;
    for (int i = 0; i < 20000; i++) {
        double value, back;
        float narrow;
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        memcpy(&value, &bits, sizeof value);
        memcpy(&narrow, &bits, sizeof narrow);
        if (isfinite(value)) {
            assert_true(oc_parse_double(text, oc_format_double(value, text), &back));
            assert_true(back == value);
        }
        if (isfinite(narrow)) {
            assert_true(oc_parse_double(text, oc_format_float(narrow, text), &back));
            assert_true((float)back == narrow);
        }
    }
}

/* A program's locale with a decimal comma changes nothing. */
static void test_numbers_in_other_locales(void **state) {
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    size_t i = 0;
    while (i < OC_COUNT(names) && !setlocale(LC_NUMERIC, names[i])) {
        i++;
    }
    if (i == OC_COUNT(names)) {
        skip();
    }
    char text[OC_NUMBER_TEXT];
    oc_format_double(2.5, text);
    bool right = strcmp(text, "2.5") == 0 && parses("2.5", 2.5);
    setlocale(LC_NUMERIC, "C");
    assert_true(right);
}

/* Keys are found after any number of growths; existing ones keep their value and are told. */
static void test_strmap(void **state) {
    (void)state;
    enum { KEYS = 20000 };
    oc_strmap map;
    octavo_error error;
    oc_arena arena;
    oc_arena_init(&arena);
    oc_error_clear(&error);
    oc_strmap_init(&map);
    assert_null(oc_strmap_find(&map, oc_slice_of("a")));
    for (int32_t i = 0; i < KEYS; i++) {
        char text[16];
        int32_t *existing = &i;
        int length = snprintf(text, sizeof text, "k%d", i);
        oc_slice key = {oc_arena_text(&arena, text, (size_t)length), (size_t)length};
        assert_int_equal(oc_strmap_add(&map, key, i, &existing, &error), OCTAVO_OK);
        assert_null(existing);
    }
    for (int32_t i = 0; i < KEYS; i++) {
        char text[16];
        int32_t *existing;
        snprintf(text, sizeof text, "k%d", i);
        assert_int_equal(oc_strmap_add(&map, oc_slice_of(text), -1, &existing, &error), OCTAVO_OK);
        assert_non_null(existing);
        assert_int_equal(*existing, i);
        assert_ptr_equal(existing, oc_strmap_find(&map, oc_slice_of(text)));
    }
    assert_int_equal(map.count, KEYS);
    assert_null(oc_strmap_find(&map, oc_slice_of("k20000")));
    assert_null(oc_strmap_find(&map, oc_slice_of("")));
    /* No bytes, zero bytes and prefixes are different keys. */
    static const oc_slice odd[] = {{NULL, 0}, {"\0", 1}, {"\0\0", 2}, {"k", 1}};
    for (size_t i = 0; i < OC_COUNT(odd); i++) {
        int32_t *existing;
        assert_int_equal(oc_strmap_add(&map, odd[i], 7, &existing, &error), OCTAVO_OK);
        assert_null(existing);
    }
    assert_int_equal(map.count, KEYS + OC_COUNT(odd));
    assert_int_equal(oc_strmap_reserve(&map, (size_t)1 << 40, &error), OCTAVO_UNSUPPORTED);
    assert_int_equal(*oc_strmap_find(&map, oc_slice_of("k3")), 3);
    oc_strmap_free(&map);
    oc_arena_free(&arena);
}

/* Hashes spread short, similar names, and depend on length and key. */
static void test_hash(void **state) {
    (void)state;
    enum { BUCKETS = 1024, KEYS = 64 * BUCKETS };
    static uint32_t counts[BUCKETS];
    for (uint32_t i = 0; i < KEYS; i++) {
        char text[64];
        int length = snprintf(text, sizeof text, "vision_model.layers.%" PRIu32 ".weight", i);
        counts[oc_hash(text, (size_t)length, 12345) % BUCKETS]++;
    }
    double chi = 0;
    for (int i = 0; i < BUCKETS; i++) {
        double d = counts[i] - (double)KEYS / BUCKETS;
        chi += d * d / ((double)KEYS / BUCKETS);
    }
    /* chi^2 of 1023 degrees of freedom: mean 1023, deviation 45 */
    assert_true(chi > 1023 - 6 * 45 && chi < 1023 + 6 * 45);
    assert_true(oc_hash("\0", 1, 1) != oc_hash("\0\0", 2, 1));
    assert_true(oc_hash("a", 1, 1) != oc_hash("a", 1, 2));
    assert_true(oc_hash_key() != oc_hash_key());
}

/* Unset and empty are the same; names are spelled as users set them. */
static void test_environment(void **state) {
    (void)state;
    assert_string_equal(oc_env_name(OC_ENV_HF_HUB_CACHE), "HF_HUB_CACHE");
    setenv("OCTAVO_TIER", "avx2", 1);
    assert_string_equal(oc_env_get(OC_ENV_OCTAVO_TIER), "avx2");
    setenv("OCTAVO_TIER", "", 1);
    assert_null(oc_env_get(OC_ENV_OCTAVO_TIER));
    unsetenv("OCTAVO_TIER");
    assert_null(oc_env_get(OC_ENV_OCTAVO_TIER));
    for (int i = 0; i < OC_ENV_COUNT; i++) {
        assert_true(strlen(oc_env_about((oc_env)i)) > 10);
    }
}

/* Time runs forward. */
static void test_clock(void **state) {
    (void)state;
    uint64_t before = oc_clock_ns(), after = oc_clock_ns();
    while (after == before) {
        after = oc_clock_ns();
    }
    assert_true(before > 0 && after > before && after - before < 60000000000u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_is_filled_once),
        cmocka_unit_test(test_messages_are_printable),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_buffer),
        cmocka_unit_test(test_buffer_out_of_memory),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_utf8_every_character),
        cmocka_unit_test(test_utf8_invalid),
        cmocka_unit_test(test_parse_double),
        cmocka_unit_test(test_format_double),
        cmocka_unit_test(test_numbers_in_other_locales),
        cmocka_unit_test(test_strmap),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
