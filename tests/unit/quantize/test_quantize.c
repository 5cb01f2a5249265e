// links: api quantize
/* test_quantize.c - calibration statistics, FP8 scales and codes, layouts, and the whole walk from
 * a 16-bit checkpoint to an FP8 folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/quant/quant_config.h"
#include "num/convert.h"
#include "num/rng.h"
#include "quantize/layout.h"
#include "quantize/scales.h"

/* -- observers ----------------------------------------------------------------------------------
 */

static oc_observer observe(const float *values, size_t count) {
    oc_observer observer;
    assert_int_equal(oc_observer_create(&observer, NULL), OCTAVO_OK);
    oc_observer_add(&observer, values, count);
    return observer;
}

/* Largest value, quantiles and shares of known data; signs and the order of pieces do not matter.
 */
static void test_observer_statistics(void **state) {
    (void)state;
    enum { COUNT = 10000 };
    float *values = malloc(COUNT * sizeof *values);
    assert_non_null(values);
    for (int i = 0; i < COUNT; i++) {
        values[i] = (float)(i + 1) * (i % 3 == 0 ? -1.0f : 1.0f);
    }
    oc_observer whole = observe(values, COUNT), pieces = observe(values + 7000, 3000);
    oc_observer_add(&pieces, values, 7000);
    assert_true(oc_observer_is_finite(&whole));
    assert_int_equal(whole.count, COUNT);
    assert_true(oc_observer_amax(&whole) == 10000.0f);
    assert_true(oc_observer_percentile(&whole, 100) == 10000.0f);
    static const double percents[] = {1, 50, 99, 99.9, 99.99};
    for (size_t i = 0; i < OC_COUNT(percents); i++) {
        double exact = percents[i] / 100 * COUNT;
        double found = (double)oc_observer_percentile(&whole, percents[i]);
        assert_true(found >= exact && found <= exact * (1 + 1.0 / 128));
        assert_true(oc_observer_percentile(&pieces, percents[i]) == (float)found);
    }
    assert_true(fabs(oc_observer_share_above(&whole, 5000) - 0.5) < 0.01);
    assert_true(fabs(oc_observer_share_below(&whole, 5000) - 0.5) < 0.01);
    assert_true(oc_observer_share_above(&whole, 10000) == 0);
    oc_observer_free(&whole);
    oc_observer_free(&pieces);
    free(values);
}

/* Zeros are values, but no small ones; nothing seen, infinities and NaN are told apart. */
static void test_observer_edges(void **state) {
    (void)state;
    oc_observer zeros = observe((const float[]){0.0f, -0.0f, 0.0f, 1e-3f}, 4);
    assert_true(oc_observer_percentile(&zeros, 75) == 0);
    assert_true(oc_observer_percentile(&zeros, 76) == 1e-3f);
    assert_true(oc_observer_share_below(&zeros, 1) == 0.25);
    oc_observer_free(&zeros);
    oc_observer none = observe(NULL, 0);
    assert_true(oc_observer_amax(&none) == 0 && oc_observer_percentile(&none, 99) == 0);
    assert_true(oc_observer_relative_error(&none, 1) == 0);
    assert_true(oc_observer_error(&none, 1) == 0 && oc_observer_share_above(&none, 1) == 0);
    for (int m = OC_RANGE_ABSMAX; m <= OC_RANGE_MSE; m++) {
        assert_true(oc_observer_range(&none, (oc_range_method)m) == 0);
    }
    oc_observer_free(&none);
    static const float bad[] = {INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < OC_COUNT(bad); i++) {
        oc_observer observer = observe((const float[]){1.0f, bad[i], FLT_MAX}, 3);
        assert_false(oc_observer_is_finite(&observer));
        oc_observer_free(&observer);
    }
}

static double true_error(const float *values, size_t count, float scale) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double back = (double)oc_e4m3_to_f32(oc_f32_to_e4m3(values[i] / scale)) * (double)scale;
        sum += ((double)values[i] - back) * ((double)values[i] - back);
    }
    return sum / (double)count;
}

