// links: api quantize
/* test_quantize_walk.c - from a 16-bit checkpoint to an FP8 folder and on to an engine; what stops
 * it, and that nothing is left behind then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "api/source.h"
#include "api/tool.h"
#include "num/convert.h"
#include "support/checkpoints.h"
#include "support/engines.h"

#define TINY   TEST_DATA "/tiny-clip"
#define IMAGES TEST_DATA "/preprocess"

/* A scratch folder with three images and four texts. */
typedef struct bench {
    char root[OC_TEST_PATH], out[OC_TEST_PATH + 8], images[OC_TEST_PATH + 8],
        texts[OC_TEST_PATH + 8];
    octavo_tool_quantize_options options;
} bench;

static int set_up(void **state) {
    static const char lines[] = "\xef\xbb\xbf"
                                "a photo of a cat\r\n\nthe dog\r\n\r\n red car\nlast";
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    oc_test_folder(b->root);
    snprintf(b->out, sizeof b->out, "%s/out", b->root);
    snprintf(b->images, sizeof b->images, "%s/images", b->root);
    snprintf(b->texts, sizeof b->texts, "%s/texts", b->root);
    oc_test_copy(IMAGES "/png_rgb.png",
                 oc_test_path(oc_test_folders(b->root, "images/more"), "a.png"));
    oc_test_copy(IMAGES "/real_clothing_0.jpg", oc_test_path(b->images, "b.jpg"));
    oc_test_copy(IMAGES "/webp_lossy.webp", oc_test_path(b->images, "c.webp"));
    oc_test_write(b->texts, lines, sizeof lines - 1);
    b->options.images = b->images;
    b->options.texts = b->texts;
    *state = b;
    return 0;
}

static int tear_down(void **state) {
    bench *b = *state;
    oc_test_folder_remove(b->root);
    free(b);
    return 0;
}

static const char *quantize(const bench *b, const char *checkpoint, const char *name) {
    const char *out = oc_test_path(b->root, name);
    octavo_error error = {0};
    if (octavo_tool_quantize(checkpoint, out, &b->options, NULL, &error) != OCTAVO_OK) {
        fail_msg("%s: %s", checkpoint, error.message);
    }
    return out;
}

static oc_checkpoint *open_checked(const char *folder, int32_t *fp8_count) {
    oc_checkpoint *checkpoint;
    oc_quant_facts facts;
    octavo_error error = {0};
    if (oc_checkpoint_open(folder, &checkpoint, &error) != OCTAVO_OK ||
        oc_quant_check(checkpoint, &facts, &error) != OCTAVO_OK) {
        fail_msg("%s: %s", folder, error.message);
    }
    *fp8_count = facts.fp8_count;
    return checkpoint;
}

