// links: api
/* test_session_refusals.c - every call that a session refuses, and the sentence that it gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/engines.h"

enum { SIZE = 32, LENGTH = 8, DIM = 64 };

static uint8_t pixels[4 * SIZE * SIZE * 3];
static float values[4 * SIZE * SIZE * 3], image[4 * DIM], text[4 * DIM], logits[16];
static int32_t ids[4 * 40], mask[4 * 40];

/* -- runs ------------------------------------------------------------------------------------ */

#define PIXELS(rows)                                                                               \
    {                                                                                              \
        .name = "pixels", .tensor = {                                                              \
            .dtype = OCTAVO_U8,                                                                    \
            .rank = 4,                                                                             \
            .shape = {rows, SIZE, SIZE, 3},                                                        \
            .data = pixels                                                                         \
        }                                                                                          \
    }
#define VALUES(rows)                                                                               \
    {                                                                                              \
        .name = "pixel_values", .tensor = {                                                        \
            .dtype = OCTAVO_F32,                                                                   \
            .rank = 4,                                                                             \
            .shape = {rows, 3, SIZE, SIZE},                                                        \
            .data = values                                                                         \
        }                                                                                          \
    }
#define IDS(rows, length)                                                                          \
    {                                                                                              \
        .name = "input_ids", .tensor = {                                                           \
            .dtype = OCTAVO_I32,                                                                   \
            .rank = 2,                                                                             \
            .shape = {rows, length},                                                               \
            .data = ids                                                                            \
        }                                                                                          \
    }
#define MASK(rows, length)                                                                         \
    {                                                                                              \
        .name = "attention_mask", .tensor = {                                                      \
            .dtype = OCTAVO_I32,                                                                   \
            .rank = 2,                                                                             \
            .shape = {rows, length},                                                               \
            .data = mask                                                                           \
        }                                                                                          \
    }
#define IMAGE(rows)                                                                                \
    {                                                                                              \
        .name = "image_embeds", .tensor = {                                                        \
            .dtype = OCTAVO_F32,                                                                   \
            .rank = 2,                                                                             \
            .shape = {rows, DIM},                                                                  \
            .data = image                                                                          \
        }                                                                                          \
    }
#define TEXT(rows)                                                                                 \
    {                                                                                              \
        .name = "text_embeds", .tensor = {                                                         \
            .dtype = OCTAVO_F32,                                                                   \
            .rank = 2,                                                                             \
            .shape = {rows, DIM},                                                                  \
            .data = text                                                                           \
        }                                                                                          \
    }

