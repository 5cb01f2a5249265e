/* json.c - the reader's events.  json_expect.c has what is built on them. */
#include "base/json/json.h"

#include <string.h>

#include "base/json/number.h"
#include "base/sys/kind.h"
#include "base/utf8.h"

/* What the grammar allows at `at`, white space aside. */
enum {
    EXPECT_VALUE, /* at the top, behind ':' and ',' */
    EXPECT_FIRST, /* behind '{' and '[': a key or a value, or the end */
    EXPECT_AFTER  /* behind a value: ',' or the end */
};

#define FAIL_AT(json, error, code, place, ...)                                                     \
    do {                                                                                           \
        status = oc_json_fail((json), (error), (code), (json)->base + (place), __FILE__, __LINE__, \
                              __VA_ARGS__);                                                        \
        goto done;                                                                                 \
    } while (0)

void oc_json_open(oc_json *json, const void *bytes, size_t size, uint64_t base, int flags) {
    memset(json, 0, sizeof *json);
    json->bytes = bytes;
    json->size = size;
    json->base = base;
    json->latest = base;
    json->allow_duplicates = flags & OC_JSON_ALLOW_DUPLICATES;
    json->expect = EXPECT_VALUE;
    oc_arena_init(&json->strings);
}

void oc_json_close(oc_json *json) {
    oc_json_keys_free(&json->keys);
    oc_arena_free(&json->strings);
    memset(json, 0, sizeof *json);
}

static void skip_space(oc_json *json) {
    size_t at = json->at;
    while (at < json->size && (json->bytes[at] == ' ' || json->bytes[at] == '\n' ||
                               json->bytes[at] == '\r' || json->bytes[at] == '\t')) {
        at++;
    }
    json->at = at;
}

/* The next byte, -1 at the end. */
static int look(const oc_json *json) {
    return json->at < json->size ? (unsigned char)json->bytes[json->at] : -1;
}

static oc_json_level *innermost(oc_json *json) {
    return json->depth ? &json->levels[json->depth - 1] : NULL;
}

/* A word at the reader's place that writers such as Python's put for a number that is not finite;
 * JSON has none.  NULL: another text. */
static const char *not_finite(const oc_json *json) {
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < OC_COUNT(words); i++) {
        if (oc_slice_starts((oc_slice){json->bytes + json->at, json->size - json->at}, words[i])) {
            return words[i];
        }
    }
    return NULL;
}

/* Moves to the next event's first byte, over a comma if there is one, and tells its type by that
 * byte alone. */
static octavo_status prepare(oc_json *json, octavo_error *error) {
    octavo_status status = json->status;
    if (status || json->ready) {
        goto done;
    }
    oc_json_level *level = innermost(json);
    bool want_key = false;
    skip_space(json);
    int c = look(json);
    if (json->expect != EXPECT_VALUE) {
        int closing = !level ? -1 : level->is_object ? '}' : ']';
        if (c == closing) {
            json->type = !level             ? OC_JSON_END
                         : level->is_object ? OC_JSON_OBJECT_END
                                            : OC_JSON_ARRAY_END;
            json->ready = true;
            goto done;
        }
        if (!level) {
            FAIL_AT(json, error, OCTAVO_CORRUPT, json->at,
                    "the JSON value has ended, but more follows");
        }
        if (json->expect == EXPECT_AFTER) {
            if (c != ',') {
                FAIL_AT(json, error, OCTAVO_CORRUPT, json->at, "expected ',' or '%c' here",
                        closing);
            }
            json->at++;
            skip_space(json);
            c = look(json);
        }
        want_key = level->is_object;
    }
    if (want_key && c != '"') {
        FAIL_AT(json, error, OCTAVO_CORRUPT, json->at, "expected a key in quotes here");
    }
    if (level && !level->is_object) {
        level->elements++;
    }
    switch (c) {
    case '{':
        json->type = OC_JSON_OBJECT_BEGIN;
        break;
    case '[':
        json->type = OC_JSON_ARRAY_BEGIN;
        break;
    case '"':
        json->type = want_key ? OC_JSON_KEY : OC_JSON_STRING;
        break;
    case 't':
        json->type = OC_JSON_TRUE;
        break;
    case 'f':
        json->type = OC_JSON_FALSE;
        break;
    case 'n':
        json->type = OC_JSON_NULL;
        break;
    default:
        if (not_finite(json)) {
            FAIL_AT(json, error, OCTAVO_CORRUPT, json->at,
                    "%s is no JSON value, a number must be finite", not_finite(json));
        }
        if (c != '-' && (c < '0' || c > '9')) {
            const char *kind =
                json->base + json->at == 0 ? oc_file_kind(json->bytes, json->size) : NULL;
            if (kind) {
                FAIL_AT(json, error, OCTAVO_CORRUPT, json->at, "this is not JSON but %s", kind);
            }
            FAIL_AT(json, error, OCTAVO_CORRUPT, json->at,
                    c < 0 ? "the JSON text breaks off where a value should be"
                          : "expected a value here");
        }
        json->type = OC_JSON_NUMBER;
    }
    json->ready = true;
done:
    return status;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The UTF-16 unit of \uXXXX at `text`; -1 if that is not there. */
static int32_t escaped_unit(const char *text, size_t size) {
    int32_t unit = 0;
    if (size < 6 || text[0] != '\\' || text[1] != 'u') {
        return -1;
    }
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

/* The character of the escape sequence at `text`, and its length; 0 if it is not a valid one. */
static size_t read_escape(const char *text, size_t size, uint32_t *point) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter = size >= 2 && text[1] ? strchr(letters, text[1]) : NULL;
    if (letter) {
        *point = (uint32_t)meanings[letter - letters];
        return 2;
    }
    int32_t unit = escaped_unit(text, size);
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff)) {
        return 0;
    }
    if (unit < 0xd800 || unit > 0xdfff) {
        *point = (uint32_t)unit;
        return 6;
    }
    int32_t low = escaped_unit(text + 6, size - 6);
    if (low < 0xdc00 || low > 0xdfff) {
        return 0;
    }
    *point = (uint32_t)(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
    return 12;
}

