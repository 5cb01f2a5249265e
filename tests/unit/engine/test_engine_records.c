// links: engine
/* The records of an engine file: canaries and META, to bytes and back, and malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/format.h"
#include "engine/records/canary_record.h"
#include "engine/records/meta.h"

static float expected[8] = {8, 7, 6, 5, 4, 3, 2, 1};
static uint8_t pixels[27] = {0, 255, 7};
static int32_t ids[3] = {49406, 320, 49407};
static const oc_canary_sequence sequences[] = {{3, 0, 0, 0}, {3, 1, 1, 0}, {7, 0, 0, 3}};
static const oc_canary_kept kept[] = {{0, 2}, {1, 1}, {2, 0}, {2, 6}};

static const oc_canary canaries[] = {
    {.kind = OC_CANARY_PART,
     .tower = OCTAVO_TEXT,
     .input = "text.hidden.0",
     .output = "text.layers.0.attended",
     .limits = {0.01f, 0.04f},
     .flags = OC_CANARY_ADDS,
     .seed = 77,
     .sequence_count = 3,
     .kept_count = 4,
     .sequences = sequences,
     .kept = kept,
     .expected = {.dtype = OCTAVO_F32, .rank = 2, .shape = {4, 2}, .data = expected}},
    {.kind = OC_CANARY_MODEL,
     .tower = OCTAVO_IMAGE,
     .input = "pixels",
     .output = "image_embeds",
     .limits = {0.002f, 0.002f},
     .given = {.dtype = OCTAVO_U8, .rank = 3, .shape = {3, 3, 3}, .data = pixels},
     .expected = {.dtype = OCTAVO_F32, .rank = 1, .shape = {7}, .data = expected}},
    {.kind = OC_CANARY_MODEL,
     .tower = OCTAVO_TEXT,
     .input = "input_ids",
     .output = "text_embeds",
     .limits = {0.002f, 0.002f},
     .given = {.dtype = OCTAVO_I32, .rank = 1, .shape = {3}, .data = ids},
     .expected = {.dtype = OCTAVO_F32, .rank = 1, .shape = {7}, .data = expected}},
};

static void same_tensor(const octavo_tensor *a, const octavo_tensor *b, size_t bytes) {
    assert_int_equal(a->dtype, b->dtype);
    assert_int_equal(a->rank, b->rank);
    assert_memory_equal(a->shape, b->shape, sizeof a->shape);
    if (bytes > 0) {
        assert_memory_equal(a->data, b->data, bytes);
    }
    assert_int_equal((uintptr_t)a->data % 8, 0);
}

/* Canaries come back as they were, their data aligned. */
static void test_canaries(void **state) {
    (void)state;
    octavo_error error = {0};
    oc_buffer bytes;
    oc_canary *list = NULL;
    int32_t count = 0;
    const size_t given_bytes[] = {0, 27, 12}, expected_bytes[] = {32, 28, 28};
    oc_buffer_init(&bytes);
    assert_int_equal(oc_canaries_encode(canaries, 3, &bytes, &error), OCTAVO_OK);
    assert_int_equal(bytes.size % 8, 0);
    assert_int_equal(oc_canaries_decode(bytes.data, bytes.size, &list, &count, &error), OCTAVO_OK);
    assert_int_equal(count, 3);
    for (int32_t i = 0; i < count; i++) {
        assert_int_equal(list[i].kind, canaries[i].kind);
        assert_int_equal(list[i].tower, canaries[i].tower);
        assert_string_equal(list[i].input, canaries[i].input);
        assert_string_equal(list[i].output, canaries[i].output);
        assert_memory_equal(list[i].limits, canaries[i].limits, sizeof list[i].limits);
        assert_int_equal(list[i].flags, canaries[i].flags);
        assert_int_equal(list[i].seed, canaries[i].seed);
        assert_int_equal(list[i].sequence_count, canaries[i].sequence_count);
        assert_int_equal(list[i].kept_count, canaries[i].kept_count);
        for (int32_t s = 0; s < list[i].sequence_count; s++) {
            assert_memory_equal(&list[i].sequences[s], &sequences[s], sizeof sequences[s]);
        }
        for (int32_t k = 0; k < list[i].kept_count; k++) {
            assert_memory_equal(&list[i].kept[k], &kept[k], sizeof kept[k]);
        }
        same_tensor(&list[i].given, &canaries[i].given, given_bytes[i]);
        same_tensor(&list[i].expected, &canaries[i].expected, expected_bytes[i]);
    }
    free(list);
    oc_buffer_free(&bytes);
}

