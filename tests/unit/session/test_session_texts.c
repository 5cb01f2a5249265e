// links: api
/* test_session_texts.c - what token ids, masks and hidden states mean to a session: where a text
 * ends, what a mask hides, and that nothing behind the end matters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "num/metrics.h"
#include "support/engines.h"

enum { DIM = 64, WIDTH = 128, TOKENS = 32 };

static double relative_rms(const float *a, const float *b, size_t count) {
    oc_metrics metrics = {0};
    oc_metrics_add(&metrics, a, b, count);
    return oc_metrics_relative_rms(&metrics);
}

/* Embeddings of `rows` texts of `length` ids; mask may be NULL. */
static void embed(octavo_session *session, const int32_t *ids, const int32_t *mask, int32_t rows,
                  int32_t length, float *out) {
    octavo_argument give[] = {
        {.name = "input_ids",
         .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {rows, length}, .data = (void *)ids}},
        {.name = "attention_mask",
         .tensor = {
             .dtype = OCTAVO_I32, .rank = 2, .shape = {rows, length}, .data = (void *)mask}}};
    octavo_argument take = {
        .name = "text_embeds",
        .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {rows, DIM}, .data = out}};
    oc_test_run(session, give, mask == NULL ? 1 : 2, &take, 1);
}

/* Runs `check` on every device, with and without the savings that are about texts. */
static void on_every_device(const char *name,
                            void (*check)(octavo_session *session, const char *where)) {
    oc_test_device devices[OC_TEST_DEVICES];
    int32_t count = oc_test_devices(devices);
    static const char *const disabled[] = {NULL, "cut-text,dedup-text", "last-row"};
    for (int32_t d = 0; d < count; d++) {
        for (size_t i = 0; i < OC_COUNT(disabled); i++) {
            char where[128];
            octavo_session *session = oc_test_session(
                oc_test_engine(name), devices[d],
                (oc_test_options){
                    .batch_max = 4, .threads = 2, .disable = disabled[i], .towers = OCTAVO_TEXT});
            snprintf(where, sizeof where, "%s on %s without %s", name, devices[d].label,
                     disabled[i] == NULL ? "nothing" : disabled[i]);
            check(session, where);
            octavo_session_free(session);
        }
    }
}

/* -- where a text ends ----------------------------------------------------------------------- */

static void expect_same(octavo_session *session, const char *where, const int32_t *a,
                        int32_t a_length, const int32_t *b, int32_t b_length, bool same) {
    float x[DIM], y[DIM];
    embed(session, a, NULL, 1, a_length, x);
    embed(session, b, NULL, 1, b_length, y);
    if ((memcmp(x, y, sizeof x) == 0) != same) {
        fail_msg("%s: a text of %d and one of %d tokens give %s bits", where, a_length, b_length,
                 same ? "different" : "the same");
    }
}

/* Rule 0: the text ends at the first end token, whatever larger ids there are before or after. */
static void check_first_eos(octavo_session *session, const char *where) {
    static const int32_t text[] = {1018, 50, 1023, 51, 1019};
    static const int32_t padded[] = {1018, 50, 1023, 51, 1019, 1019, 1022, 7, 1019, 0};
    static const int32_t other[] = {1018, 50, 1023, 52, 1019};
    static const int32_t longer[] = {1018, 50, 1023, 51, 53, 1019};
    expect_same(session, where, text, 5, padded, 10, true);
    expect_same(session, where, text, 5, other, 5, false);
    expect_same(session, where, text, 5, longer, 6, false);
    /* without an end token it is the first token that is read */
    static const int32_t endless[] = {1018, 50, 60, 70}, start[] = {1018}, begun[] = {1018, 9, 9};
    expect_same(session, where, endless, 4, start, 1, true);
    expect_same(session, where, endless, 4, begun, 3, true);
    static const int32_t at_once[] = {1019, 4, 5};
    expect_same(session, where, at_once, 3, at_once, 1, true);
}

static void first_end_token_ends(void **state) {
    (void)state;
    on_every_device("extra-tokens-f32", check_first_eos);
}

/* Rule 1, of configs with the end token 2: the text ends at its largest id, at the first of them,
 * and 2 is a word. */