static const struct {
    octavo_argument inputs[3], outputs[3];
    const char *sentence;
} runs[] = {
    {{{.name = "pixels",
       .tensor = {.dtype = OCTAVO_F32, .rank = 4, .shape = {1, SIZE, SIZE, 3}, .data = pixels}}},
     {IMAGE(1)},
     "pixels has dtype F32, U8 is wanted (floats go to pixel_values)"},
    {{{.name = "pixels",
       .tensor = {.dtype = OCTAVO_U8, .rank = 4, .shape = {1, 3, SIZE, SIZE}, .data = pixels}}},
     {IMAGE(1)},
     "pixels has shape [1,3,32,32], it must be [images,32,32,3], and dimension 1 of this run 32"},
    {{{.name = "pixels",
       .tensor = {.dtype = OCTAVO_U8, .rank = 3, .shape = {SIZE, SIZE, 3}, .data = pixels}}},
     {IMAGE(1)},
     "pixels has rank 3, it must be 4: [images,32,32,3]"},
    {{{.name = "pixels",
       .tensor = {.dtype = OCTAVO_U8, .rank = 99, .shape = {1, SIZE, SIZE, 3}, .data = pixels}}},
     {IMAGE(1)},
     "pixels has rank 99, it must be 4"},
    {{{.name = "pixels",
       .tensor = {.dtype = OCTAVO_U8, .rank = -1, .shape = {1, SIZE, SIZE, 3}, .data = pixels}}},
     {IMAGE(1)},
     "pixels has rank -1, it must be 4"},
    {{{.name = "pixels",
       .tensor = {.dtype = OCTAVO_U8, .rank = 4, .shape = {1, SIZE, SIZE, 3}, .data = NULL}}},
     {IMAGE(1)},
     "the data of pixels are NULL"},
    {{{.name = "pixels",
       .tensor = {.dtype = OCTAVO_U8, .rank = 4, .shape = {0, SIZE, SIZE, 3}, .data = pixels}}},
     {IMAGE(1)},
     "pixels has shape [0,32,32,3], dimension 0 must be at least 1"},
    {{{.name = "pixels",
       .tensor = {.dtype = OCTAVO_U8, .rank = 4, .shape = {-1, SIZE, SIZE, 3}, .data = pixels}}},
     {IMAGE(1)},
     "shape [-1,32,32,3], dimension 0 must be at least 1"},
    {{{.name = "pixels",
       .tensor =
           {.dtype = (octavo_dtype)77, .rank = 4, .shape = {1, SIZE, SIZE, 3}, .data = pixels}}},
     {IMAGE(1)},
     "pixels has dtype number 77, which is none; U8 is wanted"},
    {{{.name = "pixel_values",
       .tensor = {.dtype = OCTAVO_F16, .rank = 4, .shape = {1, 3, SIZE, SIZE}, .data = values}}},
     {IMAGE(1)},
     "pixel_values has dtype F16, F32 is wanted"},
    {{PIXELS(1), VALUES(1)},
     {IMAGE(1)},
     "both pixels and pixel_values are given, only one of them can be used"},
    {{PIXELS(1), PIXELS(1)}, {IMAGE(1)}, "input pixels is given twice"},
    {{PIXELS(1)}, {IMAGE(1), IMAGE(1)}, "output image_embeds is given twice"},
    {{{.name = NULL,
       .tensor = {.dtype = OCTAVO_U8, .rank = 4, .shape = {1, SIZE, SIZE, 3}, .data = pixels}}},
     {IMAGE(1)},
     "input 0 has no name"},
    {{PIXELS(1)},
     {IMAGE(1),
      {.name = NULL, .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, DIM}, .data = image}}},
     "output 1 has no name"},
    {{{.name = "pixel",
       .tensor = {.dtype = OCTAVO_U8, .rank = 4, .shape = {1, SIZE, SIZE, 3}, .data = pixels}}},
     {IMAGE(1)},
     "this session has no input called pixel"},
    {{{.name = "image_embeds",
       .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, DIM}, .data = image}}},
     {IMAGE(1)},
     "this session has no input called image_embeds"},
    {{PIXELS(1)},
     {{.name = "embeddings",
       .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, DIM}, .data = image}}},
     "this session has no output called embeddings"},
    {{PIXELS(1)},
     {{.name = "vision.hidden.1",
       .tensor = {.dtype = OCTAVO_F32, .rank = 3, .shape = {1, 17, 128}, .data = image}}},
     "no output called vision.hidden.1 (hidden states need a model loaded with "
     "OCTAVO_KEEP_HIDDEN)"},
    {{PIXELS(2)},
     {IMAGE(1)},
     "image_embeds has shape [1,64], it must be [images,64], and dimension 0 of this run 2"},
    {{PIXELS(1)},
     {{.name = "image_embeds",
       .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, 63}, .data = image}}},
     "shape [1,63]"},
    {{PIXELS(1)},
     {{.name = "image_embeds",
       .tensor = {.dtype = OCTAVO_F16, .rank = 2, .shape = {1, DIM}, .data = image}}},
     "has dtype F16"},
    {{PIXELS(1)},
     {{.name = "image_embeds",
       .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, DIM}, .data = NULL}}},
     "the data of image_embeds are NULL"},
    {{PIXELS(4)}, {IMAGE(4)}, "4 images and 0 texts, the session was made for 3 rows of each"},
    {{IDS(4, LENGTH)}, {TEXT(4)}, "0 images and 4 texts, the session was made for 3 rows"},
    {{IDS(1, LENGTH)},
     {IMAGE(1)},
     "output image_embeds needs pixels or pixel_values, which is not given"},
    {{PIXELS(1)}, {TEXT(1)}, "output text_embeds needs input_ids, which is not given"},
    {{PIXELS(1)},
     {{.name = "logits_per_image",
       .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, 1}, .data = logits}}},
     "output logits_per_image needs input_ids"},
    {{IDS(1, LENGTH)},
     {{.name = "logits_per_image",
       .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, 1}, .data = logits}}},
     "output logits_per_image needs pixels or pixel_values"},
    {{PIXELS(2), IDS(1, LENGTH)},
     {{.name = "logits_per_image",
       .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, 2}, .data = logits}}},
     "logits_per_image has shape [1,2], it must be [images,texts], and dimension 0 of this run 2"},
    {{MASK(1, LENGTH)}, {TEXT(1)}, "attention_mask is given without input_ids"},
    {{IDS(1, LENGTH), MASK(1, LENGTH - 1)},
     {TEXT(1)},
     "attention_mask has shape [1,7], it must be [texts,tokens], and dimension 1 of this run 8"},
    {{IDS(2, LENGTH), MASK(1, LENGTH)},
     {TEXT(2)},
     "attention_mask has shape [1,8], it must be [texts,tokens], and dimension 0 of this run 2"},
    {{IDS(1, 33)}, {TEXT(1)}, "input_ids has rows of 33 tokens, the model has 32 positions"},
    {{{.name = "input_ids",
       .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, LENGTH}, .data = values}}},
     {TEXT(1)},
     "input_ids has dtype F32, I32 or I64 is wanted"},
    {{{.name = "input_ids",
       .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {1, 0}, .data = ids}}},
     {TEXT(1)},
     "shape [1,0]"},
    {{{.name = "input_ids",
       .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {INT64_MAX, INT64_MAX}, .data = ids}}},
     {TEXT(1)},
     "9223372036854775807 texts, the session was made for 3 rows"},
};

