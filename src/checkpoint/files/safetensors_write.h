/* safetensors_write.h - writing a .safetensors file, as a stream.
 *
 * All tensors are declared first, then their bytes are appended in the order that the writer
 * tells.  That order, and every byte of the header, is the one of the format's own library: wider
 * dtypes first, then by name; metadata first; no spaces; the header filled up with spaces so that
 * the data begins at a multiple of 8.  Hence each tensor is aligned to its element, and the same
 * tensors give the same file.  The file appears whole or not at all (base/output.h).
 *
 *     oc_st_writer writer = OC_ST_WRITER_CLOSED;
 *     OC_TRY(oc_st_writer_open(path, tensors, count, NULL, 0, &writer, error));
 *     for (int32_t i; (i = oc_st_writer_next(&writer)) >= 0;) {
 *         OC_TRY(oc_st_writer_append(&writer, bytes of tensors[i], size, error));
 *     }
 *     OC_TRY(oc_st_writer_commit(&writer, error));
 * done:
 *     oc_st_writer_abort(&writer);      nothing happens after a commit
 *
 * Errors, besides those of base/output.h:
 *   INVALID_ARGUMENT  a name that is empty, too long, taken or holds control characters; a dtype
 *                     or shape that is none; more bytes than were declared
 *   BAD_STATE         committed before all bytes were there
 */
#ifndef OC_CHECKPOINT_SAFETENSORS_WRITE_H
#define OC_CHECKPOINT_SAFETENSORS_WRITE_H

#include "base/sys/output.h"
#include "checkpoint/files/safetensors.h"

typedef struct oc_st_writer {
    oc_output output;
    const octavo_argument *tensors; /* borrowed */
    int32_t *order;                 /* indices of tensors, in file order */
    int32_t tensor_count, at;       /* at: place in order of the tensor that is being written */
    uint64_t left;                  /* bytes of it that are still to come */
} oc_st_writer;

#define OC_ST_WRITER_CLOSED ((oc_st_writer){.output = OC_OUTPUT_CLOSED})

/* Writes the header.  `tensors` must outlive the writer; their data is not looked at.  Metadata
 * is written in the order given. */
octavo_status oc_st_writer_open(const char *path, const octavo_argument *tensors,
                                int32_t tensor_count, const oc_st_text *metadata,
                                int32_t metadata_count, oc_st_writer *out, octavo_error *error);

/* Index of the tensor whose bytes come next; -1 when all are written. */
int32_t oc_st_writer_next(const oc_st_writer *writer);

/* The next bytes of that tensor; one tensor may come in several pieces. */
octavo_status oc_st_writer_append(oc_st_writer *writer, const void *bytes, size_t size,
                                  octavo_error *error);
octavo_status oc_st_writer_commit(oc_st_writer *writer, octavo_error *error);
void oc_st_writer_abort(oc_st_writer *writer);

/* One call for tensors that are in memory already. */
octavo_status oc_safetensors_save(const char *path, const octavo_argument *tensors,
                                  int32_t tensor_count, const oc_st_text *metadata,
                                  int32_t metadata_count, octavo_error *error);

#endif