static const oc_ckpt_tensor *find(const oc_checkpoint *checkpoint, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static const oc_ckpt_tensor *find(const oc_checkpoint *checkpoint, const char *format, ...) {
    char name[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    return oc_checkpoint_find(checkpoint, name);
}

static float scale_of(const oc_ckpt_tensor *scale) {
    float value = 0;
    assert_non_null(scale);
    assert_int_equal(oc_scale_value(scale, &value, NULL), OCTAVO_OK);
    return value;
}

/* Each weight of `folder` against the checkpoint it came from: codes and scale of FP8 ones, bytes
 * of all else; returns how many are FP8. */
static int compare_weights(const oc_checkpoint *made, const oc_checkpoint *from) {
    int fp8 = 0;
    for (int32_t i = 0; i < from->tensor_count; i++) {
        const oc_ckpt_tensor *before = &from->tensors[i], *after = find(made, "%s", before->name);
        assert_non_null(after);
        assert_int_equal(after->rank, before->rank);
        assert_memory_equal(after->shape, before->shape,
                            (size_t)before->rank * sizeof *before->shape);
        void *was = oc_test_bytes_of(before), *is = oc_test_bytes_of(after);
        if (after->dtype == before->dtype) {
            assert_int_equal(after->bytes, before->bytes);
            assert_memory_equal(is, was, before->bytes);
            free(is);
            free(was);
            continue;
        }
        assert_int_equal(after->dtype, OCTAVO_F8_E4M3);
        size_t count = (size_t)after->bytes;
        float *values = malloc(count * sizeof *values), amax = 0;
        assert_non_null(values);
        assert_true(oc_convert_to_f32(before->dtype, was, values, count));
        for (size_t k = 0; k < count; k++) {
            amax = fmaxf(amax, fabsf(values[k]));
        }
        float scale = scale_of(find(made, "%s_scale", before->name));
        assert_true(scale == amax / 448.0f);
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(((const uint8_t *)is)[k], oc_f32_to_e4m3(values[k] / scale));
        }
        free(values);
        free(is);
        free(was);
        fp8++;
    }
    return fp8;
}

/* tiny-clip in its three dtypes: 24 modules with the right scales and codes, all else untouched,
 * one input scale for q, k and v. */
static void test_walk(void **state) {
    const bench *b = *state;
    static const char *const dtypes[] = {"f32", "f16", "bf16"};
    for (size_t i = 0; i < OC_COUNT(dtypes); i++) {
        int32_t fp8 = 0, none = 0;
        const char *source = oc_test_path(TINY, dtypes[i]);
        oc_checkpoint *from = open_checked(source, &none);
        oc_checkpoint *made = open_checked(quantize(b, source, dtypes[i]), &fp8);
        assert_int_equal(fp8, 24);
        assert_int_equal(made->notices.count, 0);
        assert_int_equal(made->tensor_count, from->tensor_count + 2 * 24);
        assert_int_equal(compare_weights(made, from), 24);
        for (int layer = 0; layer < 4; layer++) {
            float scales[3];
            for (int p = 0; p < 3; p++) {
                const oc_ckpt_tensor *scale =
                    find(made, "%s_model.encoder.layers.%d.self_attn.%c_proj.input_scale",
                         layer < 2 ? "vision" : "text", layer % 2, "qkv"[p]);
                assert_non_null(scale);
                scales[p] = scale_of(scale);
            }
            assert_true(scales[0] == scales[1] && scales[1] == scales[2]);
        }
        oc_checkpoint_free(from);
        oc_checkpoint_free(made);
    }
}

/* The folder has all that belongs to the model, and an engine made from it computes what the
 * unquantized one does, but for FP8's noise. */
static void test_walk_to_engine(void **state) {
    const bench *b = *state;
    static const char *const files[] = {"config.json",
                                        "hf_quant_config.json",
                                        "model.safetensors",
                                        "octavo_calibration.json",
                                        "preprocessor_config.json",
                                        "tokenizer.json",
                                        "tokenizer_config.json",
                                        "vocab.json",
                                        "merges.txt"};
    octavo_error error = {0};
    char *report = NULL;
    const char *folder = quantize(b, TINY "/f32", "q"), *path = oc_test_path(b->root, "q.octavo");
    for (size_t i = 0; i < OC_COUNT(files); i++) {
        assert_int_equal(access(oc_test_path(folder, files[i]), R_OK), 0);
    }
    assert_int_equal(octavo_build(folder, path, NULL, NULL, &error), OCTAVO_OK);
    assert_int_equal(octavo_tool_inspect(path, 0, &report, &error), OCTAVO_OK);
    assert_non_null(strstr(report, "\"input_amax\""));
    octavo_free(report);

    octavo_engine *engine;
    octavo_session *session;
    oc_test_options options = {.device = "ref"};
    octavo_tool_tensors reference;
    assert_int_equal(octavo_engine_open(path, &engine, &error), OCTAVO_OK);
    assert_int_equal(oc_test_open(engine, &options, &session, &error), OCTAVO_OK);
    assert_int_equal(
        octavo_tool_tensors_load(TINY "/f32/reference.safetensors", &reference, &error), OCTAVO_OK);
    octavo_argument inputs[2];
    const octavo_tensor *expected = NULL;
    int32_t count = 0;
    for (int32_t i = 0; i < reference.count; i++) {
        const char *name = reference.items[i].name;
        if (strcmp(name, "pixel_values") == 0 || strcmp(name, "input_ids") == 0) {
            inputs[count++] = reference.items[i];
        } else if (strcmp(name, "image_embeds_raw") == 0) {
            expected = &reference.items[i].tensor;
        }
    }
    assert_int_equal(count, 2);
    assert_non_null(expected);
    int64_t rows = expected->shape[0], columns = expected->shape[1];
    float *embeds = calloc((size_t)(rows * columns), sizeof *embeds);
    octavo_argument output = {
        .name = "image_embeds_raw",
        .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {rows, columns}, .data = embeds}};
    assert_int_equal(octavo_session_run(session, inputs, 2, &output, 1, NULL, &error), OCTAVO_OK);
    for (int64_t r = 0; r < rows; r++) {
        double dot = 0, xx = 0, yy = 0;
        for (int64_t c = 0; c < columns; c++) {
            double x = (double)embeds[r * columns + c];
            double y = (double)((const float *)expected->data)[r * columns + c];
            dot += x * y;
            xx += x * x;
            yy += y * y;
        }
        double distance = 1 - dot / sqrt(xx * yy);
        assert_true(distance > 1e-6 && distance < 1e-2); /* FP8, and no more than FP8 */
    }
    free(embeds);
    octavo_tool_tensors_free(&reference);
    octavo_session_free(session);
    octavo_engine_free(engine);
}