static int32_t used(const octavo_argument *arguments) {
    int32_t count = 0;
    while (count < 3 && (arguments[count].name != NULL || arguments[count].tensor.rank != 0)) {
        count++;
    }
    return count;
}

/* Every wrong call is told what is wrong with it, and the session goes on as if it had not been. */
static void wrong_runs(void **state) {
    (void)state;
    octavo_argument good[] = {PIXELS(1)}, out[] = {IMAGE(1)};
    float before[DIM];
    octavo_session *session =
        oc_test_session(oc_test_engine("f32"), (oc_test_device){"cpu", NULL, "cpu"},
                        (oc_test_options){.batch_max = 3});
    oc_test_run(session, good, 1, out, 1);
    memcpy(before, image, sizeof before);
    for (size_t i = 0; i < OC_COUNT(runs); i++) {
        octavo_error error;
        octavo_status status =
            octavo_session_run(session, runs[i].inputs, used(runs[i].inputs), runs[i].outputs,
                               used(runs[i].outputs), NULL, &error);
        if (status != OCTAVO_INVALID_ARGUMENT || error.status != status ||
            strstr(error.message, runs[i].sentence) == NULL) {
            fail_msg("case %zu, '%s': %d, %s", i, runs[i].sentence, status, error.message);
        }
        assert_int_equal(octavo_session_run(session, runs[i].inputs, used(runs[i].inputs),
                                            runs[i].outputs, used(runs[i].outputs), NULL, NULL),
                         OCTAVO_INVALID_ARGUMENT);
    }
    memset(image, 0, sizeof image);
    oc_test_run(session, good, 1, out, 1);
    assert_memory_equal(image, before, sizeof before);
    octavo_session_free(session);
}

/* Ids and masks that are out of range are named with their row and place, also where they stand
 * behind the end of a text that is cut there: what is accepted does not depend on a saving. */
