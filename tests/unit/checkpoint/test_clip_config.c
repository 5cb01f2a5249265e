// links: checkpoint
/* test_clip_config.c - a CLIP's config.json and preprocessor_config.json. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "checkpoint/config.h"
#include "checkpoint/preprocessor.h"
#include "support/files.h"

#define TINY TEST_DATA "/tiny-clip"

static octavo_status read_config(const char *text, oc_model_config *out, octavo_error *error) {
    size_t size = strlen(text);
    char *copy = malloc(size); /* exactly as long: a sanitizer sees reading past it */
    assert_non_null(copy);
    memcpy(copy, text, size);
    oc_error_clear(error);
    octavo_status status = oc_model_config_read(copy, size, out, error);
    free(copy);
    return status;
}

static oc_model_config expect_config(const char *text) {
    oc_model_config config;
    octavo_error error;
    if (read_config(text, &config, &error)) {
        fail_msg("%s: %s", text, error.message);
    }
    return config;
}

static void expect_refused(const char *text, octavo_status wanted, const char *part) {
    oc_model_config config;
    octavo_error error;
    octavo_status status = read_config(text, &config, &error);
    if (status != wanted || !strstr(error.message, part)) {
        fail_msg("%s: expected status %d and \"%s\", got %d: %s", text, wanted, part, status,
                 error.message);
    }
    assert_int_equal(config.towers, 0);
}

static void expect_tower(const oc_tower_config *tower, int32_t width, int32_t mlp, int32_t heads,
                         int32_t layers, int32_t projection, oc_config_act act) {
    assert_int_equal(tower->width, width);
    assert_int_equal(tower->mlp, mlp);
    assert_int_equal(tower->heads, heads);
    assert_int_equal(tower->layers, layers);
    assert_int_equal(tower->projection, projection);
    assert_int_equal(tower->act, act);
    assert_true(tower->eps == 1e-5f);
}

/* The fixtures' own geometry. */
static void test_fixture(void **state) {
    (void)state;
    oc_checkpoint *checkpoint;
    oc_model_config config;
    oc_preprocessor images;
    octavo_error error;
    oc_error_clear(&error);
    assert_int_equal(oc_checkpoint_open(TINY "/geometry-modelopt-fp8", &checkpoint, &error), 0);
    assert_int_equal(oc_model_config_load(checkpoint, &config, &error), OCTAVO_OK);
    assert_int_equal(config.towers, OCTAVO_IMAGE | OCTAVO_TEXT);
    expect_tower(&config.text.tower, 64, 144, 1, 2, 48, OC_CONFIG_GELU);
    expect_tower(&config.vision.tower, 128, 176, 2, 2, 48, OC_CONFIG_GELU);
    assert_int_equal(config.text.positions, 20);
    assert_int_equal(config.text.vocabulary, 1024);
    assert_int_equal(config.text.eos_id, 1023);
    assert_int_equal(config.text.bos_id, 1022);
    assert_int_equal(config.text.pad_id, 1023);
    assert_int_equal(config.vision.image_size, 56);
    assert_int_equal(config.vision.patch, 14);
    assert_int_equal(oc_preprocessor_load(checkpoint, 56, &images, &error), OCTAVO_OK);
    oc_preprocessor preset = oc_preprocessor_default(56);
    assert_memory_equal(&images, &preset, sizeof images);
    assert_int_equal(checkpoint->notices.count, 0);

    /* The count of parameters is that of the elements, scales left out. */
    int64_t elements = 0;
    for (int32_t i = 0; i < checkpoint->tensor_count; i++) {
        const oc_ckpt_tensor *tensor = &checkpoint->tensors[i];
        if (!strstr(tensor->name, "_scale") || strcmp(tensor->name, "logit_scale") == 0) {
            int64_t product = 1;
            for (int32_t d = 0; d < tensor->rank; d++) {
                product *= tensor->shape[d];
            }
            elements += product;
        }
    }
    assert_int_equal(config.parameters, elements);
    oc_checkpoint_free(checkpoint);
    assert_int_equal(oc_checkpoint_open(TINY "/legacy-eos-f32", &checkpoint, &error), OCTAVO_OK);
    assert_int_equal(oc_model_config_load(checkpoint, &config, &error), OCTAVO_OK);
    assert_int_equal(config.text.eos_id, 2);
    oc_checkpoint_free(checkpoint);
    assert_int_equal(oc_checkpoint_open(TINY "/quick-gelu-f32", &checkpoint, &error), OCTAVO_OK);
    assert_int_equal(oc_model_config_load(checkpoint, &config, &error), OCTAVO_OK);
    assert_int_equal(config.text.tower.act, OC_CONFIG_QUICK_GELU);
    oc_checkpoint_free(checkpoint);
}

