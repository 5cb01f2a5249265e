/* protobuf.c - see protobuf.h. */
#include "serve/codec/protobuf.h"

static octavo_status fail(octavo_error *error, const char *what) {
    oc_fail(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, __FILE__, __LINE__, "the message %s", what);
    if (error) {
        error->cause = OCTAVO_CAUSE_INPUT;
    }
    return OCTAVO_CORRUPT;
}

octavo_status oc_pb_varint(oc_pb_reader *reader, uint64_t *out, octavo_error *error) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (reader->at == reader->end) {
            return fail(error, "breaks off in a number");
        }
        unsigned char byte = (unsigned char)*reader->at++;
        if (shift == 63 && byte > 1) {
            return fail(error, "has a number over 64 bits");
        }
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            *out = value;
            return OCTAVO_OK;
        }
    }
    return fail(error, "has a number over 64 bits");
}

octavo_status oc_pb_next(oc_pb_reader *reader, oc_pb_field *out, bool *more, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t tag, length;
    size_t left;
    *out = (oc_pb_field){.number = 0};
    *more = reader->at != reader->end;
    if (!*more) {
        goto done;
    }
    OC_TRY(oc_pb_varint(reader, &tag, error));
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff) {
        status = fail(error, "has a field of an impossible number");
        goto done;
    }
    out->number = (uint32_t)(tag >> 3);
    out->wire = (oc_pb_wire)(tag & 7);
    left = (size_t)(reader->end - reader->at);
    switch (out->wire) {
    case OC_PB_VARINT:
        OC_TRY(oc_pb_varint(reader, &out->value, error));
        break;
    case OC_PB_64:
    case OC_PB_32:
        length = out->wire == OC_PB_64 ? 8 : 4;
        if (left < length) {
            status = fail(error, "breaks off in a number");
            goto done;
        }
        memcpy(&out->value, reader->at, (size_t)length); /* little-endian, as this machine is */
        reader->at += length;
        break;
    case OC_PB_BYTES:
        OC_TRY(oc_pb_varint(reader, &length, error));
        if (length > (size_t)(reader->end - reader->at)) {
            status = fail(error, "breaks off in a field of bytes");
            goto done;
        }
        out->bytes = (oc_slice){reader->at, (size_t)length};
        reader->at += length;
        break;
    default:
        status = fail(error, "has a field of an unknown kind");
    }
done:
    return status;
}

void oc_pb_put_varint(oc_buffer *out, uint64_t value) {
    char bytes[10];
    size_t count = 0;
    do {
        bytes[count++] = (char)((value & 127) | (value > 127 ? 128 : 0));
        value >>= 7;
    } while (value);
    oc_buffer_append(out, bytes, count);
}

void oc_pb_put_uint(oc_buffer *out, uint32_t number, uint64_t value) {
    if (value) {
        oc_pb_put_varint(out, (uint64_t)number << 3 | OC_PB_VARINT);
        oc_pb_put_varint(out, value);
    }
}

static void put_bytes(oc_buffer *out, uint32_t number, const void *bytes, size_t size) {
    oc_pb_put_varint(out, (uint64_t)number << 3 | OC_PB_BYTES);
    oc_pb_put_varint(out, size);
    oc_buffer_append(out, bytes, size);
}

void oc_pb_put_bytes(oc_buffer *out, uint32_t number, const void *bytes, size_t size) {
    if (size) {
        put_bytes(out, number, bytes, size);
    }
}

void oc_pb_put_text(oc_buffer *out, uint32_t number, const char *text) {
    oc_pb_put_bytes(out, number, text, text ? strlen(text) : 0);
}

void oc_pb_put_part(oc_buffer *out, uint32_t number, const oc_buffer *part) {
    out->failed |= part->failed;
    put_bytes(out, number, part->data ? part->data : "", part->size);
}
