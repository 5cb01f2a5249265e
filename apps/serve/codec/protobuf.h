/* protobuf.h - the wire format of protocol buffers: fields one by one, nothing is copied. */
#ifndef OC_SERVE_PROTOBUF_H
#define OC_SERVE_PROTOBUF_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

typedef struct oc_pb_reader {
    const char *at, *end;
} oc_pb_reader;

typedef enum oc_pb_wire {
    OC_PB_VARINT = 0,
    OC_PB_64 = 1,
    OC_PB_BYTES = 2,
    OC_PB_32 = 5
} oc_pb_wire;

typedef struct oc_pb_field {
    uint32_t number;
    oc_pb_wire wire;
    uint64_t value; /* VARINT, 64, 32 */
    oc_slice bytes; /* BYTES: borrowed */
} oc_pb_field;

static inline oc_pb_reader oc_pb_open(oc_slice message) {
    const char *begin = message.data ? message.data : "";
    return (oc_pb_reader){begin, begin + message.length};
}

/* The next field; *more is false behind the last.
 *   CORRUPT (cause INPUT)  no such message: broken off, a group, a field of number 0 */
octavo_status oc_pb_next(oc_pb_reader *reader, oc_pb_field *out, bool *more, octavo_error *error);

/* A value of a packed list, or of one that is not: *more is false behind the last. */
octavo_status oc_pb_varint(oc_pb_reader *reader, uint64_t *out, octavo_error *error);

/* -- writing: values of zero and empty texts are left out, as proto3 does -------------------------
 */

void oc_pb_put_varint(oc_buffer *out, uint64_t value);
void oc_pb_put_uint(oc_buffer *out, uint32_t number, uint64_t value);
void oc_pb_put_bytes(oc_buffer *out, uint32_t number, const void *bytes, size_t size);
void oc_pb_put_text(oc_buffer *out, uint32_t number, const char *text);
/* A message or a packed list whose bytes are there; written even if empty. */
void oc_pb_put_part(oc_buffer *out, uint32_t number, const oc_buffer *part);

#endif
