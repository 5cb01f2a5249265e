// links: api
/* The watch that a server has: engines calibrated on photographs, sessions of every device watched
 * run by run, by bytes, values and ids; what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "support/engines.h"

enum { REPEATED = 6, PHOTOS_MAX = 64, SIDE_MAX = 64 };

static char folder[OC_TEST_PATH];
static const char *calibrated; /* an engine's path */
static octavo_engine *engine;
static uint8_t *pixels; /* [photos, side, side, 3] */
static int32_t photos, side, dim;

static void write_lists(octavo_tool_list *files) {
    FILE *list = fopen(oc_test_path(folder, "list.txt"), "w");
    FILE *texts = fopen(oc_test_path(folder, "texts.txt"), "w");
    for (int32_t i = 0; i < REPEATED * files->count; i++) {
        fprintf(list, "%s\n", files->items[i % files->count]);
        fprintf(texts, "a photo of %d birds, seen %d times\n", i % 9, i);
    }
    fclose(list);
    fclose(texts);
}

static int calibrate(void **state) {
    (void)state;
    octavo_tool_list files;
    octavo_error error;
    int32_t others;
    char *report = NULL;
    oc_test_folder(folder);
    assert_int_equal(octavo_tool_find_images(PROJECT_DIR "/examples/photos", &files, &others, NULL),
                     OCTAVO_OK);
    write_lists(&files);
    calibrated = oc_test_path(folder, "calibrated.octavo");
    octavo_tool_watch_data data = {.images = oc_test_path(folder, "list.txt"),
                                   .texts = oc_test_path(folder, "texts.txt")};
    if (octavo_tool_calibrate(oc_test_engine_path("modelopt-fp8"), calibrated, &data, NULL, &report,
                              &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    assert_non_null(strstr(report, "\"quantizers\""));
    octavo_free(report);
    assert_int_equal(octavo_engine_open(calibrated, &engine, &error), OCTAVO_OK);
    side = octavo_engine_describe(engine)->image_size;
    dim = octavo_engine_describe(engine)->embed_dim;
    photos = files.count;
    assert_in_range(photos, 6, PHOTOS_MAX);
    pixels = malloc((size_t)photos * (size_t)(side * side * 3));
    for (int32_t i = 0; i < photos; i++) {
        assert_int_equal(
            octavo_preprocess_file(engine, files.items[i], pixels + i * side * side * 3, &error),
            OCTAVO_OK);
    }
    octavo_tool_list_free(&files);
    return 0;
}

static int clean_up(void **state) {
    free(pixels);
    octavo_engine_free(engine);
    oc_test_folder_remove(folder);
    return oc_test_engines_free(state);
}

static octavo_tool_watch *make(int32_t window) {
    octavo_tool_watch *watch = NULL;
    octavo_tool_watch_options options = {.window = window};
    octavo_error error;
    if (octavo_tool_watch_create(engine, &options, &watch, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    return watch;
}

static const octavo_tool_watch_value *value_of(octavo_tool_watch *watch, const char *tower,
                                               const char *name) {
    static octavo_tool_watch_value values[OCTAVO_WATCH_VALUES_MAX];
    int32_t count = octavo_tool_watch_values(watch, values, OCTAVO_WATCH_VALUES_MAX);
    for (int32_t i = 0; i < count; i++) {
        if (strcmp(values[i].tower, tower) == 0 && strcmp(values[i].name, name) == 0) {
            return &values[i];
        }
    }
    return NULL;
}

/* Runs photo `i`, `dark` times darker, and shows it. */
static void show(octavo_tool_watch *watch, octavo_session *session, int32_t i, int32_t dark) {
    size_t bytes = (size_t)(side * side * 3);
    const int32_t size[2] = {640, 480};
    uint8_t *image = malloc(bytes);
    float *row = malloc((size_t)dim * sizeof *row);
    for (size_t b = 0; b < bytes; b++) {
        image[b] = (uint8_t)(pixels[(size_t)(i % photos) * bytes + b] / dark);
    }
    octavo_argument in = {
        .name = "pixels",
        .tensor = {.dtype = OCTAVO_U8, .rank = 4, .shape = {1, side, side, 3}, .data = image}};
    octavo_argument out = {
        .name = "image_embeds_raw",
        .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, dim}, .data = row}};
    oc_test_run(session, &in, 1, &out, 1);
    octavo_tool_watch_run(watch, session, &in, 1, &out, 1, size);
    free(image);
    free(row);
}

/* On every device: the photographs that were learned from are no drift, dark ones are, and codes
 * are counted in some of the runs. */
static void sessions_are_watched(void **state) {
    (void)state;
    oc_test_device devices[OC_TEST_DEVICES];
    int32_t count = oc_test_devices(devices);
    for (int32_t d = 0; d < count; d++) {
        octavo_session *session = oc_test_session(
            engine, devices[d], (oc_test_options){.towers = OCTAVO_IMAGE, .batch_max = 1});
        octavo_tool_watch *watch = make(128);
        octavo_error error;
        assert_int_equal(octavo_tool_watch_state(watch), -1);
        assert_int_equal(octavo_tool_watch_session(session, &error), OCTAVO_OK);
        for (int32_t i = 0; i < 128; i++) {
            show(watch, session, i, 1);
        }
        const octavo_tool_watch_value *value = value_of(watch, "image", "brightness");
        assert_non_null(value);
        assert_int_equal(value->state, 0);
        assert_int_equal(value->rows_watched, 128);
        assert_non_null(value_of(watch, "image", "norm"));
        assert_non_null(value_of(watch, "image", "saturation")); /* of 32 runs that counted */
        assert_null(value_of(watch, "text", "mean"));
        assert_int_equal(value_of(watch, "image", "mean")->state, 0);
        for (int32_t i = 0; i < 128; i++) {
            show(watch, session, i, 8);
        }
        assert_int_equal(value_of(watch, "image", "brightness")->state, 2);
        assert_int_equal(octavo_tool_watch_state(watch), 2);
        octavo_tool_watch_free(watch);
        octavo_session_free(session);
    }
}

/* Values as the processor makes them tell the brightness of their bytes; embeddings of length 1
 * tell no norm; a session that was not made ready counts no codes; texts are watched beside images.
 */
static void inputs_of_every_kind(void **state) {
    (void)state;
    octavo_session *session =
        oc_test_session(engine, (oc_test_device){"cpu", NULL, "cpu"},
                        (oc_test_options){.batch_max = PHOTOS_MAX, .tokens_max = 4096});
    octavo_tool_watch *watch = make(64);
    octavo_error error;
    int32_t area = side * side, tokens = octavo_engine_describe(engine)->tokens_max;
    float *values = malloc((size_t)photos * (size_t)area * 3 * sizeof *values);
    float *rows[2] = {malloc((size_t)photos * (size_t)dim * sizeof(float)),
                      malloc((size_t)photos * (size_t)dim * sizeof(float))};
    int32_t *ids = calloc((size_t)photos * (size_t)tokens, sizeof *ids), length;
    /* the engine's processor: CLIP's mean and deviation */
    const double mean[3] = {0.48145466, 0.4578275, 0.40821073};
    const double deviation[3] = {0.26862954, 0.26130258, 0.27577711};
    for (int32_t i = 0; i < photos * area * 3; i++) {
        int32_t image = i / (area * 3), c = i / area % 3, at = i % area;
        double byte = pixels[(image * area + at) * 3 + c];
        values[i] = (float)((byte / 255 - mean[c]) / deviation[c]);
    }
    for (int32_t i = 0; i < photos; i++) {
        assert_int_equal(octavo_tokenize(engine, "a photo of 3 birds, seen 7 times", 32,
                                         ids + i * tokens, &length, NULL, &error),
                         OCTAVO_OK);
    }
    octavo_argument in[] = {
        {.name = "pixel_values",
         .tensor =
             {.dtype = OCTAVO_F32, .rank = 4, .shape = {photos, 3, side, side}, .data = values}},
        {.name = "input_ids",
         .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {photos, tokens}, .data = ids}}};
    octavo_argument out[] = {
        {.name = "image_embeds",
         .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {photos, dim}, .data = rows[0]}},
        {.name = "text_embeds_raw",
         .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {photos, dim}, .data = rows[1]}}};
    for (int32_t i = 0; i < 20; i++) {
        oc_test_run(session, in, 2, out, 2);
        octavo_tool_watch_run(watch, session, in, 2, out, 2, NULL);
    }
    assert_int_equal(value_of(watch, "image", "brightness")->state, 0);
    assert_true(value_of(watch, "image", "brightness")->sure == 0);
    assert_null(value_of(watch, "image", "norm"));
    assert_null(value_of(watch, "image", "pixels"));
    assert_null(value_of(watch, "image", "saturation"));
    assert_int_equal(value_of(watch, "image", "mean")->state, 0);
    assert_non_null(value_of(watch, "text", "norm"));
    assert_non_null(value_of(watch, "text", "tokens"));
    assert_int_equal(value_of(watch, "text", "mean")->state, 2); /* one text again and again */
    assert_int_equal(value_of(watch, "text", "mean")->rows_watched, 20 * photos);
    char *report = NULL;
    assert_int_equal(octavo_tool_watch_report(watch, 1, &report, &error), OCTAVO_OK);
    assert_null(strchr(report, '\n')); /* a line of a log */
    octavo_free(report);
    octavo_tool_watch_free(watch);
    octavo_session_free(session);
    free(values);
    free(rows[0]);
    free(rows[1]);
    free(ids);
}