/* Missing keys have transformers' defaults: an empty CLIP config is ViT-B/32. */
static void test_defaults(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{\"model_type\":\"clip\"}",
        "{\"architectures\":[\"CLIPModel\"]}",
        ("{\"architectures\":[\"CLIPModel\"],\"text_config\":null,\"vision_config\":{},"
         "\"text_config_dict\":null,\"model_type\":\"clip\",\"unknown\":[{}]}"),
    };
    for (size_t i = 0; i < OC_COUNT(texts); i++) {
        oc_model_config config = expect_config(texts[i]);
        assert_int_equal(config.towers, OCTAVO_IMAGE | OCTAVO_TEXT);
        expect_tower(&config.text.tower, 512, 2048, 8, 12, 512, OC_CONFIG_QUICK_GELU);
        expect_tower(&config.vision.tower, 768, 3072, 12, 12, 512, OC_CONFIG_QUICK_GELU);
        assert_int_equal(config.text.positions, 77);
        assert_int_equal(config.text.vocabulary, 49408);
        assert_int_equal(config.text.eos_id, 49407);
        assert_int_equal(config.text.bos_id, 49406);
        assert_int_equal(config.text.pad_id, 1);
        assert_int_equal(config.vision.image_size, 224);
        assert_int_equal(config.vision.patch, 32);
        assert_int_equal(config.parameters, 151277313); /* ViT-B/32's */
    }
}

/* A legacy *_config_dict takes the place of the whole part, as transformers does it. */
static void test_legacy_dicts(void **state) {
    (void)state;
    oc_model_config config = expect_config(
        "{\"model_type\":\"clip\",\"projection_dim\":768,"
        "\"text_config\":{\"hidden_size\":64,\"eos_token_id\":2,\"num_attention_heads\":4},"
        "\"text_config_dict\":{\"hidden_size\":768,\"num_attention_heads\":12},"
        "\"vision_config_dict\":{\"patch_size\":14},\"vision_config\":{\"image_size\":336}}");
    assert_int_equal(config.text.tower.width, 768);
    assert_int_equal(config.text.tower.projection, 768);
    assert_int_equal(config.text.eos_id, 49407);
    assert_int_equal(config.vision.patch, 14);
    assert_int_equal(config.vision.image_size, 224);
}

/* Towers alone, with a config of their own or a whole CLIP's. */
static void test_single_towers(void **state) {
    (void)state;
    oc_model_config config =
        expect_config("{\"architectures\":[\"CLIPVisionModelWithProjection\"],\"hidden_size\":96,"
                      "\"model_type\":\"clip_vision_model\",\"projection_dim\":24,"
                      "\"hidden_act\":\"gelu_pytorch_tanh\",\"layer_norm_eps\":1e-6,"
                      "\"image_size\":[48,48],\"patch_size\":16,\"num_channels\":3}");
    assert_int_equal(config.towers, OCTAVO_IMAGE);
    assert_int_equal(config.vision.tower.width, 96);
    assert_int_equal(config.vision.tower.projection, 24);
    assert_int_equal(config.vision.tower.act, OC_CONFIG_GELU_TANH);
    assert_true(config.vision.tower.eps == 1e-6f);
    assert_int_equal(config.vision.image_size, 48);
    assert_int_equal(config.text.tower.width, 0);
    config = expect_config("{\"architectures\":[\"CLIPTextModelWithProjection\"],"
                           "\"model_type\":\"clip_text_model\",\"pad_token_id\":null,"
                           "\"bos_token_id\":null,\"hidden_act\":\"gelu_new\"}");
    assert_int_equal(config.towers, OCTAVO_TEXT);
    assert_int_equal(config.text.pad_id, -1);
    assert_int_equal(config.text.bos_id, -1);
    assert_int_equal(config.text.tower.projection, 512);
    config = expect_config("{\"architectures\":[\"CLIPTextModelWithProjection\"],"
                           "\"model_type\":\"clip\",\"projection_dim\":7,\"hidden_size\":1,"
                           "\"text_config\":{\"hidden_size\":16,\"projection_dim\":9}}");
    assert_int_equal(config.towers, OCTAVO_TEXT);
    assert_int_equal(config.text.tower.width, 16);
    assert_int_equal(config.text.tower.projection, 9);
}