/* The mse range is the best of the candidates by the values themselves, within the bins' width. */
static void test_mse_range(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    float *values = malloc(COUNT * sizeof *values);
    assert_non_null(values);
    oc_rng rng;
    oc_rng_init(&rng, 7, 0);
    for (int kind = 0; kind < 3; kind++) {
        for (int i = 0; i < COUNT; i++) { /* bell, bell with outliers, one value with an outlier */
            float x = (float)oc_rng_normal(&rng);
            values[i] = kind == 2 ? 2.6f : kind == 1 && i % 5000 == 0 ? 6.0f : x;
        }
        values[COUNT - 1] = kind == 2 ? 4.0f : values[COUNT - 1];
        oc_observer observer = observe(values, COUNT);
        float amax = oc_observer_amax(&observer),
              range = oc_observer_range(&observer, OC_RANGE_MSE);
        double least = INFINITY;
        for (int k = 0; k <= 32; k++) {
            double error = true_error(values, COUNT, amax * powf(2, -(float)k / 8) / 448.0f);
            least = error < least ? error : least;
        }
        double power = 0, real = true_error(values, COUNT, range / 448.0f);
        for (int i = 0; i < COUNT; i++) {
            power += (double)values[i] * (double)values[i] / COUNT;
        }
        if (kind != 2) { /* one value alone may lie up to half a bin beside its middle */
            double told = oc_observer_relative_error(&observer, range / 448.0f);
            assert_true(fabs(told / sqrt(real / power) - 1) < 0.02);
        }
        assert_true(range <= amax);
        assert_true(true_error(values, COUNT, range / 448.0f) <= 1.25 * least);
        if (kind == 2) { /* 2.6 saturates to 2.594: nearer than any code of larger ranges */
            assert_true(fabsf(range - 2.594f) < 0.01f);
        }
        oc_observer_free(&observer);
    }
    for (int code = 1; code < 0x7f; code++) { /* values that codes of amax / 448 hold exactly */
        values[code - 1] = oc_e4m3_to_f32((uint8_t)code) * 0x1p-5f;
    }
    oc_observer exact = observe(values, 0x7e);
    assert_true(oc_observer_error(&exact, 0x1p-5f) < oc_observer_error(&exact, 0x1.1p-5f));
    oc_observer_free(&exact);
    free(values);
}

/* Names of methods and layouts; what is none is told what there is. */
static void test_names(void **state) {
    (void)state;
    oc_range_method method;
    oc_fp8_layout layout;
    octavo_error error = {0};
    assert_int_equal(oc_range_method_find(NULL, &method, NULL), OCTAVO_OK);
    assert_int_equal(method, OC_RANGE_ABSMAX);
    assert_int_equal(oc_range_method_find("mse", &method, NULL), OCTAVO_OK);
    assert_string_equal(oc_range_method_name(method), "mse");
    assert_int_equal(oc_range_method_find("entropy", &method, &error), OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "percentile"));
    assert_int_equal(oc_fp8_layout_find(NULL, &layout, NULL), OCTAVO_OK);
    assert_int_equal(layout, OC_FP8_MODELOPT);
    oc_error_clear(&error);
    assert_int_equal(oc_fp8_layout_find("fp8", &layout, &error), OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "compressed-tensors"));
}

/* -- scales and codes ---------------------------------------------------------------------------
 */

/* Nearest code by looking at all of them, of two the even one. */
static uint8_t nearest_code(double x) {
    uint8_t best = 0;
    double least = INFINITY;
    for (int code = 0; code < 0x7f; code++) {
        double distance = fabs(fabs(x) - (double)oc_e4m3_to_f32((uint8_t)code));
        if (distance < least || (distance == least && code % 2 == 0)) {
            least = distance;
            best = (uint8_t)code;
        }
    }
    return (uint8_t)(best | (signbit(x) ? 0x80 : 0));
}

/* Scales are amax / 448 in float32, and never zero or denormal. */
static void test_scales(void **state) {
    (void)state;
    assert_true(oc_fp8_scale(448) == 1);
    assert_true(oc_fp8_scale(0.41f) == 0.41f / 448.0f);
    assert_true(oc_fp8_scale(0) == 1);
    assert_true(oc_fp8_scale(FLT_MIN) == 1);
    assert_true(oc_fp8_scale(FLT_MAX) == FLT_MAX / 448.0f);
}

/* Every finite F16 and BF16 weight gets the nearest code of w / scale; pieces do not matter. */
static void test_codes(void **state) {
    (void)state;
    enum { COUNT = 65536 };
    static uint16_t words[COUNT];
    static uint8_t codes[COUNT], again[COUNT];
    for (int i = 0; i < COUNT; i++) {
        words[i] = (uint16_t)i;
    }
    for (int b = 0; b < 2; b++) {
        octavo_dtype dtype = b ? OCTAVO_BF16 : OCTAVO_F16;
        float scale = b ? 0.37f : 3.7f;
        oc_fp8_codes(dtype, words, COUNT, scale, codes);
        oc_fp8_codes(dtype, words, 5001, scale, again);
        oc_fp8_codes(dtype, words + 5001, COUNT - 5001, scale, again + 5001);
        assert_memory_equal(codes, again, COUNT);
        for (int i = 0; i < COUNT; i++) {
            float w = b ? oc_bf16_to_f32(words[i]) : oc_f16_to_f32(words[i]);
            if (isfinite(w) && codes[i] != nearest_code((double)(w / scale))) {
                fail_msg("%g / %g became code %02x", (double)w, (double)scale, codes[i]);
            }
        }
    }
}

/* -- layouts ------------------------------------------------------------------------------------
 */

