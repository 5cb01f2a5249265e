// links: api
/* test_evaluate.c - what is said about predictions, and zero-shot evaluation over a small set of
 * images, one of which cannot be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "evaluate/statistics.h"
#include "support/engines.h"

enum { DIM = 64 };

/* -- statistics ------------------------------------------------------------------------------- */

static void expect_near(double got, double want, double relative) {
    if (!(fabs(got - want) <= relative * fabs(want))) {
        fail_msg("%.12g, expected %.12g", got, want);
    }
}

/* Wilson's interval, against values computed with Python's rationals and square root. */
static void wilson(void **state) {
    (void)state;
    static const struct {
        int64_t hits, count;
        double low, high;
    } cases[] = {{64, 100, 0.5423540245160874, 0.7272877959859567},
                 {833, 1298, 0.6152887589545982, 0.6673877509280738},
                 {1620, 2000, 0.7922188962409942, 0.826592534444629},
                 {1, 1, 0.20654931437723745, 1},
                 {10, 10, 0.7224672001371107, 1},
                 {0, 10, 0, 0.2775327998628892}};
    double interval[2];
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        oc_wilson95(cases[i].hits, cases[i].count, interval);
        expect_near(interval[0], cases[i].low, 1e-12);
        expect_near(interval[1], cases[i].high, 1e-12);
    }
    oc_wilson95(0, 0, interval);
    assert_true(interval[0] == 0 && interval[1] == 1);
}

/* McNemar's exact test, against sums of binomial coefficients in integers; 121 to 59 is the example
 * of the textbooks. */
static void mcnemar(void **state) {
    (void)state;
    static const struct {
        int64_t a, b;
        double p;
    } cases[] = {{0, 0, 1},
                 {1, 0, 1},
                 {5, 5, 1},
                 {10, 2, 0.03857421875},
                 {3, 17, 0.0025768280029296875},
                 {121, 59, 4.434449263755176e-06},
                 {700, 640, 0.10697992524490955},
                 {2000, 1500, 2.942363832253335e-17}};
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        expect_near(oc_mcnemar(cases[i].a, cases[i].b), cases[i].p, 1e-9);
        expect_near(oc_mcnemar(cases[i].b, cases[i].a), cases[i].p, 1e-9);
    }
    expect_near(oc_mcnemar_fewer(2, 10), 0.03857421875 / 2, 1e-9); /* one-sided */
    expect_near(oc_mcnemar_fewer(10, 2), 1 - 13 / 4096.0, 1e-9);
    expect_near(oc_mcnemar_fewer(5, 5), 0.623046875, 1e-9);
    expect_near(oc_mcnemar_fewer(0, 0), 1, 1e-9);
    expect_near(oc_mcnemar_fewer(3, 0), 1, 1e-9);
}

/* Ranks count what is larger, and equals that come before. */
static void ranks(void **state) {
    (void)state;
    static const float scores[] = {1, 5, 3, 5, -2};
    static const int32_t want[] = {3, 0, 2, 1, 4};
    for (int32_t i = 0; i < 5; i++) {
        assert_int_equal(oc_rank_of(scores, 5, i), want[i]);
    }
}

static void vectors(void **state) {
    (void)state;
    float x[] = {3, 0, -4}, y[] = {6, 0, -8}, z[] = {0, 2, 0}, zero[] = {0, 0, 0};
    float scores[] = {0.9f, 0.1f, 0.1f}, large[] = {1, -1, 1};
    expect_near(oc_cosine(x, y, 3), 1, 1e-12);
    assert_true(oc_cosine(x, z, 3) == 0);
    oc_unit(x, 3);
    expect_near((double)x[0], 0.6, 1e-7);
    expect_near((double)x[2], -0.8, 1e-7);
    oc_unit(zero, 3);
    assert_true(zero[0] == 0 && zero[1] == 0 && zero[2] == 0);
    oc_softmax(scores, 3, 10);
    expect_near((double)scores[0], 1 / (1 + 2 * exp(-8)), 1e-6);
    expect_near((double)scores[1], exp(-8) / (1 + 2 * exp(-8)), 1e-6);
    oc_softmax(large, 3, 1e6f); /* does not overflow */
    expect_near((double)large[0], 0.5, 1e-7);
    assert_true(large[1] == 0);
}

