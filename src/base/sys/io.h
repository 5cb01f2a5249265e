/* io.h - reading files.  output.h has writing.
 *
 * Files are read and never mapped: one that is cut short meanwhile is an error, not a signal.
 *
 * Errors of all functions; error->path is the file, the sentence names it too:
 *   NOT_FOUND    no such file or folder
 *   IO           the system refuses; its own text is in the sentence.  Not a regular file.  Cut
 *                short since it was opened
 *   UNSUPPORTED  larger than the caller's cap; both sizes are in the sentence
 *   CORRUPT      shorter than asked for; error->offset says where the reading began.  A link to
 *                nothing, which is not the same as no file
 *   EXHAUSTED    memory is out
 */
#ifndef OC_BASE_IO_H
#define OC_BASE_IO_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"

/* The whole of a regular file of at most `max_bytes`.  *bytes is zero-terminated (not counted in
 * *size): free() it. */
octavo_status oc_file_load(const char *path, uint64_t max_bytes, char **bytes, size_t *size,
                           octavo_error *error);

/* -- parts of a file, by offset ---------------------------------------------------------------- */

typedef struct oc_file {
    int fd;             /* -1: memory */
    const void *memory; /* borrowed */
    uint64_t size;      /* when it was opened */
    char *path;
} oc_file;

#define OC_FILE_CLOSED ((oc_file){.fd = -1})

/* Bytes in memory, read as a file is; `name` stands for its path. */
octavo_status oc_file_of_memory(const void *data, size_t bytes, const char *name, oc_file *out,
                                octavo_error *error);

octavo_status oc_file_open(const char *path, oc_file *out, octavo_error *error);
/* Exactly `bytes` bytes from `offset`.  Any number of threads may read at once. */
octavo_status oc_file_read(const oc_file *file, uint64_t offset, void *to, size_t bytes,
                           octavo_error *error);
void oc_file_close(oc_file *file); /* OC_FILE_CLOSED is accepted, and left behind */

/* -- folders
 * ----------------------------------------------------------------------------------------- */

bool oc_is_folder(const char *path);
bool oc_is_file(const char *path); /* regular, or a link to one */
/* The same, and links to nothing: to read such a one fails with a sentence that says so, whereas to
 * go on without it would be to go on as if nobody had ever put it there. */
bool oc_is_there(const char *path);

typedef struct oc_listing {
    oc_arena arena;
    const char **paths; /* within the folder: "a/b.png"; sorted by bytes */
    uint32_t count;
} oc_listing;

enum {
    OC_LIST_DEEP = 1,    /* what its folders hold too */
    OC_LIST_DANGLING = 2 /* links that lead to nothing too: to open one says where it leads */
};

/* The regular files in a folder; flags as above.  Links are followed, each folder is entered once
 * however many links lead to it.  What is neither file nor folder is left out.
 *   UNSUPPORTED  over `max_files` files */
octavo_status oc_folder_list(const char *path, int flags, uint32_t max_files, oc_listing *out,
                             octavo_error *error);
void oc_listing_free(oc_listing *listing); /* a zeroed one is accepted */

/* "folder/name", or "name" where folder is ""; NULL when memory is out: free() it. */
char *oc_path_join(const char *folder, const char *name);
/* The part behind the last '/'; within `path`. */
const char *oc_path_name(const char *path);
/* The folder that `path` lies in, "." where it names none; NULL when memory is out: free() it. */
char *oc_path_parent(const char *path);

#endif
