/* json_write.h - writing JSON (RFC 8259) into a growing buffer.
 *
 *     oc_json_writer json;
 *     oc_json_write_open(&json, &buffer, true);
 *     oc_json_write_object(&json);
 *     oc_json_write_key(&json, "rows");
 *     oc_json_write_int(&json, 7);
 *     oc_json_write_end(&json);
 *     OC_TRY(oc_json_write_finish(&json, error));
 *
 * What comes out is valid UTF-8 whatever goes in: invalid sequences become U+FFFD.  Calls cannot
 * fail; out of memory shows at the end.  Calls in an order that makes no JSON are bugs of the
 * caller: OC_ASSERT, and INTERNAL at the end.  One thread at a time.
 */
#ifndef OC_BASE_JSON_WRITE_H
#define OC_BASE_JSON_WRITE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

/* All fields are the writer's own. */
typedef struct oc_json_writer {
    oc_buffer *out;
    bool indent, misused;
    bool first;        /* nothing stands at this level yet */
    bool keyed;        /* a key waits for its value */
    uint32_t depth;    /* at most 64 */
    uint64_t is_array; /* bit d: level d */
} oc_json_writer;

/* Appends to `out`.  indent: two spaces a level, one member or element a line; else no space. */
void oc_json_write_open(oc_json_writer *json, oc_buffer *out, bool indent);
/* INTERNAL: not exactly one whole value.  EXHAUSTED: memory was out. */
octavo_status oc_json_write_finish(const oc_json_writer *json, octavo_error *error);
/* The same; *out receives the buffer's text, 0-terminated, which the caller frees. */
octavo_status oc_json_write_take(const oc_json_writer *json, char **out, octavo_error *error);

void oc_json_write_object(oc_json_writer *json);
void oc_json_write_array(oc_json_writer *json);
void oc_json_write_end(oc_json_writer *json); /* of the innermost object or array */

void oc_json_write_key(oc_json_writer *json, const char *key);
void oc_json_write_key_slice(oc_json_writer *json, oc_slice key);

void oc_json_write_text(oc_json_writer *json, const char *text); /* NULL: null */
void oc_json_write_slice(oc_json_writer *json, oc_slice text);
void oc_json_write_int(oc_json_writer *json, int64_t value);
void oc_json_write_double(oc_json_writer *json, double value); /* not finite: null */
void oc_json_write_float(oc_json_writer *json, float value); /* shortest that reads back as float */
void oc_json_write_bool(oc_json_writer *json, bool value);

/* A key and its value. */
void oc_json_write_text_member(oc_json_writer *json, const char *key, const char *text);
void oc_json_write_int_member(oc_json_writer *json, const char *key, int64_t value);
void oc_json_write_double_member(oc_json_writer *json, const char *key, double value);
void oc_json_write_null(oc_json_writer *json);
/* A value that is JSON already. */
void oc_json_write_raw(oc_json_writer *json, oc_slice value);

#endif