/* What is not computed here is refused by its name, what contradicts itself with both values. */
static void test_refuses_configs(void **state) {
    (void)state;
    static const struct {
        const char *text;
        octavo_status status;
        const char *part;
    } cases[] = {
        {"{\"architectures\":[\"SiglipModel\"],\"model_type\":\"siglip\"}", OCTAVO_UNSUPPORTED,
         "architecture SiglipModel is not read here"},
        {"{\"architectures\":[\"BertModel\"]}", OCTAVO_UNSUPPORTED, "BertModel"},
        {"{\"architectures\":[\"CLIPVisionModel\"],\"model_type\":\"clip_vision_model\"}",
         OCTAVO_UNSUPPORTED, "architecture CLIPVisionModel is not read here"},
        {"{\"architectures\":null,\"model_type\":\"siglip\"}", OCTAVO_UNSUPPORTED,
         "model_type siglip"},
        {"{\"architectures\":[]}", OCTAVO_CORRUPT, "neither architectures nor model_type"},
        {"{}", OCTAVO_CORRUPT, "neither architectures nor model_type"},
        {"{\"architectures\":[\"CLIPModel\"],\"model_type\":\"bert\"}", OCTAVO_CORRUPT,
         "architecture CLIPModel and model_type bert disagree"},
        {"{\"model_type\":\"clip\",\"text_config\":{\"hidden_act\":\"relu\"}}", OCTAVO_UNSUPPORTED,
         "activation function \"relu\""},
        {"{\"model_type\":\"clip\",\"text_config\":{\"hidden_size\":100}}", OCTAVO_CORRUPT,
         "hidden_size 100 is no multiple of num_attention_heads 8"},
        {"{\"model_type\":\"clip\",\"text_config\":{\"hidden_size\":1000000000000}}",
         OCTAVO_CORRUPT, "hidden_size: expected an integer from 1 to 16384, found 1000000000000"},
        {"{\"model_type\":\"clip\",\"text_config\":{\"hidden_size\":0}}", OCTAVO_CORRUPT,
         "hidden_size"},
        {"{\"model_type\":\"clip\",\"text_config\":{\"hidden_size\":-1}}", OCTAVO_CORRUPT,
         "hidden_size"},
        {"{\"model_type\":\"clip\",\"text_config\":{\"hidden_size\":null}}", OCTAVO_CORRUPT,
         "found null"},
        {"{\"model_type\":\"clip\",\"text_config\":{\"hidden_size\":\"512\"}}", OCTAVO_CORRUPT,
         "found \"512\""},
        {"{\"model_type\":\"clip\",\"text_config\":{\"hidden_size\":512.5}}", OCTAVO_CORRUPT,
         "found 512.5"},
        {"{\"model_type\":\"clip\",\"text_config\":{\"num_hidden_layers\":257}}", OCTAVO_CORRUPT,
         "from 1 to 256, found 257"},
        {"{\"model_type\":\"clip\",\"text_config\":{\"vocab_size\":1024}}", OCTAVO_CORRUPT,
         "eos_token_id 49407 is not in the vocabulary of 1024"},
        {"{\"model_type\":\"clip\",\"text_config\":{\"eos_token_id\":[1,2]}}", OCTAVO_CORRUPT,
         "eos_token_id"},
        {"{\"model_type\":\"clip\",\"text_config\":{\"layer_norm_eps\":0}}", OCTAVO_CORRUPT,
         "layer_norm_eps: 0 is not between"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"layer_norm_eps\":-1e-5}}", OCTAVO_CORRUPT,
         "layer_norm_eps"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"patch_size\":225}}", OCTAVO_CORRUPT,
         "patch_size 225 is larger than image_size 224"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"patch_size\":1}}", OCTAVO_UNSUPPORTED,
         "50176 patches and a class token, the limit is 8192"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"image_size\":2048,\"patch_size\":1}}",
         OCTAVO_UNSUPPORTED, "4194304 patches"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"image_size\":[224,336]}}",
         OCTAVO_UNSUPPORTED, "only squares"},
        {"{\"model_type\":\"clip\",\"vision_config\":{\"num_channels\":4}}", OCTAVO_UNSUPPORTED,
         "4 channels"},
        {"{\"model_type\":\"clip\",\"text_config\":7}", OCTAVO_CORRUPT, "found 7"},
        {"{\"model_type\":\"clip\",\"model_type\":\"clip\"}", OCTAVO_CORRUPT, "comes twice"},
        {"{\"model_type\":\"clip\"", OCTAVO_CORRUPT, "expected ','"},
        {"[]", OCTAVO_CORRUPT, "expected"},
        {"{\"model_type\":\"clip\",\"text_config\":{\"layer_norm_eps\": NaN}}", OCTAVO_CORRUPT,
         "text_config.layer_norm_eps: NaN is no JSON value, a number must be finite (byte 54)"},
        {"{\"model_type\":\"clip\",\"logit_scale_init_value\": -Infinity}", OCTAVO_CORRUPT,
         "logit_scale_init_value: -Infinity is no JSON value"},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        expect_refused(cases[i].text, cases[i].status, cases[i].part);
    }
}

