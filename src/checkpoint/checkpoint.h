/* checkpoint.h - opens a checkpoint: its tensors by name, and the files beside them.
 *
 * What a path may be:
 *   a folder    with model.safetensors, or model.safetensors.index.json and its shards
 *   a file      NAME.safetensors; its config.json lies beside it
 *   org/name    where no such file or folder is: the main revision in the local hub cache (hub.h)
 * Pickles (.bin, .pt, .pth, .ckpt, .pkl) and ONNX files are UNSUPPORTED, with what to do about it.
 *
 * Files are mapped read-only and only their headers are looked at, so that opening costs no
 * memory; oc_checkpoint_drop gives pages back after use.  A mapped file that somebody cuts short
 * raises SIGBUS, which is the program's business.
 *
 * A model that was made from a config may be saved with doubled prefixes
 * ("text_model.text_model.encoder..."); its tensors have the plain names here.
 *
 * A checkpoint owns all that it hands out.  Reading it is safe from many threads.
 */
#ifndef OC_CHECKPOINT_CHECKPOINT_H
#define OC_CHECKPOINT_CHECKPOINT_H

#include <stdbool.h>

#include "base/strmap.h"
#include "base/sys/io.h"
#include "checkpoint/files/safetensors.h"
#include "checkpoint/notices.h"

typedef struct oc_ckpt_tensor {
    const char *name;       /* prefixes never doubled */
    const char *file_name;  /* as the file spells it */
    const char *dtype_name; /* "F64" */
    octavo_dtype dtype;     /* 0: one that octavo has no use for */
    int32_t rank;
    int64_t shape[OC_LIMIT_TENSOR_RANK];
    const void *data; /* row-major, in the mapping; MAY BE UNALIGNED: copy elements out */
    uint64_t bytes;
    uint64_t offset; /* in its file */
    int32_t file;    /* index into files */
} oc_ckpt_tensor;

typedef struct oc_ckpt_file {
    const char *path;
    oc_mapping mapping;
    oc_safetensors header;
} oc_ckpt_file;

/* Fields are to be read only. */
typedef struct oc_checkpoint {
    const char *title;  /* "org/name", or the name of the folder or file */
    const char *folder; /* where the companion files lie */
    oc_ckpt_file *files;
    int32_t file_count;
    oc_ckpt_tensor *tensors; /* file by file, in the order of their bytes */
    int32_t tensor_count;
    oc_strmap by_name;
    oc_notices notices;
    oc_arena arena;
} oc_checkpoint;

/*   NOT_FOUND    no such path; no weights in the folder; a shard is missing
 *   CORRUPT      a malformed file; the index and the shards disagree; one tensor in two spellings
 *   UNSUPPORTED  not a kind of file, dtype or size that is read here, named
 *   IO           the system refuses */
octavo_status oc_checkpoint_open(const char *path, oc_checkpoint **out, octavo_error *error);
void oc_checkpoint_free(oc_checkpoint *checkpoint); /* NULL is accepted */

/* NULL if there is none. */
const oc_ckpt_tensor *oc_checkpoint_find(const oc_checkpoint *checkpoint, const char *name);

/* The tensor, of this shape.
 *   NOT_FOUND    there is none; the sentence names the most similar one, if one is
 *   CORRUPT      another shape; both are in the sentence
 *   UNSUPPORTED  a dtype that octavo has no use for */
octavo_status oc_checkpoint_require(const oc_checkpoint *checkpoint, const char *name,
                                    const int64_t *shape, int32_t rank, const oc_ckpt_tensor **out,
                                    octavo_error *error);

/* Pages that hold nothing but this tensor may leave memory. */
void oc_checkpoint_drop(const oc_checkpoint *checkpoint, const oc_ckpt_tensor *tensor);

/* The path of the tensor's file, for oc_error_path. */
const char *oc_checkpoint_path_of(const oc_checkpoint *checkpoint, const oc_ckpt_tensor *tensor);

/* -- companion files, such as config.json ------------------------------------------------- */

bool oc_checkpoint_has(const oc_checkpoint *checkpoint, const char *name);
/* The whole of one; zero-terminated: free() it.  Errors of oc_file_load. */
octavo_status oc_checkpoint_load(const oc_checkpoint *checkpoint, const char *name,
                                 uint64_t max_bytes, char **bytes, size_t *size,
                                 octavo_error *error);

#endif