static void wrong_ids(void **state) {
    (void)state;
    static const struct {
        int32_t row, place, id, mask;
        const char *sentence;
    } cases[] = {
        {1, 3, -1, 1, "token id -1 at row 1, place 3 is outside the vocabulary of 1024"},
        {2, 0, 1024, 1, "token id 1024 at row 2, place 0 is outside the vocabulary of 1024"},
        {0, 2, 5, 2, "attention_mask at row 0, place 2 is 2, neither 0 nor 1"},
        {0, 1, 5, -1, "attention_mask at row 0, place 1 is -1, neither 0 nor 1"},
        {1, 6, 1024, 1, "token id 1024 at row 1, place 6 is outside the vocabulary of 1024"},
        {2, 7, 5, 3, "attention_mask at row 2, place 7 is 3, neither 0 nor 1"},
    };
    octavo_session *session =
        oc_test_session(oc_test_engine("f32"), (oc_test_device){"cpu", NULL, "cpu"},
                        (oc_test_options){.batch_max = 3, .tokens_max = 24});
    octavo_argument in[] = {IDS(3, LENGTH), MASK(3, LENGTH)}, out[] = {TEXT(3)};
    octavo_error error;
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        for (int32_t t = 0; t < 3 * LENGTH; t++) {
            ids[t] = t % LENGTH == 5 ? 1023 : 5 + t;
            mask[t] = 1;
        }
        ids[cases[i].row * LENGTH + cases[i].place] = cases[i].id;
        mask[cases[i].row * LENGTH + cases[i].place] = cases[i].mask;
        assert_int_equal(octavo_session_run(session, in, 2, out, 1, NULL, &error),
                         OCTAVO_INVALID_ARGUMENT);
        if (strstr(error.message, cases[i].sentence) == NULL) {
            fail_msg("'%s' for '%s'", error.message, cases[i].sentence);
        }
    }
    for (int32_t t = 0; t < 3 * LENGTH; t++) {
        ids[t] = t % LENGTH == 5 ? 1023 : 5 + t; /* 3 texts of 6 tokens in rows of 8 */
        mask[t] = 1;
    }
    oc_test_run(session, in, 2, out, 1);
    octavo_session_free(session);
    session = oc_test_session(oc_test_engine("f32"), (oc_test_device){"cpu", NULL, "cpu"},
                              (oc_test_options){.batch_max = 3, .tokens_max = 17});
    assert_int_equal(octavo_session_run(session, in, 2, out, 1, NULL, &error),
                     OCTAVO_INVALID_ARGUMENT);
    assert_non_null(
        strstr(error.message, "the texts up to row 2 have 18 tokens, the session was made for 17"));
    octavo_session_free(session);
}

/* -- sessions -------------------------------------------------------------------------------- */

static void expect_refused(octavo_engine *engine, oc_test_options options, octavo_status wanted,
                           const char *sentence) {
    octavo_session *session = (octavo_session *)&options;
    octavo_error error;
    octavo_status status = oc_test_open(engine, &options, &session, &error);
    if (status != wanted || error.status != wanted || strstr(error.message, sentence) == NULL) {
        fail_msg("'%s': %d, %s", sentence, status, error.message);
    }
    assert_null(session);
    assert_true(error.path[0] != '\0'); /* the engine's */
    assert_int_equal(oc_test_open(engine, &options, &session, NULL), wanted);
}

#define OPTIONS(...) ((oc_test_options){__VA_ARGS__})