/* -- classes ---------------------------------------------------------------------------------- */

static const char *const labels[] = {"cat", "red bus", "\xc3\xa9glise"};
static const char *const templates[] = {"a photo of a {}.", "{}", "of {}", "{} and {}"};

static octavo_tool_classes *make_classes(octavo_engine *engine, oc_test_options options,
                                         int32_t template_count) {
    octavo_error error;
    octavo_tool_classes *classes = NULL;
    octavo_session *session =
        oc_test_session(engine, (oc_test_device){"cpu", NULL, "cpu"}, options);
    memset(&error, 0xff, sizeof error);
    if (octavo_tool_classes_create(engine, session, labels, 3,
                                   template_count == 0 ? NULL : templates, template_count, NULL,
                                   &classes, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    octavo_session_free(session);
    return classes;
}

/* One text's embedding, tokenized and padded here. */
static void embed_text(octavo_engine *engine, const char *text, float *out) {
    int32_t ids[32], count = 0;
    octavo_session *session =
        oc_test_session(engine, (oc_test_device){"cpu", NULL, "cpu"}, (oc_test_options){0});
    assert_int_equal(octavo_tokenize(engine, text, strlen(text), ids, &count, NULL, NULL),
                     OCTAVO_OK);
    octavo_argument in = {
        .name = "input_ids",
        .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {1, count}, .data = ids}};
    octavo_argument to = {
        .name = "text_embeds",
        .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, DIM}, .data = out}};
    oc_test_run(session, &in, 1, &to, 1);
    octavo_session_free(session);
}

/* A class is the unit mean of its texts' unit embeddings; the session's limits do not matter. */
static void classes_average_templates(void **state) {
    (void)state;
    octavo_engine *engine = oc_test_engine("f32");
    static const char *const texts[3][4] = {
        {"a photo of a cat.", "cat", "of cat", "cat and cat"},
        {"a photo of a red bus.", "red bus", "of red bus", "red bus and red bus"},
        {"a photo of a \xc3\xa9glise.", "\xc3\xa9glise", "of \xc3\xa9glise",
         "\xc3\xa9glise and \xc3\xa9glise"}};
    static const oc_test_options limits[] = {
        {.batch_max = 8},
        {.batch_max = 1},
        {.batch_max = 8, .tokens_max = 33},
        {.batch_max = 5, .tokens_max = 70, .disable = "cut-text"}};
    float want[3 * DIM], alone[3 * DIM], scores[3];
    for (int32_t c = 0; c < 3; c++) {
        float sum[DIM] = {0}, one[DIM];
        for (int32_t t = 0; t < 4; t++) {
            embed_text(engine, texts[c][t], one);
            for (int32_t i = 0; i < DIM; i++) {
                sum[i] += one[i] / 4;
            }
        }
        oc_unit(sum, DIM);
        memcpy(want + c * DIM, sum, sizeof sum);
        embed_text(engine, labels[c], alone + c * DIM);
    }
    for (size_t i = 0; i < OC_COUNT(limits); i++) {
        octavo_tool_classes *classes = make_classes(engine, limits[i], 4);
        assert_memory_equal(octavo_tool_classes_embeds(classes), want, sizeof want);
        octavo_tool_classes_free(classes);
    }
    octavo_tool_classes *classes = make_classes(engine, limits[0], 0);
    for (int32_t c = 0; c < 3; c++) {
        expect_near(oc_cosine(octavo_tool_classes_embeds(classes) + c * DIM, alone + c * DIM, DIM),
                    1, 1e-6);
    }
    octavo_tool_classes_score(classes, alone + DIM, scores);
    assert_true(scores[1] > scores[0] && scores[1] > scores[2]);
    expect_near((double)(scores[0] + scores[1] + scores[2]), 1, 1e-6);
    octavo_tool_classes_free(classes);
    octavo_tool_classes_free(NULL);
}