static void check_largest_id(octavo_session *session, const char *where) {
    static const int32_t text[] = {1022, 50, 2, 51, 1023};
    static const int32_t padded[] = {1022, 50, 2, 51, 1023, 1023, 1023, 5};
    static const int32_t other[] = {1022, 50, 3, 51, 1023};
    static const int32_t behind_2[] = {1022, 50, 2, 52, 1023};
    expect_same(session, where, text, 5, padded, 8, true);
    expect_same(session, where, text, 5, other, 5, false);
    expect_same(session, where, text, 5, behind_2, 5, false);
    static const int32_t small[] = {5, 9, 7, 9, 8}, cut[] = {5, 9};
    expect_same(session, where, small, 5, cut, 2, true);
}

static void largest_id_ends(void **state) {
    (void)state;
    on_every_device("legacy-eos-f32", check_largest_id);
    on_every_device("legacy-eos-modelopt-fp8", check_largest_id);
}

/* -- masks ----------------------------------------------------------------------------------- */

/* Three texts in rows of 12 tokens. */
static const int32_t three_texts[36] = {
    1022, 40, 41,   42,   43,   1023, 1023, 1023, 1023, 1023, 1023, 1023, /**/
    1022, 60, 1023, 1023, 1023, 1023, 1023, 1023, 1023, 1023, 1023, 1023, /**/
    1022, 80, 81,   82,   83,   84,   85,   86,   87,   88,   89,   1023,
};

static void check_masks(octavo_session *session, const char *where) {
    int32_t mask[36];
    float none[3 * DIM], ones[3 * DIM], padded[3 * DIM], middle[3 * DIM], again[3 * DIM];
    const int32_t *ids = three_texts;
    for (int32_t i = 0; i < 36; i++) {
        mask[i] = 1;
    }
    embed(session, ids, NULL, 3, 12, none);
    embed(session, ids, mask, 3, 12, ones);
    assert_memory_equal(none, ones, sizeof none);
    for (int32_t t = 0; t < 12; t++) { /* padding behind the end */
        mask[t] = t <= 5;
        mask[12 + t] = t <= 2;
    }
    embed(session, ids, mask, 3, 12, padded);
    if (memcmp(none, padded, sizeof none) != 0) {
        fail_msg("%s: a mask over padding changes bits", where);
    }
    mask[2] = 0; /* one word of the first text */
    embed(session, ids, mask, 3, 12, middle);
    assert_memory_not_equal(middle, none, DIM * sizeof(float));
    assert_memory_equal(middle + DIM, none + DIM, 2 * DIM * sizeof(float));
    assert_true(relative_rms(middle, none, DIM) > 1e-4);
    embed(session, ids, NULL, 3, 12, again); /* nothing of the mask stays behind */
    assert_memory_equal(none, again, sizeof none);
}

/* No mask is a mask of ones; hiding what lies behind the end changes no bit; hiding a word changes
 * that text alone. */
static void masks_hide(void **state) {
    (void)state;
    on_every_device("f32", check_masks);
    on_every_device("modelopt-fp8", check_masks);
}

/* A word that is hidden might be any other: its id does not matter to what comes later. */
static void hidden_words_do_not_matter(void **state) {
    (void)state;
    oc_test_device devices[OC_TEST_DEVICES];
    int32_t count = oc_test_devices(devices);
    static const int32_t mask[] = {1, 1, 0, 1, 1, 1};
    int32_t a[] = {1022, 40, 41, 42, 43, 1023}, b[] = {1022, 40, 555, 42, 43, 1023};
    for (int32_t d = 0; d < count; d++) {
        octavo_session *session = oc_test_session(oc_test_engine("modelopt-fp8"), devices[d],
                                                  (oc_test_options){.towers = OCTAVO_TEXT});
        float x[DIM], y[DIM];
        embed(session, a, mask, 1, 6, x);
        embed(session, b, mask, 1, 6, y);
        assert_memory_equal(x, y, sizeof x);
        embed(session, b, NULL, 1, 6, y);
        assert_memory_not_equal(x, y, sizeof x);
        octavo_session_free(session);
    }
}

/* All devices hide the same: the tiers agree with the referee on masked texts. */
static void devices_agree_on_masks(void **state) {
    (void)state;
    oc_test_device devices[OC_TEST_DEVICES];
    int32_t count = oc_test_devices(devices);
    int32_t mask[36];
    float want[3 * DIM], got[3 * DIM];
    for (int32_t i = 0; i < 36; i++) {
        mask[i] = i % 5 != 2 && i % 12 != 0; /* the first token is hidden too */
    }
    for (int32_t d = 0; d < count; d++) {
        octavo_session *session = oc_test_session(oc_test_engine("f32"), devices[d],
                                                  (oc_test_options){.towers = OCTAVO_TEXT});
        embed(session, three_texts, mask, 3, 12, d == 0 ? want : got);
        if (d > 0 && !(relative_rms(got, want, 3 * DIM) < 4e-6)) {
            fail_msg("%s is %g from the referee", devices[d].label,
                     relative_rms(got, want, 3 * DIM));
        }
        octavo_session_free(session);
    }
}