static void expect_same_file(const char *a, const char *b, const char *name) {
    size_t sizes[2];
    char *bytes[2] = {oc_test_read(oc_test_path(a, name), &sizes[0]),
                      oc_test_read(oc_test_path(b, name), &sizes[1])};
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
}

/* Thread count and the order of texts (hence their batches) leave no trace in any file. */
static void test_walk_is_deterministic(void **state) {
    bench *b = *state;
    b->options.threads = 1;
    const char *one = quantize(b, TINY "/f16", "one");
    char texts[4096] = "";
    for (int i = 0; i < 40; i++) { /* several batches, with repetitions */
        const char *line = i % 4 == 0   ? "a photo of a cat\n"
                           : i % 4 == 1 ? "last\n"
                           : i % 4 == 2 ? "the dog\n"
                                        : " red car\n";
        strcat(texts, line);
    }
    oc_test_write(b->texts, texts, strlen(texts));
    b->options.threads = 2;
    const char *two = quantize(b, TINY "/f16", "two");
    expect_same_file(one, two, "model.safetensors");
    b->options.threads = 1;
    const char *three = quantize(b, TINY "/f16", "three");
    expect_same_file(two, three, "octavo_calibration.json");
}

/* The other layout: scales of shape [1]; a limit and other methods are recorded. */
static void test_walk_options(void **state) {
    bench *b = *state;
    size_t size;
    char *report = NULL;
    octavo_error error = {0};
    const char *out = oc_test_path(b->root, "ct");
    b->options.layout = "compressed-tensors";
    b->options.method = "percentile";
    b->options.limit = 2;
    assert_int_equal(octavo_tool_quantize(TINY "/f32", out, &b->options, &report, &error),
                     OCTAVO_OK);
    assert_non_null(strstr(report, "\"images\": 2,"));
    assert_non_null(strstr(report, "\"texts\": 2,"));
    octavo_free(report);
    oc_checkpoint *made;
    assert_int_equal(oc_checkpoint_open(out, &made, &error), OCTAVO_OK);
    const oc_ckpt_tensor *scale = find(made, "vision_model.encoder.layers.0.mlp.fc1.input_scale");
    assert_non_null(scale);
    assert_true(scale->rank == 1 && scale->shape[0] == 1);
    oc_checkpoint_free(made);
    assert_int_not_equal(access(oc_test_path(out, "hf_quant_config.json"), F_OK), 0);
    char *record = oc_test_read(oc_test_path(out, "octavo_calibration.json"), &size);
    assert_non_null(
        strstr(record, "{\"method\":\"percentile\",\"images\":2,\"texts\":2,\"modules\":[{"));
    assert_true(size < 24 * 400);
    free(record);
}

/* Skipped modules keep their bytes and are excluded by name; a tower that is skipped whole needs no
 * data. */