/* Notices, joined. */
static void note(void *user, const char *sentence) {
    strcat(strcat(user, sentence), "|");
}

/* Labels that come again and texts that are cut are told, the first of them by name; every label
 * keeps its place. */
static void tells_labels(void **state) {
    (void)state;
    static const char *const again[] = {"a", "b", "a", "a", "b", "a", "a"};
    char heard[4096] = "", longest[400] = "";
    const octavo_tool_listener listener = {.notice = note, .user = heard};
    octavo_engine *engine = oc_test_engine("f32");
    octavo_tool_classes *classes = NULL;
    octavo_session *session =
        oc_test_session(engine, (oc_test_device){"cpu", NULL, "cpu"}, (oc_test_options){0});
    assert_int_equal(
        octavo_tool_classes_create(engine, session, again, 7, NULL, 0, &listener, &classes, NULL),
        OCTAVO_OK);
    assert_string_equal(heard, "label 3 is label 1 again, with the same score: \"a\"|"
                               "label 4 is label 1 again, with the same score: \"a\"|"
                               "label 5 is label 2 again, with the same score: \"b\"|"
                               "label 6 is label 1 again, with the same score: \"a\"|"
                               "1 more label is there already|");
    assert_memory_equal(octavo_tool_classes_embeds(classes) + DIM,
                        octavo_tool_classes_embeds(classes) + 4 * DIM, DIM * sizeof(float));
    octavo_tool_classes_free(classes);
    for (int32_t i = 0; i < 50; i++) {
        strcat(longest, "word ");
    }
    const char *cut[] = {longest, longest + 5, longest + 10, "a", longest + 15, longest + 20};
    heard[0] = '\0';
    assert_int_equal(
        octavo_tool_classes_create(engine, session, cut, 6, NULL, 0, &listener, &classes, NULL),
        OCTAVO_OK);
    assert_non_null(strstr(heard, " tokens, the model takes 32: it was cut: \"word word"));
    assert_non_null(strstr(heard, "|1 more text was cut|"));
    octavo_tool_classes_free(classes);
    octavo_session_free(session);
}

/* No labels, a template without a place for them, and more texts than anyone means, are refused. */
static void wrong_classes(void **state) {
    (void)state;
    octavo_engine *engine = oc_test_engine("f32");
    octavo_tool_classes *classes = (octavo_tool_classes *)&engine;
    octavo_error error;
    octavo_session *session =
        oc_test_session(engine, (oc_test_device){"cpu", NULL, "cpu"}, (oc_test_options){0});
    memset(&error, 0xff, sizeof error);
    assert_int_equal(
        octavo_tool_classes_create(engine, session, labels, 0, NULL, 0, NULL, &classes, &error),
        OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "0 labels through 1 template,"));
    assert_null(classes);
    static const char *const holeless[] = {"a {}", "a photo of a {c}."};
    assert_int_equal(
        octavo_tool_classes_create(engine, session, labels, 3, holeless, 2, NULL, &classes, &error),
        OCTAVO_INVALID_ARGUMENT);
    assert_non_null(
        strstr(error.message, "template 2 has no {} for the label: \"a photo of a {c}.\""));
    assert_int_equal(octavo_tool_classes_create(engine, session, labels, INT32_MAX, templates,
                                                INT32_MAX, NULL, &classes, &error),
                     OCTAVO_INVALID_ARGUMENT);
    octavo_session_free(session);
}

/* -- evaluation ------------------------------------------------------------------------------- */

static char data[OC_TEST_PATH]; /* the folder of images */