/* The characters of a checked string that has escapes, in memory of the reader. */
static octavo_status decode_string(oc_json *json, oc_slice *text, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *from = text->data, *end = text->data + text->length;
    /* An escape is never shorter than its character. */
    char *decoded = oc_arena_alloc(&json->strings, text->length), *to = decoded;
    if (!decoded) {
        json->status = OCTAVO_EXHAUSTED;
        OC_NO_MEMORY(error, text->length);
    }
    while (from < end) {
        const char *escape = memchr(from, '\\', (size_t)(end - from));
        size_t plain = (size_t)((escape ? escape : end) - from);
        memcpy(to, from, plain);
        from += plain;
        to += plain;
        if (escape) {
            uint32_t point = 0;
            from += read_escape(from, (size_t)(end - from), &point);
            to += oc_utf8_write(point, to);
        }
    }
    *text = (oc_slice){decoded, (size_t)(to - decoded)};
done:
    return status;
}

/* Bytes that stand for themselves: ASCII but for controls, '"' and '\\'. */
static bool is_plain(char c) {
    return (signed char)c >= 0x20 && c != '"' && c != '\\';
}

static octavo_status read_string(oc_json *json, bool decode, oc_slice *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *bytes = json->bytes;
    size_t opening = json->at, at = opening + 1;
    bool escaped = false;
    for (;;) {
        size_t used = 0;
        uint32_t point;
        while (at < json->size && is_plain(bytes[at])) {
            at++;
        }
        if (at >= json->size) {
            FAIL_AT(json, error, OCTAVO_CORRUPT, opening, "a string begins here and does not end");
        }
        unsigned char c = (unsigned char)bytes[at];
        if (c == '"') {
            break;
        }
        if (c == '\\') {
            escaped = true;
            used = read_escape(bytes + at, json->size - at, &point);
            if (!used) {
                FAIL_AT(json, error, OCTAVO_CORRUPT, at,
                        "not a valid escape sequence, or half of a surrogate pair");
            }
        } else if (c < 0x20) {
            FAIL_AT(json, error, OCTAVO_CORRUPT, at,
                    "control character 0x%02x stands in a string unescaped", c);
        } else if (!oc_utf8_read(bytes + at, json->size - at, &point, &used)) {
            FAIL_AT(json, error, OCTAVO_CORRUPT, at, "byte 0x%02x is not valid UTF-8", c);
        }
        at += used;
    }
    *out = (oc_slice){bytes + opening + 1, at - opening - 1};
    json->at = at + 1;
    if (escaped && decode) {
        OC_TRY(decode_string(json, out, error));
    }
done:
    return status;
}

static octavo_status read_key(oc_json *json, oc_slice *key, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json_level *level = innermost(json);
    size_t opening = json->at;
    bool duplicate = false;
    OC_TRY(read_string(json, true, key, error));
    level->key = *key;
    if (!json->allow_duplicates) {
        status = oc_json_keys_push(&json->keys, level->first_key, *key, &duplicate, error);
        json->status = status;
        OC_TRY(status);
    }
    if (duplicate) {
        FAIL_AT(json, error, OCTAVO_CORRUPT, opening, "this key comes twice in one object");
    }
    skip_space(json);
    if (look(json) != ':') {
        FAIL_AT(json, error, OCTAVO_CORRUPT, json->at, "expected ':' behind the key");
    }
    json->at++;
    json->expect = EXPECT_VALUE;
done:
    return status;
}

