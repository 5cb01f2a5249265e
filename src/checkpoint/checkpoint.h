/* checkpoint.h - opens a checkpoint: its tensors by name, and the files beside them.
 *
 * What a path may be:
 *   a folder    with model.safetensors, or model.safetensors.index.json and its shards
 *   a file      NAME.safetensors; its config.json lies beside it
 *   org/name    where no such file or folder is: the main revision in the local hub cache (hub.h)
 * Pickles (.bin, .pt, .pth, .ckpt, .pkl) and ONNX files are UNSUPPORTED, with what to do about it.
 *
 * Only headers are read when a checkpoint is opened; its files stay open, and tensors are read when
 * they are asked for.  A file that somebody cuts short meanwhile is an error like any other.
 *
 * Tensors have the names here that the model knows them by, without what saving put in front of
 * them (names.h).
 *
 * A checkpoint owns all that it hands out.  Reading it is safe from many threads.
 */
#ifndef OC_CHECKPOINT_CHECKPOINT_H
#define OC_CHECKPOINT_CHECKPOINT_H

#include <stdbool.h>

#include "base/strmap.h"
#include "base/sys/io.h"
#include "checkpoint/files/locate.h"
#include "checkpoint/files/safetensors.h"
#include "checkpoint/notices.h"

typedef struct oc_ckpt_tensor {
    const char *name;       /* as the model calls it (names.h) */
    const char *file_name;  /* as the file spells it */
    const char *dtype_name; /* "F64" */
    octavo_dtype dtype;     /* 0: one that octavo has no use for */
    int32_t rank;
    int64_t shape[OC_LIMIT_TENSOR_RANK];
    uint64_t bytes;
    uint64_t offset;                 /* in its file, row-major */
    const struct oc_ckpt_file *file; /* one of the checkpoint's */
} oc_ckpt_tensor;

typedef struct oc_ckpt_file {
    const char *path;
    oc_file file;
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
    const char *wrapper;        /* what precedes the names in the files; "" */
    const oc_st_entry *entries; /* of the index file */
    int32_t entry_count;
    oc_notices notices;
    oc_arena arena;
} oc_checkpoint;

/*   NOT_FOUND    no such path; no weights in the folder; a shard is missing
 *   CORRUPT      a malformed file; one tensor twice
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

/* Elements first .. first + count - 1 of the tensor, which has a dtype of octavo's and as many.
 *   CORRUPT  one of them is infinite or not a number: its index and its byte are in the sentence
 *   IO       the system refuses, or the file has become shorter */
octavo_status oc_checkpoint_read(const oc_ckpt_tensor *tensor, uint64_t first, size_t count,
                                 void *to, octavo_error *error);
/* The same, whatever the values are: `bytes` bytes from byte `first` on, of any tensor. */
octavo_status oc_checkpoint_read_bytes(const oc_ckpt_tensor *tensor, uint64_t first, size_t bytes,
                                       void *to, octavo_error *error);

/* -- companion files, such as config.json ------------------------------------------------- */

bool oc_checkpoint_has(const oc_checkpoint *checkpoint, const char *name);
/* The whole of one; zero-terminated: free() it.  Errors of oc_file_load. */
octavo_status oc_checkpoint_load(const oc_checkpoint *checkpoint, const char *name,
                                 uint64_t max_bytes, char **bytes, size_t *size,
                                 octavo_error *error);

#endif
