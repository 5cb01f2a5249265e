// links: test_support api
/* test_api_cancel.c - a progress callback that says no, at each of its calls in turn: CANCELLED,
 * and nothing is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>

#include "support/allocations.h"
#include "support/engines.h"

static char room[OC_TEST_PATH]; /* an empty folder, in which things are made */
static char data[OC_TEST_PATH]; /* class folders, a text file */
static char images[2 * OC_TEST_PATH], texts[2 * OC_TEST_PATH];
static octavo_session *session;

/* Refuses its call number `left` (0: the first). */
static int32_t count_down(void *user, const char *what, uint64_t done, uint64_t total) {
    int32_t *left = user;
    assert_non_null(what);
    assert_true(done <= total);
    return (*left)-- == 0;
}

static int32_t entries(const char *folder) {
    DIR *listing = opendir(folder);
    int32_t count = 0;
    assert_non_null(listing);
    while (readdir(listing) != NULL) {
        count++;
    }
    closedir(listing);
    return count - 2; /* . and .. */
}

/* -- what can be cancelled
 * ------------------------------------------------------------------------- */

/* A path in the room, in memory that was there before. */
static const char *in_room(const char *name) {
    static char path[2 * OC_TEST_PATH];
    snprintf(path, sizeof path, "%s/%s", room, name);
    return path;
}

static octavo_status build(int32_t *left, octavo_error *error) {
    octavo_build_options options = {.struct_size = sizeof options,
                                    .threads = 1,
                                    .verify = 1,
                                    .progress = count_down,
                                    .progress_user = left};
    char *report = NULL;
    octavo_status status = octavo_build(TEST_DATA "/tiny-clip/quick-gelu-modelopt-fp8",
                                        in_room("engine"), &options, &report, error);
    assert_int_equal(report != NULL, status == OCTAVO_OK);
    octavo_free(report);
    return status;
}

static octavo_status load(int32_t *left, octavo_error *error) {
    octavo_model_options options = {
        .struct_size = sizeof options, .threads = 1, .progress = count_down, .progress_user = left};
    octavo_model *model = NULL;
    octavo_status status =
        octavo_model_load(oc_test_engine("modelopt-fp8"), &options, &model, error);
    assert_int_equal(model != NULL, status == OCTAVO_OK);
    octavo_model_free(model);
    return status;
}

static octavo_status quantize(int32_t *left, octavo_error *error) {
    octavo_tool_quantize_options options = {.images = images,
                                            .texts = texts,
                                            .threads = 1,
                                            .progress = count_down,
                                            .progress_user = left};
    char *report = NULL;
    octavo_status status =
        octavo_tool_quantize(TEST_DATA "/tiny-clip/f16", in_room("fp8"), &options, &report, error);
    assert_int_equal(report != NULL, status == OCTAVO_OK);
    octavo_free(report);
    return status;
}

static octavo_status widen(int32_t *left, octavo_error *error) {
    int32_t modules = -1;
    octavo_status status =
        octavo_tool_widen(TEST_DATA "/tiny-clip/quick-gelu-modelopt-fp8", in_room("f16"),
                          OCTAVO_PRECISION_F16, count_down, left, &modules, error);
    assert_int_equal(modules > 0, status == OCTAVO_OK);
    return status;
}

static octavo_status classes(int32_t *left, octavo_error *error) {
    static const char *const labels[] = {"a bee", "a wasp"};
    octavo_tool_classes *out = NULL;
    octavo_tool_listener listener = {.progress = count_down, .user = left};
    octavo_status status = octavo_tool_classes_create(oc_test_engine("modelopt-fp8"), session,
                                                      labels, 2, NULL, 0, &listener, &out, error);
    assert_int_equal(out != NULL, status == OCTAVO_OK);
    octavo_tool_classes_free(out);
    return status;
}

