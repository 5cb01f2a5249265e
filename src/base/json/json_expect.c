/* json_expect.c - reading what the caller expects, and saying where and how a file differs. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json/json.h"

static const char *const type_names[] = {
#define XX(name, text) [OC_JSON_##name] = text,
    OC_JSON_TYPE_MAP(XX)
#undef XX
};

void oc_json_path(const oc_json *json, char *text, size_t capacity) {
    size_t length = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < json->depth; i++) {
        const oc_json_level *level = &json->levels[i];
        int more = 0;
        if (level->is_object && level->key.data) {
            more = snprintf(text + length, capacity - length, "%s%.*s", length ? "." : "",
                            oc_slice_width(level->key), level->key.data);
        } else if (level->elements) {
            more = snprintf(text + length, capacity - length, "[%" PRIu64 "]", level->elements - 1);
        }
        if (more < 0 || (size_t)more >= capacity - length) {
            break;
        }
        length += (size_t)more;
    }
}

octavo_status oc_json_fail(oc_json *json, octavo_error *error, octavo_status status,
                           uint64_t offset, const char *source, int line, const char *format, ...) {
    char path[256], sentence[512];
    va_list args;
    va_start(args, format);
    if (vsnprintf(sentence, sizeof sentence, format, args) < 0) {
        sentence[0] = 0;
    }
    va_end(args);
    oc_json_path(json, path, sizeof path);
    json->status = status;
    return oc_fail(error, status, offset, source, line, "%s%s%s (byte %" PRIu64 ")", path,
                   path[0] ? ": " : "", sentence, offset);
}

/* What was found, for "expected X, found Y". */
static void describe(const oc_json_event *event, char *text, size_t capacity) {
    enum { SHOWN = 40 };
    int width = event->text.length < SHOWN ? (int)event->text.length : SHOWN;
    const char *dots = event->text.length > SHOWN ? "..." : "";
    if (event->type == OC_JSON_STRING) {
        snprintf(text, capacity, "\"%.*s%s\"", width, event->text.data, dots);
    } else if (event->type == OC_JSON_NUMBER) {
        snprintf(text, capacity, "%.*s%s", width, event->text.data, dots);
    } else {
        snprintf(text, capacity, "%s", type_names[event->type]);
    }
}

static octavo_status refuse(oc_json *json, const oc_json_event *event, const char *wanted,
                            octavo_error *error) {
    octavo_status status;
    char found[64];
    describe(event, found, sizeof found);
    OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "expected %s, found %s", wanted, found);
done:
    return status;
}

static octavo_status expect(oc_json *json, oc_json_type type, oc_json_event *event,
                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_json_next(json, event, error));
    if (event->type != type) {
        status = refuse(json, event, type_names[type], error);
    }
done:
    return status;
}

octavo_status oc_json_object(oc_json *json, octavo_error *error) {
    oc_json_event event;
    return expect(json, OC_JSON_OBJECT_BEGIN, &event, error);
}

octavo_status oc_json_array(oc_json *json, octavo_error *error) {
    oc_json_event event;
    return expect(json, OC_JSON_ARRAY_BEGIN, &event, error);
}

octavo_status oc_json_member(oc_json *json, oc_slice *key, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json_event event;
    *key = (oc_slice){0};
    OC_TRY(oc_json_next(json, &event, error));
    if (event.type == OC_JSON_KEY) {
        *key = event.text;
    } else if (event.type != OC_JSON_OBJECT_END) {
        status = refuse(json, &event, type_names[OC_JSON_KEY], error);
    }
done:
    return status;
}

octavo_status oc_json_element(oc_json *json, bool *more, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json_event event;
    oc_json_type type;
    *more = false;
    OC_TRY(oc_json_peek(json, &type, error));
    if (type == OC_JSON_ARRAY_END) {
        OC_TRY(oc_json_next(json, &event, error));
    } else {
        *more = true;
    }
done:
    return status;
}

octavo_status oc_json_string(oc_json *json, oc_slice *out, octavo_error *error) {
    oc_json_event event;
    octavo_status status = expect(json, OC_JSON_STRING, &event, error);
    *out = status ? (oc_slice){0} : event.text;
    return status;
}

octavo_status oc_json_text(oc_json *json, size_t max_bytes, oc_arena *arena, const char **out,
                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice text;
    *out = NULL;
    OC_TRY(oc_json_string(json, &text, error));
    if (text.length > max_bytes) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "a string of %zu bytes, the limit is %zu",
                     text.length, max_bytes);
    }
    if (memchr(text.data, 0, text.length)) {
        OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "a string with a zero byte in it");
    }
    *out = oc_arena_text(arena, text.data, text.length);
    if (!*out) {
        OC_NO_MEMORY(error, text.length + 1);
    }
done:
    return status;
}

octavo_status oc_json_int64(oc_json *json, int64_t min, int64_t max, int64_t *out,
                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json_event event;
    *out = 0;
    OC_TRY(oc_json_next(json, &event, error));
    if (!event.is_integer || event.integer < min || event.integer > max) {
        char wanted[80];
        snprintf(wanted, sizeof wanted, "an integer from %" PRId64 " to %" PRId64, min, max);
        OC_TRY(refuse(json, &event, wanted, error));
    }
    *out = event.integer;
done:
    return status;
}

octavo_status oc_json_int32(oc_json *json, int32_t min, int32_t max, int32_t *out,
                            octavo_error *error) {
    int64_t value;
    octavo_status status = oc_json_int64(json, min, max, &value, error);
    *out = (int32_t)value;
    return status;
}

octavo_status oc_json_double(oc_json *json, double *out, octavo_error *error) {
    oc_json_event event;
    octavo_status status = expect(json, OC_JSON_NUMBER, &event, error);
    *out = status ? 0 : event.number;
    return status;
}

octavo_status oc_json_bool(oc_json *json, bool *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json_event event;
    *out = false;
    OC_TRY(oc_json_next(json, &event, error));
    if (event.type != OC_JSON_TRUE && event.type != OC_JSON_FALSE) {
        OC_TRY(refuse(json, &event, "true or false", error));
    }
    *out = event.type == OC_JSON_TRUE;
done:
    return status;
}

octavo_status oc_json_null(oc_json *json, bool *was_null, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json_event event;
    oc_json_type type;
    *was_null = false;
    OC_TRY(oc_json_peek(json, &type, error));
    if (type == OC_JSON_NULL) {
        OC_TRY(oc_json_next(json, &event, error));
        *was_null = true;
    }
done:
    return status;
}

octavo_status oc_json_finish(oc_json *json, octavo_error *error) {
    oc_json_event event;
    return expect(json, OC_JSON_END, &event, error);
}