/* Two classes of three and two images, one file that is no image, one image cut short. */
static int make_data(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
    } files[] = {{"png_rgb.png", "birds/b.png"},
                 {"webp_lossless.webp", "birds/a.webp"},
                 {"size_63x65.png", "birds/c.png"},
                 {"jpeg_444.jpg", "old cars/2.jpg"},
                 {"png_gray.png", "old cars/10.png"}};
    static const char *const label_file =
        "{\"note\": [1, {}], \"templates\": [\"a {}\", \"the {}\"],\n"
        " \"classes\": {\"old cars\": \"car\", \"birds\": \"bird\"}}";
    size_t size;
    oc_test_folder(data);
    oc_test_folders(data, "birds");
    oc_test_folders(data, "old cars");
    for (size_t i = 0; i < OC_COUNT(files); i++) {
        oc_test_copy(oc_test_path(TEST_DATA "/preprocess", files[i].from),
                     oc_test_path(data, files[i].to));
    }
    oc_test_write(oc_test_path(data, "birds/aa.jpg"), "not an image", 12);
    oc_test_write(oc_test_path(data, "birds/notes.txt"), "not an image", 12);
    char *image = oc_test_read(TEST_DATA "/preprocess/png_rgb.png", &size);
    oc_test_write(oc_test_path(data, "old cars/1.png"), image, size / 2);
    free(image);
    oc_test_write(oc_test_path(data, "labels.json"), label_file, strlen(label_file));
    return 0;
}

static int remove_data(void **state) {
    oc_test_folder_remove(data);
    return oc_test_engines_free(state);
}

static octavo_tool_eval evaluate(const char *name, int32_t batch_max) {
    octavo_tool_eval eval;
    octavo_error error;
    octavo_engine *engine = oc_test_engine(name);
    octavo_session *session =
        oc_test_session(engine, (oc_test_device){"cpu", NULL, "cpu"},
                        (oc_test_options){.batch_max = batch_max, .threads = 2});
    memset(&error, 0xff, sizeof error);
    if (octavo_tool_eval_run(engine, &(octavo_tool_sessions){&session, 1}, data, NULL, NULL, &eval,
                             &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    octavo_session_free(session);
    return eval;
}

/* Files come by class, then by name; what cannot be read is counted and left out; predictions are
 * the nearest classes; batches do not matter. */
static void evaluates_folders(void **state) {
    (void)state;
    static const char *const files[] = {"old cars/10.png", "old cars/2.jpg", "birds/a.webp",
                                        "birds/b.png", "birds/c.png"};
    octavo_engine *engine = oc_test_engine("f32");
    octavo_session *session =
        oc_test_session(engine, (oc_test_device){"cpu", NULL, "cpu"}, (oc_test_options){0});
    for (int32_t batch = 1; batch <= 8; batch += 3) {
        octavo_tool_eval eval = evaluate("f32", batch);
        int32_t right = 0;
        double interval[2];
        assert_int_equal(eval.images, 5);
        assert_int_equal(eval.skipped, 2);
        assert_int_equal(eval.classes, 2);
        assert_int_equal(eval.embed_dim, DIM);
        assert_string_equal(eval.class_names[0], "old cars");
        assert_string_equal(eval.class_names[1], "birds");
        for (int32_t i = 0; i < 5; i++) {
            uint8_t pixels[32 * 32 * 3];
            float embeds[DIM];
            assert_string_equal(eval.files[i], files[i]);
            assert_int_equal(eval.truth[i], i >= 2);
            assert_int_equal(
                octavo_preprocess_file(engine, oc_test_path(data, files[i]), pixels, NULL),
                OCTAVO_OK);
            octavo_argument in = {
                .name = "pixels",
                .tensor = {.dtype = OCTAVO_U8, .rank = 4, .shape = {1, 32, 32, 3}, .data = pixels}};
            octavo_argument to = {
                .name = "image_embeds",
                .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, DIM}, .data = embeds}};
            oc_test_run(session, &in, 1, &to, 1);
            assert_memory_equal(embeds, eval.embeds + i * DIM, sizeof embeds);
            double first = oc_cosine(embeds, eval.class_embeds, DIM);
            double second = oc_cosine(embeds, eval.class_embeds + DIM, DIM);
            assert_int_equal(eval.predicted[i], second > first);
            right += eval.predicted[i] == eval.truth[i];
        }
        expect_near(eval.top1, right / 5.0, 1e-12);
        assert_true(eval.top5 == 1); /* there are two classes */
        oc_wilson95(right, 5, interval);
        assert_memory_equal(interval, eval.top1_ci95, sizeof interval);
        assert_true(eval.images_per_s > 0);
        octavo_tool_eval_free(&eval);
    }
    octavo_session_free(session);
}

