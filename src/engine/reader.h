/* reader.h - an engine file, opened, checked and read.
 *
 * Opening reads and checks everything but the weights: the front, the padding, the
 * checksum of every section, the tensor table.  Those sections stay in memory.
 * Weights are read with pread, a range of rows at a time, and every chunk that a
 * range touches is hashed before a byte of it is handed out: what a caller gets has
 * been verified, whatever became of the file since it was opened.
 *
 * Threads.  After oc_engine_file_open returns, every function here but close may be
 * called from any number of threads at once.
 *
 * Errors.  All messages come with the path (octavo_error.path) and, where there is
 * one, the byte in the file (octavo_error.offset).
 */
#ifndef OC_ENGINE_READER_H
#define OC_ENGINE_READER_H

#include "engine/format.h"

#include "base/status.h"

typedef struct oc_engine_file oc_engine_file;

typedef struct oc_engine_tensor {
    const char *name;
    octavo_dtype dtype;
    int32_t rank;
    int64_t shape[OCTAVO_MAX_RANK]; /* zero from `rank` on */
    uint64_t offset;                /* in the WEIGHTS section */
    uint64_t bytes;
    int64_t rows; /* shape[0] of rank 2 and above, else 1 */
    uint64_t row_bytes;
    int64_t chunk_rows;     /* reads that begin and end at multiples of it read nothing twice */
    const uint64_t *hashes; /* one a chunk */
} oc_engine_tensor;

/* The file must not change while it is open; if it does, reads fail rather than return other bytes.
 *   NOT_FOUND    no such file
 *   CORRUPT      not an engine file, cut short, or any byte against format.h
 *   UNSUPPORTED  a newer format version, an unknown section that may not be ignored, or an unknown
 *                dtype, named
 *   EXHAUSTED    out of memory
 *   IO           the system failed to read it */
octavo_status oc_engine_file_open(const char *path, oc_engine_file **out, octavo_error *error);
/* The same from memory, which is borrowed until close; `name` stands for the path. */
octavo_status oc_engine_file_open_memory(const void *data, size_t bytes, const char *name,
                                         oc_engine_file **out, octavo_error *error);
void oc_engine_file_close(oc_engine_file *file); /* NULL is accepted */

const char *oc_engine_file_path(const oc_engine_file *file);
/* The checked front: version, file size, section table. */
const oc_format_front *oc_engine_file_front(const oc_engine_file *file);

/* The bytes of a section, aligned to 16 and followed by a zero byte that *bytes does not count.
 * NULL, and *bytes 0, if the file has none; WEIGHTS is not in memory and gives NULL. */
const void *oc_engine_section(const oc_engine_file *file, oc_section_type type, size_t *bytes);

int32_t oc_engine_tensor_count(const oc_engine_file *file);
const oc_engine_tensor *oc_engine_tensor_at(const oc_engine_file *file, int32_t index);
/* The tensor's number, or -1. */
int32_t oc_engine_tensor_find(const oc_engine_file *file, const char *name);

/* Reads rows first_row .. first_row + rows - 1 into dst [rows * row_bytes].
 *   INVALID_ARGUMENT  rows outside the tensor
 *   CORRUPT           a chunk's hash differs: the tensor, rows, both hashes and the byte are named
 *   IO                the system failed to read it
 * dst is undefined after a failure. */
octavo_status oc_engine_read_rows(const oc_engine_file *file, int32_t tensor, int64_t first_row,
                                  int64_t rows, void *dst, octavo_error *error);
/* The whole tensor into dst [bytes], likewise. */
octavo_status oc_engine_read_tensor(const oc_engine_file *file, int32_t tensor, void *dst,
                                    octavo_error *error);

/* Bytes of the file as they are, checked against nothing; for sections that are not in memory.
 * CORRUPT: the file is shorter than it was. */
octavo_status oc_engine_read_raw(const oc_engine_file *file, uint64_t offset, void *dst,
                                 size_t bytes, octavo_error *error);

#endif
