/* writer.c - streaming an engine file to the disk.
 *
 * WEIGHTS is written as it comes, behind the place of the front; the other sections and
 * at last the front follow when all sizes and hashes are known.  Padding is never
 * written: it is the zeros of the gaps between writes.
 */
#include "engine/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "base/size.h"
#include "base/sys/output.h"
#include "engine/front.h"
#include "engine/shape.h"
#include "engine/table.h"

struct oc_engine_writer {
    oc_output output;
    oc_buffer records, hashes, names; /* the parts of TENSORS */
    uint32_t count;                   /* tensors begun */
    uint64_t end;                     /* of the last tensor, in WEIGHTS */

    bool begun; /* a tensor has begun and not ended */
    oc_format_tensor tensor;
    uint64_t come;        /* bytes of it so far */
    uint64_t chunk_bytes; /* of each of its chunks but the last */
    XXH3_state_t *chunk;  /* hash of the chunk so far; owned */

    oc_buffer sections[OC_SECTION_KNOWN + 1]; /* by type */
    bool sealed;                              /* all of it is written */
};

octavo_status oc_engine_writer_create(const char *path, oc_engine_writer **out,
                                      octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_engine_writer *writer = calloc(1, sizeof *writer);
    *out = NULL;
    if (writer == NULL) {
        OC_NO_MEMORY(error, sizeof *writer);
    }
    writer->output = OC_OUTPUT_CLOSED;
    writer->chunk = XXH3_createState();
    if (writer->chunk == NULL) {
        OC_FAIL(error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET, "out of memory for a hash");
    }
    OC_TRY(oc_output_open(path, &writer->output, error));
    *out = writer;
    writer = NULL;
done:
    oc_engine_writer_free(writer);
    return status;
}

void oc_engine_writer_free(oc_engine_writer *writer) {
    if (writer == NULL) {
        return;
    }
    oc_output_abort(&writer->output);
    oc_buffer_free(&writer->records);
    oc_buffer_free(&writer->hashes);
    oc_buffer_free(&writer->names);
    for (int type = 0; type <= OC_SECTION_KNOWN; type++) {
        oc_buffer_free(&writer->sections[type]);
    }
    XXH3_freeState(writer->chunk);
    free(writer);
}

/* -- tensors ------------------------------------------------------------------------------- */

octavo_status oc_engine_writer_begin_tensor(oc_engine_writer *writer, const char *name,
                                            octavo_dtype dtype, int32_t rank, const int64_t *shape,
                                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_format_tensor tensor = {.dtype = dtype, .rank = (uint32_t)rank};
    size_t name_bytes = strlen(name) + 1;
    uint64_t row_bytes;
    char what[OC_LIMIT_TENSOR_NAME + 16];
    if (writer->begun) {
        OC_FAIL(error, OCTAVO_BAD_STATE, OCTAVO_NO_OFFSET,
                "tensor %s begins before the one that precedes it has ended", name);
    }
    if (oc_engine_name_length(name, name_bytes) == 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "a tensor's name is 1 to %u printable characters, this is not: '%.64s'",
                OC_LIMIT_TENSOR_NAME, name);
    }
    if (writer->count == OC_LIMIT_TENSORS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "tensor %s is one more than the %u that an engine can have", name,
                OC_LIMIT_TENSORS);
    }
    for (int32_t i = 0; i < rank && i < OCTAVO_MAX_RANK; i++) {
        tensor.shape[i] = shape[i];
    }
    snprintf(what, sizeof what, "tensor %s", name);
    OC_TRY(oc_shape_bytes(tensor.dtype, tensor.rank, tensor.shape, &tensor.bytes, OCTAVO_NO_OFFSET,
                          what, error));
    tensor.offset = oc_round_up(writer->end, OC_FORMAT_ALIGNMENT);
    if (tensor.bytes > INT64_MAX - tensor.offset) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%s makes the engine larger than a file can be", what);
    }
    row_bytes = rank >= 2 ? tensor.bytes / (uint64_t)tensor.shape[0] : tensor.bytes;
    writer->chunk_bytes = row_bytes * (uint64_t)oc_format_chunk_rows(row_bytes);
    writer->end = tensor.offset + tensor.bytes;
    writer->tensor = tensor;
    writer->come = 0;
    writer->begun = true;
    writer->count++;
    XXH3_64bits_reset(writer->chunk);
    oc_buffer_append(&writer->records, &tensor, sizeof tensor);
    oc_buffer_append(&writer->names, name, name_bytes);
done:
    return status;
}

/* Takes the tensor's next bytes into the hashes of their chunks. */
static void hash_bytes(oc_engine_writer *writer, const uint8_t *data, size_t bytes) {
    while (bytes > 0) {
        uint64_t room = writer->chunk_bytes - writer->come % writer->chunk_bytes;
        size_t part = bytes < room ? bytes : room;
        XXH3_64bits_update(writer->chunk, data, part);
        writer->come += part;
        data += part;
        bytes -= part;
        if (part == room || writer->come == writer->tensor.bytes) {
            uint64_t hash = XXH3_64bits_digest(writer->chunk);
            oc_buffer_append(&writer->hashes, &hash, sizeof hash);
            XXH3_64bits_reset(writer->chunk);
        }
    }
}

