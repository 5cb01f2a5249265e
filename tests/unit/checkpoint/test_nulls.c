// links: checkpoint
/* test_nulls.c - every key that is read from a Hugging Face file, with null as its value: off for
 * switches, absent for values, and refused where transformers can do nothing with it either.  What
 * transformers makes of each was found by running 4.57.6 and 5.24.0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "checkpoint/config.h"
#include "checkpoint/preprocessor.h"
#include "checkpoint/quant/quant_config.h"

typedef enum meaning {
    ABSENT,  /* as if the key were not there */
    OFF,     /* as false */
    REFUSED, /* named */
} meaning;

typedef struct member {
    const char *key, *value;
} member;

typedef struct row {
    const char *key;
    meaning meaning;
    const char *line4, *line5; /* what transformers 4 and 5 make of it */
} row;

/* What a file comes to, as bytes that can be compared. */
typedef struct result {
    octavo_status status;
    octavo_error error;
    oc_buffer bytes;
    oc_notices notices;
} result;

typedef struct kind {
    const char *name, *before, *after; /* text around the members */
    const member *members;             /* ended by {NULL} */
    void (*read)(oc_slice text, result *out);
} kind;

/* The members with `key` set to `value`; NULL: without it. */
static result read_with(const kind *k, const char *key, const char *value) {
    result out = {0};
    oc_buffer text;
    const char *comma = "";
    bool met = false;
    oc_buffer_init(&text);
    oc_buffer_init(&out.bytes);
    oc_error_clear(&out.error);
    oc_buffer_text(&text, k->before);
    for (const member *m = k->members; m->key; m++) {
        bool is_it = strcmp(m->key, key) == 0;
        const char *written = is_it ? value : m->value;
        met |= is_it;
        if (written) {
            oc_buffer_printf(&text, "%s\"%s\":%s", comma, m->key, written);
            comma = ",";
        }
    }
    if (!met && value) {
        oc_buffer_printf(&text, "%s\"%s\":%s", comma, key, value);
    }
    oc_buffer_text(&text, k->after);
    assert_int_equal(oc_buffer_status(&text, NULL), OCTAVO_OK);
    k->read((oc_slice){text.data, text.size}, &out);
    oc_buffer_free(&text);
    return out;
}

static void free_result(result *r) {
    oc_buffer_free(&r->bytes);
    oc_notices_free(&r->notices);
}

static void check_row(const kind *k, const row *r) {
    result null = read_with(k, r->key, "null");
    if (r->meaning == REFUSED) {
        if (null.status == OCTAVO_OK || !strstr(null.error.message, r->key)) {
            fail_msg("%s: %s null: status %d: %s", k->name, r->key, null.status,
                     null.error.message);
        }
    } else {
        result same = read_with(k, r->key, r->meaning == OFF ? "false" : NULL);
        if (null.status != same.status || null.bytes.size != same.bytes.size ||
            (null.bytes.size && memcmp(null.bytes.data, same.bytes.data, null.bytes.size) != 0)) {
            fail_msg("%s: %s null is not as if it were %s: status %d (%s), not %d (%s)", k->name,
                     r->key, r->meaning == OFF ? "false" : "absent", null.status,
                     null.error.message, same.status, same.error.message);
        }
        free_result(&same);
    }
    free_result(&null);
}

/* -- preprocessor_config.json ---------------------------------------------------------------- */

static void read_images(oc_slice text, result *out) {
    oc_preprocessor images;
    out->status =
        oc_preprocessor_read(text.data, text.length, 0, 224, &images, &out->notices, &out->error);
    if (out->status == OCTAVO_OK) {
        oc_buffer_append(&out->bytes, &images, sizeof images);
    }
}

static const member images_members[] = {{"size", "{\"height\":224,\"width\":224}"},
                                        {"crop_size", "224"},
                                        {"resample", "2"},
                                        {"rescale_factor", "0.00392156862745098"},
                                        {"image_mean", "[0.1,0.2,0.3]"},
                                        {"image_std", "[0.4,0.5,0.6]"},
                                        {NULL, NULL}};
static const kind images = {"preprocessor_config.json", "{", "}", images_members, read_images};

