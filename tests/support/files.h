/* files.h - folders of files that a test makes and throws away.  All functions fail the test
 * where they fail.  To be included behind cmocka.h. */
#ifndef OC_TESTS_FILES_H
#define OC_TESTS_FILES_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OC_TEST_PATH = 512 };

/* A new empty folder; path has room for OC_TEST_PATH bytes. */
static inline void oc_test_folder(char *path) {
    const char *root = getenv("TMPDIR");
    snprintf(path, OC_TEST_PATH, "%s/octavo-test-XXXXXX", root && root[0] ? root : "/tmp");
    assert_non_null(mkdtemp(path));
}

static inline int oc_test_remove_entry(const char *path, const struct stat *info, int kind,
                                       struct FTW *at) {
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

/* Removes it with all that is in it. */
static inline void oc_test_folder_remove(const char *path) {
    assert_int_equal(nftw(path, oc_test_remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* folder/name; lives until the 32nd call after this one. */
static inline const char *oc_test_path(const char *folder, const char *name) {
    static char *paths[32];
    static unsigned turn;
    char **path = &paths[turn++ % 32];
    free(*path);
    assert_true(asprintf(path, "%s/%s", folder, name) > 0);
    return *path;
}

/* Makes root/below with every folder on the way from root; returns its path, as oc_test_path. */
static inline const char *oc_test_folders(const char *root, const char *below) {
    char *path = strdup(oc_test_path(root, below));
    assert_non_null(path);
    for (char *slash = path + strlen(root); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0755);
        *slash = '/';
    }
    free(path);
    mkdir(oc_test_path(root, below), 0755);
    assert_int_equal(access(oc_test_path(root, below), W_OK), 0);
    return oc_test_path(root, below);
}

static inline void oc_test_write(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* Zero-terminated; free() it. */
static inline char *oc_test_read(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        fail_msg("cannot open %s", path);
    }
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long length = ftell(file);
    assert_true(length >= 0);
    rewind(file);
    char *bytes = malloc((size_t)length + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)length, file), length);
    bytes[length] = 0;
    fclose(file);
    *size = (size_t)length;
    return bytes;
}

static inline void oc_test_copy(const char *from, const char *to) {
    size_t size;
    char *bytes = oc_test_read(from, &size);
    oc_test_write(to, bytes, size);
    free(bytes);
}

/* Makes the file longer by zeros, or shorter. */
static inline void oc_test_resize(const char *path, size_t size) {
    assert_int_equal(truncate(path, (off_t)size), 0);
}

/* A .safetensors file in memory: `header` behind its length, then `data_bytes` bytes that count
 * 0, 1, 2, ...; free() it. */
static inline char *oc_test_safetensors(const char *header, size_t data_bytes, size_t *size) {
    size_t length = strlen(header);
    char *bytes = malloc(8 + length + data_bytes);
    assert_non_null(bytes);
    for (size_t i = 0; i < 8; i++) {
        bytes[i] = (char)(length >> (8 * i));
    }
    memcpy(bytes + 8, header, length);
    for (size_t i = 0; i < data_bytes; i++) {
        bytes[8 + length + i] = (char)i;
    }
    *size = 8 + length + data_bytes;
    return bytes;
}

#endif
