/* table.c - checks a TENSORS section and indexes it by name. */
#include "engine/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/limits.h"
#include "base/size.h"
#include "engine/shape.h"

static uint64_t chunk_count(const oc_engine_tensor *tensor) {
    return (uint64_t)((tensor->rows - 1) / tensor->chunk_rows + 1);
}

/* One record to one tensor; `place` is the record's byte in the file, `end` where the tensor
 * before it ends in WEIGHTS. */
static octavo_status read_tensor(const oc_format_tensor *record, uint64_t place, uint64_t end,
                                 oc_engine_tensor *tensor, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t bytes = 0, begin;
    char what[OC_LIMIT_TENSOR_NAME + 16];
    snprintf(what, sizeof what, "tensor %s", tensor->name);
    OC_TRY(oc_shape_bytes(record->dtype, record->rank, record->shape, &bytes, place, what, error));
    if (record->bytes != bytes) {
        OC_FAIL(error, OCTAVO_CORRUPT, place,
                "%s is said to have %" PRIu64 " bytes, its shape wants %" PRIu64, what,
                record->bytes, bytes);
    }
    begin = oc_round_up(end, OC_FORMAT_ALIGNMENT);
    if (bytes > INT64_MAX - begin) {
        OC_FAIL(error, OCTAVO_CORRUPT, place, "%s makes WEIGHTS larger than a file can be", what);
    }
    if (record->offset != begin) {
        OC_FAIL(error, OCTAVO_CORRUPT, place,
                "%s is said to be at byte %" PRIu64 " of WEIGHTS, its place is byte %" PRIu64, what,
                record->offset, begin);
    }
    tensor->dtype = (octavo_dtype)record->dtype;
    tensor->rank = (int32_t)record->rank;
    memcpy(tensor->shape, record->shape, sizeof tensor->shape);
    tensor->offset = record->offset;
    tensor->bytes = bytes;
    tensor->rows = record->rank >= 2 ? record->shape[0] : 1;
    tensor->row_bytes = bytes / (uint64_t)tensor->rows;
    tensor->chunk_rows = oc_format_chunk_rows(tensor->row_bytes);
done:
    return status;
}

octavo_status oc_tensor_table_read(const void *data, size_t bytes, uint64_t offset,
                                   oc_tensor_table *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const uint8_t *at = data;
    oc_format_tensors head;
    const oc_format_tensor *records;
    const uint64_t *hashes;
    const char *names;
    uint64_t wanted, chunks_left, end = 0;
    size_t names_left;
    memset(out, 0, sizeof *out);
    oc_strmap_init(&out->by_name);
    if (bytes < sizeof head) {
        OC_FAIL(error, OCTAVO_CORRUPT, offset,
                "section TENSORS has %zu bytes, its head alone has %zu", bytes, sizeof head);
    }
    memcpy(&head, at, sizeof head);
    if (head.count == 0 || head.count > OC_LIMIT_TENSORS) {
        OC_FAIL(error, OCTAVO_CORRUPT, offset,
                "section TENSORS lists %" PRIu32 " tensors, 1 to %u can be", head.count,
                OC_LIMIT_TENSORS);
    }
    wanted = sizeof head + head.count * sizeof *records + head.names_bytes;
    if (head.chunk_count > bytes || bytes != wanted + head.chunk_count * sizeof *hashes) {
        OC_FAIL(error, OCTAVO_CORRUPT, offset,
                "section TENSORS has %zu bytes, %" PRIu32 " tensors, %" PRIu64
                " chunks and %" PRIu32 " bytes of names do not fill it",
                bytes, head.count, head.chunk_count, head.names_bytes);
    }
    records = (const oc_format_tensor *)(at + sizeof head);
    hashes = (const uint64_t *)(records + head.count);
    names = (const char *)(hashes + head.chunk_count);
    names_left = head.names_bytes;
    chunks_left = head.chunk_count;
    out->weights_checksum = XXH3_64bits(hashes, head.chunk_count * sizeof *hashes);

    out->tensors = calloc(head.count, sizeof *out->tensors);
    if (out->tensors == NULL) {
        OC_NO_MEMORY(error, head.count * sizeof *out->tensors);
    }
    OC_TRY(oc_strmap_reserve(&out->by_name, head.count, error));
    for (uint32_t i = 0; i < head.count; i++) {
        oc_engine_tensor *tensor = &out->tensors[i];
        size_t length = oc_engine_name_length(names, names_left);
        uint64_t place = offset + sizeof head + i * sizeof *records;
        int32_t *twin = NULL;
        if (length == 0) {
            OC_FAIL(error, OCTAVO_CORRUPT, offset + (uint64_t)(names - (const char *)data),
                    "the name of tensor %" PRIu32 " is not 1 to %u printable characters", i,
                    OC_LIMIT_TENSOR_NAME);
        }
        tensor->name = names;
        tensor->hashes = hashes;
        OC_TRY(read_tensor(&records[i], place, end, tensor, error));
        if (chunk_count(tensor) > chunks_left) {
            OC_FAIL(error, OCTAVO_CORRUPT, offset,
                    "tensor %s has %" PRIu64 " chunks, hashes are left for %" PRIu64, tensor->name,
                    chunk_count(tensor), chunks_left);
        }
        chunks_left -= chunk_count(tensor);
        hashes += chunk_count(tensor);
        names += length + 1;
        names_left -= length + 1;
        end = tensor->offset + tensor->bytes;
        OC_TRY(oc_strmap_add(&out->by_name, oc_slice_of(tensor->name), (int32_t)i, &twin, error));
        if (twin != NULL) {
            OC_FAIL(error, OCTAVO_CORRUPT, place,
                    "tensors %" PRId32 " and %" PRIu32 " are both called %s", *twin, i,
                    tensor->name);
        }
    }
    if (chunks_left != 0 || names_left != 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, offset,
                "section TENSORS has %" PRIu64 " hashes and %zu bytes of names left over",
                chunks_left, names_left);
    }
    out->count = (int32_t)head.count;
    out->weights_bytes = end;
done:
    if (status != OCTAVO_OK) {
        oc_tensor_table_free(out);
    }
    return status;
}

void oc_tensor_table_free(oc_tensor_table *table) {
    free(table->tensors);
    oc_strmap_free(&table->by_name);
    memset(table, 0, sizeof *table);
}

int32_t oc_tensor_table_find(const oc_tensor_table *table, const char *name) {
    const int32_t *index = oc_strmap_find(&table->by_name, oc_slice_of(name));
    return index == NULL ? -1 : *index;
}
