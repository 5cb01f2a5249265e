// links: api
/* test_tool_sessions.c - files and texts over several sessions: the same rows in the same order as
 * by one, and an error that names the device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "support/engines.h"

enum { SESSIONS = 3, BATCH = 2, TEXTS = 9, MOST = 64 };

static octavo_engine *engine;
static octavo_model *models[SESSIONS];
static octavo_session *sessions[SESSIONS];
static octavo_tool_list photos;

static int open_all(void **state) {
    (void)state;
    int32_t others;
    octavo_model_options load = {.struct_size = sizeof load, .device = "cpu", .threads = 1};
    octavo_session_options options = {
        .struct_size = sizeof options, .batch_max = BATCH, .threads = 1};
    engine = oc_test_engine("modelopt-fp8");
    for (int32_t i = 0; i < SESSIONS; i++) {
        assert_int_equal(octavo_model_load(engine, &load, &models[i], NULL), OCTAVO_OK);
        assert_int_equal(octavo_session_create(models[i], &options, &sessions[i], NULL), OCTAVO_OK);
    }
    assert_int_equal(octavo_tool_find_images(TEST_DATA "/preprocess", &photos, &others, NULL),
                     OCTAVO_OK);
    assert_true(photos.count > SESSIONS * BATCH * 2 + 1 && photos.count <= MOST);
    return 0;
}

static int close_all(void **state) {
    for (int32_t i = 0; i < SESSIONS; i++) {
        octavo_session_free(sessions[i]);
        octavo_model_free(models[i]);
    }
    octavo_tool_list_free(&photos);
    return oc_test_engines_free(state);
}

static octavo_status go_on(void *user, const char *file, const octavo_error *why) {
    (void)user;
    (void)file;
    (void)why;
    return OCTAVO_OK;
}

static const octavo_tool_listener listener = {.left_out = go_on};

static float *rows_of(void) {
    return calloc((size_t)MOST * (size_t)octavo_engine_describe(engine)->embed_dim, sizeof(float));
}

static void many_give_what_one_gives(void **state) {
    (void)state;
    static const char *const texts[TEXTS] = {"a",     "a bee", "",    "the", "a",
                                             "xx yy", "z",     "a b", "q"};
    size_t dim = (size_t)octavo_engine_describe(engine)->embed_dim;
    float *want = rows_of(), *want_texts = rows_of(), *got = rows_of();
    int32_t items[MOST], want_items[MOST], rows, want_rows;
    octavo_tool_sessions one = {sessions, 1};
    assert_int_equal(octavo_tool_embed_images(engine, &one, photos.items, photos.count, &listener,
                                              want, want_items, &want_rows, NULL),
                     OCTAVO_OK);
    assert_int_equal(octavo_tool_embed_texts(engine, &one, texts, TEXTS, NULL, want_texts, NULL),
                     OCTAVO_OK);
    for (int32_t count = 2; count <= SESSIONS; count++) {
        octavo_tool_sessions all = {sessions, count};
        memset(got, 0, (size_t)MOST * dim * sizeof *got);
        assert_int_equal(octavo_tool_embed_images(engine, &all, photos.items, photos.count,
                                                  &listener, got, items, &rows, NULL),
                         OCTAVO_OK);
        assert_int_equal(rows, want_rows);
        assert_memory_equal(items, want_items, (size_t)rows * sizeof *items);
        assert_memory_equal(got, want, (size_t)rows * dim * sizeof *got);
        assert_int_equal(octavo_tool_embed_texts(engine, &all, texts, TEXTS, NULL, got, NULL),
                         OCTAVO_OK);
        assert_memory_equal(got, want_texts, TEXTS * dim * sizeof *got);
    }
    free(want);
    free(want_texts);
    free(got);
}

/* A session that cannot run is named, and the others are left as they were. */
static void errors_name_the_device(void **state) {
    (void)state;
    static const char *const texts[] = {"a", "b", "c", "d", "e", "f"};
    octavo_error error;
    int32_t ids[8], count;
    size_t dim = (size_t)octavo_engine_describe(engine)->embed_dim;
    float *out = rows_of();
    octavo_tool_sessions all = {sessions, SESSIONS};
    assert_int_equal(octavo_tokenize(engine, "a", 1, ids, &count, NULL, NULL), OCTAVO_OK);
    octavo_argument in = {
        .name = "input_ids",
        .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {1, count}, .data = ids}};
    octavo_argument row = {
        .name = "text_embeds",
        .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, (int64_t)dim}, .data = out}};
    assert_int_equal(octavo_session_submit(sessions[1], &in, 1, &row, 1, NULL, NULL), OCTAVO_OK);
    assert_int_equal(octavo_tool_embed_texts(engine, &all, texts, 6, NULL, out, &error),
                     OCTAVO_BAD_STATE);
    assert_non_null(strstr(error.message, "device cpu ("));
    assert_non_null(strstr(error.message, "this session is running"));
    assert_int_equal(octavo_session_wait(sessions[1], 0, NULL), OCTAVO_OK);
    assert_int_equal(octavo_tool_embed_texts(engine, &all, texts, 6, NULL, out, &error), OCTAVO_OK);
    all.count = 0;
    assert_int_equal(octavo_tool_embed_texts(engine, &all, texts, 6, NULL, out, &error),
                     OCTAVO_INVALID_ARGUMENT);
    assert_string_equal(error.message, "0 sessions are given, there must be 1 or more");
    octavo_session *holes[] = {sessions[0], NULL};
    all = (octavo_tool_sessions){holes, 2};
    assert_int_equal(octavo_tool_embed_texts(engine, &all, texts, 6, NULL, out, &error),
                     OCTAVO_INVALID_ARGUMENT);
    assert_string_equal(error.message, "session 1 is NULL");
    free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_give_what_one_gives),
        cmocka_unit_test(errors_name_the_device),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
