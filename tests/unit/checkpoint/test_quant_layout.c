// links: checkpoint
/* test_quant_layout.c - which quantized checkpoints are read, and what all others are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/buffer.h"
#include "checkpoint/quant/glob.h"
#include "checkpoint/quant/quant_layout.h"
#include "support/files.h"

#define TINY TEST_DATA "/tiny-clip"

#define FP8_CONFIG                                                                                 \
    "{\"quantization_config\":{\"quant_method\":\"modelopt\",\"quant_algo\":\"FP8\","              \
    "\"ignore\":[\"text_model.embeddings*\"]}}"

typedef struct checked {
    octavo_status status;
    oc_quant_facts facts;
    int32_t notices;
    octavo_error error;
    char notice[500]; /* the first */
} checked;

static checked check_folder(const char *folder) {
    checked result = {0};
    oc_checkpoint *checkpoint;
    oc_error_clear(&result.error);
    if (oc_checkpoint_open(folder, &checkpoint, &result.error)) {
        fail_msg("%s: %s", folder, result.error.message);
    }
    result.status = oc_quant_check(checkpoint, &result.facts, &result.error);
    result.notices = checkpoint->notices.count;
    if (result.notices) {
        snprintf(result.notice, sizeof result.notice, "%s", checkpoint->notices.texts[0]);
    }
    oc_checkpoint_free(checkpoint);
    return result;
}

static void expect_refused(const char *folder, octavo_status wanted, const char *part) {
    checked result = check_folder(folder);
    if (result.status != wanted || !strstr(result.error.message, part)) {
        fail_msg("%s: expected status %d and \"%s\", got %d: %s", folder, wanted, part,
                 result.status, result.error.message);
    }
    assert_int_equal(result.facts.fp8_count, 0);
    assert_true(result.error.path[0] != 0);
}

/* Fixtures that are read: how many FP8 layers they have, and nothing to remark. */
static void test_accepts_fixtures(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int32_t fp8_count;
        const char *producer;
    } folders[] = {{"f32", 0, ""},
                   {"f16", 0, ""},
                   {"bf16", 0, ""},
                   {"modelopt-fp8", 24, "modelopt 0.47.0"},
                   {"modelopt-fp8-mixed", 11, "modelopt 0.47.0"},
                   {"quick-gelu-modelopt-fp8", 24, "modelopt 0.47.0"},
                   {"geometry-modelopt-fp8", 24, "modelopt 0.47.0"},
                   {"legacy-eos-modelopt-fp8", 24, "modelopt 0.47.0"},
                   {"extra-tokens-modelopt-fp8", 24, "modelopt 0.47.0"},
                   {"compressed-tensors-fp8", 24, "compressed-tensors 0.20.0"},
                   {"compressed-tensors-fp8-mixed", 15, "compressed-tensors 0.20.0"}};
    for (size_t i = 0; i < OC_COUNT(folders); i++) {
        checked result = check_folder(oc_test_path(TINY, folders[i].name));
        if (result.status) {
            fail_msg("%s: %s", folders[i].name, result.error.message);
        }
        assert_int_equal(result.facts.fp8_count, folders[i].fp8_count);
        assert_int_equal(result.notices, 0);
    }
}