/* Cut anywhere the section is refused; with any bit flipped it is refused, or is a list that
 * encodes to just these bytes. */
static void test_damaged_canaries(void **state) {
    (void)state;
    oc_buffer bytes;
    oc_canary *list = NULL;
    int32_t count = 0, refused = 0;
    oc_buffer_init(&bytes);
    assert_int_equal(oc_canaries_encode(canaries, 3, &bytes, NULL), OCTAVO_OK);
    for (size_t size = 0; size < bytes.size; size++) {
        octavo_error error = {0};
        void *part = malloc(size + 1);
        memcpy(part, bytes.data, size);
        assert_int_equal(oc_canaries_decode(part, size, &list, &count, &error), OCTAVO_CORRUPT);
        assert_null(list);
        assert_int_equal(count, 0);
        free(part);
    }
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        bytes.data[bit / 8] ^= (char)(1 << bit % 8);
        if (oc_canaries_decode(bytes.data, bytes.size, &list, &count, NULL) == OCTAVO_OK) {
            oc_buffer again;
            oc_buffer_init(&again);
            assert_int_equal(oc_canaries_encode(list, count, &again, NULL), OCTAVO_OK);
            assert_int_equal(again.size, bytes.size);
            assert_memory_equal(again.data, bytes.data, bytes.size);
            oc_buffer_free(&again);
            free(list);
        } else {
            refused++;
        }
        bytes.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_true(refused > 1000);
    oc_buffer_free(&bytes);
}

/* Canaries against the rules are refused, written or read. */
static void test_wrong_canaries(void **state) {
    (void)state;
    float infinite[8] = {0, 0, INFINITY, 0, 0, 0, 0, 0};
    /* sequences and rows that no text or image has, one fault each */
    static const oc_canary_sequence bad[][3] = {
        {{0, 0, 0, 0}, {3, 1, 1, 0}, {7, 0, 0, 3}},       /* no token */
        {{-3, 0, 0, 0}, {3, 0, 0, 0}, {7, 0, 0, 3}},      /* fewer */
        {{8193, 0, 0, 0}, {3, 0, 0, 0}, {7, 0, 0, 3}},    /* longer than any */
        {{3000, 0, 0, 0}, {3000, 0, 0, 0}, {7, 0, 0, 0}}, /* too many rows in all */
        {{3, 1, 0, 0}, {3, 1, 1, 0}, {7, 0, 0, 3}},       /* like itself */
        {{3, 0, 0, 0}, {3, 3, 1, 0}, {7, 0, 0, 3}},       /* like a later one */
        {{3, 0, 0, 0}, {3, 1, 0, 0}, {3, 2, 0, 0}},       /* like one that is like another */
        {{3, 0, 0, 0}, {4, 1, 0, 0}, {7, 0, 0, 0}},       /* like one of another length */
        {{3, 0, 0, 0}, {3, 1, 2, 0}, {7, 0, 0, 0}},
        {{3, 0, 0, 0}, {3, 1, 0, -1}, {7, 0, 0, 0}},
        {{3, 0, 0, 0}, {2, 0, 0, 0}, {6, 0, 0, 0}}, /* kept rows lie behind the ends */
    };
    static const oc_canary_kept outside[] = {{0, 2}, {1, 1}, {3, 0}, {2, 6}};
    oc_canary wrong[13 + OC_COUNT(bad)];
    for (size_t i = 0; i < OC_COUNT(wrong); i++) {
        wrong[i] = canaries[0];
        wrong[i].sequences = i < 13 ? sequences : bad[i - 13];
    }
    wrong[0].limits[0] = NAN;
    wrong[1].limits[1] = 0;
    wrong[2].tower = 3;
    wrong[3].flags = 4;
    wrong[4].expected.data = infinite;
    wrong[5].input = "";
    wrong[6].output = "two words";
    wrong[7].expected.shape[0] = 2; /* other rows than are kept */
    wrong[8] = canaries[1];
    wrong[8].tower = OCTAVO_TEXT; /* pixels for the text tower */
    wrong[9] = canaries[1];
    wrong[9].given.shape[0] = 1;    /* not square */
    wrong[10].tower = OCTAVO_IMAGE; /* images have no twins and masks */
    wrong[11].kept = outside;
    wrong[12].given = canaries[1].given; /* a part's input is made, not stored */
    for (size_t i = 0; i < OC_COUNT(wrong); i++) {
        octavo_error error = {0};
        oc_buffer bytes;
        oc_buffer_init(&bytes);
        assert_int_equal(oc_canaries_encode(&wrong[i], 1, &bytes, &error), OCTAVO_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "canary 0"));
        oc_buffer_free(&bytes);
    }
    octavo_error error = {0};
    oc_buffer bytes;
    oc_canary *list = NULL;
    int32_t count = 0;
    oc_buffer_init(&bytes);
    assert_int_equal(oc_canaries_encode(canaries, 1, &bytes, &error), OCTAVO_OK);
    bytes.data[sizeof(oc_format_canaries)] = 9;
    assert_int_equal(oc_canaries_decode(bytes.data, bytes.size, &list, &count, &error),
                     OCTAVO_UNSUPPORTED);
    assert_non_null(strstr(error.message, "canary 0 is of kind 9"));
    oc_buffer_free(&bytes);
}

