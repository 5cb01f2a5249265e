// links: api
/* test_build_refusals.c - checkpoints that are wrong in one place: each gets its status and a
 * sentence with the values that disagree, and nothing is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/status.h"
#include "support/checkpoints.h"
#include "support/engine_reseal.h"
#include "support/engines.h"

static char folder[OC_TEST_PATH]; /* of one test */

static int make_folder(void **state) {
    (void)state;
    oc_test_folder(folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    oc_test_folder_remove(folder);
    return 0;
}

/* Builds the checkpoint that lies in folder/c, which must fail; afterwards there is neither an
 * engine nor a temporary. */
static void expect_refused(const octavo_build_options *options, octavo_status wanted,
                           const char *const sentences[3]) {
    octavo_error error;
    int32_t temporaries;
    char *report = (char *)folder;
    const char *checkpoint = oc_test_path(folder, "c");
    octavo_status status =
        octavo_build(checkpoint, oc_test_path(folder, "e.octavo"), options, &report, &error);
    assert_null(report);
    for (int32_t i = 0; i < 3 && sentences[i] != NULL; i++) {
        if (status != wanted || error.status != wanted ||
            strstr(error.message, sentences[i]) == NULL) {
            fail_msg("'%s': %d, %s (%s)", sentences[i], status, error.message, error.path);
        }
    }
    if (strncmp(error.path, folder, strlen(folder)) != 0) {
        fail_msg("'%s' is about '%s'", error.message, error.path);
    }
    assert_int_equal(oc_test_entries(folder, &temporaries), 1);
    assert_int_equal(temporaries, 0);
    assert_int_equal(
        octavo_build(checkpoint, oc_test_path(folder, "e.octavo"), options, NULL, NULL), wanted);
}

static void start_from(const char *name) {
    if (access(oc_test_path(folder, "c"), F_OK) == 0) {
        oc_test_folder_remove(oc_test_path(folder, "c"));
    }
    oc_test_checkpoint(name, oc_test_path(folder, "c"));
}

/* -- headers ---------------------------------------------------------------------------------- */

/* What the header of the weights says wrong. */
static void wrong_headers(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        octavo_status status;
        const char *sentences[3];
    } cases[] = {
        {"vision_model.encoder.layers.1.mlp.fc1.weight",
         "vision_model.encoder.layers.1.mlp.fcX.weight",
         OCTAVO_NOT_FOUND,
         {"vision_model.encoder.layers.1.mlp.fc1.weight"}},
        {"\"vision_model.post_layernorm.bias\":{\"dtype\":\"F32\",\"shape\":[128]",
         "\"vision_model.post_layernorm.bias\":{\"dtype\":\"F32\",\"shape\":[64,2]",
         OCTAVO_CORRUPT,
         {"vision_model.post_layernorm.bias", "[64,2]", "[128]"}},
        {"\"vision_model.post_layernorm.bias\":{\"dtype\":\"F32\"",
         "\"vision_model.post_layernorm.bias\":{\"dtype\":\"I32\"",
         OCTAVO_UNSUPPORTED,
         {"vision_model.post_layernorm.bias", "I32", "F32, F16 or BF16"}},
        {"\"vision_model.post_layernorm.bias\":{\"dtype\":\"F32\"",
         "\"vision_model.post_layernorm.bias\":{\"dtype\":\"F7\"",
         OCTAVO_UNSUPPORTED,
         {"F7", "vision_model.post_layernorm.bias"}},
        {"\"vision_model.post_layernorm.bias\":{\"dtype\":\"F32\",\"shape\":[128]",
         "\"vision_model.post_layernorm.bias\":{\"dtype\":\"F64\",\"shape\":[64]",
         OCTAVO_CORRUPT,
         {"vision_model.post_layernorm.bias", "[64]", "[128]"}},
        {"vision_model.encoder.layers.1.mlp.fc1.weight",
         "vision_model.encoder.layers.0.mlp.fc1.weight",
         OCTAVO_CORRUPT,
         {"vision_model.encoder.layers.0.mlp.fc1.weight", "twice"}},
        {"\"data_offsets\":[0,", "\"data_offsets\":[4,", OCTAVO_CORRUPT, {""}},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        start_from("f32");
        oc_test_edit_header(oc_test_path(folder, "c"), cases[i].from, cases[i].to);
        expect_refused(NULL, cases[i].status, cases[i].sentences);
    }
}