static void test_skip(void **state) {
    bench *b = *state;
    int32_t fp8 = 0, none = 0;
    size_t size;
    b->options.images = NULL;
    b->options.skip = "vision_model*,*layers.1.mlp.fc2,";
    const char *out = quantize(b, TINY "/bf16", "skip");
    oc_checkpoint *from = open_checked(TINY "/bf16", &none), *made = open_checked(out, &fp8);
    assert_int_equal(fp8, 11);
    assert_int_equal(compare_weights(made, from), 11);
    assert_int_equal(find(made, "text_model.encoder.layers.1.mlp.fc2.weight")->dtype, OCTAVO_BF16);
    char *config = oc_test_read(oc_test_path(out, "hf_quant_config.json"), &size);
    assert_non_null(strstr(config, "\"text_model.encoder.layers.1.mlp.fc2\""));
    assert_non_null(strstr(config, "\"vision_model.encoder.layers.0.self_attn.q_proj\""));
    free(config);
    oc_checkpoint_free(from);
    oc_checkpoint_free(made);
}

/* Modules that are FP8 already stay as they are, and a notice says so. */
static void test_mixed(void **state) {
    const bench *b = *state;
    int32_t before = 0, after = 0;
    char *report = NULL;
    octavo_error error = {0};
    const char *source = TINY "/modelopt-fp8-mixed", *out = oc_test_path(b->root, "mixed");
    assert_int_equal(octavo_tool_quantize(source, out, &b->options, &report, &error), OCTAVO_OK);
    assert_non_null(strstr(report, "FP8 already"));
    octavo_free(report);
    oc_checkpoint *from = open_checked(source, &before), *made = open_checked(out, &after);
    assert_true(before > 0 && before < 24);
    assert_int_equal(after, 24);
    assert_int_equal(compare_weights(made, from), 24 - before);
    oc_checkpoint_free(from);
    oc_checkpoint_free(made);
}

/* -- bad input ----------------------------------------------------------------------------------
 */

static int files_in(const char *folder) {
    oc_listing listing;
    assert_int_equal(oc_folder_list(folder, OC_LIST_DEEP, 1000, &listing, NULL), OCTAVO_OK);
    int count = (int)listing.count;
    oc_listing_free(&listing);
    return count;
}

/* Fails with `wanted` and `part` in the sentence, and leaves no file behind. */
static void expect_failure(const bench *b, const char *checkpoint, const char *out,
                           octavo_status wanted, const char *part) {
    octavo_error error = {0};
    char *report = NULL;
    int before = files_in(b->root);
    octavo_status status = octavo_tool_quantize(checkpoint, out, &b->options, &report, &error);
    if (status != wanted || strstr(error.message, part) == NULL) {
        fail_msg("expected status %d and \"%s\", got %d: %s", wanted, part, status, error.message);
    }
    assert_null(report);
    assert_int_equal(files_in(b->root), before);
}

/* Data that is missing or empty, and options that are none. */
static void test_bad_options(void **state) {
    bench *b = *state;
    const bench good = *b;
    const char *empty = oc_test_path(b->root, "empty");
    oc_test_write(empty, "\n\r\n", 3);
    b->options.images = NULL;
    expect_failure(b, TINY "/f32", b->out, OCTAVO_INVALID_ARGUMENT, "no images to calibrate");
    b->options.images = oc_test_path(b->root, "nowhere");
    expect_failure(b, TINY "/f32", b->out, OCTAVO_NOT_FOUND, "nowhere");
    b->options.images = oc_test_folders(b->root, "hollow");
    expect_failure(b, TINY "/f32", b->out, OCTAVO_NOT_FOUND, "no image among the 0 files");
    *b = good;
    b->options.texts = NULL;
    expect_failure(b, TINY "/f32", b->out, OCTAVO_INVALID_ARGUMENT, "no texts to calibrate");
    b->options.texts = empty;
    expect_failure(b, TINY "/f32", b->out, OCTAVO_CORRUPT, "no text in");
    *b = good;
    b->options.skip = "vision_model.encoder.layers.9*";
    expect_failure(b, TINY "/f32", b->out, OCTAVO_INVALID_ARGUMENT, "no such module");
    b->options.skip = "*";
    expect_failure(b, TINY "/f32", b->out, OCTAVO_INVALID_ARGUMENT, "nothing to quantize");
    *b = good;
    b->options.limit = -1;
    expect_failure(b, TINY "/f32", b->out, OCTAVO_INVALID_ARGUMENT, "-1 images");
    b->options.limit = 0;
    b->options.threads = 100000;
    expect_failure(b, TINY "/f32", b->out, OCTAVO_INVALID_ARGUMENT, "100000 threads");
    *b = good;
    expect_failure(b, TINY "/modelopt-fp8", b->out, OCTAVO_INVALID_ARGUMENT, "24 are FP8 already");
}