/* 10^12 parameters, each value by itself within its limit, are refused with both numbers. */
static void test_refuses_huge_model(void **state) {
    (void)state;
    expect_refused("{\"model_type\":\"clip\","
                   "\"text_config\":{\"hidden_size\":16384,\"intermediate_size\":65536,"
                   "\"num_hidden_layers\":256},"
                   "\"vision_config\":{\"hidden_size\":16384,\"intermediate_size\":65536,"
                   "\"num_hidden_layers\":256,\"num_attention_heads\":16}}",
                   OCTAVO_UNSUPPORTED, "config.json asks for 1650");
    expect_refused("{\"model_type\":\"clip\",\"text_config\":{\"hidden_size\":16384,"
                   "\"intermediate_size\":65536,\"num_hidden_layers\":256}}",
                   OCTAVO_UNSUPPORTED, "the limit is 40000000000");
}

/* The byte of a wrong value is its byte in the file, also within a part of it. */
static void test_error_offset(void **state) {
    (void)state;
    static const char text[] =
        "{\"model_type\":\"clip\", \"text_config\": {\"hidden_size\": true}}";
    oc_model_config config;
    octavo_error error;
    assert_int_equal(read_config(text, &config, &error), OCTAVO_CORRUPT);
    assert_int_equal(error.offset, strstr(text, "true") - text);
}

static octavo_status read_images(const char *text, int32_t image_size, oc_preprocessor *out,
                                 octavo_error *error) {
    oc_error_clear(error);
    return oc_preprocessor_read(text, strlen(text), 0, image_size, out, NULL, error);
}