static octavo_status eval(int32_t *left, octavo_error *error) {
    octavo_tool_eval out = {.images = -1};
    octavo_tool_listener listener = {.progress = count_down, .user = left};
    octavo_status status =
        octavo_tool_eval_run(oc_test_engine("modelopt-fp8"), &(octavo_tool_sessions){&session, 1},
                             data, NULL, &listener, &out, error);
    assert_int_equal(out.images, status == OCTAVO_OK ? 2 : 0);
    assert_int_equal(out.files != NULL, status == OCTAVO_OK);
    octavo_tool_eval_free(&out);
    return status;
}

/* -- all of them
 * ------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *made; /* what lies in the room in the end; NULL: nothing */
    octavo_status (*call)(int32_t *left, octavo_error *error);
    int32_t least; /* times that it asks */
} calls[] = {
    {"build", "engine", build, 8}, {"load", NULL, load, 4},       {"quantize", "fp8", quantize, 8},
    {"widen", "f16", widen, 4},    {"classes", NULL, classes, 1}, {"eval", NULL, eval, 2},
};

/* CANCELLED at every call of progress but none; no file, no temporary and no memory are left. */
static void cancelled_calls_leave_nothing(void **state) {
    (void)state;
    for (size_t i = 0; i < OC_COUNT(calls); i++) {
        octavo_error error;
        octavo_status status = OCTAVO_CANCELLED;
        int32_t stop = 0;
        for (; status == OCTAVO_CANCELLED; stop += 1 + stop / 8) {
            int32_t left = stop;
            int64_t alive = oc_allocations_alive();
            status = calls[i].call(&left, &error);
            if ((status == OCTAVO_CANCELLED) != (left < 0) ||
                (status != OCTAVO_CANCELLED && status != OCTAVO_OK)) {
                fail_msg("%s, stopped at %d: %d, %s", calls[i].name, stop, status, error.message);
            }
            if (status == OCTAVO_CANCELLED) {
                assert_int_equal(left, -1); /* it was not asked again */
                assert_true(error.message[0] != '\0');
                assert_int_equal(entries(room), 0);
                assert_int_equal(oc_allocations_alive(), alive);
            }
        }
        if (stop < calls[i].least) {
            fail_msg("%s asked %d times only", calls[i].name, stop);
        }
        assert_int_equal(entries(room), calls[i].made != NULL);
        if (calls[i].made != NULL) {
            oc_test_folder_remove(oc_test_path(room, calls[i].made));
        }
    }
}

static int open_all(void **state) {
    (void)state;
    static const char *const files[][2] = {{"jpeg_444.jpg", "a"}, {"size_7x3.png", "b"}};
    static const char labels[] = "{\"templates\": [\"a {}\"], \"classes\": {\"a\": \"bee\", "
                                 "\"b\": \"wasp\"}}";
    oc_test_folder(room);
    oc_test_folder(data);
    snprintf(images, sizeof images, "%s/a", data);
    snprintf(texts, sizeof texts, "%s/texts", data);
    for (size_t i = 0; i < OC_COUNT(files); i++) {
        char from[OC_TEST_PATH], folder[OC_TEST_PATH];
        snprintf(from, sizeof from, "%s/preprocess/%s", TEST_DATA, files[i][0]);
        snprintf(folder, sizeof folder, "%s", oc_test_path(data, files[i][1]));
        mkdir(folder, 0755);
        oc_test_copy(from, oc_test_path(folder, files[i][0]));
    }
    oc_test_write(oc_test_path(data, "labels.json"), labels, strlen(labels));
    oc_test_write(oc_test_path(data, "texts"), "a bee\na wasp\n", 13);
    session = oc_test_session(oc_test_engine("modelopt-fp8"), (oc_test_device){"cpu", NULL, "cpu"},
                              (oc_test_options){.threads = 1});
    return 0;
}

static int close_all(void **state) {
    octavo_session_free(session);
    oc_test_folder_remove(room);
    oc_test_folder_remove(data);
    return oc_test_engines_free(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cancelled_calls_leave_nothing)};
    return cmocka_run_group_tests(tests, open_all, close_all);
}