/* Every option that cannot be met is named with what can. */
static void wrong_options(void **state) {
    (void)state;
    octavo_engine *engine = oc_test_engine("f32");
    const octavo_status invalid = OCTAVO_INVALID_ARGUMENT;
    expect_refused(engine, OPTIONS(.device = "tpu"), invalid,
                   "there is no device called 'tpu'; there are auto, cpu, cuda, cuda:N and ref");
    expect_refused(engine, OPTIONS(.device = "cuda:99"), OCTAVO_UNAVAILABLE, "there is no");
    expect_refused(engine, OPTIONS(.tier = "avx9000"), invalid, "no CPU tier \"avx9000\"");
    expect_refused(engine, OPTIONS(.device = "ref", .tier = "f8"), OCTAVO_UNAVAILABLE,
                   "device ref has no tier \"f8\"; it has f32, f16 and bf16");
    expect_refused(engine, OPTIONS(.disable = "cut-text,warp"), invalid,
                   "there is no saving called 'warp'; there are last-row, fold-scale");
    expect_refused(engine, OPTIONS(.batch_max = -1), invalid, "batch_max is -1");
    expect_refused(engine, OPTIONS(.batch_max = 4097), invalid, "must be from 1 to 4096");
    expect_refused(engine, OPTIONS(.tokens_max = -5), invalid, "tokens_max is -5");
    expect_refused(engine, OPTIONS(.tokens_max = INT32_MAX), invalid, "tokens_max is 2147483647");
    expect_refused(engine, OPTIONS(.threads = -1), invalid, "-1 threads are asked for");
    expect_refused(engine, OPTIONS(.threads = 257), invalid, "257 threads are asked for");
    expect_refused(engine, OPTIONS(.towers = 4), invalid, "towers is 4, it must be 1 (image)");
    expect_refused(engine, OPTIONS(.towers = -1), invalid, "towers is -1");
    expect_refused(engine, OPTIONS(.flags = 2), invalid, "flags is 2, only 1");
    octavo_model *model = NULL;
    octavo_session *session = NULL;
    octavo_error error;
    assert_int_equal(octavo_model_load(engine, NULL, &model, &error), OCTAVO_OK);
    for (size_t size = 0; size + 4 < sizeof(octavo_model_options); size += 4) {
        octavo_model *none;
        octavo_model_options options = {.struct_size = size};
        assert_int_equal(octavo_model_load(engine, &options, &none, &error), invalid);
        assert_non_null(strstr(error.message, "struct_size of octavo_model_options is"));
    }
    for (size_t size = 0; size < sizeof(octavo_session_options); size += 4) {
        octavo_session_options options = {.struct_size = size};
        assert_int_equal(octavo_session_create(model, &options, &session, &error), invalid);
        assert_non_null(strstr(error.message, "struct_size of octavo_session_options is"));
    }
    octavo_model_free(model);
}

/* A struct that is longer than the library knows is taken as far as it is known. */
static void longer_options(void **state) {
    (void)state;
    struct {
        octavo_session_options known;
        char more[64];
    } options = {.known = {.struct_size = sizeof options, .batch_max = 2}};
    octavo_model *model = NULL;
    octavo_session *session = NULL;
    octavo_error error;
    memset(options.more, 0xff, sizeof options.more);
    assert_int_equal(octavo_model_load(oc_test_engine("f32"), NULL, &model, &error), OCTAVO_OK);
    assert_int_equal(octavo_session_create(model, &options.known, &session, &error), OCTAVO_OK);
    octavo_session_free(session);
    assert_int_equal(octavo_session_create(model, NULL, &session, &error), OCTAVO_OK);
    octavo_session_free(session);
    octavo_model_free(model);
    octavo_session_free(NULL);
}

/* -- engines with one tower ------------------------------------------------------------------ */

/* A checkpoint of one tower, made of the f32 one by its config alone. */
static octavo_engine *open_tower(const char *folder, const char *architecture) {
    char checkpoint[OC_TEST_PATH], config[8192];
    octavo_engine *engine = NULL;
    octavo_error error;
    size_t size;
    snprintf(checkpoint, sizeof checkpoint, "%s", oc_test_folders(folder, architecture));
    char *text_of = oc_test_read(TEST_DATA "/tiny-clip/f32/config.json", &size);
    char *at = strstr(text_of, "CLIPModel");
    assert_non_null(at);
    snprintf(config, sizeof config, "%.*s%s%s", (int)(at - text_of), text_of, architecture,
             at + strlen("CLIPModel"));
    free(text_of);
    oc_test_write(oc_test_path(checkpoint, "config.json"), config, strlen(config));
    oc_test_copy(TEST_DATA "/tiny-clip/f32/model.safetensors",
                 oc_test_path(checkpoint, "model.safetensors"));
    oc_test_copy(TEST_DATA "/tiny-clip/f32/preprocessor_config.json",
                 oc_test_path(checkpoint, "preprocessor_config.json"));
    const char *path = oc_test_path(checkpoint, "tower.octavo");
    if (octavo_build(checkpoint, path, NULL, NULL, &error) != OCTAVO_OK ||
        octavo_engine_open(path, &engine, &error) != OCTAVO_OK) {
        fail_msg("%s: %s", architecture, error.message);
    }
    return engine;
}