/* Old and new spellings of the same steps come to the same. */
static void test_preprocessor_forms(void **state) {
    (void)state;
    static const char *const forms[] = {
        "{}",
        ("{\"size\":224,\"crop_size\":224,\"resample\":3,\"do_resize\":true,"
         "\"feature_extractor_type\":\"CLIPFeatureExtractor\",\"do_center_crop\":true,"
         "\"do_normalize\":true,\"image_mean\":[0.48145466,0.4578275,0.40821073],"
         "\"image_std\":[0.26862954,0.26130258,0.27577711]}"),
        ("{\"size\":{\"shortest_edge\":224},\"crop_size\":{\"width\":224,\"height\":224},"
         "\"image_processor_type\":\"CLIPImageProcessorFast\",\"device\":null,"
         "\"rescale_factor\":0.00392156862745098,\"do_pad\":null,"
         "\"data_format\":\"channels_first\"}"),
        "{\"size\":{\"shortest_edge\":224,\"longest_edge\":null},\"image_mean\":null}",
    };
    oc_preprocessor preset = oc_preprocessor_default(224), images;
    octavo_error error;
    for (size_t i = 0; i < OC_COUNT(forms); i++) {
        if (read_images(forms[i], 224, &images, &error)) {
            fail_msg("%s: %s", forms[i], error.message);
        }
        assert_memory_equal(&images, &preset, sizeof images);
    }
    assert_int_equal(read_images("{\"size\":{\"height\":64,\"width\":64},\"do_center_crop\":false,"
                                 "\"resample\":2,\"do_normalize\":false}",
                                 64, &images, &error),
                     OCTAVO_OK);
    assert_int_equal(images.shortest_edge, 0);
    assert_int_equal(images.resample, OC_RESAMPLE_BILINEAR);
    assert_true(images.mean[1] == 0 && images.std[1] == 1);
    assert_int_equal(read_images("{\"size\":[64,64],\"crop_size\":[64,64]}", 64, &images, &error),
                     OCTAVO_OK);
    assert_int_equal(images.shortest_edge, 0);
    assert_int_equal(read_images("{\"size\":256}", 224, &images, &error), OCTAVO_OK);
    assert_int_equal(images.shortest_edge, 256);
    assert_int_equal(images.image_size, 224);
}

/* A number as the size is a square's side where default_to_square says so, wherever that stands; as
 * the size to crop it always is. */
static void test_default_to_square(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int32_t edge;
    } cases[] = {
        {"{\"size\":64,\"default_to_square\":true,\"crop_size\":64}", 0},
        {"{\"default_to_square\":true,\"size\":64,\"do_center_crop\":false}", 0},
        {"{\"size\":64,\"default_to_square\":false,\"crop_size\":64}", 64},
        {"{\"size\":64,\"default_to_square\":null,\"crop_size\":64}", 64},
        {"{\"size\":{\"shortest_edge\":64},\"default_to_square\":true,\"crop_size\":64}", 64},
        {"{\"size\":{\"height\":64,\"width\":64},\"default_to_square\":false,\"crop_size\":64}", 0},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        oc_preprocessor images;
        octavo_error error;
        if (read_images(cases[i].text, 64, &images, &error)) {
            fail_msg("%s: %s", cases[i].text, error.message);
        }
        assert_int_equal(images.shortest_edge, cases[i].edge);
    }
}

