// links: quantize
/* fuzz_fp8_config.c - any bytes as a config.json that gets a quantization_config: what comes out
 * has the same other members, byte for byte and in order, and the new one last. */
#include <stdlib.h>

#include "base/json/json.h"
#include "quantize/layout.h"

static void expect(bool condition) {
    if (!condition) {
        abort();
    }
}

static bool is_replaced(oc_slice key) {
    return oc_slice_is(key, "quantization_config") || oc_slice_is(key, "compression_config");
}

/* The next member that stays; key->data is NULL behind the last, value is that of the member before
 * the end. */
static void next_member(oc_json *json, oc_slice *key, oc_slice *value) {
    do {
        expect(oc_json_member(json, key, NULL) == OCTAVO_OK);
        if (key->data == NULL) {
            return;
        }
        expect(oc_json_skip(json, value, NULL) == OCTAVO_OK);
    } while (is_replaced(*key));
}

static void compare(oc_slice before, oc_slice after) {
    oc_json a, b;
    oc_slice key_a, key_b, value_a, value_b = {0};
    oc_json_open(&a, before.data, before.length, 0, 0);
    oc_json_open(&b, after.data, after.length, 0, 0);
    expect(oc_json_object(&a, NULL) == OCTAVO_OK && oc_json_object(&b, NULL) == OCTAVO_OK);
    do {
        next_member(&a, &key_a, &value_a);
        next_member(&b, &key_b, &value_b);
        expect((key_a.data == NULL) == (key_b.data == NULL));
        if (key_a.data != NULL) {
            expect(oc_slice_equal(key_a, key_b) && oc_slice_equal(value_a, value_b));
        }
    } while (key_a.data != NULL);
    expect(value_b.length > 0 && memmem(value_b.data, value_b.length, "config_groups", 13) != NULL);
    expect(oc_json_finish(&b, NULL) == OCTAVO_OK);
    oc_json_close(&a);
    oc_json_close(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const modules[] = {"visual_projection"};
    const oc_fp8_excluded excluded = {modules, 1, {"text_model", "vision_model"}};
    oc_slice config = {(const char *)data, size};
    for (int layout = OC_FP8_MODELOPT; layout <= OC_FP8_COMPRESSED_TENSORS; layout++) {
        oc_buffer out;
        octavo_error error;
        oc_buffer_init(&out);
        oc_error_clear(&error);
        octavo_status status =
            oc_fp8_config((oc_fp8_layout)layout, config, &excluded, &out, &error);
        expect((status == OCTAVO_OK) == (error.status == OCTAVO_OK));
        if (status == OCTAVO_OK) {
            compare(config, (oc_slice){out.data, out.size});
        }
        oc_buffer_free(&out);
    }
    return 0;
}