static const row images_rows[] = {
    {"do_resize", OFF, "off", "off"},
    {"do_center_crop", OFF, "off", "off"},
    {"do_rescale", OFF, "off", "off"},
    {"do_normalize", OFF, "off", "off"},
    {"do_convert_rgb", OFF, "off; RGB stays RGB", "the same"},
    {"default_to_square", OFF, "not read", "off"},
    {"do_pad", OFF, "not read", "off"},
    {"use_square_size", OFF, "off", "off"},
    {"size", ABSENT, "CLIP's own", "refused"},
    {"crop_size", ABSENT, "CLIP's own", "refused"},
    {"image_mean", ABSENT, "CLIP's own", "refused"},
    {"image_std", ABSENT, "CLIP's own", "refused"},
    {"resample", REFUSED, "refused", "refused"},
    {"rescale_factor", REFUSED, "refused", "refused"},
    {"image_processor_type", ABSENT, "CLIP's by config.json", "CLIP's by config.json"},
    {"feature_extractor_type", ABSENT, "not read", "not read"},
    {"data_format", ABSENT, "not read", "not read"},
};

static void test_images(void **state) {
    (void)state;
    for (size_t i = 0; i < OC_COUNT(images_rows); i++) {
        check_row(&images, &images_rows[i]);
    }
    static const char *const told[] = {"size", "crop_size", "image_mean", "image_std"};
    for (size_t i = 0; i < OC_COUNT(told); i++) {
        result r = read_with(&images, told[i], "null");
        assert_int_equal(r.notices.count, 1);
        assert_non_null(strstr(r.notices.texts[0], told[i]));
        free_result(&r);
    }
    result off = read_with(&images, "do_normalize", "null");
    oc_preprocessor *p = (oc_preprocessor *)(void *)off.bytes.data;
    assert_true(p->mean[0] == 0 && p->std[0] == 1); /* and not CLIP's */
    free_result(&off);
}

/* -- config.json ------------------------------------------------------------------------------- */

static void read_model(oc_slice text, result *out) {
    oc_model_config config;
    out->status = oc_model_config_read(text.data, text.length, &config, &out->error);
    if (out->status == OCTAVO_OK) {
        oc_buffer_append(&out->bytes, &config, sizeof config);
    }
}

static const member root_members[] = {{"architectures", "[\"CLIPModel\"]"},
                                      {"model_type", "\"clip\""},
                                      {"projection_dim", "48"},
                                      {"text_config", "{\"hidden_size\":64}"},
                                      {"vision_config", "{\"hidden_size\":96}"},
                                      {NULL, NULL}};
static const kind root = {"config.json", "{", "}", root_members, read_model};

static const row root_rows[] = {
    {"architectures", ABSENT, "not read", "not read"},
    {"model_type", ABSENT, "CLIPModel reads it all the same", "the same"},
    {"projection_dim", REFUSED, "refused", "refused"},
    {"text_config", ABSENT, "the defaults", "the defaults"},
    {"vision_config", ABSENT, "the defaults", "the defaults"},
    {"text_config_dict", ABSENT, "text_config counts", "the same"},
    {"vision_config_dict", ABSENT, "vision_config counts", "the same"},
    {"logit_scale_init_value", ABSENT, "not read from a checkpoint", "the same"},
};

static const member text_members[] = {{"hidden_size", "64"},
                                      {"intermediate_size", "128"},
                                      {"num_attention_heads", "2"},
                                      {"num_hidden_layers", "3"},
                                      {"projection_dim", "48"},
                                      {"vocab_size", "1000"},
                                      {"eos_token_id", "999"},
                                      {"max_position_embeddings", "16"},
                                      {"hidden_act", "\"gelu\""},
                                      {"layer_norm_eps", "0.001"},
                                      {NULL, NULL}};
static const kind text_part = {"text_config", "{\"model_type\":\"clip\",\"text_config\":{", "}}",
                               text_members, read_model};
static const kind text_alone = {"a text model's config.json",
                                "{\"architectures\":[\"CLIPTextModelWithProjection\"],"
                                "\"model_type\":\"clip_text_model\",",
                                "}", text_members, read_model};

static const row text_rows[] = {
    {"hidden_size", REFUSED, "refused", "refused"},
    {"intermediate_size", REFUSED, "refused", "refused"},
    {"num_attention_heads", REFUSED, "refused", "refused"},
    {"num_hidden_layers", REFUSED, "refused", "refused"},
    {"vocab_size", REFUSED, "refused", "refused"},
    {"max_position_embeddings", REFUSED, "refused", "refused"},
    {"eos_token_id", REFUSED, "refused when it runs", "the same"},
    {"hidden_act", REFUSED, "refused", "refused"},
    {"layer_norm_eps", REFUSED, "refused when it runs", "the same"},
    {"attention_dropout", ABSENT, "not of use here", "the same"},
};