octavo_status oc_engine_writer_append(oc_engine_writer *writer, const void *data, size_t bytes,
                                      octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t left = writer->tensor.bytes - writer->come;
    uint64_t place = sizeof(oc_format_front) + writer->tensor.offset + writer->come;
    if (!writer->begun || bytes > left) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%zu bytes come for tensor %" PRIu32 ", which has room for %" PRIu64, bytes,
                writer->count, writer->begun ? left : 0);
    }
    OC_TRY(oc_output_write_at(&writer->output, place, data, bytes, error));
    hash_bytes(writer, data, bytes);
done:
    return status;
}

octavo_status oc_engine_writer_end_tensor(oc_engine_writer *writer, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (!writer->begun || writer->come != writer->tensor.bytes) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "tensor %" PRIu32 " ends after %" PRIu64 " bytes, its shape wants %" PRIu64,
                writer->count, writer->come, writer->tensor.bytes);
    }
    writer->begun = false;
done:
    return status;
}

/* -- the rest -------------------------------------------------------------------------------- */

octavo_status oc_engine_writer_section(oc_engine_writer *writer, oc_section_type type,
                                       const void *data, size_t bytes, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_section_kind *kind = oc_section_kind_of(type);
    if (kind == NULL || type == OC_SECTION_TENSORS || type == OC_SECTION_WEIGHTS) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "a section of type %d is not for callers to write", (int)type);
    }
    if (bytes == 0 || writer->sections[type].size > 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "section %s is %s", kind->name,
                bytes == 0 ? "empty" : "written twice");
    }
    oc_buffer_append(&writer->sections[type], data, bytes);
    OC_TRY(oc_buffer_status(&writer->sections[type], error));
done:
    return status;
}

/* Puts the parts of TENSORS together, and reads the result as a reader will. */
static octavo_status finish_tensors(oc_engine_writer *writer, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer *out = &writer->sections[OC_SECTION_TENSORS];
    oc_tensor_table table = {0};
    oc_format_tensors head = {.count = writer->count,
                              .names_bytes = (uint32_t)writer->names.size,
                              .chunk_count = writer->hashes.size / sizeof(uint64_t)};
    OC_TRY(oc_buffer_status(&writer->records, error));
    OC_TRY(oc_buffer_status(&writer->hashes, error));
    OC_TRY(oc_buffer_status(&writer->names, error));
    oc_buffer_append(out, &head, sizeof head);
    oc_buffer_append(out, writer->records.data, writer->records.size);
    oc_buffer_append(out, writer->hashes.data, writer->hashes.size);
    oc_buffer_append(out, writer->names.data, writer->names.size);
    OC_TRY(oc_buffer_status(out, error));
    OC_TRY(oc_tensor_table_read(out->data, out->size, 0, &table, error));
done:
    oc_tensor_table_free(&table);
    return status;
}

static void add_section(oc_format_front *front, uint32_t type, uint64_t bytes, uint64_t checksum) {
    front->sections[front->header.section_count++] =
        (oc_format_section){.type = type,
                            .flags = oc_section_kind_of(type)->flags,
                            .bytes = bytes,
                            .checksum = checksum};
}

octavo_status oc_engine_writer_seal(oc_engine_writer *writer, const char **temporary,
                                    octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_format_front front = {0};
    *temporary = NULL;
    if (writer->begun) {
        OC_FAIL(error, OCTAVO_BAD_STATE, OCTAVO_NO_OFFSET,
                "the engine is to be finished inside tensor %" PRIu32, writer->count);
    }
    OC_TRY(finish_tensors(writer, error));
    add_section(&front, OC_SECTION_WEIGHTS, writer->end,
                XXH3_64bits(writer->hashes.data, writer->hashes.size));
    for (uint32_t type = 1; type <= OC_SECTION_KNOWN; type++) {
        const oc_buffer *section = &writer->sections[type];
        if (section->size > 0) {
            add_section(&front, type, section->size, XXH3_64bits(section->data, section->size));
        }
    }
    oc_front_seal(&front);
    OC_TRY(
        oc_front_check(&front, sizeof front, front.header.file_bytes, writer->output.path, error));
    for (uint32_t i = 1; i < front.header.section_count; i++) {
        const oc_format_section *section = &front.sections[i];
        OC_TRY(oc_output_write_at(&writer->output, section->offset,
                                  writer->sections[section->type].data, section->bytes, error));
    }
    OC_TRY(oc_output_write_at(&writer->output, 0, &front, sizeof front, error));
    writer->sealed = true;
    *temporary = writer->output.temporary;
done:
    if (status != OCTAVO_OK) {
        oc_error_path(error, writer->output.path);
    }
    return status;
}

octavo_status oc_engine_writer_finish(oc_engine_writer *writer, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *temporary;
    if (!writer->sealed) {
        OC_TRY(oc_engine_writer_seal(writer, &temporary, error));
    }
    OC_TRY(oc_output_commit(&writer->output, error));
done:
    if (status != OCTAVO_OK) {
        oc_error_path(error, writer->output.path);
    }
    return status;
}