/* The normal form of an FP8 layer, of one left in 16 bit, and what is missing or another shape. */
static void test_normal_form(void **state) {
    (void)state;
    oc_checkpoint *checkpoint;
    octavo_error error;
    oc_linear_layout linear;
    oc_error_clear(&error);
    assert_int_equal(oc_checkpoint_open(TINY "/modelopt-fp8-mixed", &checkpoint, &error), 0);
    assert_int_equal(oc_linear_find(checkpoint, "vision_model.encoder.layers.0.mlp.fc1", 320, 128,
                                    &linear, &error),
                     OCTAVO_OK);
    assert_int_equal(linear.weight->dtype, OCTAVO_F8_E4M3);
    assert_int_equal(linear.weight_format.dtype, OCTAVO_F8_E4M3);
    assert_int_equal(linear.weight_format.scaling, OC_SCALING_TENSOR);
    assert_int_equal(linear.weight_format.scale_dtype, linear.weight_scale->dtype);
    assert_int_equal(linear.input_format.dtype, OCTAVO_F8_E4M3);
    assert_int_equal(linear.input_format.scaling, OC_SCALING_TENSOR);
    assert_false(linear.input_format.dynamic);
    float scale = 0;
    assert_int_equal(oc_scale_value(linear.weight_scale, &scale, NULL), OCTAVO_OK);
    assert_true(scale > 1e-6f && scale < 1);
    assert_int_equal(oc_scale_value(linear.input_scale, &scale, NULL), OCTAVO_OK);
    assert_true(scale > 1e-6f);
    assert_int_equal(oc_linear_find(checkpoint, "vision_model.encoder.layers.0.mlp.fc2", 128, 320,
                                    &linear, &error),
                     OCTAVO_OK);
    assert_int_equal(linear.weight->dtype, OCTAVO_BF16);
    assert_int_equal(linear.weight_format.dtype, OCTAVO_BF16);
    assert_int_equal(linear.weight_format.scaling, OC_SCALING_NONE);
    assert_int_equal(linear.input_format.dtype, OCTAVO_F16);
    assert_int_equal(linear.input_format.scaling, OC_SCALING_NONE);
    assert_null(linear.weight_scale);
    assert_null(linear.input_scale);
    assert_int_equal(oc_linear_find(checkpoint, "vision_model.encoder.layers.0.mlp.fc2", 320, 128,
                                    &linear, &error),
                     OCTAVO_CORRUPT);
    assert_null(linear.weight);
    oc_error_clear(&error);
    assert_int_equal(oc_linear_find(checkpoint, "vision_model.encoder.layers.0.mlp.fc3", 320, 128,
                                    &linear, &error),
                     OCTAVO_NOT_FOUND);
    assert_non_null(strstr(error.message, "fc3.weight is missing"));
    oc_checkpoint_free(checkpoint);
}

/* Copies a fixture whose data was cut off: the header, and zeros in place of the data. */
static void copy_cut(const char *name, const char *config, const char *folder) {
    const char *from = oc_test_path(TEST_DATA "/refused", name);
    const char *path = oc_test_path(folder, "model.safetensors");
    size_t size, end = 0;
    char *header = oc_test_read(oc_test_path(from, "model.header"), &size);
    oc_test_write(path, header, size);
    for (const char *at = header + 8; (at = strstr(at, "\"data_offsets\":[")) != NULL; at++) {
        size_t value = strtoul(strchr(at, ',') + 1, NULL, 10);
        end = value > end ? value : end;
    }
    oc_test_resize(path, size + end);
    free(header);
    unlink(oc_test_path(folder, "hf_quant_config.json"));
    if (config) {
        oc_test_write(oc_test_path(folder, "config.json"), config, strlen(config));
        return;
    }
    oc_test_copy(oc_test_path(from, "config.json"), oc_test_path(folder, "config.json"));
    if (oc_is_file(oc_test_path(from, "hf_quant_config.json"))) {
        oc_test_copy(oc_test_path(from, "hf_quant_config.json"),
                     oc_test_path(folder, "hf_quant_config.json"));
    }
}

/* Real files of other producers are refused by name: by what their config says; by their tensors
 * where the config says nothing, or says Model Optimizer's FP8. */
static void test_refuses_other_producers(void **state) {
    (void)state;
    static const struct {
        const char *name, *by_config, *by_tensors, *against_fp8;
    } cases[] = {
        {"compressed-tensors-fp8-block",
         "compressed-tensors' FP8_BLOCK, weights with a scale for each block and activations with "
         "dynamic scales for each group are not read yet",
         "says how it was quantized", "a scale for each block"},
        {"compressed-tensors-fp8-dynamic",
         "compressed-tensors' FP8_DYNAMIC, weights with a scale for each channel and activations "
         "with "
         "dynamic scales for each token are not read yet",
         "says how it was quantized", "a scale for each output channel"},
        {"compressed-tensors-mxfp8",
         "quant_method \"compressed-tensors\" (format \"mxfp8-quantized\"), MXFP8: a power of two",
         "says how it was quantized", "a scale for each 32 inputs (MX)"},
        {"finegrained-fp8", "quant_method \"fp8\"", "fine-grained FP8", "fine-grained FP8"},
        {"torchao-float8", "quant_method \"torchao\"", "torchao's Float8Tensor",
         "torchao's Float8Tensor"},
        {"torchao-float8-weight-only", "quant_method \"torchao\"", "torchao's Float8Tensor",
         "torchao's Float8Tensor"},
        {"modelopt-fp8-pb-wo", "quant_algo \"fp8_pb_wo\"", "says how it was quantized",
         "a scale for each block"},
        {"modelopt-fp8-pc-pt", "quant_algo \"FP8_PER_CHANNEL_PER_TOKEN\"",
         "says how it was quantized", "a scale for each output channel"},
        {"modelopt-mxfp8", "quant_algo \"MXFP8\"", "says how it was quantized",
         "a scale for each 32 inputs (MX)"},
    };
    char folder[OC_TEST_PATH];
    oc_test_folder(folder);
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        copy_cut(cases[i].name, NULL, folder);
        expect_refused(folder, OCTAVO_UNSUPPORTED, cases[i].by_config);
        copy_cut(cases[i].name, "{}", folder);
        expect_refused(folder, OCTAVO_UNSUPPORTED, cases[i].by_tensors);
        copy_cut(cases[i].name, FP8_CONFIG, folder);
        expect_refused(folder, OCTAVO_UNSUPPORTED, cases[i].against_fp8);
    }
    oc_test_folder_remove(folder);
}

