/* output.h - files and folders that appear whole or not at all.
 *
 * Data goes to a temporary neighbour (".NAME.XXXXXXXX.tmp", exclusive), is synced, and takes its
 * final name by rename; the folder is synced too.  A process that is killed leaves at most the
 * temporary behind, never a part under the final name; who writes there next removes that.
 *
 *     oc_output output = OC_OUTPUT_CLOSED;
 *     OC_TRY(oc_output_open(path, &output, error));
 *     OC_TRY(oc_output_append(&output, bytes, size, error));
 *     OC_TRY(oc_output_commit(&output, error));
 * done:
 *     oc_output_abort(&output);      nothing happens after a commit
 *
 * Errors, error->path being the final name:
 *   CANNOT_CREATE  the file or folder cannot be created or put in place: the system's text is told
 *   IO             writing or syncing failed, a full disk included
 *   EXHAUSTED      memory is out */
#ifndef OC_BASE_OUTPUT_H
#define OC_BASE_OUTPUT_H

#include <dirent.h>

#include "base/status.h"

typedef struct oc_output {
    int fd;
    uint64_t size; /* end of what was appended or written */
    char *path, *temporary;
} oc_output;

#define OC_OUTPUT_CLOSED ((oc_output){.fd = -1})

/* CANNOT_CREATE also where `path` is there but is no regular file (a device, a folder).  A link to
 * a file is replaced, not followed. */
octavo_status oc_output_open(const char *path, oc_output *out, octavo_error *error);
octavo_status oc_output_append(oc_output *output, const void *bytes, size_t size,
                               octavo_error *error);
/* Overwrites, or extends; a gap reads as zeros. */
octavo_status oc_output_write_at(oc_output *output, uint64_t offset, const void *bytes, size_t size,
                                 octavo_error *error);
octavo_status oc_output_commit(oc_output *output, octavo_error *error);
void oc_output_abort(oc_output *output);

/* One call for what is in memory already. */
octavo_status oc_file_save(const char *path, const void *bytes, size_t size, octavo_error *error);

/* A folder of files.  Files are written into `temporary` by their names, each through oc_output. */
typedef struct oc_output_folder {
    char *path, *temporary;
    DIR *held; /* the temporary, locked: base/temporary.h */
} oc_output_folder;

/* CANNOT_CREATE also where `path` is there and is not an empty folder. */
octavo_status oc_output_folder_open(const char *path, oc_output_folder *out, octavo_error *error);
octavo_status oc_output_folder_commit(oc_output_folder *output, octavo_error *error);
/* Removes the temporary and the files in it.  A zeroed or committed one is accepted. */
void oc_output_folder_abort(oc_output_folder *output);

#endif
