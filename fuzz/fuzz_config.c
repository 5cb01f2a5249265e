// links: checkpoint
/* fuzz_config.c - the JSON files of a checkpoint, each input read as every one of them: config.json
 * for the model and for its quantization, hf_quant_config.json, preprocessor_config.json.  What is
 * accepted is within the limits; answers never change from one time to the next.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "checkpoint/config.h"
#include "checkpoint/preprocessor.h"
#include "checkpoint/quant/quant_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

static void check_same(octavo_status a, const octavo_error *x, octavo_status b,
                       const octavo_error *y) {
    check(a == b && x->offset == y->offset && strcmp(x->message, y->message) == 0);
    check((a == OCTAVO_OK) == !x->message[0]);
}

static void check_tower(const oc_tower_config *tower) {
    check(tower->width >= 1 && tower->width <= OC_LIMIT_WIDTH && tower->heads >= 1);
    check(tower->width % tower->heads == 0 && tower->projection >= 1);
    check(tower->mlp >= 1 && tower->layers >= 1 && tower->eps > 0);
}

static void read_model(const char *text, size_t size) {
    oc_model_config config, twice;
    octavo_error error = {0}, again = {0};
    octavo_status status = oc_model_config_read(text, size, &config, &error);
    check_same(status, &error, oc_model_config_read(text, size, &twice, &again), &again);
    check(memcmp(&config, &twice, sizeof config) == 0);
    if (config.towers & OCTAVO_TEXT) {
        check_tower(&config.text.tower);
        check(config.text.eos_id >= 0 && config.text.eos_id < config.text.vocabulary);
    }
    if (config.towers & OCTAVO_IMAGE) {
        check_tower(&config.vision.tower);
        check(config.vision.patch >= 1 && config.vision.patch <= config.vision.image_size);
    }
    if (status == OCTAVO_OK) {
        int64_t parameters = config.parameters;
        check(config.towers && parameters > 0 && (uint64_t)parameters <= OC_LIMIT_PARAMETERS);
    }
}

static void read_images(const char *text, size_t size) {
    static const int32_t sides[] = {1, 32, 224};
    for (size_t i = 0; i < OC_COUNT(sides); i++) {
        oc_preprocessor images, twice;
        octavo_error error = {0}, again = {0};
        oc_notices notices = {0};
        octavo_status status =
            oc_preprocessor_read(text, size, 0, sides[i], &images, &notices, &error);
        oc_notices_free(&notices);
        check_same(status, &error,
                   oc_preprocessor_read(text, size, 0, sides[i], &twice, NULL, &again), &again);
        check(memcmp(&images, &twice, sizeof images) == 0);
        check(status != OCTAVO_OK || images.image_size == sides[i]);
        for (int c = 0; c < 3 && status == OCTAVO_OK; c++) {
            check(images.std[c] > 0);
        }
    }
}

static void read_quantization(const char *text, size_t size) {
    oc_quant_config config = {0};
    octavo_error error = {0};
    oc_notices notices = {0};
    octavo_status status = oc_quant_config_read(text, size, &config, &notices, &error);
    if (status == OCTAVO_OK) {
        status = oc_quant_config_read_hf(text, size, &config, &notices, &error);
    }
    check((status == OCTAVO_OK) == !error.message[0]);
    check(memchr(config.producer, 0, sizeof config.producer));
    for (int32_t i = 0; i < config.pattern_count; i++) {
        check(strlen(config.patterns[i]) <= OC_LIMIT_TENSOR_NAME);
    }
    oc_notices_free(&notices);
    oc_quant_config_free(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    read_model(text, size);
    read_images(text, size);
    read_quantization(text, size);
    return 0;
}