/* Copies a quantized fixture; *bytes is its model file, to be damaged and written. */
static char *copy_fixture(const char *folder, size_t *size) {
    oc_test_copy(TINY "/quick-gelu-modelopt-fp8/config.json", oc_test_path(folder, "config.json"));
    oc_test_copy(TINY "/quick-gelu-modelopt-fp8/hf_quant_config.json",
                 oc_test_path(folder, "hf_quant_config.json"));
    return oc_test_read(TINY "/quick-gelu-modelopt-fp8/model.safetensors", size);
}

#define FC1 "vision_model.encoder.layers.1.mlp.fc1"

/* Place of a tensor's data in the fixture. */
static size_t place_of(const char *name, size_t *bytes) {
    oc_checkpoint *checkpoint;
    octavo_error error;
    oc_error_clear(&error);
    assert_int_equal(oc_checkpoint_open(TINY "/quick-gelu-modelopt-fp8", &checkpoint, &error), 0);
    const oc_ckpt_tensor *tensor = oc_checkpoint_find(checkpoint, name);
    assert_non_null(tensor);
    size_t offset = (size_t)tensor->offset;
    *bytes = (size_t)tensor->bytes;
    oc_checkpoint_free(checkpoint);
    return offset;
}

/* Scales that are zero, negative, denormal or no numbers are refused with value and byte. */
static void test_refuses_scales(void **state) {
    (void)state;
    static const struct {
        float value;
        const char *text;
    } cases[] = {{0, "is 0;"},          {-0.0f, "is -0;"},
                 {-0.5f, "is -0.5;"},   {NAN, "nan;"},
                 {INFINITY, "is inf;"}, {-INFINITY, "is -inf;"},
                 {1e-39f, "is 1e-39"},  {0x1p-149f, "is 1.4013e-45;"}};
    static const char *const scales[] = {FC1 ".weight_scale", FC1 ".input_scale"};
    char folder[OC_TEST_PATH];
    size_t size, bytes;
    oc_test_folder(folder);
    char *file = copy_fixture(folder, &size);
    const char *path = oc_test_path(folder, "model.safetensors");
    for (size_t s = 0; s < OC_COUNT(scales); s++) {
        size_t at = place_of(scales[s], &bytes);
        float kept;
        assert_int_equal(bytes, sizeof kept);
        memcpy(&kept, file + at, sizeof kept);
        for (size_t i = 0; i < OC_COUNT(cases); i++) {
            memcpy(file + at, &cases[i].value, sizeof kept);
            oc_test_write(path, file, size);
            checked result = check_folder(folder);
            assert_int_equal(result.status, OCTAVO_CORRUPT);
            assert_int_equal(result.error.offset, at);
            assert_non_null(strstr(result.error.message, scales[s]));
            if (!strstr(result.error.message, cases[i].text)) {
                fail_msg("\"%s\" is not in: %s", cases[i].text, result.error.message);
            }
        }
        float least = 0x1p-126f; /* the smallest that is not denormal */
        memcpy(file + at, &least, sizeof least);
        oc_test_write(path, file, size);
        assert_int_equal(check_folder(folder).status, OCTAVO_OK);
        memcpy(file + at, &kept, sizeof kept);
    }
    free(file);
    oc_test_folder_remove(folder);
}