/* Ids and masks of 32 and of 64 bits are the same to a session, in any mixture. */
static void integers_of_both_widths(void **state) {
    (void)state;
    octavo_session *session =
        oc_test_session(oc_test_engine("f32"), (oc_test_device){"cpu", NULL, "cpu"},
                        (oc_test_options){.towers = OCTAVO_TEXT});
    int32_t mask[36];
    int64_t long_ids[36], long_mask[36];
    float want[3 * DIM];
    for (int32_t i = 0; i < 36; i++) {
        long_mask[i] = mask[i] = i % 7 != 3;
        long_ids[i] = three_texts[i];
    }
    embed(session, three_texts, mask, 3, 12, want);
    for (int32_t way = 1; way < 4; way++) {
        float got[3 * DIM];
        bool wide_mask = (way & 1) != 0, wide_ids = (way & 2) != 0;
        octavo_argument give[] = {
            {.name = "attention_mask",
             .tensor = {.dtype = wide_mask ? OCTAVO_I64 : OCTAVO_I32,
                        .rank = 2,
                        .shape = {3, 12},
                        .data = wide_mask ? (void *)long_mask : (void *)mask}},
            {.name = "input_ids",
             .tensor = {.dtype = wide_ids ? OCTAVO_I64 : OCTAVO_I32,
                        .rank = 2,
                        .shape = {3, 12},
                        .data = wide_ids ? (void *)long_ids : (void *)three_texts}}};
        octavo_argument take = {
            .name = "text_embeds",
            .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {3, DIM}, .data = got}};
        oc_test_run(session, give, 2, &take, 1);
        assert_memory_equal(want, got, sizeof want);
    }
    octavo_session_free(session);
}

/* -- hidden states --------------------------------------------------------------------------- */

/* With KEEP_HIDDEN every layer's rows come out, of every text and image, the repeated one too; and
 * the embeddings are those of a session that keeps nothing. */
static void hidden_states_come_out(void **state) {
    (void)state;
    oc_test_device devices[OC_TEST_DEVICES];
    int32_t count = oc_test_devices(devices);
    octavo_engine *engine = oc_test_engine("f32");
    static uint8_t pixels[2 * TOKENS * TOKENS * 3];
    static float vision[3][2 * 17 * WIDTH], text[3][4 * 12 * 96], one[12 * 96];
    float image[2][2 * DIM], texts[2][4 * DIM];
    int32_t ids[4 * 12];
    memcpy(ids, three_texts, sizeof three_texts);
    memcpy(ids + 36, three_texts + 12, 12 * sizeof *ids); /* the second again */
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * i / 7);
    }
    for (int32_t d = 0; d < count; d++) {
        octavo_session *keeps = oc_test_session(
            engine, devices[d], (oc_test_options){.batch_max = 4, .flags = OCTAVO_KEEP_HIDDEN});
        octavo_session *plain =
            oc_test_session(engine, devices[d], (oc_test_options){.batch_max = 4});
        octavo_argument give[] = {
            {.name = "pixels",
             .tensor =
                 {.dtype = OCTAVO_U8, .rank = 4, .shape = {2, TOKENS, TOKENS, 3}, .data = pixels}},
            {.name = "input_ids",
             .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {4, 12}, .data = ids}}};
        octavo_argument take[] = {
            {.name = "image_embeds",
             .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {2, DIM}, .data = image[0]}},
            {.name = "text_embeds",
             .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {4, DIM}, .data = texts[0]}},
            {.name = "vision.hidden.0",
             .tensor =
                 {.dtype = OCTAVO_F32, .rank = 3, .shape = {2, 17, WIDTH}, .data = vision[0]}},
            {.name = "vision.hidden.1",
             .tensor =
                 {.dtype = OCTAVO_F32, .rank = 3, .shape = {2, 17, WIDTH}, .data = vision[1]}},
            {.name = "vision.hidden.2",
             .tensor =
                 {.dtype = OCTAVO_F32, .rank = 3, .shape = {2, 17, WIDTH}, .data = vision[2]}},
            {.name = "text.hidden.0",
             .tensor = {.dtype = OCTAVO_F32, .rank = 3, .shape = {4, 12, 96}, .data = text[0]}},
            {.name = "text.hidden.1",
             .tensor = {.dtype = OCTAVO_F32, .rank = 3, .shape = {4, 12, 96}, .data = text[1]}},
            {.name = "text.hidden.2",
             .tensor = {.dtype = OCTAVO_F32, .rank = 3, .shape = {4, 12, 96}, .data = text[2]}}};
        oc_test_run(keeps, give, 2, take, 8);
        take[0].tensor.data = image[1];
        take[1].tensor.data = texts[1];
        oc_test_run(plain, give, 2, take, 2);
        assert_true(relative_rms(image[0], image[1], 2 * DIM) < 2e-6);
        assert_true(relative_rms(texts[0], texts[1], 4 * DIM) < 2e-6);
        for (int32_t i = 0; i < 3; i++) {
            assert_memory_equal(text[i] + 36 * 96, text[i] + 12 * 96, 12 * 96 * sizeof(float));
            assert_memory_not_equal(text[i], text[i] + 12 * 96, 12 * 96 * sizeof(float));
            assert_memory_not_equal(vision[i], vision[i] + 17 * WIDTH, 17 * WIDTH * sizeof(float));
        }
        /* alone, and asked for alone, a text's rows are the same */
        octavo_argument third = {
            .name = "input_ids",
            .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {1, 12}, .data = ids + 24}};
        octavo_argument last = {
            .name = "text.hidden.2",
            .tensor = {.dtype = OCTAVO_F32, .rank = 3, .shape = {1, 12, 96}, .data = one}};
        oc_test_run(keeps, &third, 1, &last, 1);
        assert_memory_equal(one, text[2] + 24 * 96, sizeof one);
        octavo_session_free(keeps);
        octavo_session_free(plain);
    }
}