/* An image that cannot be read is left out with a notice; where none can, it is an error. */
static void test_unreadable_images(void **state) {
    bench *b = *state;
    char *report = NULL;
    octavo_error error = {0};
    oc_test_write(oc_test_path(b->images, "broken.jpg"), "\xff\xd8\xff", 3);
    oc_test_write(oc_test_path(b->images, "labels.json"), "{}", 2);
    assert_int_equal(octavo_tool_quantize(TINY "/f32", oc_test_path(b->root, "some"), &b->options,
                                          &report, &error),
                     OCTAVO_OK);
    assert_non_null(strstr(report, "\"images\": 3,"));
    assert_non_null(strstr(report, "image broken.jpg is left out: "));
    assert_null(strstr(report, "labels.json"));
    octavo_free(report);
    const char *bad = oc_test_folders(b->root, "bad");
    oc_test_write(oc_test_path(bad, "1.png"), "no", 2);
    oc_test_write(oc_test_path(bad, "2.png"), "no", 2);
    b->options.images = bad;
    expect_failure(b, TINY "/f32", oc_test_path(b->root, "none"), OCTAVO_CORRUPT,
                   "none of the 2 images");
}

/* Where the folder cannot be: in use, or below a file. */
static void test_bad_folder(void **state) {
    const bench *b = *state;
    expect_failure(b, TINY "/f32", b->root, OCTAVO_CANNOT_CREATE, "not empty");
    expect_failure(b, TINY "/f32", oc_test_path(b->texts, "x"), OCTAVO_CANNOT_CREATE,
                   "cannot create");
    const char *vacant = oc_test_folders(b->root, "vacant");
    octavo_error error = {0};
    assert_int_equal(octavo_tool_quantize(TINY "/f32", vacant, &b->options, NULL, &error),
                     OCTAVO_OK);
}

/* A copy of tiny-clip with one value of a weight replaced. */
static const char *damaged(const bench *b, const char *weight, uint32_t bits, uint64_t *offset) {
    static const char *const files[] = {"config.json", "tokenizer.json", "tokenizer_config.json",
                                        "preprocessor_config.json"};
    int32_t none = 0;
    size_t size;
    const char *folder = oc_test_folders(b->root, weight);
    for (size_t i = 0; i < OC_COUNT(files); i++) {
        oc_test_copy(oc_test_path(TINY "/f32", files[i]), oc_test_path(folder, files[i]));
    }
    oc_checkpoint *checkpoint = open_checked(TINY "/f32", &none);
    *offset = find(checkpoint, "%s", weight)->offset + 4 * 77;
    oc_checkpoint_free(checkpoint);
    char *bytes = oc_test_read(TINY "/f32/model.safetensors", &size);
    memcpy(bytes + *offset, &bits, sizeof bits);
    oc_test_write(oc_test_path(folder, "model.safetensors"), bytes, size);
    free(bytes);
    return folder;
}

/* Weights and activations that are not finite are errors that name the place. */
static void test_not_finite(void **state) {
    const bench *b = *state;
    uint64_t offset;
    octavo_error error = {0};
    const char *folder =
        damaged(b, "text_model.encoder.layers.1.mlp.fc2.weight", 0x7f800000u, &offset);
    expect_failure(b, folder, b->out, OCTAVO_CORRUPT, "has inf at element 77");
    assert_int_equal(octavo_tool_quantize(folder, b->out, &b->options, NULL, &error),
                     OCTAVO_CORRUPT);
    assert_int_equal(error.offset, offset);
    assert_non_null(strstr(error.path, "model.safetensors"));
    folder = damaged(b, "vision_model.embeddings.patch_embedding.weight", 0x7fc00000u, &offset);
    expect_failure(b, folder, b->out, OCTAVO_CORRUPT,
                   "tensor vision_model.embeddings.patch_embedding.weight has NaN at element 77");
    folder = damaged(b, "vision_model.embeddings.patch_embedding.weight", 0x7f7fffffu, &offset);
    expect_failure(b, folder, b->out, OCTAVO_CORRUPT,
                   "inputs of module vision_model.encoder.layers.0.self_attn.q_proj");
}