/* A NaN code is found with its tensor, element and byte. */
static void test_refuses_nan_codes(void **state) {
    (void)state;
    oc_checkpoint *checkpoint;
    octavo_error error;
    char folder[OC_TEST_PATH], part[64];
    size_t size, bytes;
    oc_test_folder(folder);
    char *file = copy_fixture(folder, &size);
    size_t at = place_of(FC1 ".weight", &bytes);
    file[at + bytes - 1] = (char)0xff;
    file[at + 77] = 0x7f;
    oc_test_write(oc_test_path(folder, "model.safetensors"), file, size);
    free(file);
    oc_error_clear(&error);
    assert_int_equal(oc_checkpoint_open(folder, &checkpoint, &error), OCTAVO_OK);
    const oc_ckpt_tensor *tensor = oc_checkpoint_find(checkpoint, FC1 ".weight");
    uint8_t *codes = malloc(bytes);
    assert_non_null(codes);
    assert_int_equal(oc_checkpoint_read(tensor, 0, 77, codes, &error), OCTAVO_OK);
    assert_int_equal(oc_checkpoint_read(tensor, 70, bytes - 70, codes, &error), OCTAVO_CORRUPT);
    free(codes);
    snprintf(part, sizeof part, "has NaN at element 77 (F8_E4M3, byte %zu)", at + 77);
    assert_non_null(strstr(error.message, part));
    assert_non_null(strstr(error.message, FC1 ".weight"));
    assert_int_equal(error.offset, at + 77);
    oc_checkpoint_free(checkpoint);
    oc_test_folder_remove(folder);
}

/* Exclude lists are believed of neither file when the tensors say otherwise, in whole names and
 * globs; a 16-bit layer needs no exclusion. */
static void test_exclusions(void **state) {
    (void)state;
    char folder[OC_TEST_PATH];
    size_t size;
    oc_test_folder(folder);
    char *file = copy_fixture(folder, &size);
    oc_test_write(oc_test_path(folder, "model.safetensors"), file, size);
    free(file);
    static const char *const patterns[] = {FC1, "vision_model.encoder.layers.1*", "*.mlp.fc1",
                                           "*fc?"};
    const char *hf = oc_test_path(folder, "hf_quant_config.json");
    for (size_t i = 0; i < OC_COUNT(patterns); i++) {
        oc_buffer text;
        oc_buffer_init(&text);
        oc_buffer_printf(&text,
                         "{\"quantization\":{\"quant_algo\":\"fp8\",\"exclude_modules\":[\"%s\"]}}",
                         patterns[i]);
        oc_test_write(hf, text.data, text.size);
        oc_buffer_free(&text);
        expect_refused(folder, OCTAVO_CORRUPT, "excludes its module from quantization");
    }
    static const char none[] =
        "{\"quantization\":{\"quant_algo\":\"fp8\",\"exclude_modules\":["
        "\"re:.*\",\"fc1\",\"vision_model.encoder.layers.1.mlp.fc\",\"*fc3\"]}}";
    oc_test_write(hf, none, strlen(none));
    assert_int_equal(check_folder(folder).facts.fp8_count, 24);
    oc_test_folder_remove(folder);
}

/* Patterns that would take hours to match are refused at once. */
static void test_exclusions_are_bounded(void **state) {
    (void)state;
    char folder[OC_TEST_PATH];
    size_t size;
    oc_buffer text;
    oc_test_folder(folder);
    char *file = copy_fixture(folder, &size);
    oc_test_write(oc_test_path(folder, "model.safetensors"), file, size);
    free(file);
    oc_buffer_init(&text);
    oc_buffer_text(&text, "{\"quantization\":{\"quant_algo\":\"FP8\",\"exclude_modules\":[");
    for (int i = 0; i < 60000; i++) {
        oc_buffer_printf(&text, "%s\"*m*o*d*e*l*e*n*c*o*d*e*r*l*a*y*e*r*s*#%d\"", i ? "," : "", i);
    }
    oc_buffer_text(&text, "]}}");
    oc_test_write(oc_test_path(folder, "hf_quant_config.json"), text.data, text.size);
    oc_buffer_free(&text);
    expect_refused(folder, OCTAVO_UNSUPPORTED, "60004 patterns of excluded modules are too many");
    oc_test_folder_remove(folder);
}

#define ENTRY(name, dtype, shape, begin, end)                                                      \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end   \
    "]}"

