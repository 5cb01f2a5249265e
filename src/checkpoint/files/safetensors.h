/* safetensors.h - the table of contents of a .safetensors file.
 *
 * The format (github.com/huggingface/safetensors, "Format"):
 *
 *     u64 little-endian  N, bytes of the header
 *     N bytes            a JSON object, with white space around it:
 *                          "NAME": {"dtype": "F16", "shape": [2, 3], "data_offsets": [begin, end]}
 *                          "__metadata__": {"key": "text", ...}   (optional, may be null)
 *     the rest           the data; offsets count from its first byte
 *
 * Checked here, so that all else can trust it: N within the file and OC_LIMIT_SAFETENSORS_HEADER;
 * strict JSON without duplicate keys; names of 1 to OC_LIMIT_TENSOR_NAME bytes without control
 * characters; shape times element size equals the span of the offsets; spans neither overlap nor
 * leave holes, and end with the file.  Other members of an entry are passed over, as the format's
 * own library does.  A file that is something else altogether is called by its name (kind.h).
 */
#ifndef OC_CHECKPOINT_SAFETENSORS_H
#define OC_CHECKPOINT_SAFETENSORS_H

#include "base/arena.h"
#include "base/limits.h"
#include "base/sys/io.h"

typedef struct oc_st_tensor {
    const char *name;
    const char *dtype_name; /* the file's spelling; static */
    octavo_dtype dtype;     /* 0: one of the format's that octavo has no use for, such as F64 */
    int32_t rank;
    int64_t shape[OC_LIMIT_TENSOR_RANK];
    uint64_t offset; /* of its first byte in the file */
    uint64_t bytes;
} oc_st_tensor;

typedef struct oc_st_text {
    const char *key, *value;
} oc_st_text;

typedef struct oc_safetensors {
    oc_arena arena;        /* owns everything below */
    oc_st_tensor *tensors; /* in the order of their bytes in the file */
    int32_t tensor_count;
    oc_st_text *metadata; /* in the file's order */
    int32_t metadata_count;
} oc_safetensors;

/* Reads the header of an open file; looks at no data.
 *   CORRUPT      the file breaks the format; the error tells the byte
 *   UNSUPPORTED  a dtype that the format does not know, or more than the limits allow; named
 *   EXHAUSTED    memory is out
 *   IO           the system refuses */
octavo_status oc_safetensors_open(const oc_file *file, oc_safetensors *out, octavo_error *error);

/* The same from the first `size` bytes of a file of `file_size`, which hold the header or all there
 * is of it. */
octavo_status oc_safetensors_read(const void *bytes, size_t size, uint64_t file_size,
                                  oc_safetensors *out, octavo_error *error);
void oc_safetensors_free(oc_safetensors *header); /* a zeroed struct is accepted */

/* The text of a metadata entry; NULL if there is none. */
const char *oc_safetensors_metadata(const oc_safetensors *header, const char *key);

enum { OC_SHAPE_TEXT = 192 }; /* room for the longest shape: eight dimensions of 20 digits */

/* Writes "[2,3]" to `text`, for messages; returns it. */
const char *oc_shape_text(const int64_t *shape, int32_t rank, char text[OC_SHAPE_TEXT]);

/* Name and size of every dtype of octavo, as the format spells it; NULL and 0 for others. */
const char *oc_st_dtype_name(octavo_dtype dtype);
uint64_t oc_st_dtype_bytes(octavo_dtype dtype);

#endif