/* META comes back as it was; members of later versions are skipped. */
static void test_meta(void **state) {
    (void)state;
    const oc_engine_meta meta = {.octavo = "0.1.0",
                                 .name = "na\"me \xc3\xa4",
                                 .precision = "FP8 (per tensor, static)",
                                 .towers = OCTAVO_TEXT,
                                 .architecture = "CLIPTextModelWithProjection",
                                 .producer = "",
                                 .source_tensors = 406,
                                 .source_tensor_bytes = 36837538};
    octavo_error error = {0};
    oc_engine_meta read;
    oc_arena arena;
    oc_buffer bytes;
    oc_arena_init(&arena);
    oc_buffer_init(&bytes);
    assert_int_equal(oc_engine_meta_write(&meta, &bytes, &error), OCTAVO_OK);
    bytes.size--;
    assert_int_equal(bytes.data[bytes.size], '}');
    oc_buffer_text(&bytes, ", \"later\": {\"x\": [1]}}");
    if (oc_engine_meta_read(bytes.data, bytes.size, 0, &arena, &read, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    assert_string_equal(read.octavo, meta.octavo);
    assert_string_equal(read.name, meta.name);
    assert_string_equal(read.precision, meta.precision);
    assert_int_equal(read.towers, meta.towers);
    assert_string_equal(read.architecture, meta.architecture);
    assert_string_equal(read.producer, meta.producer);
    assert_int_equal(read.source_tensors, meta.source_tensors);
    assert_int_equal(read.source_tensor_bytes, meta.source_tensor_bytes);
    oc_buffer_free(&bytes);
    oc_arena_free(&arena);
}

/* META that is malformed or incomplete is refused, the byte in the file named. */
static void test_wrong_meta(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{}", "no member octavo"},
        {"[]", ""},
        {"{\"octavo\": \"0\", \"name\": \"n\", \"precision\": \"p\", \"towers\": [\"image\"]}",
         "no member source.architecture"},
        {"{\"towers\": []}", "at least one tower"},
        {"{\"towers\": [\"audio\"]}", "tower \"audio\""},
        {"{\"towers\": [\"text\", \"text\"]}", "tower \"text\""},
        {"{\"source\": {\"tensors\": -1}}", ""},
        {"{\"name\": 7}", ""},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        octavo_error error = {0};
        oc_engine_meta meta;
        oc_arena arena;
        oc_arena_init(&arena);
        assert_int_equal(
            oc_engine_meta_read(cases[i].text, strlen(cases[i].text), 4096, &arena, &meta, &error),
            OCTAVO_CORRUPT);
        assert_non_null(strstr(error.message, cases[i].message));
        assert_in_range(error.offset, 4096, 4096 + strlen(cases[i].text));
        assert_null(meta.name);
        oc_arena_free(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canaries),       cmocka_unit_test(test_damaged_canaries),
        cmocka_unit_test(test_wrong_canaries), cmocka_unit_test(test_meta),
        cmocka_unit_test(test_wrong_meta),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