/* Steps that are not done here are refused, as are sizes that the model does not take. */
static void test_preprocessor_refuses(void **state) {
    (void)state;
    static const struct {
        const char *text;
        octavo_status status;
        const char *part;
    } cases[] = {
        {"{\"crop_size\":336,\"size\":336}", OCTAVO_CORRUPT,
         "images of 336x336 pixels, the model takes 224x224"},
        {"{\"crop_size\":{\"height\":224,\"width\":200}}", OCTAVO_CORRUPT, "200x224 pixels"},
        {"{\"size\":200}", OCTAVO_UNSUPPORTED, "crops 224x224 pixels from images resized to 200"},
        {"{\"size\":{\"height\":256,\"width\":256}}", OCTAVO_UNSUPPORTED, "resized to 256x256"},
        {"{\"do_center_crop\":false}", OCTAVO_UNSUPPORTED, "no squares"},
        {"{\"do_resize\":false}", OCTAVO_UNSUPPORTED, "do_resize false"},
        {"{\"do_rescale\":false}", OCTAVO_UNSUPPORTED, "do_rescale false"},
        {"{\"rescale_factor\":1}", OCTAVO_UNSUPPORTED, "rescale_factor 1;"},
        {"{\"resample\":0}", OCTAVO_UNSUPPORTED, "filter 0 is not done here"},
        {"{\"resample\":9}", OCTAVO_CORRUPT, "resample"},
        {"{\"size\":{\"longest_edge\":224}}", OCTAVO_UNSUPPORTED, "a size by \"longest_edge\""},
        {"{\"size\":{\"height\":224}}", OCTAVO_CORRUPT, "both height and width"},
        {"{\"size\":{\"height\":224,\"width\":224,\"shortest_edge\":224}}", OCTAVO_CORRUPT,
         "either shortest_edge or both"},
        {"{\"crop_size\":{\"shortest_edge\":224}}", OCTAVO_UNSUPPORTED, "shortest_edge"},
        {"{\"crop_size\":0}", OCTAVO_CORRUPT, "crop_size"},
        {"{\"crop_size\":1000000}", OCTAVO_CORRUPT, "crop_size"},
        {"{\"image_std\":[0.1,0,0.1]}", OCTAVO_CORRUPT, "image_std[1]: 0 is not between"},
        {"{\"image_mean\":[0.1,0.1]}", OCTAVO_CORRUPT, "image_mean"},
        {"{\"image_mean\":[0.1,0.1,0.1,0.1]}", OCTAVO_CORRUPT, "found more"},
        {"{\"image_processor_type\":\"SiglipImageProcessor\"}", OCTAVO_UNSUPPORTED,
         "\"SiglipImageProcessor\" is not done here"},
        {"{\"do_pad\":true}", OCTAVO_UNSUPPORTED, "do_pad"},
        {"{\"size\":256,\"default_to_square\":true}", OCTAVO_UNSUPPORTED, "resized to 256x256"},
        {"{\"size\":[224]}", OCTAVO_CORRUPT, "size"},
        {"{\"size\":[224,224,3]}", OCTAVO_CORRUPT, "height and width, found more"},
        {"{\"size\":[224,336]}", OCTAVO_UNSUPPORTED, "resized to 336x224"},
        {"{\"do_resize\":1}", OCTAVO_CORRUPT, "true or false"},
        {"", OCTAVO_CORRUPT, "breaks off"},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        oc_preprocessor images;
        octavo_error error;
        octavo_status status = read_images(cases[i].text, 224, &images, &error);
        if (status != cases[i].status || !strstr(error.message, cases[i].part)) {
            fail_msg("%s: expected status %d and \"%s\", got %d: %s", cases[i].text,
                     cases[i].status, cases[i].part, status, error.message);
        }
        assert_int_equal(images.image_size, 0);
    }
}

/* The two files that may have the image processor, in a folder with weights. */
typedef struct processors {
    char folder[OC_TEST_PATH];
    oc_checkpoint *checkpoint;
} processors;

static processors make_processors(const char *whole, const char *older) {
    processors out;
    octavo_error error;
    oc_test_folder(out.folder);
    oc_error_clear(&error);
    oc_test_copy(TINY "/f16/model.safetensors", oc_test_path(out.folder, "model.safetensors"));
    if (whole) {
        oc_test_write(oc_test_path(out.folder, "processor_config.json"), whole, strlen(whole));
    }
    if (older) {
        oc_test_write(oc_test_path(out.folder, "preprocessor_config.json"), older, strlen(older));
    }
    assert_int_equal(oc_checkpoint_open(out.folder, &out.checkpoint, &error), OCTAVO_OK);
    return out;
}

static void free_processors(processors *p) {
    oc_checkpoint_free(p->checkpoint);
    oc_test_folder_remove(p->folder);
}

#define OLDER "{\"size\":32,\"crop_size\":32,\"resample\":2}"

/* processor_config.json's image_processor counts, wherever it has one; what an older file beside it
 * says otherwise is told, and no reason to refuse. */