/* Two evaluations of the same images are compared image by image; others are refused. */
static void compares_evaluations(void **state) {
    (void)state;
    octavo_tool_eval a = evaluate("f32", 8), b = evaluate("f32", 2);
    octavo_tool_eval_delta delta;
    octavo_error error;
    memset(&error, 0xff, sizeof error);
    assert_int_equal(octavo_tool_eval_compare(&a, &b, &delta, &error), OCTAVO_OK);
    assert_true(delta.agreement == 1 && delta.delta_top1 == 0 && delta.mcnemar_p == 1);
    assert_int_equal(delta.only_a + delta.only_b, 0);
    expect_near(delta.cosine_min, 1, 1e-12);
    expect_near(delta.cosine_mean, 1, 1e-12);
    for (int32_t i = 0; i < 5; i++) { /* a wholly right, b wholly wrong but once */
        a.predicted[i] = a.truth[i];
        b.predicted[i] = i == 0 ? b.truth[i] : 1 - b.truth[i];
    }
    a.top1 = 1;
    b.top1 = 0.2;
    b.embeds[0] = -b.embeds[0];
    assert_int_equal(octavo_tool_eval_compare(&a, &b, &delta, &error), OCTAVO_OK);
    expect_near(delta.agreement, 0.2, 1e-12);
    expect_near(delta.delta_top1, 0.8, 1e-12);
    assert_int_equal(delta.only_a, 4);
    assert_int_equal(delta.only_b, 0);
    expect_near(delta.mcnemar_p, 0.125, 1e-12);
    expect_near(delta.worse_p, 1, 1e-12);
    assert_int_equal(octavo_tool_eval_compare(&b, &a, &delta, &error), OCTAVO_OK);
    expect_near(delta.worse_p, 0.0625, 1e-12);
    assert_true(delta.cosine_min < 1 && delta.cosine_mean > delta.cosine_min);
    char *name = b.files[3];
    b.files[3] = (char *)"birds/x.png";
    assert_int_equal(octavo_tool_eval_compare(&a, &b, &delta, &error), OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "image 3 is birds/b.png in one evaluation and "
                                          "birds/x.png in the other"));
    b.files[3] = name;
    b.images = 4;
    assert_int_equal(octavo_tool_eval_compare(&a, &b, &delta, &error), OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "one evaluation has 5 images, the other 4"));
    b.images = 5;
    octavo_tool_eval_free(&a);
    octavo_tool_eval_free(&b);
}

