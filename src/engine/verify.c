/* verify.c - one pass over the bytes that opening an engine file leaves out. */
#include "engine/verify.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <xxhash.h>

#include "engine/front.h"

enum { BUFFER = 256 * 1024 }; /* fits the L2 cache with room to spare */

typedef struct pass {
    const oc_engine_file *file;
    uint8_t *buffer; /* at least BUFFER bytes and one chunk of any tensor */
    size_t capacity;
    octavo_progress progress;
    void *user;
    uint64_t done, total;
} pass;

static octavo_status advance(pass *work, uint64_t bytes, octavo_error *error) {
    work->done += bytes;
    return oc_progress(work->progress, work->user, "verify", work->done, work->total, error);
}

static octavo_status verify_tensor(pass *work, int32_t index, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_engine_tensor *tensor = oc_engine_tensor_at(work->file, index);
    uint64_t chunk_bytes = tensor->row_bytes * (uint64_t)tensor->chunk_rows;
    int64_t step = (int64_t)(work->capacity / chunk_bytes) * tensor->chunk_rows;
    for (int64_t row = 0; row < tensor->rows; row += step) {
        int64_t rows = tensor->rows - row < step ? tensor->rows - row : step;
        OC_TRY(oc_engine_read_rows(work->file, index, row, rows, work->buffer, error));
        OC_TRY(advance(work, (uint64_t)rows * tensor->row_bytes, error));
    }
done:
    return status;
}

static octavo_status verify_section(pass *work, const oc_format_section *section,
                                    octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t checksum;
    XXH3_state_t *state = XXH3_createState();
    if (state == NULL) {
        OC_FAIL(error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET, "out of memory for a hash");
    }
    XXH3_64bits_reset(state);
    for (uint64_t at = 0; at < section->bytes;) {
        uint64_t left = section->bytes - at;
        size_t bytes = left < work->capacity ? left : work->capacity;
        OC_TRY(oc_engine_read_raw(work->file, section->offset + at, work->buffer, bytes, error));
        XXH3_64bits_update(state, work->buffer, bytes);
        OC_TRY(advance(work, bytes, error));
        at += bytes;
    }
    checksum = XXH3_64bits_digest(state);
    if (checksum != section->checksum) {
        oc_error_path(error, oc_engine_file_path(work->file));
        OC_FAIL(error, OCTAVO_CORRUPT, section->offset,
                "section of type %" PRIu32 ": checksum 0x%016" PRIx64 " wanted, 0x%016" PRIx64
                " computed (byte %" PRIu64 ")",
                section->type, section->checksum, checksum, section->offset);
    }
done:
    XXH3_freeState(state);
    return status;
}

octavo_status oc_engine_verify(const oc_engine_file *file, octavo_progress progress, void *user,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_format_front *front = oc_engine_file_front(file);
    int32_t count = oc_engine_tensor_count(file);
    pass work = {.file = file, .capacity = BUFFER, .progress = progress, .user = user};
    for (int32_t i = 0; i < count; i++) {
        const oc_engine_tensor *tensor = oc_engine_tensor_at(file, i);
        uint64_t chunk_bytes = tensor->row_bytes * (uint64_t)tensor->chunk_rows;
        work.capacity = chunk_bytes > work.capacity ? chunk_bytes : work.capacity;
        work.total += tensor->bytes;
    }
    for (uint32_t i = 0; i < front->header.section_count; i++) {
        bool unknown = oc_section_kind_of(front->sections[i].type) == NULL;
        work.total += unknown ? front->sections[i].bytes : 0;
    }
    work.buffer = malloc(work.capacity);
    if (work.buffer == NULL) {
        OC_NO_MEMORY(error, work.capacity);
    }
    for (int32_t i = 0; i < count; i++) {
        OC_TRY(verify_tensor(&work, i, error));
    }
    for (uint32_t i = 0; i < front->header.section_count; i++) {
        if (oc_section_kind_of(front->sections[i].type) == NULL) {
            OC_TRY(verify_section(&work, &front->sections[i], error));
        }
    }
done:
    free(work.buffer);
    return status;
}