/* Tensors that contradict each other or belong to a layout that is not read, one by one. */
static void test_refuses_tensors(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t data_bytes;
        octavo_status status;
        const char *part;
    } cases[] = {
        {ENTRY("a.b.weight", "F8_E4M3", "[2,2]", "0", "4"), 4, OCTAVO_CORRUPT,
         "weight a.b.weight is FP8, but has no weight_scale"},
        {ENTRY("a.b.weight", "F8_E4M3", "[2,2]", "0",
               "4") "," ENTRY("a.b.weight_scale", "F64", "[]", "4",
                              "12") "," ENTRY("a.b.input_scale", "F32", "[]", "12", "16"),
         16, OCTAVO_UNSUPPORTED, "scale a.b.weight_scale is F64 []"},
        {ENTRY("a.b.weight", "F8_E4M3", "[2,2]", "0",
               "4") "," ENTRY("a.b.weight_scale", "F32", "[2]", "4",
                              "12") "," ENTRY("a.b.input_scale", "F32", "[]", "12", "16"),
         16, OCTAVO_UNSUPPORTED, "a scale for each output channel"},
        {ENTRY("a.b.weight", "F8_E4M3", "[2,2]", "0",
               "4") "," ENTRY("a.b.weight_scale", "F32", "[0]", "4",
                              "4") "," ENTRY("a.b.input_scale", "F32", "[]", "4", "8"),
         8, OCTAVO_UNSUPPORTED, "F32 [0]"},
        {ENTRY("a.b.weight", "F8_E5M2", "[2,2]", "0", "4"), 4, OCTAVO_UNSUPPORTED,
         "a.b.weight is F8_E5M2 [2,2]"},
        {ENTRY("patch.weight", "F8_E4M3", "[1,2,1,1]", "0", "2"), 2, OCTAVO_UNSUPPORTED,
         "patch.weight is F8_E4M3 [1,2,1,1]"},
        {ENTRY("a.bias", "F8_E4M3", "[1]", "0", "1"), 1, OCTAVO_UNSUPPORTED,
         "a.bias (F8_E4M3) belongs to a layout that is not known"},
        {ENTRY("a.weight_scale", "F32", "[]", "0", "4"), 4, OCTAVO_CORRUPT,
         "a.weight_scale is there, but its weight is missing"},
        {ENTRY("a.weight", "F16", "[2,2]", "0", "8") "," ENTRY("a.input_scale", "F32", "[]", "8",
                                                               "12"),
         12, OCTAVO_UNSUPPORTED, "a.input_scale belongs to a weight of dtype F16"},
        {ENTRY("a.layer_norm1.weight", "F32", "[2]", "0",
               "8") "," ENTRY("a.layer_norm1.input_scale", "F32", "[]", "8", "12"),
         12, OCTAVO_UNSUPPORTED, "layer norms with quantized inputs"},
        {ENTRY("a.weight_scale_2", "F32", "[]", "0", "4"), 4, OCTAVO_UNSUPPORTED, "NVFP4"},
        {ENTRY("a.pre_quant_scale", "F32", "[]", "0", "4"), 4, OCTAVO_UNSUPPORTED,
         "AWQ or SmoothQuant"},
        {ENTRY("a.weight_quantizer._amax", "F32", "[]", "0", "4"), 4, OCTAVO_UNSUPPORTED,
         "Model Optimizer's own state"},
        {ENTRY("scaled_fp8", "F8_E4M3", "[2]", "0", "2"), 2, OCTAVO_UNSUPPORTED, "ComfyUI"},
        {ENTRY("a.scale_weight", "F32", "[]", "0", "4"), 4, OCTAVO_UNSUPPORTED, "ComfyUI"},
        {ENTRY("a.q_scale", "F32", "[]", "0", "4"), 4, OCTAVO_UNSUPPORTED, "quantized query"},
        {ENTRY("a.new_scale", "F32", "[]", "0", "4") "," ENTRY("a.weight", "F32", "[]", "4", "8"),
         8, OCTAVO_UNSUPPORTED, "a.new_scale (F32) belongs to a layout that is not known here"},
        {"\"__metadata__\":{\"_quantization_metadata\":\"{}\"}", 0, OCTAVO_UNSUPPORTED,
         "ComfyUI's mixed precision"},
    };
    char folder[OC_TEST_PATH];
    oc_test_folder(folder);
    oc_test_write(oc_test_path(folder, "config.json"), FP8_CONFIG, strlen(FP8_CONFIG));
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        oc_buffer header;
        size_t size;
        oc_buffer_init(&header);
        oc_buffer_printf(&header, "{%s}", cases[i].header);
        char *bytes = oc_test_safetensors(header.data, cases[i].data_bytes, &size);
        oc_test_write(oc_test_path(folder, "model.safetensors"), bytes, size);
        expect_refused(folder, cases[i].status, cases[i].part);
        free(bytes);
        oc_buffer_free(&header);
    }
    oc_test_folder_remove(folder);
}