static const member vision_members[] = {{"hidden_size", "64"},
                                        {"intermediate_size", "128"},
                                        {"num_attention_heads", "2"},
                                        {"num_hidden_layers", "3"},
                                        {"projection_dim", "48"},
                                        {"image_size", "32"},
                                        {"patch_size", "8"},
                                        {"num_channels", "3"},
                                        {"hidden_act", "\"gelu\""},
                                        {"layer_norm_eps", "0.001"},
                                        {NULL, NULL}};
static const kind vision_part = {"vision_config", "{\"model_type\":\"clip\",\"vision_config\":{",
                                 "}}", vision_members, read_model};
static const kind vision_alone = {"an image model's config.json",
                                  "{\"architectures\":[\"CLIPVisionModelWithProjection\"],"
                                  "\"model_type\":\"clip_vision_model\",",
                                  "}", vision_members, read_model};

static const row vision_rows[] = {
    {"hidden_size", REFUSED, "refused", "refused"},
    {"intermediate_size", REFUSED, "refused", "refused"},
    {"num_attention_heads", REFUSED, "refused", "refused"},
    {"num_hidden_layers", REFUSED, "refused", "refused"},
    {"image_size", REFUSED, "refused", "refused"},
    {"patch_size", REFUSED, "refused", "refused"},
    {"num_channels", REFUSED, "refused", "refused"},
    {"hidden_act", REFUSED, "refused", "refused"},
    {"layer_norm_eps", REFUSED, "refused when it runs", "refused"},
};

/* A tower's projection is that of the whole model, where it is part of one. */
static const row projection_in_part = {"projection_dim", ABSENT, "the model's counts",
                                       "the same for texts, refused for images"};
static const row projection_alone = {"projection_dim", REFUSED, "refused", "refused"};

static void test_models(void **state) {
    (void)state;
    for (size_t i = 0; i < OC_COUNT(root_rows); i++) {
        check_row(&root, &root_rows[i]);
    }
    for (size_t i = 0; i < OC_COUNT(text_rows); i++) {
        check_row(&text_part, &text_rows[i]);
        check_row(&text_alone, &text_rows[i]);
    }
    for (size_t i = 0; i < OC_COUNT(vision_rows); i++) {
        check_row(&vision_part, &vision_rows[i]);
        check_row(&vision_alone, &vision_rows[i]);
    }
    check_row(&text_part, &projection_in_part);
    check_row(&vision_part, &projection_in_part);
    check_row(&text_alone, &projection_alone);
    check_row(&vision_alone, &projection_alone);
    static const char *const none[] = {"bos_token_id", "pad_token_id"};
    for (size_t i = 0; i < OC_COUNT(none); i++) { /* not the default, but none: as transformers */
        result r = read_with(&text_part, none[i], "null");
        const oc_model_config *config = (const oc_model_config *)(const void *)r.bytes.data;
        assert_int_equal(i == 0 ? config->text.bos_id : config->text.pad_id, -1);
        free_result(&r);
    }
}

/* -- quantization_config and hf_quant_config.json ---------------------------------------------- */

static void keep_quantization(oc_quant_config *config, result *out) {
    if (out->status == OCTAVO_OK) {
        oc_buffer_printf(&out->bytes, "%s, %s, %d patterns",
                         config->algorithm ? config->algorithm : "none", config->producer,
                         config->pattern_count);
    }
    oc_quant_config_free(config);
}

static void read_quantization(oc_slice text, result *out) {
    oc_quant_config config = {0};
    out->status = oc_quant_config_read(text.data, text.length, &config, &out->notices, &out->error);
    keep_quantization(&config, out);
}

static void read_hf(oc_slice text, result *out) {
    oc_quant_config config = {0};
    out->status =
        oc_quant_config_read_hf(text.data, text.length, &config, &out->notices, &out->error);
    keep_quantization(&config, out);
}

#define HALF  "{\"num_bits\":8,\"type\":\"float\",\"strategy\":\"tensor\",\"dynamic\":false}"
#define GROUP "{\"weights\":" HALF ",\"input_activations\":" HALF "}"

static const member modelopt_members[] = {{"quant_method", "\"modelopt\""},
                                          {"quant_algo", "\"FP8\""},
                                          {"ignore", "[\"a\"]"},
                                          {"producer", "{\"name\":\"modelopt\"}"},
                                          {"config_groups", "{\"group_0\":" GROUP "}"},
                                          {NULL, NULL}};
