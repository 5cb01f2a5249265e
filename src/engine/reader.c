/* reader.c - opening an engine file and reading verified rows from it. */
#include "engine/reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys/io.h"
#include "engine/front.h"
#include "engine/hash.h"
#include "engine/table.h"

struct oc_engine_file {
    oc_file file;
    oc_format_front front;
    void *sections[OC_FORMAT_SECTIONS_MAX]; /* owned; NULL: not in memory */
    oc_tensor_table table;
    uint64_t weights; /* where WEIGHTS begins */
};

/* -- open ------------------------------------------------------------------------------------ */

/* The padding from byte `from` to byte `to` of the file is zero. */
static octavo_status check_padding(const oc_engine_file *file, uint64_t from, uint64_t to,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint8_t bytes[OC_FORMAT_ALIGNMENT] = {0};
    OC_TRY(oc_file_read(&file->file, from, bytes, to - from, error));
    for (size_t i = 0; i < to - from; i++) {
        if (bytes[i] != 0) {
            OC_FAIL(error, OCTAVO_CORRUPT, from + i,
                    "byte %" PRIu64 " of the padding is 0x%02x, zero is wanted", from + i,
                    bytes[i]);
        }
    }
done:
    return status;
}

/* Reads section i into memory and compares its checksum. */
static octavo_status read_section(oc_engine_file *file, uint32_t i, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_format_section *section = &file->front.sections[i];
    uint64_t checksum;
    file->sections[i] = calloc(1, section->bytes + 1);
    if (file->sections[i] == NULL) {
        OC_NO_MEMORY(error, section->bytes + 1);
    }
    OC_TRY(oc_file_read(&file->file, section->offset, file->sections[i], section->bytes, error));
    checksum = oc_hash(file->sections[i], section->bytes);
    if (checksum != section->checksum) {
        OC_FAIL(error, OCTAVO_CORRUPT, section->offset,
                "section %s: checksum 0x%016" PRIx64 " wanted, 0x%016" PRIx64
                " computed (byte %" PRIu64 ")",
                oc_section_kind_of(section->type)->name, section->checksum, checksum,
                section->offset);
    }
done:
    return status;
}

static octavo_status open_sections(oc_engine_file *file, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t end = sizeof file->front;
    for (uint32_t i = 0; i < file->front.header.section_count; i++) {
        const oc_format_section *section = &file->front.sections[i];
        OC_TRY(check_padding(file, end, section->offset, error));
        end = section->offset + section->bytes;
        if (section->type != OC_SECTION_WEIGHTS && oc_section_kind_of(section->type) != NULL) {
            OC_TRY(read_section(file, i, error));
        }
    }
done:
    return status;
}

/* Reads the tensor table and holds it against the WEIGHTS section. */
static octavo_status open_tensors(oc_engine_file *file, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_format_section *tensors = oc_front_find(&file->front, OC_SECTION_TENSORS);
    const oc_format_section *weights = oc_front_find(&file->front, OC_SECTION_WEIGHTS);
    const oc_tensor_table *table = &file->table;
    uint64_t end = weights->offset;
    OC_TRY(oc_tensor_table_read(file->sections[tensors - file->front.sections], tensors->bytes,
                                tensors->offset, &file->table, error));
    if (table->weights_bytes != weights->bytes) {
        OC_FAIL(error, OCTAVO_CORRUPT, tensors->offset,
                "section WEIGHTS has %" PRIu64 " bytes, the tensors of section TENSORS %" PRIu64,
                weights->bytes, table->weights_bytes);
    }
    if (table->weights_checksum != weights->checksum) {
        OC_FAIL(error, OCTAVO_CORRUPT, tensors->offset,
                "section WEIGHTS: checksum 0x%016" PRIx64 " wanted, 0x%016" PRIx64
                " computed from the chunk hashes of section TENSORS",
                weights->checksum, table->weights_checksum);
    }
    for (int32_t i = 0; i < table->count; i++) {
        uint64_t begin = weights->offset + table->tensors[i].offset;
        OC_TRY(check_padding(file, end, begin, error));
        end = begin + table->tensors[i].bytes;
    }
    file->weights = weights->offset;
done:
    return status;
}

/* Takes `source`, also when it fails. */
static octavo_status open_file(oc_file *source, oc_engine_file **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_engine_file *file = calloc(1, sizeof *file);
    size_t have;
    if (file == NULL) {
        oc_file_close(source);
        OC_NO_MEMORY(error, sizeof *file);
    }
    file->file = *source;
    *source = OC_FILE_CLOSED;
    have = file->file.size < sizeof file->front ? file->file.size : sizeof file->front;
    OC_TRY(oc_file_read(&file->file, 0, &file->front, have, error));
    OC_TRY(oc_front_check(&file->front, have, file->file.size, file->file.path, error));
    OC_TRY(open_sections(file, error));
    OC_TRY(open_tensors(file, error));
    *out = file;
    file = NULL;
done:
    oc_engine_file_close(file);
    return status;
}