/* Key-value-cache scales are left out with a notice; logit_scale is no scale of a layout. */
static void test_notices(void **state) {
    (void)state;
    char folder[OC_TEST_PATH];
    size_t size;
    oc_test_folder(folder);
    char *bytes =
        oc_test_safetensors("{" ENTRY("a.k_proj.k_scale", "F32", "[]", "0",
                                      "4") "," ENTRY("logit_scale", "F32", "[]", "4", "8") "}",
                            8, &size);
    oc_test_write(oc_test_path(folder, "model.safetensors"), bytes, size);
    free(bytes);
    checked result = check_folder(folder); /* without any config, too */
    assert_int_equal(result.status, OCTAVO_OK);
    assert_int_equal(result.notices, 1);
    assert_non_null(strstr(result.notice, "k_scale and v_scale tensors (1) are left out"));
    oc_test_write(oc_test_path(folder, "config.json"), FP8_CONFIG, strlen(FP8_CONFIG));
    result = check_folder(folder);
    assert_int_equal(result.status, OCTAVO_OK);
    assert_int_equal(result.notices, 2);
    assert_non_null(strstr(result.notice, "holds no FP8 weight"));
    oc_test_folder_remove(folder);
}

#define CT_HALF "{\"num_bits\":8,\"type\":\"float\",\"strategy\":\"tensor\",\"dynamic\":false}"
#define CT_OF(weights, inputs, more)                                                               \
    "{\"quant_method\":\"compressed-tensors\",\"format\":\"float-quantized\",\"config_groups\":"   \
    "{\"group_0\":{\"weights\":" weights ",\"input_activations\":" inputs                          \
    ",\"output_activations\":null,\"targets\":[\"Linear\"]}}" more "}"
#define CT(weights, inputs) "{\"quantization_config\":" CT_OF(weights, inputs, "") "}"