static const kind modelopt = {"Model Optimizer's quantization_config", "{\"quantization_config\":{",
                              "}}", modelopt_members, read_quantization};
static const kind hf = {"hf_quant_config.json", "{\"quantization\":{", "}}", modelopt_members,
                        read_hf};

/* No transformers reads these: a null is what an absent key is. */
static const row modelopt_rows[] = {
    {"quant_method", ABSENT, NULL, NULL},    {"quant_algo", ABSENT, NULL, NULL},
    {"ignore", ABSENT, NULL, NULL},          {"exclude_modules", ABSENT, NULL, NULL},
    {"producer", ABSENT, NULL, NULL},        {"config_groups", ABSENT, NULL, NULL},
    {"kv_cache_scheme", ABSENT, NULL, NULL}, {"kv_cache_quant_algo", ABSENT, NULL, NULL},
};

static const member compressed_members[] = {{"quant_method", "\"compressed-tensors\""},
                                            {"format", "\"float-quantized\""},
                                            {"ignore", "[\"a\"]"},
                                            {"version", "\"0.20.0\""},
                                            {"config_groups", "{\"group_0\":" GROUP "}"},
                                            {NULL, NULL}};
static const kind compressed = {"compressed-tensors' quantization_config",
                                "{\"quantization_config\":{", "}}", compressed_members,
                                read_quantization};

/* As compressed-tensors 0.20.0 reads them, under either transformers. */
static const row compressed_rows[] = {
    {"quant_method", REFUSED, "refused", "refused"},
    {"format", ABSENT, "refused", "refused"}, /* and so is its absence here */
    {"ignore", ABSENT, "nothing is left out", "the same"},
    {"version", ABSENT, "not said", "not said"},
    {"config_groups", REFUSED, "refused", "refused"},
    {"kv_cache_scheme", ABSENT, "none", "none"},
    {"sparsity_config", ABSENT, "none", "none"},
    {"transform_config", ABSENT, "none", "none"},
    {"global_compression_ratio", ABSENT, "not read", "not read"},
};

static const member half_members[] = {{"num_bits", "8"},          {"type", "\"float\""},
                                      {"strategy", "\"tensor\""}, {"dynamic", "false"},
                                      {"symmetric", "true"},      {NULL, NULL}};
static const kind weights = {"weights",
                             "{\"quantization_config\":{\"quant_method\":\"compressed-tensors\","
                             "\"format\":\"float-quantized\",\"config_groups\":{\"group_0\":{"
                             "\"input_activations\":" HALF ",\"weights\":{",
                             "}}}}}", half_members, read_quantization};

static const row half_rows[] = {
    {"num_bits", REFUSED, "refused", "refused"},  {"type", REFUSED, "refused", "refused"},
    {"dynamic", REFUSED, "refused", "refused"},   {"symmetric", REFUSED, "refused", "refused"},
    {"strategy", ABSENT, "tensor", "tensor"},     {"group_size", ABSENT, "tensor", "tensor"},
    {"observer", ABSENT, "not read", "not read"},
};

static const member group_members[] = {{"weights", HALF},
                                       {"input_activations", HALF},
                                       {"format", "\"float-quantized\""},
                                       {"targets", "[\"Linear\"]"},
                                       {NULL, NULL}};
static const kind group = {"group_0",
                           "{\"quantization_config\":{\"quant_method\":\"compressed-tensors\","
                           "\"format\":\"float-quantized\",\"config_groups\":{\"group_0\":{",
                           "}}}}", group_members, read_quantization};

static const row group_rows[] = {
    {"weights", ABSENT, "as they are", "as they are"},
    {"input_activations", ABSENT, "as they are", "as they are"}, /* weights alone: not read here */
    {"output_activations", ABSENT, "as they are", "as they are"},
    {"format", ABSENT, "the whole's", "the whole's"},
};

static void test_quantization(void **state) {
    (void)state;
    for (size_t i = 0; i < OC_COUNT(modelopt_rows); i++) {
        check_row(&modelopt, &modelopt_rows[i]);
        check_row(&hf, &modelopt_rows[i]);
    }
    for (size_t i = 0; i < OC_COUNT(compressed_rows); i++) {
        check_row(&compressed, &compressed_rows[i]);
    }
    for (size_t i = 0; i < OC_COUNT(half_rows); i++) {
        check_row(&weights, &half_rows[i]);
    }
    for (size_t i = 0; i < OC_COUNT(group_rows); i++) {
        check_row(&group, &group_rows[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantization),
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
