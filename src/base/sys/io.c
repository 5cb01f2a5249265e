/* io.c - reading files: whole and in parts. */
#include "base/sys/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"

enum {
    READ_MAX = 1 << 30, /* one read call takes at most 2 GiB on Linux */
    TARGET_MAX = 256    /* of a link, in messages */
};

static octavo_status status_of_errno(void) {
    return errno == ENOENT || errno == ENOTDIR ? OCTAVO_NOT_FOUND
           : errno == ENOMEM                   ? OCTAVO_EXHAUSTED
                                               : OCTAVO_IO;
}

/* Whether path is a link to nothing; target receives the beginning of where it leads. */
static bool is_dead_link(const char *path, char target[TARGET_MAX]) {
    struct stat info;
    ssize_t length = stat(path, &info) == 0 ? -1 : readlink(path, target, TARGET_MAX - 1);
    target[length < 0 ? 0 : length] = 0;
    return length >= 0;
}

octavo_status oc_file_open(const char *path, oc_file *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    struct stat info;
    *out = OC_FILE_CLOSED;
    out->path = strdup(path);
    if (!out->path) {
        OC_NO_MEMORY(error, strlen(path) + 1);
    }
    /* Not blocking: opening a pipe that nobody writes to must not hang. */
    out->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (out->fd < 0 || fstat(out->fd, &info) != 0) {
        char target[TARGET_MAX];
        int code = errno;
        if (is_dead_link(path, target)) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "cannot open %s: it is a link to %s, which is not there; a download or "
                    "checkout that did not fetch it left it so",
                    path, target);
        }
        errno = code;
        OC_FAIL(error, status_of_errno(), OCTAVO_NO_OFFSET, "cannot open %s: %m", path);
    }
    if (!S_ISREG(info.st_mode)) {
        OC_FAIL(error, OCTAVO_IO, OCTAVO_NO_OFFSET, "%s is %s, not a regular file", path,
                S_ISDIR(info.st_mode) ? "a folder" : "a device, pipe or socket");
    }
    out->size = (uint64_t)info.st_size;
done:
    if (status) {
        oc_error_path(error, path);
        oc_file_close(out);
    }
    return status;
}

octavo_status oc_file_of_memory(const void *data, size_t bytes, const char *name, oc_file *out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = OC_FILE_CLOSED;
    out->path = strdup(name);
    if (!out->path) {
        OC_NO_MEMORY(error, strlen(name) + 1);
    }
    out->memory = data;
    out->size = bytes;
done:
    return status;
}

void oc_file_close(oc_file *file) {
    if (file->fd >= 0) {
        close(file->fd);
    }
    free(file->path);
    *file = OC_FILE_CLOSED;
}

octavo_status oc_file_read(const oc_file *file, uint64_t offset, void *to, size_t bytes,
                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t end;
    if (!oc_add_u64(offset, bytes, &end) || end > INT64_MAX) {
        OC_FAIL(error, OCTAVO_CORRUPT, offset,
                "%zu bytes at byte %" PRIu64 " of %s lie beyond any file", bytes, offset,
                file->path);
    }
    if (file->memory && end <= file->size) {
        memcpy(to, (const char *)file->memory + offset, bytes);
        goto done;
    }
    if (file->memory) {
        OC_FAIL(error, OCTAVO_CORRUPT, offset,
                "%s ends at byte %" PRIu64 ", %zu bytes were expected from byte %" PRIu64,
                file->path, file->size, bytes, offset);
    }
    for (size_t have = 0; have < bytes;) {
        size_t want = bytes - have < READ_MAX ? bytes - have : READ_MAX;
        ssize_t got = pread(file->fd, (char *)to + have, want, (off_t)(offset + have));
        if (got < 0 && errno != EINTR) {
            OC_FAIL(error, OCTAVO_IO, offset + have, "cannot read %s at byte %" PRIu64 ": %m",
                    file->path, offset + have);
        }
        if (got == 0) {
            struct stat info;
            uint64_t ends = offset + have; /* before that, if the part begins behind the end */
            if (fstat(file->fd, &info) == 0 && (uint64_t)info.st_size < ends) {
                ends = (uint64_t)info.st_size;
            }
            bool shrank = end <= file->size;
            OC_FAIL(error, shrank ? OCTAVO_IO : OCTAVO_CORRUPT, offset,
                    "%s ends at byte %" PRIu64 ", %zu bytes were expected from byte %" PRIu64 "%s",
                    file->path, ends, bytes, offset,
                    shrank ? ": it was cut short while it was read" : "");
        }
        have += got > 0 ? (size_t)got : 0;
    }
done:
    if (status) {
        oc_error_path(error, file->path);
    }
    return status;
}

octavo_status oc_file_load(const char *path, uint64_t max_bytes, char **bytes, size_t *size,
                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_file file = OC_FILE_CLOSED;
    char *content = NULL;
    *bytes = NULL;
    *size = 0;
    OC_TRY(oc_file_open(path, &file, error));
    if (file.size > max_bytes || file.size >= SIZE_MAX) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%s has %" PRIu64 " bytes, the limit is %" PRIu64, path, file.size, max_bytes);
    }
    content = malloc((size_t)file.size + 1);
    if (!content) {
        OC_NO_MEMORY(error, (size_t)file.size + 1);
    }
    OC_TRY(oc_file_read(&file, 0, content, (size_t)file.size, error));
    content[file.size] = 0;
    *bytes = content;
    *size = (size_t)file.size;
    content = NULL;
done:
    if (status) {
        oc_error_path(error, path);
    }
    free(content);
    oc_file_close(&file);
    return status;
}

bool oc_is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool oc_is_file(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

bool oc_is_there(const char *path) {
    char target[TARGET_MAX];
    return oc_is_file(path) || is_dead_link(path, target);
}

char *oc_path_join(const char *folder, const char *name) {
    char *path = NULL;
    size_t length = strlen(folder);
    const char *slash = length == 0 || folder[length - 1] == '/' ? "" : "/";
    return asprintf(&path, "%s%s%s", folder, slash, name) < 0 ? NULL : path;
}

const char *oc_path_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *oc_path_parent(const char *path) {
    size_t length = (size_t)(oc_path_name(path) - path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    return length ? strndup(path, length) : strdup(".");
}