/* Label files with many classes and templates keep all of them, in order. */
static void many_labels(void **state) {
    (void)state;
    enum { CLASSES = 70, TEMPLATES = 9 };
    char folder[OC_TEST_PATH], name[48];
    oc_test_folder(folder);
    FILE *file = fopen(oc_test_path(folder, "labels.json"), "w");
    assert_non_null(file);
    fprintf(file, "{\"classes\": {");
    for (int32_t c = 0; c < CLASSES; c++) {
        snprintf(name, sizeof name, "class%d", (c * 37) % CLASSES);
        fprintf(file, "%s\"%s\": \"label %d\"", c == 0 ? "" : ", ", name, c);
        oc_test_folders(folder, name);
        strcat(name, "/i.png");
        oc_test_copy(TEST_DATA "/preprocess/size_7x3.png", oc_test_path(folder, name));
    }
    fprintf(file, "}, \"templates\": [");
    for (int32_t t = 0; t < TEMPLATES; t++) {
        fprintf(file, "%s\"t%d {}\"", t == 0 ? "" : ", ", t);
    }
    fprintf(file, "]}");
    fclose(file);
    octavo_engine *engine = oc_test_engine("quick-gelu-modelopt-fp8");
    octavo_session *session = oc_test_session(engine, (oc_test_device){"cpu", NULL, "cpu"},
                                              (oc_test_options){.batch_max = 16});
    octavo_tool_eval eval;
    octavo_error error;
    if (octavo_tool_eval_run(engine, &(octavo_tool_sessions){&session, 1}, folder, NULL, NULL,
                             &eval, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(eval.classes, CLASSES);
    assert_int_equal(eval.images, CLASSES);
    for (int32_t c = 0; c < CLASSES; c++) {
        snprintf(name, sizeof name, "class%d", (c * 37) % CLASSES);
        assert_string_equal(eval.class_names[c], name);
        assert_int_equal(eval.truth[c], c);
        assert_int_equal(eval.predicted[c], eval.predicted[0]); /* it is one image */
    }
    assert_true(eval.top5 > eval.top1 || eval.top1 == 0);
    octavo_tool_eval_free(&eval);
    octavo_session_free(session);
    oc_test_folder_remove(folder);
}

/* Folders are walked as deep as they go; a class within another keeps its own; images that belong
 * to no class, links to nothing and files that are no images are told. */
static void walks_folders(void **state) {
    (void)state;
    static const char *const images[] = {"cat/1.png",   "cat/x/y/2.png", "cat/wild/3.png",
                                         "dog/4.png",   "dog/z/5.png",   "elk/6.png",
                                         "elk/q/7.png", "8.png",         "fox/9.png"};
    static const char *const files[] = {"cat/1.png", "cat/x/y/2.png", "cat/wild/3.png", "dog/4.png",
                                        "dog/z/5.png"};
    static const int32_t truth[] = {0, 0, 1, 2, 2};
    static const char *const label_file =
        "{\"classes\": {\"cat\": \"cat\", \"cat/wild\": \"lynx\", \"dog/\": \"dog\"}}";
    char folder[OC_TEST_PATH], heard[4096] = "";
    const octavo_tool_listener listener = {.notice = note, .user = heard};
    oc_test_folder(folder);
    for (size_t i = 0; i < OC_COUNT(images); i++) {
        char within[32];
        snprintf(within, sizeof within, "%s", images[i]);
        char *slash = strrchr(within, '/');
        if (slash != NULL) {
            *slash = '\0';
            oc_test_folders(folder, within);
        }
        oc_test_copy(TEST_DATA "/preprocess/size_7x3.png", oc_test_path(folder, images[i]));
    }
    assert_int_equal(symlink("../annex/gone", oc_test_path(folder, "dog/0.png")), 0);
    oc_test_write(oc_test_path(folder, "cat/x/notes"), "x", 1);
    oc_test_write(oc_test_path(folder, "labels.json"), label_file, strlen(label_file));
    octavo_engine *engine = oc_test_engine("f32");
    octavo_session *session =
        oc_test_session(engine, (oc_test_device){"cpu", NULL, "cpu"}, (oc_test_options){0});
    octavo_tool_eval eval;
    octavo_error error;
    if (octavo_tool_eval_run(engine, &(octavo_tool_sessions){&session, 1}, folder, NULL, &listener,
                             &eval, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(eval.images, OC_COUNT(files));
    assert_int_equal(eval.skipped, 1);
    for (size_t i = 0; i < OC_COUNT(files); i++) {
        assert_string_equal(eval.files[i], files[i]);
        assert_int_equal(eval.truth[i], truth[i]);
    }
    assert_non_null(strstr(heard, "folder elk is not in "));
    assert_non_null(strstr(heard, "labels.json: 2 images are left out|folder fox is not in "));
    assert_non_null(strstr(heard, "labels.json: 1 image is left out|1 image is left out: in "));
    assert_non_null(strstr(heard, "|1 file without an image's suffix is left out|"));
    octavo_tool_eval_free(&eval);
    octavo_session_free(session);
    oc_test_folder_remove(folder);
}

/* What is wrong with the labels or the folders is told with the file. */
static void wrong_data(void **state) {
    (void)state;
    static const struct {
        const char *text;
        octavo_status status;
        const char *sentence;
    } cases[] = {
        {"{\"classes\": {}}", OCTAVO_CORRUPT, "names no classes"},
        {"{\"templates\": [\"{}\"]}", OCTAVO_CORRUPT, "names no classes"},
        {"{\"classes\": {\"birds\": 3}}", OCTAVO_CORRUPT, ""},
        {"{\"classes\": [\"birds\"]}", OCTAVO_CORRUPT, ""},
        {"{\"classes\": {\"birds\": \"a\", \"birds\": \"b\"}}", OCTAVO_CORRUPT, "birds"},
        {"{\"classes\": {\"birds\": \"a\"}", OCTAVO_CORRUPT, ""},
        {"{\"classes\": {\"fish\": \"a\"}}", OCTAVO_NOT_FOUND, "fish"},
        {"{\"templates\": [\"{}\", \"a {c}\"], \"classes\": {\"birds\": \"a\"}}",
         OCTAVO_INVALID_ARGUMENT, "template 2 has no {} for the label: \"a {c}\""},
    };
    octavo_engine *engine = oc_test_engine("f32");
    octavo_session *session =
        oc_test_session(engine, (oc_test_device){"cpu", NULL, "cpu"}, (oc_test_options){0});
    octavo_tool_eval eval;
    octavo_error error;
    const char *path = oc_test_path(data, "other.json");
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        oc_test_write(path, cases[i].text, strlen(cases[i].text));
        memset(&error, 0xff, sizeof error);
        octavo_status status = octavo_tool_eval_run(engine, &(octavo_tool_sessions){&session, 1},
                                                    data, path, NULL, &eval, &error);
        if (status != cases[i].status || strstr(error.message, cases[i].sentence) == NULL ||
            error.path[0] == '\0') {
            fail_msg("case %zu: %d, %s (%s)", i, status, error.message, error.path);
        }
        assert_null(eval.files);
    }
    assert_int_equal(octavo_tool_eval_run(engine, &(octavo_tool_sessions){&session, 1}, data,
                                          oc_test_path(data, "none.json"), NULL, &eval, &error),
                     OCTAVO_NOT_FOUND);
    assert_non_null(strstr(error.message, "\"classes\": {\"FOLDER\": \"LABEL\"}"));
    /* folders without images, and with none that can be read */
    oc_test_folders(data, "empty");
    oc_test_write(path, "{\"classes\": {\"empty\": \"a\"}}", 27);
    assert_int_equal(octavo_tool_eval_run(engine, &(octavo_tool_sessions){&session, 1}, data, path,
                                          NULL, &eval, &error),
                     OCTAVO_NOT_FOUND);
    assert_non_null(strstr(error.message, "there are no images in the class folders of"));
    oc_test_write(oc_test_path(data, "empty/x.png"), "png", 3);
    assert_int_equal(octavo_tool_eval_run(engine, &(octavo_tool_sessions){&session, 1}, data, path,
                                          NULL, &eval, &error),
                     OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "can be read as an image (1 tried)"));
    octavo_session_free(session);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wilson),
        cmocka_unit_test(mcnemar),
        cmocka_unit_test(ranks),
        cmocka_unit_test(vectors),
        cmocka_unit_test(classes_average_templates),
        cmocka_unit_test(tells_labels),
        cmocka_unit_test(wrong_classes),
        cmocka_unit_test(evaluates_folders),
        cmocka_unit_test(compares_evaluations),
        cmocka_unit_test(many_labels),
        cmocka_unit_test(walks_folders),
        cmocka_unit_test(wrong_data),
    };
    return cmocka_run_group_tests(tests, make_data, remove_data);
}