static void test_preprocessor_files(void **state) {
    (void)state;
    static const struct {
        const char *whole, *older;
        oc_resample resample;
        const char *notice; /* NULL: none */
    } cases[] = {
        {NULL, NULL, OC_RESAMPLE_BICUBIC, "there is no preprocessor_config.json"},
        {NULL, OLDER, OC_RESAMPLE_BILINEAR, NULL},
        {"{\"processor_class\":\"CLIPProcessor\"}", OLDER, OC_RESAMPLE_BILINEAR, NULL},
        {"{\"image_processor\":null}", OLDER, OC_RESAMPLE_BILINEAR, NULL},
        {"{\"image_processor\":null}", NULL, OC_RESAMPLE_BICUBIC,
         "there is no preprocessor_config.json"},
        {"{\"image_processor\":" OLDER ",\"processor_class\":\"CLIPProcessor\"}", NULL,
         OC_RESAMPLE_BILINEAR, NULL},
        {"{\"image_processor\":" OLDER "}", OLDER, OC_RESAMPLE_BILINEAR, NULL},
        {"{\"image_processor\":{\"size\":[32,32],\"crop_size\":32,\"resample\":1,"
         "\"image_mean\":[0.5,0.5,0.5],\"image_std\":[0.5,0.5,0.5]}}",
         OLDER, OC_RESAMPLE_LANCZOS,
         "images are processed as processor_config.json says, as in transformers 5; "
         "preprocessor_config.json beside it differs in size, resample, image_mean, image_std"},
        {"{\"image_processor\":{\"size\":32,\"crop_size\":32,\"resample\":1}}", OLDER,
         OC_RESAMPLE_LANCZOS, "differs in resample"},
        {"{\"image_processor\":" OLDER "}", "{\"size\":224}", OC_RESAMPLE_BILINEAR,
         "preprocessor_config.json beside it is not usable: the image processor makes images of "
         "224x224 pixels, the model takes 32x32"},
        {"{\"image_processor\":" OLDER "}", "<html>", OC_RESAMPLE_BILINEAR,
         "is not usable: this is not JSON but a web page"},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        processors p = make_processors(cases[i].whole, cases[i].older);
        const oc_notices *notices = &p.checkpoint->notices;
        oc_preprocessor images;
        octavo_error error;
        oc_error_clear(&error);
        if (oc_preprocessor_load(p.checkpoint, 32, &images, &error)) {
            fail_msg("case %zu: %s", i, error.message);
        }
        assert_int_equal(images.resample, cases[i].resample);
        if (cases[i].notice ? notices->count != 1 || !strstr(notices->texts[0], cases[i].notice)
                            : notices->count != 0) {
            fail_msg("case %zu: %d notices, the first: %s", i, notices->count,
                     notices->count ? notices->texts[0] : "");
        }
        free_processors(&p);
    }
}

/* The file that counts is the one that an error names, with the byte in it. */
static void test_preprocessor_file_errors(void **state) {
    (void)state;
    static const char wrong[] = "{\"image_processor\":{\"size\":32,\"crop_size\":true}}";
    static const struct {
        const char *whole, *older, *path;
        octavo_status status;
        uint64_t offset;
    } cases[] = {{wrong, OLDER, "/processor_config.json", OCTAVO_CORRUPT, 42},
                 {NULL, "{\"size\":true}", "/preprocessor_config.json", OCTAVO_CORRUPT, 8},
                 {"<html>", OLDER, "/processor_config.json", OCTAVO_CORRUPT, 0},
                 {"{\"image_processor\":7}", OLDER, "/processor_config.json", OCTAVO_CORRUPT, 19}};
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        processors p = make_processors(cases[i].whole, cases[i].older);
        oc_preprocessor images;
        octavo_error error;
        oc_error_clear(&error);
        assert_int_equal(oc_preprocessor_load(p.checkpoint, 32, &images, &error), cases[i].status);
        assert_int_equal(error.offset, cases[i].offset);
        assert_non_null(strstr(error.path, cases[i].path));
        free_processors(&p);
    }
}

/* A checkpoint without config.json is told so. */
static void test_no_config(void **state) {
    (void)state;
    processors p = make_processors(NULL, NULL);
    oc_model_config config;
    octavo_error error;
    oc_error_clear(&error);
    assert_int_equal(oc_model_config_load(p.checkpoint, &config, &error), OCTAVO_NOT_FOUND);
    assert_non_null(strstr(error.message, "config.json"));
    free_processors(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixture),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_legacy_dicts),
        cmocka_unit_test(test_single_towers),
        cmocka_unit_test(test_refuses_configs),
        cmocka_unit_test(test_refuses_huge_model),
        cmocka_unit_test(test_error_offset),
        cmocka_unit_test(test_preprocessor_forms),
        cmocka_unit_test(test_preprocessor_refuses),
        cmocka_unit_test(test_default_to_square),
        cmocka_unit_test(test_preprocessor_files),
        cmocka_unit_test(test_preprocessor_file_errors),
        cmocka_unit_test(test_no_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