octavo_status oc_engine_file_open(const char *path, oc_engine_file **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_file source = OC_FILE_CLOSED;
    *out = NULL;
    OC_TRY(oc_file_open(path, &source, error));
    OC_TRY(open_file(&source, out, error));
done:
    if (status != OCTAVO_OK) {
        oc_error_path(error, path);
    }
    return status;
}

octavo_status oc_engine_file_open_memory(const void *data, size_t bytes, const char *name,
                                         oc_engine_file **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_file source = OC_FILE_CLOSED;
    *out = NULL;
    OC_TRY(oc_file_of_memory(data, bytes, name, &source, error));
    OC_TRY(open_file(&source, out, error));
done:
    if (status != OCTAVO_OK) {
        oc_error_path(error, name);
    }
    return status;
}

void oc_engine_file_close(oc_engine_file *file) {
    if (file == NULL) {
        return;
    }
    for (int i = 0; i < OC_FORMAT_SECTIONS_MAX; i++) {
        free(file->sections[i]);
    }
    oc_tensor_table_free(&file->table);
    oc_file_close(&file->file);
    free(file);
}

/* -- look -------------------------------------------------------------------------------------- */

const char *oc_engine_file_path(const oc_engine_file *file) {
    return file->file.path;
}

const oc_format_front *oc_engine_file_front(const oc_engine_file *file) {
    return &file->front;
}

const void *oc_engine_section(const oc_engine_file *file, oc_section_type type, size_t *bytes) {
    const oc_format_section *section = oc_front_find(&file->front, type);
    const void *data = section == NULL ? NULL : file->sections[section - file->front.sections];
    *bytes = data == NULL ? 0 : section->bytes;
    return data;
}

int32_t oc_engine_tensor_count(const oc_engine_file *file) {
    return file->table.count;
}

const oc_engine_tensor *oc_engine_tensor_at(const oc_engine_file *file, int32_t index) {
    OC_ASSERT(index >= 0 && index < file->table.count);
    return &file->table.tensors[index];
}

int32_t oc_engine_tensor_find(const oc_engine_file *file, const char *name) {
    return oc_tensor_table_find(&file->table, name);
}

/* -- read -------------------------------------------------------------------------------------- */

/* Reads `rows` rows from `first`, which are one chunk, into dst and compares their hash. */
static octavo_status read_chunk(const oc_engine_file *file, const oc_engine_tensor *tensor,
                                int64_t first, int64_t rows, void *dst, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t offset = file->weights + tensor->offset + (uint64_t)first * tensor->row_bytes;
    uint64_t bytes = (uint64_t)rows * tensor->row_bytes;
    uint64_t wanted = tensor->hashes[first / tensor->chunk_rows], computed;
    OC_TRY(oc_file_read(&file->file, offset, dst, bytes, error));
    computed = oc_hash(dst, bytes);
    if (computed != wanted) {
        OC_FAIL(error, OCTAVO_CORRUPT, offset,
                "tensor %s, rows %" PRId64 " to %" PRId64 ": checksum 0x%016" PRIx64
                " wanted, 0x%016" PRIx64 " computed (byte %" PRIu64 ")",
                tensor->name, first, first + rows - 1, wanted, computed, offset);
    }
done:
    return status;
}

octavo_status oc_engine_read_rows(const oc_engine_file *file, int32_t index, int64_t first_row,
                                  int64_t rows, void *dst, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_engine_tensor *tensor = oc_engine_tensor_at(file, index);
    int64_t step = tensor->chunk_rows, row = first_row;
    uint8_t *to = dst;
    uint8_t chunk[OC_FORMAT_CHUNK_BYTES]; /* a chunk of several rows is never larger */
    if (first_row < 0 || rows < 0 || first_row > tensor->rows || rows > tensor->rows - first_row) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "rows %" PRId64 " and the %" PRId64
                " after it are asked for, tensor %s has %" PRId64,
                first_row, rows, tensor->name, tensor->rows);
    }
    while (row < first_row + rows) {
        int64_t begin = row / step * step;
        int64_t count = tensor->rows - begin < step ? tensor->rows - begin : step;
        int64_t left = first_row + rows - row;
        int64_t part = begin + count - row < left ? begin + count - row : left;
        size_t bytes = (size_t)part * tensor->row_bytes;
        if (part == count) {
            OC_TRY(read_chunk(file, tensor, begin, count, to, error));
        } else {
            OC_TRY(read_chunk(file, tensor, begin, count, chunk, error));
            memcpy(to, chunk + (size_t)(row - begin) * tensor->row_bytes, bytes);
        }
        row += part;
        to += bytes;
    }
done:
    if (status != OCTAVO_OK) {
        oc_error_path(error, file->file.path);
    }
    return status;
}

octavo_status oc_engine_read_tensor(const oc_engine_file *file, int32_t tensor, void *dst,
                                    octavo_error *error) {
    return oc_engine_read_rows(file, tensor, 0, oc_engine_tensor_at(file, tensor)->rows, dst,
                               error);
}

octavo_status oc_engine_read_raw(const oc_engine_file *file, uint64_t offset, void *dst,
                                 size_t bytes, octavo_error *error) {
    return oc_file_read(&file->file, offset, dst, bytes, error);
}
