// links: serve
/* fuzz_serve_config.c - any bytes as model.json, as the file of --config and as that of --api-keys:
 * what is accepted is within its limits, what is not is told with its place. */
#include <stdlib.h>
#include <string.h>

#include "serve/config/keys.h"
#include "serve/config/model_settings.h"
#include "serve/config/settings.h"

static void expect(bool condition) {
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    oc_arena arena;
    octavo_error error;
    oc_buffer text;
    oc_json_writer json;
    oc_srv_settings settings = oc_srv_settings_default();
    oc_srv_model_settings model = oc_srv_model_defaults(NULL, NULL, 0, NULL);
    oc_arena_init(&arena);
    oc_buffer_init(&text);
    oc_error_clear(&error);
    oc_json_write_open(&json, &text, false);
    oc_json_write_array(&json);
    if (oc_srv_model_settings_read("m", (const char *)data, size, &arena, &model, &error)) {
        expect(error.message[0] && error.path[0] == 'm');
    } else {
        expect(model.group_count > 0 && model.group_count <= OC_LIMIT_INSTANCE_KINDS);
        expect(model.batch_max > 0 && model.batch_max <= model.queue_rows);
        oc_srv_model_settings_write(&json, &model);
    }
    oc_error_clear(&error);
    if (oc_srv_settings_read("s", (const char *)data, size, &arena, &settings, &error)) {
        expect(error.message[0] && error.path[0] == 's');
    } else {
        expect(settings.reactors >= 1 && settings.max_body_mb <= settings.memory_mb);
        oc_srv_settings_write(&json, &settings);
    }
    oc_srv_keys *keys;
    oc_error_clear(&error);
    if (oc_srv_keys_read("k", (const char *)data, size, &keys, &error)) {
        expect(error.message[0] && error.path[0] == 'k' && !keys);
    } else {
        oc_srv_keys_find(keys, (oc_slice){(const char *)data, size});
        oc_srv_keys_release(keys);
    }
    oc_json_write_end(&json);
    expect(oc_json_write_finish(&json, NULL) == OCTAVO_OK);
    oc_buffer_free(&text);
    oc_arena_free(&arena);
    return 0;
}
