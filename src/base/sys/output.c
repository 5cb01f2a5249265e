/* output.c - see output.h. */
#include "base/sys/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"
#include "base/sys/io.h"
#include "base/sys/temporary.h"

enum {
    NAME_TRIES = 100, /* 64 random bits make even a second one unlikely */
    WRITE_MAX = 1 << 30
};

/* So that the names in a folder survive a power cut.  Some file systems cannot: that is no error.
 */
static octavo_status sync_folder(const char *path, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && fsync(fd) != 0 && errno != EINVAL && errno != EROFS) {
        OC_FAIL(error, OCTAVO_IO, OCTAVO_NO_OFFSET, "cannot sync folder %s: %m", path);
    }
done:
    if (fd >= 0) {
        close(fd);
    }
    return status;
}

static octavo_status sync_parent(const char *path, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *parent = oc_path_parent(path);
    if (!parent) {
        OC_NO_MEMORY(error, strlen(path) + 1);
    }
    OC_TRY(sync_folder(parent, error));
done:
    free(parent);
    return status;
}

octavo_status oc_output_open(const char *path, oc_output *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    struct stat info;
    *out = OC_OUTPUT_CLOSED;
    out->path = strdup(path);
    if (!out->path) {
        OC_NO_MEMORY(error, strlen(path) + 1);
    }
    if (!oc_path_name(path)[0]) {
        OC_FAIL(error, OCTAVO_CANNOT_CREATE, OCTAVO_NO_OFFSET,
                "cannot create a file at \"%s\": it names none", path);
    }
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        OC_FAIL(error, OCTAVO_CANNOT_CREATE, OCTAVO_NO_OFFSET,
                "cannot create %s: it is there and is %s", path,
                S_ISDIR(info.st_mode) ? "a folder" : "no regular file");
    }
    oc_temporary_sweep(path);
    for (int i = 0; i < NAME_TRIES && out->fd < 0; i++) {
        free(out->temporary);
        out->temporary = oc_temporary_name(path);
        if (!out->temporary) {
            OC_NO_MEMORY(error, strlen(path) + 32);
        }
        out->fd = open(out->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (out->fd < 0 && errno != EEXIST) {
            break;
        }
        if (out->fd >= 0 && !oc_temporary_hold(out->fd, out->temporary)) {
            close(out->fd);
            out->fd = -1;
        }
    }
    if (out->fd < 0) {
        OC_FAIL(error, OCTAVO_CANNOT_CREATE, OCTAVO_NO_OFFSET, "cannot create %s: %m", path);
    }
done:
    if (status) {
        oc_error_path(error, path);
        free(out->temporary); /* not ours: that name was taken, or could not be */
        out->temporary = NULL;
        oc_output_abort(out);
    }
    return status;
}

void oc_output_abort(oc_output *output) {
    if (output->fd >= 0) {
        close(output->fd);
    }
    if (output->temporary) {
        unlink(output->temporary);
    }
    free(output->path);
    free(output->temporary);
    *output = OC_OUTPUT_CLOSED;
}

octavo_status oc_output_write_at(oc_output *output, uint64_t offset, const void *bytes, size_t size,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t end;
    if (!oc_add_u64(offset, size, &end) || end > INT64_MAX) {
        OC_FAIL(error, OCTAVO_IO, OCTAVO_NO_OFFSET,
                "%zu bytes at byte %" PRIu64 " of %s lie beyond any file", size, offset,
                output->path);
    }
    for (size_t done_bytes = 0; done_bytes < size;) {
        size_t want = size - done_bytes < WRITE_MAX ? size - done_bytes : WRITE_MAX;
        ssize_t put = pwrite(output->fd, (const char *)bytes + done_bytes, want,
                             (off_t)(offset + done_bytes));
        if (put < 0 && errno != EINTR) {
            OC_FAIL(error, OCTAVO_IO, OCTAVO_NO_OFFSET, "cannot write %s at byte %" PRIu64 ": %m",
                    output->path, offset + done_bytes);
        }
        done_bytes += put > 0 ? (size_t)put : 0;
    }
    if (end > output->size) {
        output->size = end;
    }
done:
    if (status) {
        oc_error_path(error, output->path);
    }
    return status;
}

octavo_status oc_output_append(oc_output *output, const void *bytes, size_t size,
                               octavo_error *error) {
    return oc_output_write_at(output, output->size, bytes, size, error);
}

