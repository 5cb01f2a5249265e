/* temporary.c - see temporary.h. */
#include "base/sys/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/sys/io.h"

enum {
    NAME_SHOWN = 200, /* bytes of a name; 255 are allowed */
    HEX_DIGITS = 16
};

char *oc_temporary_name(const char *path) {
    char *text = NULL;
    const char *name = oc_path_name(path);
    int length = asprintf(&text, "%.*s.%.*s.%08" PRIx32 "%08" PRIx32 ".tmp", (int)(name - path),
                          path, NAME_SHOWN, name, (uint32_t)getpid(), (uint32_t)oc_hash_key());
    return length < 0 ? NULL : text;
}

bool oc_temporary_is_of(const char *entry, const char *name, uint32_t *process) {
    size_t length = strnlen(name, NAME_SHOWN);
    char digits[9] = "";
    if (entry[0] != '.' || strncmp(entry + 1, name, length) != 0 || entry[1 + length] != '.') {
        return false;
    }
    const char *hex = entry + length + 2;
    if (strspn(hex, "0123456789abcdef") != HEX_DIGITS || strcmp(hex + HEX_DIGITS, ".tmp") != 0) {
        return false;
    }
    memcpy(digits, hex, 8);
    *process = (uint32_t)strtoul(digits, NULL, 16);
    return true;
}

static bool is_at(int fd, const char *path) {
    struct stat open_one, named;
    return fstat(fd, &open_one) == 0 && lstat(path, &named) == 0 &&
           open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

bool oc_temporary_hold(int fd, const char *path) {
    bool held = flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    return held && is_at(fd, path);
}

int oc_temporary_claim(const char *path) {
    struct stat info;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &info) == 0 && info.st_uid == geteuid() &&
        (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
        is_at(fd, path)) {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at) {
    (void)info;
    (void)type;
    (void)at;
    remove(path);
    return 0;
}

void oc_temporary_remove(const char *path) {
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

void oc_temporary_sweep(const char *path) {
    const char *name = oc_path_name(path);
    char *parent = oc_path_parent(path);
    DIR *folder = parent ? opendir(parent) : NULL;
    uint32_t process;
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        char *left = oc_temporary_is_of(entry->d_name, name, &process)
                         ? oc_path_join(parent, entry->d_name)
                         : NULL;
        int fd = left ? oc_temporary_claim(left) : -1;
        if (fd >= 0) {
            oc_temporary_remove(left);
            close(fd);
        }
        free(left);
    }
    if (folder) {
        closedir(folder);
    }
    free(parent);
}
