/* json_write.c - see json_write.h. */
#include "base/json/json_write.h"

#include <inttypes.h>
#include <math.h>

#include "base/json/number.h"
#include "base/utf8.h"

enum { DEPTH_MAX = 64 };

void oc_json_write_open(oc_json_writer *json, oc_buffer *out, bool indent) {
    *json = (oc_json_writer){.out = out, .indent = indent, .first = true};
}

octavo_status oc_json_write_finish(const oc_json_writer *json, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (json->misused || json->depth || json->first) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET,
                "JSON was not written as one whole value");
    }
    status = oc_buffer_status(json->out, error);
done:
    return status;
}

static bool in_array(const oc_json_writer *json) {
    return json->depth > 0 && (json->is_array >> (json->depth - 1) & 1);
}

/* False, and remembered, where the caller is at the wrong place. */
static bool allowed(oc_json_writer *json, bool condition) {
    OC_ASSERT(condition);
    json->misused |= !condition;
    return condition;
}

static void new_line(oc_json_writer *json) {
    if (json->indent) {
        oc_buffer_byte(json->out, '\n');
        for (uint32_t i = 0; i < json->depth; i++) {
            oc_buffer_append(json->out, "  ", 2);
        }
    }
}

static void next_item(oc_json_writer *json) {
    if (!json->first) {
        oc_buffer_byte(json->out, ',');
    }
    if (json->depth) {
        new_line(json);
    }
    json->first = false;
}

/* Before any value. */
static bool begin_value(oc_json_writer *json) {
    bool fits = json->keyed || in_array(json) || (json->depth == 0 && json->first);
    if (!allowed(json, fits)) {
        return false;
    }
    if (!json->keyed) {
        next_item(json);
    }
    json->keyed = false;
    return true;
}

static void begin_level(oc_json_writer *json, bool array) {
    if (begin_value(json) && allowed(json, json->depth < DEPTH_MAX)) {
        uint64_t bit = (uint64_t)1 << json->depth;
        json->is_array = array ? json->is_array | bit : json->is_array & ~bit;
        json->depth++;
        json->first = true;
        oc_buffer_byte(json->out, array ? '[' : '{');
    }
}

void oc_json_write_object(oc_json_writer *json) {
    begin_level(json, false);
}

void oc_json_write_array(oc_json_writer *json) {
    begin_level(json, true);
}

void oc_json_write_end(oc_json_writer *json) {
    if (allowed(json, json->depth > 0 && !json->keyed)) {
        char closing = in_array(json) ? ']' : '}';
        json->depth--;
        if (!json->first) {
            new_line(json);
        }
        json->first = false;
        oc_buffer_byte(json->out, closing);
    }
}

/* Runs of bytes that need no escape are appended at once. */
static void write_string(oc_json_writer *json, oc_slice text) {
    oc_buffer *out = json->out;
    size_t run = 0, used;
    oc_buffer_byte(out, '"');
    for (size_t i = 0; i < text.length; i += used) {
        unsigned char c = (unsigned char)text.data[i];
        uint32_t point = c;
        bool valid = true;
        used = 1;
        if (c >= 0x80) {
            valid = oc_utf8_read(text.data + i, text.length - i, &point, &used);
        }
        if (valid && c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        oc_buffer_append(out, text.data + run, i - run);
        run = i + used;
        if (!valid) {
            char replacement[4];
            oc_buffer_append(out, replacement, oc_utf8_write(OC_UTF8_REPLACEMENT, replacement));
        } else if (c == '"' || c == '\\') {
            oc_buffer_byte(out, '\\');
            oc_buffer_byte(out, (char)c);
        } else if (c == '\n' || c == '\t' || c == '\r') {
            oc_buffer_text(out, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
        } else {
            oc_buffer_printf(out, "\\u%04x", c);
        }
    }
    if (text.length > run) {
        oc_buffer_append(out, text.data + run, text.length - run);
    }
    oc_buffer_byte(out, '"');
}

void oc_json_write_key_slice(oc_json_writer *json, oc_slice key) {
    if (allowed(json, json->depth > 0 && !in_array(json) && !json->keyed)) {
        next_item(json);
        write_string(json, key);
        oc_buffer_text(json->out, json->indent ? ": " : ":");
        json->keyed = true;
    }
}

void oc_json_write_key(oc_json_writer *json, const char *key) {
    oc_json_write_key_slice(json, oc_slice_of(key));
}

void oc_json_write_slice(oc_json_writer *json, oc_slice text) {
    if (begin_value(json)) {
        write_string(json, text);
    }
}

void oc_json_write_text(oc_json_writer *json, const char *text) {
    if (text) {
        oc_json_write_slice(json, oc_slice_of(text));
    } else {
        oc_json_write_null(json);
    }
}

void oc_json_write_raw(oc_json_writer *json, oc_slice value) {
    if (begin_value(json)) {
        oc_buffer_append(json->out, value.data, value.length);
    }
}

void oc_json_write_int(oc_json_writer *json, int64_t value) {
    if (begin_value(json)) {
        oc_buffer_printf(json->out, "%" PRId64, value);
    }
}

void oc_json_write_double(oc_json_writer *json, double value) {
    char text[OC_NUMBER_TEXT];
    if (isfinite(value)) {
        oc_json_write_raw(json, (oc_slice){text, oc_format_double(value, text)});
    } else {
        oc_json_write_null(json);
    }
}

void oc_json_write_float(oc_json_writer *json, float value) {
    char text[OC_NUMBER_TEXT];
    if (isfinite(value)) {
        oc_json_write_raw(json, (oc_slice){text, oc_format_float(value, text)});
    } else {
        oc_json_write_null(json);
    }
}

void oc_json_write_bool(oc_json_writer *json, bool value) {
    oc_json_write_raw(json, oc_slice_of(value ? "true" : "false"));
}

void oc_json_write_null(oc_json_writer *json) {
    oc_json_write_raw(json, oc_slice_of("null"));
}

void oc_json_write_text_member(oc_json_writer *json, const char *key, const char *text) {
    oc_json_write_key(json, key);
    oc_json_write_text(json, text);
}

void oc_json_write_int_member(oc_json_writer *json, const char *key, int64_t value) {
    oc_json_write_key(json, key);
    oc_json_write_int(json, value);
}

void oc_json_write_double_member(oc_json_writer *json, const char *key, double value) {
    oc_json_write_key(json, key);
    oc_json_write_double(json, value);
}

octavo_status oc_json_write_take(const oc_json_writer *json, char **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(oc_json_write_finish(json, error));
    *out = oc_buffer_take(json->out, NULL);
    if (*out == NULL) {
        OC_NO_MEMORY(error, 1);
    }
done:
    return status;
}