/* A file that is cut short anywhere, or whose header claims more than there is. */
static void cut_files(void **state) {
    (void)state;
    size_t size;
    start_from("f32");
    const char *path = oc_test_path(oc_test_path(folder, "c"), "model.safetensors");
    char *bytes = oc_test_read(path, &size), model[OC_TEST_PATH];
    snprintf(model, sizeof model, "%s", path);
    static const char *const any[3] = {"bytes"};
    const size_t lengths[] = {1, 7, 8, 100, size / 2, size - 1};
    for (size_t i = 0; i < OC_COUNT(lengths); i++) {
        oc_test_write(model, bytes, lengths[i]);
        expect_refused(NULL, OCTAVO_CORRUPT, any);
    }
    uint64_t length = size; /* of the header: beyond the file */
    memcpy(bytes, &length, sizeof length);
    oc_test_write(model, bytes, size);
    expect_refused(NULL, OCTAVO_CORRUPT, any);
    length = UINT64_MAX;
    memcpy(bytes, &length, sizeof length);
    oc_test_write(model, bytes, size);
    expect_refused(NULL, OCTAVO_CORRUPT, (const char *const[3]){"18446744073709551615"});
    free(bytes);
}

/* Cuts a file short while a build reads it: at the first step of `what`. */
typedef struct cutter {
    const char *what;
    char path[OC_TEST_PATH];
    size_t size; /* that is left of it */
    int32_t steps;
} cutter;

static int32_t cut(void *user, const char *what, uint64_t done, uint64_t total) {
    cutter *c = user;
    (void)done;
    (void)total;
    if (strcmp(what, c->what) == 0 && c->steps++ == 0) {
        oc_test_resize(c->path, c->size);
    }
    return 0;
}

/* A checkpoint that somebody cuts short while it is read ends the build with a sentence, not the
 * process with a signal: while weights are written, and while canaries read them once more. */
static void files_cut_while_read(void **state) {
    (void)state;
    static const char *const steps[] = {"writing weights", "computing canaries"};
    static const char *const names[] = {"f32", "modelopt-fp8"};
    for (size_t i = 0; i < 4; i++) {
        cutter c = {.what = steps[i / 2]};
        octavo_build_options options = {
            .struct_size = sizeof options, .progress = cut, .progress_user = &c};
        octavo_error error;
        int32_t temporaries;
        char sentence[64];
        start_from(names[i % 2]);
        snprintf(c.path, sizeof c.path, "%s",
                 oc_test_path(oc_test_path(folder, "c"), "model.safetensors"));
        free(oc_test_read(c.path, &c.size));
        c.size /= 2;
        octavo_status status = octavo_build(
            oc_test_path(folder, "c"), oc_test_path(folder, "e.octavo"), &options, NULL, &error);
        snprintf(sentence, sizeof sentence, "ends at byte %zu", c.size);
        if (status != OCTAVO_IO || strstr(error.message, sentence) == NULL ||
            strstr(error.message, "it was cut short while it was read") == NULL) {
            fail_msg("%s, %d steps: %d, %s", c.what, c.steps, status, error.message);
        }
        assert_string_equal(error.path, c.path);
        assert_true(error.offset != OCTAVO_NO_OFFSET);
        assert_int_equal(oc_test_entries(folder, &temporaries), 1);
    }
}

/* -- values ----------------------------------------------------------------------------------- */

/* Scales that are no ordinary positive number, and codes that are none, are named with the value.
 */
static void wrong_values(void **state) {
    (void)state;
    static const struct {
        const char *tensor;
        float value;
        const char *sentence;
    } scales[] = {
        {"vision_model.encoder.layers.0.mlp.fc1.weight_scale", 0.0f,
         "is 0; a scale must be finite, positive and not denormal"},
        {"vision_model.encoder.layers.0.mlp.fc1.weight_scale", 0.0f,
         "with that module excluded, or quantize the 16-bit model with `octavo quantize`"},
        {"vision_model.encoder.layers.0.mlp.fc1.weight_scale", -0.5f, "-0.5"},
        {"text_model.encoder.layers.1.mlp.fc2.weight_scale", NAN, "nan"},
        {"text_model.encoder.layers.1.mlp.fc2.input_scale", INFINITY, "inf"},
        {"text_model.encoder.layers.1.self_attn.q_proj.input_scale", 1e-40f, "e-41"},
        {"vision_model.encoder.layers.1.self_attn.out_proj.input_scale", -0.0f, "-0"},
    };
    static const char *const tensor = "vision_model.encoder.layers.1.self_attn.k_proj.weight";
    for (size_t i = 0; i < OC_COUNT(scales); i++) {
        start_from("modelopt-fp8");
        oc_test_edit_tensor(oc_test_path(folder, "c"), scales[i].tensor, 0, &scales[i].value, 4);
        expect_refused(NULL, OCTAVO_CORRUPT,
                       (const char *const[3]){scales[i].tensor, scales[i].sentence});
    }
    start_from("modelopt-fp8");
    oc_test_edit_tensor(oc_test_path(folder, "c"), tensor, 5003, "\xff", 1);
    expect_refused(NULL, OCTAVO_CORRUPT, (const char *const[3]){tensor, "NaN", "5003"});
}