/* An engine of one tower refuses what belongs to the other, and computes what a whole one does. */
static void one_tower_engines(void **state) {
    (void)state;
    char folder[OC_TEST_PATH];
    float alone[DIM];
    int32_t token[40], count = 0;
    octavo_error error;
    octavo_session *session = NULL;
    octavo_argument pictures[] = {PIXELS(1)}, words[] = {IDS(1, LENGTH)};
    octavo_argument image_out[] = {IMAGE(1)}, text_out[] = {TEXT(1)};
    oc_test_folder(folder);
    octavo_engine *eyes = open_tower(folder, "CLIPVisionModelWithProjection");
    octavo_engine *tongue = open_tower(folder, "CLIPTextModelWithProjection");
    for (int32_t t = 0; t < LENGTH; t++) {
        ids[t] = t == 5 ? 1023 : 30 + t;
    }
    assert_int_equal(octavo_engine_describe(eyes)->towers, OCTAVO_IMAGE);
    assert_int_equal(octavo_engine_describe(eyes)->tokens_max, 0);
    assert_int_equal(octavo_engine_describe(tongue)->towers, OCTAVO_TEXT);
    assert_int_equal(octavo_engine_describe(tongue)->image_size, 0);
    expect_refused(eyes, OPTIONS(.towers = OCTAVO_TEXT), OCTAVO_INVALID_ARGUMENT,
                   "the engine has an image tower only, the text tower is asked for");
    expect_refused(eyes, OPTIONS(.towers = OCTAVO_IMAGE | OCTAVO_TEXT), OCTAVO_INVALID_ARGUMENT,
                   "an image tower only, the text tower");
    expect_refused(tongue, OPTIONS(.towers = OCTAVO_IMAGE), OCTAVO_INVALID_ARGUMENT,
                   "the engine has a text tower only, the image tower is asked for");
    assert_int_equal(octavo_tokenize(eyes, "a", 1, token, &count, NULL, &error), OCTAVO_NOT_FOUND);
    assert_non_null(strstr(error.message, "has no text tower"));
    assert_int_equal(octavo_tokenize(tongue, "a", 1, token, &count, NULL, &error),
                     OCTAVO_NOT_FOUND);
    assert_non_null(strstr(error.message, "has no tokenizer: none lay beside its checkpoint"));
    assert_int_equal(octavo_preprocess(tongue, "x", 1, pixels, &error), OCTAVO_NOT_FOUND);
    assert_non_null(strstr(error.message, "has no image tower"));
    for (int32_t which = 0; which < 2; which++) {
        octavo_engine *engine = which == 0 ? eyes : tongue;
        assert_int_equal(oc_test_open(engine, &OPTIONS(0), &session, &error), OCTAVO_OK);
        oc_test_run(session, which == 0 ? pictures : words, 1, which == 0 ? image_out : text_out,
                    1);
        memcpy(alone, which == 0 ? image : text, sizeof alone);
        assert_int_equal(octavo_session_run(session, which == 0 ? words : pictures, 1, text_out, 1,
                                            NULL, &error),
                         OCTAVO_INVALID_ARGUMENT);
        octavo_session_free(session);
        session = oc_test_session(oc_test_engine("f32"), (oc_test_device){NULL, NULL, ""},
                                  (oc_test_options){0});
        oc_test_run(session, which == 0 ? pictures : words, 1, which == 0 ? image_out : text_out,
                    1);
        assert_memory_equal(alone, which == 0 ? image : text, sizeof alone);
        octavo_session_free(session);
    }
    octavo_engine_free(eyes);
    octavo_engine_free(tongue);
    oc_test_folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_runs),        cmocka_unit_test(wrong_ids),
        cmocka_unit_test(wrong_options),     cmocka_unit_test(longer_options),
        cmocka_unit_test(one_tower_engines),
    };
    return cmocka_run_group_tests(tests, NULL, oc_test_engines_free);
}
