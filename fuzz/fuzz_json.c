// links: base num
/* fuzz_json.c - any bytes to the JSON reader: events and skipping agree, what was read is written
 * and read back equal, and any bytes at all are written as a valid string. */
#include <stdlib.h>

#include "base/json/json.h"
#include "base/json/json_write.h"

static void expect(bool condition) {
    if (!condition) {
        abort();
    }
}

/* Reads `size` bytes as JSON and writes them again. */
static octavo_status copy(const char *bytes, size_t size, bool indent, oc_buffer *out,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json;
    oc_json_event event;
    oc_json_writer writer;
    oc_json_open(&json, bytes, size, 0, 0);
    oc_json_write_open(&writer, out, indent);
    for (;;) {
        OC_TRY(oc_json_next(&json, &event, error));
        expect(event.offset <= size);
        switch (event.type) {
        case OC_JSON_END:
            OC_TRY(oc_json_write_finish(&writer, error));
            goto done;
        case OC_JSON_OBJECT_BEGIN:
            oc_json_write_object(&writer);
            break;
        case OC_JSON_ARRAY_BEGIN:
            oc_json_write_array(&writer);
            break;
        case OC_JSON_OBJECT_END:
        case OC_JSON_ARRAY_END:
            oc_json_write_end(&writer);
            break;
        case OC_JSON_KEY:
            oc_json_write_key_slice(&writer, event.text);
            break;
        case OC_JSON_STRING:
            oc_json_write_slice(&writer, event.text);
            break;
        case OC_JSON_NUMBER:
            if (event.is_integer && event.integer != 0) {
                oc_json_write_int(&writer, event.integer);
            } else {
                oc_json_write_double(&writer, event.number); /* -0 is not 0 */
            }
            break;
        case OC_JSON_TRUE:
        case OC_JSON_FALSE:
            oc_json_write_bool(&writer, event.type == OC_JSON_TRUE);
            break;
        case OC_JSON_NULL:
            oc_json_write_null(&writer);
            break;
        }
    }
done:
    oc_json_close(&json);
    return status;
}

static octavo_status skip(const char *bytes, size_t size, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json;
    oc_slice raw;
    oc_json_open(&json, bytes, size, 0, 0);
    OC_TRY(oc_json_skip(&json, &raw, error));
    expect(raw.data >= bytes && raw.length <= size);
    OC_TRY(oc_json_finish(&json, error));
done:
    oc_json_close(&json);
    return status;
}

static bool equal(const oc_buffer *a, const oc_buffer *b) {
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

static void check_string(const char *bytes, size_t size) {
    oc_buffer out;
    oc_json_writer writer;
    oc_json json;
    oc_slice text;
    oc_buffer_init(&out);
    oc_json_write_open(&writer, &out, false);
    oc_json_write_slice(&writer, (oc_slice){bytes, size});
    expect(oc_json_write_finish(&writer, NULL) == OCTAVO_OK);
    oc_json_open(&json, out.data, out.size, 0, 0);
    expect(oc_json_string(&json, &text, NULL) == OCTAVO_OK);
    expect(oc_json_finish(&json, NULL) == OCTAVO_OK);
    oc_json_close(&json);
    oc_buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *bytes = (const char *)data;
    octavo_error error, skipped;
    oc_buffer first, second, third;
    oc_error_clear(&error);
    oc_error_clear(&skipped);
    oc_buffer_init(&first);
    oc_buffer_init(&second);
    oc_buffer_init(&third);
    octavo_status status = copy(bytes, size, false, &first, &error);
    expect(skip(bytes, size, &skipped) == status);
    if (status) {
        expect(error.status == status && error.message[0] && error.offset <= size);
        expect(skipped.offset == error.offset);
    } else {
        expect(copy(first.data, first.size, true, &second, NULL) == OCTAVO_OK);
        expect(copy(second.data, second.size, false, &third, NULL) == OCTAVO_OK);
        expect(equal(&first, &third));
    }
    check_string(bytes, size);
    oc_buffer_free(&first);
    oc_buffer_free(&second);
    oc_buffer_free(&third);
    return 0;
}