/* What the two JSON files may say, apart and together. */
static void test_quant_config(void **state) {
    (void)state;
    static const struct {
        const char *config, *hf; /* hf NULL: not there */
        octavo_status status;
        const char *part; /* of the message, or the algorithm */
    } cases[] = {
        {"{}", NULL, OCTAVO_OK, NULL},
        {"{\"quantization_config\":null}", NULL, OCTAVO_OK, NULL},
        {FP8_CONFIG, NULL, OCTAVO_OK, "FP8"},
        {"{}", "{\"quantization\":{\"quant_algo\":\"fp8\"}}", OCTAVO_OK, "fp8"},
        {"{}", "{\"quantization\":{\"quant_algo\":null}}", OCTAVO_OK, NULL},
        {FP8_CONFIG, "{\"producer\":{},\"quantization\":{\"quant_algo\":\"FP8\"}}", OCTAVO_OK,
         "FP8"},
        {FP8_CONFIG, "{\"quantization\":{\"quant_algo\":\"NVFP4\"}}", OCTAVO_UNSUPPORTED,
         "hf_quant_config.json has quant_algo \"NVFP4\""},
        {FP8_CONFIG, "{\"quantization\":{\"quant_algo\":null}}", OCTAVO_CORRUPT,
         "hf_quant_config.json has none"},
        {"{}", "{\"quantization\":{\"quant_algo\":\"MIXED_PRECISION\",\"quantized_layers\":{}}}",
         OCTAVO_UNSUPPORTED, "MIXED_PRECISION"},
        {"{\"quantization_config\":{\"quant_method\":\"modelopt\"}}", NULL, OCTAVO_UNSUPPORTED,
         "names no quant_algo"},
        {"{\"quantization_config\":{}}", NULL, OCTAVO_UNSUPPORTED, "names no quant_method"},
        {"{\"quantization_config\":{\"quant_method\":\"fbgemm_fp8\",\"activation_scale_ub\":1200}}",
         NULL, OCTAVO_UNSUPPORTED, "quant_method \"fbgemm_fp8\""},
        {"{\"quantization_config\":{\"quant_method\":\"awq\",\"bits\":4}}", NULL,
         OCTAVO_UNSUPPORTED, "quant_method \"awq\""},
        {FP8_CONFIG, "{\"quantization\":{\"quant_algo\":\"fp8\"}}", OCTAVO_OK, "fp8"},
        {CT(CT_HALF, CT_HALF), NULL, OCTAVO_OK, "float-quantized"},
        {"{\"compression_config\":" CT_OF(CT_HALF, CT_HALF, "") "}", NULL, OCTAVO_OK,
         "float-quantized"},
        {CT(CT_HALF, CT_HALF), "{\"quantization\":{\"quant_algo\":\"FP8\"}}", OCTAVO_CORRUPT,
         "config.json says \"float-quantized\", hf_quant_config.json has quant_algo \"FP8\""},
        {CT("{\"type\":\"float\"}", "{\"type\":\"float\"}"), NULL, OCTAVO_OK, "float-quantized"},
        {CT("{\"num_bits\":8}", CT_HALF), NULL, OCTAVO_UNSUPPORTED, "weights of kind \"int\""},
        {CT(CT_HALF, "null"), NULL, OCTAVO_UNSUPPORTED,
         "group_0: compressed-tensors with weights alone, weights with a scale for each tensor and "
         "activations with no scales are not read yet"},
        {CT(CT_HALF, "{\"type\":\"float\",\"dynamic\":true}"), NULL, OCTAVO_UNSUPPORTED,
         "weights with a scale for each tensor and activations with dynamic scales for each tensor "
         "are not read yet"},
        {CT("{\"type\":\"float\",\"group_size\":-1}", CT_HALF), NULL, OCTAVO_UNSUPPORTED,
         "weights with a scale for each channel"},
        {CT("{\"type\":\"float\",\"group_size\":128}", CT_HALF), NULL, OCTAVO_UNSUPPORTED,
         "weights with a scale for each group"},
        {CT("{\"type\":\"float\",\"symmetric\":false}", CT_HALF), NULL, OCTAVO_UNSUPPORTED,
         "weights.symmetric: zero points are not read here"},
        {"{\"quantization_config\":" CT_OF(CT_HALF, CT_HALF,
                                           ",\"sparsity_config\":{\"format\":"
                                           "\"sparse-24-bitmask\"}") "}",
         NULL, OCTAVO_UNSUPPORTED, "with sparsity"},
        {"{\"quantization_config\":" CT_OF(CT_HALF, CT_HALF,
                                           ",\"sparsity_config\":{\"format\":"
                                           "\"dense\",\"ignore\":[]},\"transform_config\":{}") "}",
         NULL, OCTAVO_OK, "float-quantized"},
        {"{\"quantization_config\":" CT_OF(
             CT_HALF, CT_HALF, ",\"transform_config\":{\"config_groups\":{\"u\":{}}}") "}",
         NULL, OCTAVO_UNSUPPORTED, "with transforms"},
        {"{\"quantization_config\":{\"quant_method\":\"compressed-tensors\",\"format\":"
         "\"float-quantized\",\"config_groups\":{\"a\":{\"format\":\"int-quantized\"}}}}",
         NULL, OCTAVO_UNSUPPORTED, "a.format: \"int-quantized\" is not read yet"},
        {"{\"quantization_config\":{\"quant_method\":\"compressed-tensors\",\"format\":"
         "\"float-quantized\"}}",
         NULL, OCTAVO_CORRUPT, "no config_groups"},
        {"{\"quantization_config\":{\"quant_method\":\"compressed-tensors\",\"format\":"
         "\"mixed-precision\"}}",
         NULL, OCTAVO_UNSUPPORTED, "(format \"mixed-precision\"), several formats in one file"},
        {"{\"compression_config\":{\"format\":\"naive-quantized\"}}", NULL, OCTAVO_UNSUPPORTED,
         "compressed-tensors\" (format \"naive-quantized\")"},
        {"{\"quantization_config\":{\"quant_method\":\"modelopt\",\"quant_algo\":\"FP8\","
         "\"config_groups\":{\"g\":{\"weights\":{\"num_bits\":4,\"type\":\"float\"}}}}}",
         NULL, OCTAVO_UNSUPPORTED, "weights of 4 bits"},
        {"{\"quantization_config\":{\"quant_method\":\"modelopt\",\"quant_algo\":\"FP8\","
         "\"config_groups\":{\"g\":{\"input_activations\":{\"dynamic\":true}}}}}",
         NULL, OCTAVO_UNSUPPORTED, "activations with dynamic scales"},
        {"{\"quantization_config\":{\"quant_method\":\"modelopt\",\"quant_algo\":\"FP8\","
         "\"config_groups\":{\"g\":{\"weights\":{\"type\":\"int\"}}}}}",
         NULL, OCTAVO_UNSUPPORTED, "weights of kind \"int\""},
        {"{\"quantization_config\":{\"quant_method\":\"modelopt\",\"quant_algo\":\"FP8\","
         "\"config_groups\":{\"g\":{\"output_activations\":{\"num_bits\":8}}}}}",
         NULL, OCTAVO_UNSUPPORTED, "quantized outputs"},
        {"{\"quantization_config\":{\"ignore\":[1]}}", NULL, OCTAVO_CORRUPT, "ignore[0]"},
        {"{\"quantization_config\":[]}", NULL, OCTAVO_CORRUPT, "quantization_config"},
        {"{}", "{\"quantization\":{\"quant_algo\":", OCTAVO_CORRUPT, "breaks off"},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        oc_quant_config config = {0};
        oc_notices notices = {0};
        octavo_error error;
        oc_error_clear(&error);
        octavo_status status = oc_quant_config_read(cases[i].config, strlen(cases[i].config),
                                                    &config, &notices, &error);
        if (!status && cases[i].hf) {
            status = oc_quant_config_read_hf(cases[i].hf, strlen(cases[i].hf), &config, &notices,
                                             &error);
        }
        if (status != cases[i].status || (status && !strstr(error.message, cases[i].part))) {
            fail_msg("%s: expected status %d, got %d: %s", cases[i].config, cases[i].status, status,
                     error.message);
        }
        if (!status && cases[i].part) {
            assert_string_equal(config.algorithm, cases[i].part);
        } else if (!status) {
            assert_null(config.algorithm);
        }
        oc_notices_free(&notices);
        oc_quant_config_free(&config);
    }
}

