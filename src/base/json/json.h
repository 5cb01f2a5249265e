/* json.h - a strict reader of JSON (RFC 8259) over bytes in memory.
 *
 * Strict: UTF-8 only and no byte order mark, no lone surrogates, no trailing commas or comments,
 * nothing but white space behind the one value.  Numbers must fit in a double.  Nesting is capped
 * by OC_LIMIT_JSON_DEPTH; nothing recurses.  A key that comes twice in one object is an error,
 * unless the caller allows it.
 *
 * The reader is pulled, either event by event (oc_json_next) or by what the caller expects:
 *
 *     oc_json_open(&json, bytes, size, 0, 0);
 *     OC_TRY(oc_json_object(&json, error));
 *     for (;;) {
 *         OC_TRY(oc_json_member(&json, &key, error));
 *         if (!key.data) {
 *             break;
 *         }
 *         if (oc_slice_is(key, "hidden_size")) {
 *             OC_TRY(oc_json_int32(&json, 1, OC_LIMIT_WIDTH, &config->width, error));
 *         } else {
 *             OC_TRY(oc_json_skip(&json, NULL, error));
 *         }
 *     }
 *     OC_TRY(oc_json_finish(&json, error));
 * done:
 *     oc_json_close(&json);
 *
 * Errors of all functions (error->offset is the byte in the file, the sentence begins with the
 * place, such as "text_config.layers[3].width"):
 *   CORRUPT      not JSON, or not what the caller expects at this place
 *   UNSUPPORTED  nested deeper, a longer number or more keys than base/limits.h allows
 *   EXHAUSTED    memory is out
 * After an error every call fails with the same status.
 *
 * Text that is handed out lives until oc_json_close and no longer than the bytes, which must not
 * change meanwhile.  One thread at a time.
 */
#ifndef OC_BASE_JSON_H
#define OC_BASE_JSON_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/json/json_keys.h"
#include "base/limits.h"
#include "base/slice.h"
#include "base/status.h"

/* name, what an error message calls it */
#define OC_JSON_TYPE_MAP(XX)                                                                       \
    XX(END, "the end")                                                                             \
    XX(OBJECT_BEGIN, "an object")                                                                  \
    XX(OBJECT_END, "the end of an object")                                                         \
    XX(ARRAY_BEGIN, "an array")                                                                    \
    XX(ARRAY_END, "the end of an array")                                                           \
    XX(KEY, "a key")                                                                               \
    XX(STRING, "a string")                                                                         \
    XX(NUMBER, "a number")                                                                         \
    XX(TRUE, "true")                                                                               \
    XX(FALSE, "false")                                                                             \
    XX(NULL, "null")

typedef enum oc_json_type {
#define XX(name, text) OC_JSON_##name,
    OC_JSON_TYPE_MAP(XX)
#undef XX
} oc_json_type;

typedef struct oc_json_event {
    oc_json_type type;
    bool is_integer; /* NUMBER: written without fraction and exponent, and fits in int64 */
    uint64_t offset; /* of its first byte, in the file */
    oc_slice text;   /* KEY, STRING: decoded, may hold zero bytes; NUMBER: as written */
    int64_t integer; /* NUMBER with is_integer */
    double number;   /* NUMBER */
} oc_json_event;

typedef struct oc_json_level {
    bool is_object;
    oc_slice key;       /* of the latest member; data is NULL before the first */
    uint64_t elements;  /* begun so far */
    uint32_t first_key; /* in the set of keys */
} oc_json_level;

/* All fields are the reader's own. */
typedef struct oc_json {
    const char *bytes;
    size_t size, at;
    uint64_t base;   /* offset of bytes[0] in the file */
    uint64_t latest; /* offset of the latest event */
    octavo_status status;
    bool allow_duplicates;
    bool ready; /* the next event is of `type` and begins at `at` */
    oc_json_type type;
    int expect;
    uint32_t depth;
    oc_json_level levels[OC_LIMIT_JSON_DEPTH];
    oc_json_keys keys; /* of the open objects */
    oc_arena strings;  /* those with escapes, decoded */
} oc_json;

enum {
    OC_JSON_ALLOW_DUPLICATES = 1
}; /* flag: duplicate keys do no harm, or the caller sees to them */

/* `base` is the offset of bytes[0] in the file, for messages.  Cannot fail; allocates nothing yet.
 */
void oc_json_open(oc_json *json, const void *bytes, size_t size, uint64_t base, int flags);
void oc_json_close(oc_json *json); /* a zeroed struct is accepted */

/* The next event.  Behind the value, END for ever. */
octavo_status oc_json_next(oc_json *json, oc_json_event *event, octavo_error *error);
/* Its type, without taking it. */
octavo_status oc_json_peek(oc_json *json, oc_json_type *type, octavo_error *error);

/* Takes the value that comes next whole, whatever it is, checked all the same.  raw, unless NULL,
 * receives its bytes as written: a reader of its own can be opened on them later, with
 * base + (raw.data - bytes). */
octavo_status oc_json_skip(oc_json *json, oc_slice *raw, octavo_error *error);

/* -- what the caller expects next ------------------------------------------------------------ */

octavo_status oc_json_object(oc_json *json, octavo_error *error); /* the beginning of one */
octavo_status oc_json_array(oc_json *json, octavo_error *error);
/* The next member's key, its value comes next; key->data is NULL when the object has ended. */
octavo_status oc_json_member(oc_json *json, oc_slice *key, octavo_error *error);
/* *more: an element comes next; false: the array has ended. */
octavo_status oc_json_element(oc_json *json, bool *more, octavo_error *error);

octavo_status oc_json_string(oc_json *json, oc_slice *out, octavo_error *error);
/* A zero-terminated copy of at most `max_bytes` bytes, none of them zero. */
octavo_status oc_json_text(oc_json *json, size_t max_bytes, oc_arena *arena, const char **out,
                           octavo_error *error);
octavo_status oc_json_int64(oc_json *json, int64_t min, int64_t max, int64_t *out,
                            octavo_error *error);
octavo_status oc_json_int32(oc_json *json, int32_t min, int32_t max, int32_t *out,
                            octavo_error *error);
octavo_status oc_json_double(oc_json *json, double *out, octavo_error *error);
octavo_status oc_json_bool(oc_json *json, bool *out, octavo_error *error);
/* Takes a null if one comes next; *was_null is false and nothing is taken otherwise. */
octavo_status oc_json_null(oc_json *json, bool *was_null, octavo_error *error);
/* Nothing but white space is left. */
octavo_status oc_json_finish(oc_json *json, octavo_error *error);

/* -- errors ------------------------------------------------------------------------------------ */

/* "text_config.layers[3].width" of the latest event; "" at the top.  Cut to what fits. */
void oc_json_path(const oc_json *json, char *text, size_t capacity);

/* Fails with "PLACE: SENTENCE (byte N)"; the reader is spent.  N and error->offset are `offset`. */
octavo_status oc_json_fail(oc_json *json, octavo_error *error, octavo_status status,
                           uint64_t offset, const char *source, int line, const char *format, ...)
    __attribute__((format(printf, 7, 8)));

/* OC_FAIL at the latest event, for what the caller finds wrong with it. */
#define OC_JSON_FAIL(json, error, code, ...)                                                       \
    do {                                                                                           \
        status = oc_json_fail((json), (error), (code), (json)->latest, __FILE__, __LINE__,         \
                              __VA_ARGS__);                                                        \
        goto done;                                                                                 \
    } while (0)

#endif