static char *config_of(oc_fp8_layout layout, const char *config, const oc_fp8_excluded *excluded) {
    oc_buffer out;
    octavo_error error = {0};
    oc_buffer_init(&out);
    if (oc_fp8_config(layout, oc_slice_of(config), excluded, &out, &error) != OCTAVO_OK) {
        fail_msg("%s: %s", config, error.message);
    }
    return oc_buffer_take(&out, NULL);
}

#define GROUP                                                                                      \
    "{\"config_groups\":{\"group_0\":{\"input_activations\":{\"dynamic\":false,\"num_bits\":8,"    \
    "\"type\":\"float\"},\"weights\":{\"dynamic\":false,\"num_bits\":8,\"type\":\"float\"},"       \
    "\"targets\":[\"Linear\"]}},\"ignore\":[\"vision_model.embeddings*\",\"visual_projection\"],"  \
    "\"quant_algo\":\"FP8\",\"producer\":{\"name\":\"octavo\",\"version\":\"0.2.0\"},"             \
    "\"quant_method\":\"modelopt\"}"

/* config.json: the member is put in place wherever one stood, all else stays byte for byte. */
static void test_config(void **state) {
    (void)state;
    const char *modules[] = {"visual_projection"};
    oc_fp8_excluded excluded = {modules, 1, {NULL, "vision_model"}};
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"{\"a\":1e0,\"b\":{\"c\":[ 1 ]}}",
         "{\"a\":1e0,\"b\":{\"c\":[ 1 ]},\"quantization_config\": " GROUP "}"},
        {"{\"quantization_config\":{\"x\":1},\"a\":1}",
         "{\"a\":1,\"quantization_config\": " GROUP "}"},
        {" {\"a\":1,\"quantization_config\":null ,\"b\":\"\\u00e9\"} ",
         " {\"a\":1 ,\"b\":\"\\u00e9\",\"quantization_config\": " GROUP "} "},
        {"{\"a\":1,\"compression_config\":{}}", "{\"a\":1,\"quantization_config\": " GROUP "}"},
        {"{\"quantization_config\":{}}", "{\"quantization_config\": " GROUP "}"},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        char *text = config_of(OC_FP8_MODELOPT, cases[i].before, &excluded);
        assert_string_equal(text, cases[i].after);
        free(text);
    }
    char *lines = config_of(OC_FP8_MODELOPT, "{\n    \"a\": 1\n}\n", &excluded);
    assert_non_null(
        strstr(lines, "{\n    \"a\": 1,\n    \"quantization_config\": {\n        \"con"));
    assert_non_null(strstr(lines, "\n    }\n}\n"));
    free(lines);
    oc_buffer out;
    oc_buffer_init(&out);
    assert_int_equal(oc_fp8_config(OC_FP8_MODELOPT, oc_slice_of("[1]"), &excluded, &out, NULL),
                     OCTAVO_CORRUPT);
    oc_buffer_free(&out);
}

/* What is written is read again, in either layout: how it was quantized, and what was left out. */
static void test_config_is_read(void **state) {
    (void)state;
    const char *modules[] = {"text_projection", "text_model.encoder.layers.1.mlp.fc2"};
    oc_fp8_excluded excluded = {modules, 2, {"text_model", "vision_model"}};
    oc_quant_config read = {0};
    octavo_error error = {0};
    oc_buffer hf;
    char *text = config_of(OC_FP8_MODELOPT, "{\"model_type\":\"clip\"}", &excluded);
    assert_int_equal(oc_quant_config_read(text, strlen(text), &read, NULL, &error), OCTAVO_OK);
    assert_string_equal(read.algorithm, "FP8");
    assert_int_equal(read.pattern_count, 4);
    free(text);
    oc_buffer_init(&hf);
    assert_int_equal(oc_fp8_hf_config(OC_FP8_MODELOPT, &excluded, &hf, &error), OCTAVO_OK);
    assert_int_equal(oc_quant_config_read_hf(hf.data, hf.size, &read, NULL, &error), OCTAVO_OK);
    assert_int_equal(read.pattern_count, 8);
    assert_string_equal(read.patterns[6], "text_projection");
    oc_quant_config_free(&read);
    oc_buffer_free(&hf);
    text = config_of(OC_FP8_COMPRESSED_TENSORS, "{\"model_type\":\"clip\"}", &excluded);
    assert_int_equal(oc_quant_config_read(text, strlen(text), &read, NULL, &error), OCTAVO_OK);
    assert_string_equal(read.algorithm, "float-quantized");
    assert_int_equal(read.pattern_count, 2);
    assert_string_equal(read.patterns[0], "text_projection");
    assert_null(strstr(text, "embeddings"));
    oc_quant_config_free(&read);
    free(text);
    assert_int_equal(oc_fp8_hf_config(OC_FP8_COMPRESSED_TENSORS, &excluded, &hf, NULL), OCTAVO_OK);
    assert_int_equal(hf.size, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_observer_statistics),
        cmocka_unit_test(test_observer_edges),
        cmocka_unit_test(test_mse_range),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_scales),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_config_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