/* Where to cut a file short: at the first step of `what`. */
typedef struct cutter {
    const char *what, *path;
    size_t size; /* that is left */
} cutter;

static int32_t cut(void *user, const char *what, uint64_t done, uint64_t total) {
    const cutter *c = user;
    (void)done;
    (void)total;
    if (strcmp(what, c->what) == 0) {
        oc_test_resize(c->path, c->size);
    }
    return 0;
}

/* A checkpoint that is cut short while it is quantized is an error, in whatever pass over it. */
static void test_cut_short(void **state) {
    bench *b = *state;
    static const char *const moments[] = {"calibrating images", "calibrating texts",
                                          "writing weights"};
    uint64_t offset;
    size_t size;
    for (size_t i = 0; i < OC_COUNT(moments); i++) {
        char path[OC_TEST_PATH + 128];
        const char *folder =
            damaged(b, "text_model.encoder.layers.1.mlp.fc2.weight", 0x3f800000u, &offset);
        snprintf(path, sizeof path, "%s/model.safetensors", folder);
        free(oc_test_read(path, &size));
        cutter c = {moments[i], path, size / 2};
        b->options.progress = cut;
        b->options.progress_user = &c;
        expect_failure(b, folder, b->out, OCTAVO_IO, "it was cut short while it was read");
    }
}

static int32_t die_while(void *user, const char *what, uint64_t done, uint64_t total) {
    if (strcmp(what, user) == 0 && 2 * done >= total) {
        raise(SIGKILL);
    }
    return 0;
}

/* Killed while it calibrates or writes, it leaves nothing under the folder's name. */
static void test_killed(void **state) {
    bench *b = *state;
    char *const moments[] = {"calibrating images", "calibrating texts", "writing weights"};
    b->options.progress = die_while;
    for (size_t i = 0; i < OC_COUNT(moments); i++) {
        int how = 0;
        b->options.progress_user = moments[i];
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            _exit(octavo_tool_quantize(TINY "/f32", b->out, &b->options, NULL, NULL) == OCTAVO_OK);
        }
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
        assert_int_not_equal(access(b->out, F_OK), 0);
    }
}

/* A disk that is full (here: a limit on file sizes) is an error that leaves nothing at all. */
static void test_full_disk(void **state) {
    const bench *b = *state;
    int how = 0, before = files_in(b->root);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = {200000, 200000};
        signal(SIGXFSZ, SIG_IGN);
        bool limited = setrlimit(RLIMIT_FSIZE, &limit) == 0;
        octavo_status status = octavo_tool_quantize(TINY "/f32", b->out, &b->options, NULL, NULL);
        _exit(limited ? (int)status : 99);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), OCTAVO_IO);
    assert_int_equal(files_in(b->root), before);
}

static int32_t say_no(void *user, const char *what, uint64_t done, uint64_t total) {
    (void)user;
    (void)what;
    return 2 * done >= total;
}

/* The way back to 16 bits: half-way it can be told to stop, and then leaves nothing. */
static void test_widen(void **state) {
    const bench *b = *state;
    const char *fp8 = TINY "/modelopt-fp8";
    int before = files_in(b->root);
    int32_t modules = -1;
    octavo_error error = {0};
    assert_int_equal(
        octavo_tool_widen(fp8, b->out, OCTAVO_PRECISION_F16, say_no, NULL, &modules, &error),
        OCTAVO_CANCELLED);
    assert_int_equal(
        octavo_tool_widen(fp8, b->out, OCTAVO_AS_CHECKPOINT, NULL, NULL, &modules, &error),
        OCTAVO_INVALID_ARGUMENT);
    assert_int_equal(
        octavo_tool_widen(TINY "/f32", b->out, OCTAVO_PRECISION_F16, NULL, NULL, &modules, &error),
        OCTAVO_INVALID_ARGUMENT);
    assert_true(modules == 0 && files_in(b->root) == before);
    assert_int_equal(
        octavo_tool_widen(fp8, b->out, OCTAVO_PRECISION_BF16, NULL, NULL, &modules, &error),
        OCTAVO_OK);
    assert_int_equal(modules, 24);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_walk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_walk_to_engine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_walk_is_deterministic, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_walk_options, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_skip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mixed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_options, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unreadable_images, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_finite, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_short, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_widen, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