/* A weight that F16 cannot hold is named when it is asked to. */
static void values_too_large_to_widen(void **state) {
    (void)state;
    static const octavo_build_options f16 = {.struct_size = sizeof f16,
                                             .precision = OCTAVO_PRECISION_F16};
    static const char *const tensor = "vision_model.encoder.layers.1.mlp.fc1.weight";
    const float large = 1e6f;
    octavo_error error;
    start_from("f32");
    oc_test_edit_tensor(oc_test_path(folder, "c"), tensor, 4 * 131, &large, 4);
    expect_refused(&f16, OCTAVO_CORRUPT,
                   (const char *const[3]){"element 131 of tensor", tensor, "1e+06"});
    if (octavo_build(oc_test_path(folder, "c"), oc_test_path(folder, "e.octavo"), NULL, NULL,
                     &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
}

/* -- tensors that are more, or less, than the model has ---------------------------------------- */

static const octavo_build_options strict_options = {.struct_size = sizeof strict_options,
                                                    .strict = 1};

/* Builds folder/c, whose report has all of the parts; strictly it is refused by naming `tensor`,
 * unless that is NULL. */
static void expect_noted(const char *const parts[3], const char *tensor) {
    octavo_error error;
    char *report = NULL;
    const char *path = oc_test_path(folder, "e.octavo");
    if (octavo_build(oc_test_path(folder, "c"), path, NULL, &report, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    for (int32_t i = 0; i < 3 && parts[i] != NULL; i++) {
        if (strstr(report, parts[i]) == NULL) {
            fail_msg("no '%s' in\n%s", parts[i], report);
        }
    }
    octavo_free(report);
    assert_int_equal(unlink(path), 0);
    if (tensor != NULL) {
        expect_refused(&strict_options, OCTAVO_UNSUPPORTED,
                       (const char *const[3]){"tensors are not read, such as", tensor});
        return;
    }
    assert_int_equal(octavo_build(oc_test_path(folder, "c"), path, &strict_options, NULL, &error),
                     OCTAVO_OK);
    assert_int_equal(unlink(path), 0);
}

/* Tensors that no part of the model reads are noted with number and names, and refused by `strict`:
 * layers beyond the config's, adapters that were not merged, a stray scale.  Buffers that every
 * model makes itself pass, and so does the other tower of a whole model. */
static void unread_tensors(void **state) {
    (void)state;
    char checkpoint[OC_TEST_PATH + 8];
    snprintf(checkpoint, sizeof checkpoint, "%s/c", folder);
    start_from("f32");
    oc_test_edit(checkpoint, "config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1");
    expect_noted((const char *const[3]){"16 tensors are not read, as the model has no such part: ",
                                        "_model.encoder.layers.*.layer_norm1.bias, ",
                                        "_model.encoder.layers.1.mlp.fc2.weight\""},
                 "_model.encoder.layers.1.");
    start_from("f32");
    oc_test_add_tensors(checkpoint,
                        (const char *const[]){"text_model.lora_A.default.weight",
                                              "text_model.1.lora_B.weight",
                                              "text_model.2.lora_B.weight"},
                        3);
    expect_noted((const char *const[3]){"3 tensors are not read", "text_model.*.lora_B.weight (2)",
                                        "merge_and_unload"},
                 "lora_");
    start_from("modelopt-fp8");
    oc_test_add_tensors(checkpoint, (const char *const[]){"criterion.logit_scale"}, 1);
    expect_noted((const char *const[3]){"1 tensor is not read, as the model has no such part: "
                                        "criterion.logit_scale",
                                        "\"unread\": ["},
                 "criterion.logit_scale");
    start_from("f32");
    oc_test_add_tensors(checkpoint, (const char *const[]){"text_model.embeddings.position_ids"}, 1);
    expect_noted((const char *const[3]){"\"unread\": []", "\"notices\": []"}, NULL);
    oc_test_edit(checkpoint, "config.json", "\"CLIPModel\"", "\"CLIPVisionModelWithProjection\"");
    expect_noted(
        (const char *const[3]){"38 tensors belong to another part of the model", "\"unread\": []"},
        NULL);
}

/* A tower that calibration never reached has FP8 weights and no input_scale: refused with what to
 * do, and read where the weights are widened. */
static void uncalibrated_towers(void **state) {
    (void)state;
    static const octavo_build_options ways[] = {
        {.struct_size = sizeof ways[0], .precision = OCTAVO_PRECISION_F16},
        {.struct_size = sizeof ways[0], .precision = OCTAVO_PRECISION_BF16},
        {.struct_size = sizeof ways[0], .keep = "text_model.*=f16"}};
    octavo_error error;
    start_from("modelopt-fp8");
    const char *checkpoint = oc_test_path(folder, "c");
    oc_test_edit_header(checkpoint, "text_model.encoder.layers.0.mlp.fc1.input_scale",
                        "text_model.encoder.layers.0.mlp.fc1.elsewhere__");
    expect_refused(NULL, OCTAVO_UNSUPPORTED,
                   (const char *const[3]){"text_model.encoder.layers.0.mlp.fc1.weight is FP8, but "
                                          "has no input_scale",
                                          "calibrate with images and texts and export again",
                                          "--precision f16"});
    for (size_t i = 0; i < OC_COUNT(ways); i++) {
        if (octavo_build(checkpoint, oc_test_path(folder, "e.octavo"), &ways[i], NULL, &error) !=
            OCTAVO_OK) {
            fail_msg("way %zu: %s", i, error.message);
        }
    }
}

/* -- companions ------------------------------------------------------------------------------- */

/* Configs that claim what cannot be, or is not so. */
static void wrong_configs(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        octavo_status status;
        const char *sentences[3];
    } cases[] = {
        {"\"CLIPModel\"", "\"BertModel\"", OCTAVO_UNSUPPORTED, {"BertModel"}},
        {"\"hidden_act\": \"gelu\"", "\"hidden_act\": \"relu\"", OCTAVO_UNSUPPORTED, {"relu"}},
        {"\"hidden_size\": 96", "\"hidden_size\": 128", OCTAVO_CORRUPT, {"128", "3"}},
        {"\"hidden_size\": 96", "\"hidden_size\": 93", OCTAVO_CORRUPT, {"[", "93", "96"}},
        {"\"hidden_size\": 96", "\"hidden_size\": 99999999", OCTAVO_CORRUPT, {"99999999", "16384"}},
        {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", OCTAVO_NOT_FOUND, {"layers.2."}},
        {"\"patch_size\": 8", "\"patch_size\": 0", OCTAVO_CORRUPT, {"patch_size", "0"}},
        {"{", "{\"text_config\": {},", OCTAVO_CORRUPT, {"text_config"}},
        {"\"vocab_size\": 1024", "\"vocab_size\": 512", OCTAVO_CORRUPT, {"512", "1023"}},
        {"}", "", OCTAVO_CORRUPT, {""}},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        start_from("f32");
        oc_test_edit(oc_test_path(folder, "c"), "config.json", cases[i].from, cases[i].to);
        expect_refused(NULL, cases[i].status, cases[i].sentences);
    }
}

/* A config that claims 10^12 parameters is refused for that, not for what it finds missing. */
static void parameters_without_end(void **state) {
    (void)state;
    static const char *const config =
        "{\"architectures\": [\"CLIPModel\"], \"model_type\": \"clip\", \"projection_dim\": "
        "16384,\n"
        " \"vision_config\": {\"hidden_size\": 16384, \"intermediate_size\": 65536,\n"
        " \"num_hidden_layers\": 256, \"num_attention_heads\": 256, \"image_size\": 224,\n"
        " \"patch_size\": 14}, \"text_config\": {\"hidden_size\": 16384,\n"
        " \"intermediate_size\": 65536, \"num_hidden_layers\": 256,\n"
        " \"num_attention_heads\": 256, \"eos_token_id\": 1023}}";
    start_from("f32");
    oc_test_write(oc_test_path(oc_test_path(folder, "c"), "config.json"), config, strlen(config));
    expect_refused(NULL, OCTAVO_UNSUPPORTED, (const char *const[3]){"parameters", "40000000000"});
}

/* A tokenizer of another model, and missing or useless companions. */
static void wrong_companions(void **state) {
    (void)state;
    char path[OC_TEST_PATH];
    start_from("f32");
    snprintf(path, sizeof path, "%s", oc_test_path(oc_test_path(folder, "c"), "tokenizer.json"));
    oc_test_copy(TEST_DATA "/tiny-clip/extra-tokens-f32/tokenizer.json", path);
    expect_refused(NULL, OCTAVO_CORRUPT,
                   (const char *const[3]){"not this model's", "1019", "1023"});
    start_from("f32");
    oc_test_write(path, "{\"model\": {}}", 13);
    expect_refused(NULL, OCTAVO_UNSUPPORTED, (const char *const[3]){"\"vocab\" is missing"});
    start_from("f32");
    assert_int_equal(unlink(oc_test_path(oc_test_path(folder, "c"), "config.json")), 0);
    expect_refused(NULL, OCTAVO_NOT_FOUND, (const char *const[3]){"config.json"});
    start_from("f32");
    oc_test_edit(oc_test_path(folder, "c"), "preprocessor_config.json", "\"resample\": 3",
                 "\"resample\": 9");
    expect_refused(NULL, OCTAVO_CORRUPT, (const char *const[3]){"resample", "found 9"});
    start_from("f32");
    assert_int_equal(unlink(oc_test_path(oc_test_path(folder, "c"), "model.safetensors")), 0);
    expect_refused(NULL, OCTAVO_NOT_FOUND, (const char *const[3]){""});
    oc_test_folder_remove(oc_test_path(folder, "c"));
    octavo_error error;
    assert_int_equal(octavo_build(oc_test_path(folder, "c"), oc_test_path(folder, "e.octavo"), NULL,
                                  NULL, &error),
                     OCTAVO_NOT_FOUND);
    assert_non_null(strstr(error.message, folder));
}

/* -- options ---------------------------------------------------------------------------------- */

static void wrong_options(void **state) {
    (void)state;
    static const struct {
        octavo_build_options options;
        octavo_status status;
        const char *sentence;
    } cases[] = {
        {{.struct_size = 0}, OCTAVO_INVALID_ARGUMENT, "struct_size of octavo_build_options is 0"},
        {{.struct_size = 16}, OCTAVO_INVALID_ARGUMENT, "is 16, it must be sizeof"},
        {{.struct_size = sizeof(octavo_build_options), .precision = (octavo_precision)3},
         OCTAVO_INVALID_ARGUMENT,
         "precision is 3, it must be 0"},
        {{.struct_size = sizeof(octavo_build_options), .precision = (octavo_precision)-1},
         OCTAVO_INVALID_ARGUMENT,
         "precision is -1"},
        {{.struct_size = sizeof(octavo_build_options), .keep = "*fc1*"},
         OCTAVO_INVALID_ARGUMENT,
         "keep is '*fc1*', it must be GLOB=f16"},
        {{.struct_size = sizeof(octavo_build_options), .keep = "*fc1*=f32"},
         OCTAVO_INVALID_ARGUMENT,
         "it must be GLOB=f16"},
        {{.struct_size = sizeof(octavo_build_options), .keep = "*fc1*=f16,=f16"},
         OCTAVO_INVALID_ARGUMENT,
         "it must be GLOB=f16"},
        {{.struct_size = sizeof(octavo_build_options), .keep = "*fc1*=f16,*.fc3=f16"},
         OCTAVO_INVALID_ARGUMENT,
         "no linear module matches '*.fc3'"},
        {{.struct_size = sizeof(octavo_build_options), .threads = 1000},
         OCTAVO_INVALID_ARGUMENT,
         "1000 threads"},
        {{.struct_size = sizeof(octavo_build_options), .threads = -1},
         OCTAVO_INVALID_ARGUMENT,
         "-1 threads"},
    };
    start_from("modelopt-fp8");
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        expect_refused(&cases[i].options, cases[i].status,
                       (const char *const[3]){cases[i].sentence});
    }
}

/* `strict` refuses what would only be reported: Q, K and V that cannot be one product. */
static void strict_builds(void **state) {
    (void)state;
    static const octavo_build_options strict = {.struct_size = sizeof strict, .strict = 1};
    const float scale = 0.03f;
    char *report = NULL;
    octavo_error error;
    start_from("modelopt-fp8");
    assert_int_equal(octavo_build(oc_test_path(folder, "c"), oc_test_path(folder, "e.octavo"),
                                  &strict, NULL, &error),
                     OCTAVO_OK);
    assert_int_equal(unlink(oc_test_path(folder, "e.octavo")), 0);
    oc_test_edit_tensor(oc_test_path(folder, "c"),
                        "text_model.encoder.layers.1.self_attn.k_proj.input_scale", 0, &scale, 4);
    expect_refused(&strict, OCTAVO_UNSUPPORTED,
                   (const char *const[3]){"of Q, K and V inputs have activation scales of their "
                                          "own and cannot be one product"});
    assert_int_equal(octavo_build(oc_test_path(folder, "c"), oc_test_path(folder, "e.octavo"), NULL,
                                  &report, &error),
                     OCTAVO_OK);
    assert_null(strstr(report, "\"unmerged\": 0"));
    octavo_free(report);
}

/* -- disks ------------------------------------------------------------------------------------ */

/* Where nothing can be put, nothing is tried. */
static void no_place_to_write(void **state) {
    (void)state;
    octavo_error error;
    char deep[OC_TEST_PATH];
    const char *checkpoint = TEST_DATA "/tiny-clip/f32";
    snprintf(deep, sizeof deep, "%s", oc_test_path(folder, "none/e.octavo"));
    assert_int_equal(octavo_build(checkpoint, deep, NULL, NULL, &error), OCTAVO_CANNOT_CREATE);
    assert_string_equal(error.path, deep);
    assert_int_equal(octavo_build(checkpoint, folder, NULL, NULL, &error), OCTAVO_CANNOT_CREATE);
    assert_int_equal(octavo_build(checkpoint, "/dev/null", NULL, NULL, &error),
                     OCTAVO_CANNOT_CREATE);
    assert_int_equal(octavo_build(checkpoint, "/proc/e.octavo", NULL, NULL, &error),
                     OCTAVO_CANNOT_CREATE);
}

/* A disk that is full after any number of bytes (here: a limit of the process) fails the build with
 * IO; the engine that was there stays as it was. */
static void full_disk(void **state) {
    (void)state;
    size_t size, size_after;
    octavo_error error;
    const char *path = oc_test_path(folder, "e.octavo");
    assert_int_equal(octavo_build(TEST_DATA "/tiny-clip/modelopt-fp8", path, NULL, NULL, &error),
                     OCTAVO_OK);
    char *before = oc_test_read(path, &size), final[OC_TEST_PATH];
    const rlim_t room[] = {0, 1, 1024, 100000, size / 2, size - 100000, size - 30000, size - 1};
    snprintf(final, sizeof final, "%s", path);
    for (size_t i = 0; i < OC_COUNT(room); i++) {
        int32_t temporaries, ended;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct rlimit limit = {room[i], room[i]};
            signal(SIGXFSZ, SIG_IGN);
            setrlimit(RLIMIT_FSIZE, &limit);
            octavo_status status =
                octavo_build(TEST_DATA "/tiny-clip/modelopt-fp8", final, NULL, NULL, &error);
            _exit(status == OCTAVO_IO && strcmp(error.path, final) == 0 ? 0 : 1 + (int)status);
        }
        assert_int_equal(waitpid(child, &ended, 0), child);
        if (ended != 0) {
            fail_msg("with %llu bytes of room: %x", (unsigned long long)room[i], ended);
        }
        assert_int_equal(oc_test_entries(folder, &temporaries), 1);
        assert_int_equal(temporaries, 0);
        char *after = oc_test_read(final, &size_after);
        assert_int_equal(size_after, size);
        assert_memory_equal(after, before, size);
        free(after);
    }
    free(before);
}

/* -- engines ---------------------------------------------------------------------------------- */

static octavo_status open_bytes(const char *bytes, size_t size, octavo_error *error) {
    octavo_engine *engine = NULL;
    octavo_model *model = NULL;
    octavo_model_options options = {.struct_size = sizeof options, .threads = 1};
    const char *path = oc_test_path(folder, "damaged");
    oc_test_write(path, bytes, size);
    octavo_status status = octavo_engine_open(path, &engine, error);
    assert_true((engine != NULL) == (status == OCTAVO_OK));
    if (status == OCTAVO_OK) {
        status = octavo_model_load(engine, &options, &model, error);
    }
    octavo_model_free(model);
    octavo_engine_free(engine);
    if (status != OCTAVO_OK && (error->message[0] == '\0' || strcmp(error->path, path) != 0)) {
        fail_msg("'%s' is about '%s'", error->message, error->path);
    }
    return status;
}

/* An engine that lacks its end, or in which one bit has changed, does not become a session. */
static void damaged_engines(void **state) {
    (void)state;
    size_t size;
    octavo_error error;
    char *bytes = oc_test_read(oc_test_engine_path("modelopt-fp8"), &size);
    assert_int_equal(open_bytes(bytes, size, &error), OCTAVO_OK);
    for (size_t length = 0; length < size; length += 1 + length / 9) {
        assert_int_equal(open_bytes(bytes, length, &error), OCTAVO_CORRUPT);
    }
    assert_int_equal(open_bytes(bytes, size - 1, &error), OCTAVO_CORRUPT);
    for (size_t at = 0; at < size; at += 1 + at / 9) {
        bytes[at] ^= (char)(1 << at % 8);
        octavo_status status = open_bytes(bytes, size, &error);
        if (status != OCTAVO_CORRUPT && status != OCTAVO_UNSUPPORTED) {
            fail_msg("a changed bit in byte %zu: %d, %s", at, status, error.message);
        }
        bytes[at] ^= (char)(1 << at % 8);
    }
    free(bytes);
    assert_int_equal(
        octavo_engine_open(oc_test_path(folder, "none"), &(octavo_engine *){NULL}, &error),
        OCTAVO_NOT_FOUND);
}

/* An engine whose graph is no model, all checksums being right, is refused when it is opened. */
static void engines_without_a_model(void **state) {
    (void)state;
    static const char *const renamed[][2] = {
        {"\"pixels\"", "\"pixelz\""},
        {"\"input_ids\"", "\"input_idz\""},
        {"\"image_embeds\"", "\"image_embedz\""},
        {"\"pixel_values\"\n", "\"image_embeds\"\n"},
    };
    size_t size, new_size;
    octavo_error error;
    octavo_engine *engine = NULL;
    char *bytes = oc_test_read(oc_test_engine_path("modelopt-fp8"), &size);
    for (size_t i = 0; i < OC_COUNT(renamed); i++) {
        char *edited = oc_test_replace(bytes, size, renamed[i][0], renamed[i][1], &new_size);
        assert_int_equal(new_size, size);
        engine_reseal((uint8_t *)edited, size);
        const char *path = oc_test_path(folder, "renamed");
        oc_test_write(path, edited, size);
        if (octavo_engine_open(path, &engine, &error) != OCTAVO_CORRUPT) {
            fail_msg("%s: %d, %s", renamed[i][1], error.status, error.message);
        }
        assert_string_equal(error.path, path);
        assert_null(engine);
        free(edited);
    }
    free(bytes);
}

/* An engine of a newer version says both versions. */
static void newer_engines(void **state) {
    (void)state;
    size_t size;
    octavo_error error;
    char *bytes = oc_test_read(oc_test_engine_path("modelopt-fp8"), &size), text[32];
    oc_format_front front;
    memcpy(&front, bytes, sizeof front);
    uint32_t known = front.header.major;
    front.header.major += 1;
    memcpy(bytes, &front, sizeof front);
    engine_reseal((uint8_t *)bytes, size);
    assert_int_equal(open_bytes(bytes, size, &error), OCTAVO_UNSUPPORTED);
    snprintf(text, sizeof text, "%u.", known + 1);
    assert_non_null(strstr(error.message, text));
    snprintf(text, sizeof text, "%u.", known);
    assert_non_null(strstr(error.message, text));
    free(bytes);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(wrong_headers),
        TEST(cut_files),
        TEST(files_cut_while_read),
        TEST(unread_tensors),
        TEST(uncalibrated_towers),
        TEST(wrong_values),
        TEST(values_too_large_to_widen),
        TEST(wrong_configs),
        TEST(parameters_without_end),
        TEST(wrong_companions),
        TEST(wrong_options),
        TEST(strict_builds),
        TEST(no_place_to_write),
        TEST(full_disk),
        TEST(damaged_engines),
        TEST(newer_engines),
        TEST(engines_without_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, oc_test_engines_free);
}