/* A session lists what it takes and gives, no more and no less. */
static void bindings_are_listed(void **state) {
    (void)state;
    static const struct {
        int32_t towers, flags;
        const char *names;
    } cases[] = {
        {OCTAVO_IMAGE, 0, "pixels pixel_values image_embeds_raw! image_embeds! "},
        {OCTAVO_TEXT, 0, "input_ids attention_mask text_embeds_raw! text_embeds! "},
        {0, 0,
         "pixels pixel_values input_ids attention_mask image_embeds_raw! image_embeds! "
         "text_embeds_raw! text_embeds! logits_per_image! "},
        {OCTAVO_TEXT, OCTAVO_KEEP_HIDDEN,
         "input_ids attention_mask text.hidden.0! text.hidden.1! text.hidden.2! text_embeds_raw! "
         "text_embeds! "},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        char names[512] = "";
        octavo_session *session =
            oc_test_session(oc_test_engine("f32"), (oc_test_device){"cpu", NULL, "cpu"},
                            (oc_test_options){.towers = cases[i].towers, .flags = cases[i].flags});
        int32_t count = octavo_session_binding_count(session);
        for (int32_t b = 0; b < count; b++) {
            const octavo_binding *binding = octavo_session_binding(session, b);
            size_t used = strlen(names);
            snprintf(names + used, sizeof names - used, "%s%s ", binding->name,
                     binding->is_output ? "!" : "");
            assert_true(binding->dtypes != 0);
        }
        assert_string_equal(names, cases[i].names);
        assert_null(octavo_session_binding(session, count));
        assert_null(octavo_session_binding(session, -1));
        if (i == 2) {
            const octavo_binding *ids = octavo_session_binding(session, 2);
            const octavo_binding *logits = octavo_session_binding(session, count - 1);
            assert_int_equal(ids->dtypes, 1u << OCTAVO_I32 | 1u << OCTAVO_I64);
            assert_int_equal(ids->shape[0], -2);
            assert_int_equal(ids->shape[1], -3);
            assert_int_equal(logits->shape[0], -1);
            assert_int_equal(logits->shape[1], -2);
            assert_int_equal(octavo_session_binding(session, 0)->shape[1], 32);
        }
        octavo_session_free(session);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_end_token_ends),
        cmocka_unit_test(largest_id_ends),
        cmocka_unit_test(masks_hide),
        cmocka_unit_test(hidden_words_do_not_matter),
        cmocka_unit_test(devices_agree_on_masks),
        cmocka_unit_test(integers_of_both_widths),
        cmocka_unit_test(hidden_states_come_out),
        cmocka_unit_test(bindings_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, oc_test_engines_free);
}