static octavo_status read_number(oc_json *json, oc_json_event *event, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *text = json->bytes + json->at;
    bool is_integer = false;
    size_t length = oc_scan_number(text, json->size - json->at, &is_integer);
    if (length == 0) {
        FAIL_AT(json, error, OCTAVO_CORRUPT, json->at, "not a complete number");
    }
    if (length > OC_LIMIT_NUMBER_BYTES) {
        FAIL_AT(json, error, OCTAVO_UNSUPPORTED, json->at,
                "a number of %zu characters, the limit is %u", length, OC_LIMIT_NUMBER_BYTES);
    }
    event->text = (oc_slice){text, length};
    event->is_integer = is_integer && oc_parse_int64(text, length, &event->integer);
    if (event->is_integer && event->integer != 0) {
        event->number = (double)event->integer;
    } else if (!oc_parse_double(text, length, &event->number)) {
        FAIL_AT(json, error, OCTAVO_CORRUPT, json->at, "%.*s is too large for a double",
                oc_slice_width(event->text), text);
    }
    json->at += length;
done:
    return status;
}

static octavo_status read_word(oc_json *json, const char *word, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t length = strlen(word);
    if (json->size - json->at < length || memcmp(json->bytes + json->at, word, length) != 0) {
        FAIL_AT(json, error, OCTAVO_CORRUPT, json->at, "expected a value here");
    }
    json->at += length;
done:
    return status;
}

static octavo_status descend(oc_json *json, bool is_object, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (json->depth == OC_LIMIT_JSON_DEPTH) {
        FAIL_AT(json, error, OCTAVO_UNSUPPORTED, json->at, "nested deeper than %u levels",
                OC_LIMIT_JSON_DEPTH);
    }
    json->levels[json->depth++] =
        (oc_json_level){.is_object = is_object, .first_key = json->keys.count};
    json->at++;
done:
    return status;
}

static void ascend(oc_json *json) {
    oc_json_keys_pop(&json->keys, innermost(json)->first_key);
    json->depth--;
    json->at++;
}

/* decode: texts of strings are wanted. */
static octavo_status take(oc_json *json, bool decode, oc_json_event *event, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    memset(event, 0, sizeof *event);
    OC_TRY(prepare(json, error));
    json->latest = json->base + json->at;
    event->type = json->type;
    event->offset = json->latest;
    int expect = EXPECT_AFTER;
    switch (json->type) {
    case OC_JSON_END:
        goto done;
    case OC_JSON_OBJECT_BEGIN:
    case OC_JSON_ARRAY_BEGIN:
        OC_TRY(descend(json, json->type == OC_JSON_OBJECT_BEGIN, error));
        expect = EXPECT_FIRST;
        break;
    case OC_JSON_OBJECT_END:
    case OC_JSON_ARRAY_END:
        ascend(json);
        break;
    case OC_JSON_KEY:
        OC_TRY(read_key(json, &event->text, error));
        expect = EXPECT_VALUE;
        break;
    case OC_JSON_STRING:
        OC_TRY(read_string(json, decode, &event->text, error));
        break;
    case OC_JSON_NUMBER:
        OC_TRY(read_number(json, event, error));
        break;
    case OC_JSON_TRUE:
        OC_TRY(read_word(json, "true", error));
        break;
    case OC_JSON_FALSE:
        OC_TRY(read_word(json, "false", error));
        break;
    case OC_JSON_NULL:
        OC_TRY(read_word(json, "null", error));
        break;
    }
    json->expect = expect;
    json->ready = false;
done:
    return status;
}

octavo_status oc_json_next(oc_json *json, oc_json_event *event, octavo_error *error) {
    return take(json, true, event, error);
}

octavo_status oc_json_peek(oc_json *json, oc_json_type *type, octavo_error *error) {
    octavo_status status = prepare(json, error);
    *type = status ? OC_JSON_END : json->type;
    return status;
}

octavo_status oc_json_skip(oc_json *json, oc_slice *raw, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json_event event;
    uint32_t depth = json->depth;
    OC_TRY(prepare(json, error));
    size_t begin = json->at;
    oc_json_type first = json->type;
    if (first == OC_JSON_END || first == OC_JSON_KEY || first == OC_JSON_OBJECT_END ||
        first == OC_JSON_ARRAY_END) {
        FAIL_AT(json, error, OCTAVO_CORRUPT, json->at, "expected a value here");
    }
    do {
        OC_TRY(take(json, false, &event, error));
    } while (json->depth > depth);
    if (raw) {
        *raw = (oc_slice){json->bytes + begin, json->at - begin};
    }
done:
    return status;
}