/* A width and height are those of the picture as it is looked at. */
static void sizes_are_read_from_headers(void **state) {
    (void)state;
    size_t bytes;
    int32_t width = 0, height = 0;
    octavo_error error = {0};
    char *file = oc_test_read(TEST_DATA "/preprocess/jpeg_444.jpg", &bytes);
    assert_int_equal(octavo_tool_image_size(file, bytes, &width, &height, &error), OCTAVO_OK);
    assert_true(width > 1 && height > 1);
    assert_int_equal(octavo_tool_image_size(file, 10, &width, &height, &error), OCTAVO_CORRUPT);
    assert_int_equal(width, 0);
    free(file);
}

static void refusals(void **state) {
    (void)state;
    octavo_tool_watch *watch = (octavo_tool_watch *)folder;
    octavo_error error = {0};
    assert_int_equal(octavo_tool_watch_create(oc_test_engine("modelopt-fp8"), NULL, &watch, &error),
                     OCTAVO_NOT_FOUND);
    assert_null(watch);
    assert_int_equal(octavo_tool_watch_create(NULL, NULL, &watch, &error), OCTAVO_INVALID_ARGUMENT);
    assert_int_equal(
        octavo_tool_watch_create(engine, &(octavo_tool_watch_options){.budget = 3}, &watch, &error),
        OCTAVO_INVALID_ARGUMENT);
    assert_int_equal(octavo_tool_watch_session(NULL, &error), OCTAVO_INVALID_ARGUMENT);
    assert_int_equal(octavo_tool_watch_state(NULL), -1);
    assert_int_equal(octavo_tool_watch_values(NULL, NULL, 0), 0);
    octavo_tool_watch_run(NULL, NULL, NULL, 0, NULL, 0, NULL);
    octavo_tool_watch_free(NULL);
}

static void *show_many(void *user) {
    octavo_session *session =
        oc_test_session(engine, (oc_test_device){"cpu", NULL, "cpu"},
                        (oc_test_options){.towers = OCTAVO_IMAGE, .batch_max = 1, .threads = 1});
    octavo_error error;
    assert_int_equal(octavo_tool_watch_session(session, &error), OCTAVO_OK);
    for (int32_t i = 0; i < 200; i++) {
        show(user, session, i, 1);
    }
    octavo_session_free(session);
    return NULL;
}

static void threads_share_a_watch(void **state) {
    (void)state;
    octavo_tool_watch *watch = make(0);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, show_many, watch), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(value_of(watch, "image", "mean")->rows_watched, 600);
    octavo_tool_watch_free(watch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_are_watched),        cmocka_unit_test(inputs_of_every_kind),
        cmocka_unit_test(sizes_are_read_from_headers), cmocka_unit_test(refusals),
        cmocka_unit_test(threads_share_a_watch),
    };
    return cmocka_run_group_tests(tests, calibrate, clean_up);
}