/* Patterns of both files are kept, in order; a wish for a quantized cache is noted. */
static void test_quant_config_patterns(void **state) {
    (void)state;
    static const char text[] = "{\"quantization\":{\"quant_algo\":\"FP8\",\"exclude_modules\":"
                               "[\"c\",\"d*\"],\"kv_cache_quant_algo\":\"FP8\"}}";
    static const char own[] = "{\"quantization_config\":{\"quant_method\":\"modelopt\","
                              "\"quant_algo\":\"FP8\",\"ignore\":[\"a\",\"b\",\"c\"],"
                              "\"kv_cache_scheme\":null}}";
    static const char *const wanted[] = {"a", "b", "c", "c", "d*"};
    oc_quant_config config = {0};
    oc_notices notices = {0};
    octavo_error error;
    oc_error_clear(&error);
    assert_int_equal(oc_quant_config_read(own, strlen(own), &config, &notices, &error), OCTAVO_OK);
    assert_int_equal(notices.count, 0);
    assert_int_equal(oc_quant_config_read_hf(text, strlen(text), &config, &notices, &error), 0);
    assert_int_equal(config.pattern_count, OC_COUNT(wanted));
    for (size_t i = 0; i < OC_COUNT(wanted); i++) {
        assert_string_equal(config.patterns[i], wanted[i]);
    }
    assert_int_equal(notices.count, 1);
    assert_non_null(strstr(notices.texts[0], "key-value cache"));
    oc_notices_free(&notices);
    oc_quant_config_free(&config);
}

/* Globs take and leave what Python's fnmatch does, for '*' and '?'. */
static void test_glob(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"", "", true},           {"", "a", false},
        {"*", "", true},          {"*", "a.b", true},
        {"a", "a", true},         {"a", "ab", false},
        {"ab", "a", false},       {"?", "", false},
        {"?", "a", true},         {"a*", "a", true},
        {"a*", "ba", false},      {"*a", "bca", true},
        {"*a", "ab", false},      {"*a*", "bab", true},
        {"a*b*c", "abc", true},   {"a*b*c", "acb", false},
        {"*ab*ab", "abab", true}, {"*ab*ab", "aab", false},
        {"*aab", "aaab", true},   {"a?c*", "abcd", true},
        {"**", "x", true},        {"lm_head", "lm_head2", false},
        {"[ab]", "a", false},     {"a.b*", "a.b.c", true},
        {"a.b*", "axb", false},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        if (oc_glob_match(cases[i].pattern, cases[i].text) != cases[i].matches) {
            fail_msg("\"%s\" on \"%s\"", cases[i].pattern, cases[i].text);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts_fixtures),
        cmocka_unit_test(test_normal_form),
        cmocka_unit_test(test_refuses_other_producers),
        cmocka_unit_test(test_refuses_scales),
        cmocka_unit_test(test_refuses_nan_codes),
        cmocka_unit_test(test_exclusions),
        cmocka_unit_test(test_exclusions_are_bounded),
        cmocka_unit_test(test_refuses_tensors),
        cmocka_unit_test(test_notices),
        cmocka_unit_test(test_quant_config),
        cmocka_unit_test(test_quant_config_patterns),
        cmocka_unit_test(test_glob),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