octavo_status oc_output_commit(oc_output *output, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int held = -1;
    if (fsync(output->fd) != 0 && errno != EINVAL) {
        OC_FAIL(error, OCTAVO_IO, OCTAVO_NO_OFFSET, "cannot write %s to disk: %m", output->path);
    }
    held = dup(output->fd); /* keeps the lock until the file has its name */
    /* After close, whatever happens, the file is no longer ours to close. */
    int closed = close(output->fd);
    output->fd = -1;
    if (closed != 0 && errno != EINTR) {
        OC_FAIL(error, OCTAVO_IO, OCTAVO_NO_OFFSET, "cannot close %s: %m", output->path);
    }
    if (rename(output->temporary, output->path) != 0) {
        OC_FAIL(error, OCTAVO_CANNOT_CREATE, OCTAVO_NO_OFFSET, "cannot put %s in place: %m",
                output->path);
    }
    free(output->temporary);
    output->temporary = NULL;
    OC_TRY(sync_parent(output->path, error));
done:
    if (held >= 0) {
        close(held);
    }
    if (status) {
        oc_error_path(error, output->path);
    }
    oc_output_abort(output);
    return status;
}

octavo_status oc_file_save(const char *path, const void *bytes, size_t size, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_output output = OC_OUTPUT_CLOSED;
    OC_TRY(oc_output_open(path, &output, error));
    OC_TRY(oc_output_append(&output, bytes, size, error));
    OC_TRY(oc_output_commit(&output, error));
done:
    oc_output_abort(&output);
    return status;
}

/* rmdir tells an empty folder from a full one, but would remove it: look inside instead. */
static octavo_status check_vacant(const char *path, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    struct stat info;
    DIR *folder = NULL;
    if (lstat(path, &info) != 0) {
        goto done;
    }
    folder = S_ISDIR(info.st_mode) ? opendir(path) : NULL;
    if (!folder) {
        OC_FAIL(error, OCTAVO_CANNOT_CREATE, OCTAVO_NO_OFFSET,
                "cannot create folder %s: it is there and is no folder that can be read", path);
    }
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            OC_FAIL(error, OCTAVO_CANNOT_CREATE, OCTAVO_NO_OFFSET,
                    "cannot create folder %s: it is there and is not empty (%s)", path,
                    entry->d_name);
        }
    }
done:
    if (folder) {
        closedir(folder);
    }
    return status;
}

octavo_status oc_output_folder_open(const char *path, oc_output_folder *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t length = strlen(path);
    *out = (oc_output_folder){0};
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    out->path = strndup(path, length);
    if (!out->path) {
        OC_NO_MEMORY(error, length + 1);
    }
    const char *name = oc_path_name(out->path);
    if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        OC_FAIL(error, OCTAVO_CANNOT_CREATE, OCTAVO_NO_OFFSET,
                "cannot create a folder at \"%s\": give it a name", path);
    }
    OC_TRY(check_vacant(out->path, error));
    oc_temporary_sweep(out->path);
    for (int i = 0; i < NAME_TRIES && !out->held; i++) {
        free(out->temporary);
        out->temporary = oc_temporary_name(out->path);
        if (!out->temporary) {
            OC_NO_MEMORY(error, length + 32);
        }
        if (mkdir(out->temporary, 0777) != 0) {
            if (errno != EEXIST) {
                break;
            }
            continue;
        }
        out->held = opendir(out->temporary);
        if (!out->held) {
            rmdir(out->temporary);
            break;
        }
        if (!oc_temporary_hold(dirfd(out->held), out->temporary)) {
            closedir(out->held);
            out->held = NULL;
        }
    }
    if (!out->held) {
        OC_FAIL(error, OCTAVO_CANNOT_CREATE, OCTAVO_NO_OFFSET, "cannot create folder %s: %m",
                out->path);
    }
done:
    if (status) {
        oc_error_path(error, path);
        free(out->temporary);
        out->temporary = NULL;
        oc_output_folder_abort(out);
    }
    return status;
}

octavo_status oc_output_folder_commit(oc_output_folder *output, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(sync_folder(output->temporary, error));
    if (rename(output->temporary, output->path) != 0) {
        OC_FAIL(error, OCTAVO_CANNOT_CREATE, OCTAVO_NO_OFFSET, "cannot put folder %s in place: %m",
                output->path);
    }
    free(output->temporary);
    output->temporary = NULL;
    OC_TRY(sync_parent(output->path, error));
done:
    if (status) {
        oc_error_path(error, output->path);
    }
    oc_output_folder_abort(output);
    return status;
}

void oc_output_folder_abort(oc_output_folder *output) {
    if (output->temporary) {
        oc_temporary_remove(output->temporary);
    }
    if (output->held) {
        closedir(output->held);
    }
    free(output->path);
    free(output->temporary);
    *output = (oc_output_folder){0};
}
