/* checkpoints.h - copies of the checkpoints under tests/data/tiny-clip, made wrong in one place.
 * To be included behind cmocka.h. */
#ifndef OC_TESTS_CHECKPOINTS_H
#define OC_TESTS_CHECKPOINTS_H

#include <dirent.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/files/safetensors_write.h"
#include "support/files.h"

/* Copies checkpoint `name`, without its reference, into folder `to`, which is made. */
static inline void oc_test_checkpoint(const char *name, const char *to) {
    char from[OC_TEST_PATH];
    snprintf(from, sizeof from, "%s/tiny-clip/%s", TEST_DATA, name);
    DIR *folder = opendir(from);
    assert_non_null(folder);
    mkdir(to, 0755);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "reference.safetensors") != 0) {
            oc_test_copy(oc_test_path(from, entry->d_name), oc_test_path(to, entry->d_name));
        }
    }
    closedir(folder);
}

/* `text` with the first `from` in it replaced; free() it. */
static inline char *oc_test_replace(const char *text, size_t size, const char *from, const char *to,
                                    size_t *new_size) {
    char *at = memmem(text, size, from, strlen(from));
    if (at == NULL) {
        fail_msg("there is no '%s' to be replaced", from);
    }
    size_t before = (size_t)(at - text), after = size - before - strlen(from);
    *new_size = before + strlen(to) + after;
    char *out = calloc(1, *new_size + 1);
    assert_non_null(out);
    memcpy(out, text, before);
    memcpy(out + before, to, strlen(to));
    memcpy(out + before + strlen(to), at + strlen(from), after);
    return out;
}

/* Replaces text in a file of the checkpoint. */
static inline void oc_test_edit(const char *folder, const char *file, const char *from,
                                const char *to) {
    size_t size, new_size;
    const char *path = oc_test_path(folder, file);
    char *text = oc_test_read(path, &size);
    char *edited = oc_test_replace(text, size, from, to, &new_size);
    oc_test_write(path, edited, new_size);
    free(edited);
    free(text);
}

/* Replaces text in the header of model.safetensors, whose length is made right. */
static inline void oc_test_edit_header(const char *folder, const char *from, const char *to) {
    size_t size, new_size;
    uint64_t length;
    const char *path = oc_test_path(folder, "model.safetensors");
    char *bytes = oc_test_read(path, &size);
    memcpy(&length, bytes, sizeof length);
    char *header = oc_test_replace(bytes + 8, length, from, to, &new_size);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    uint64_t new_length = new_size;
    assert_int_equal(fwrite(&new_length, 8, 1, file), 1);
    assert_int_equal(fwrite(header, 1, new_size, file), new_size);
    assert_int_equal(fwrite(bytes + 8 + length, 1, size - 8 - length, file), size - 8 - length);
    assert_int_equal(fclose(file), 0);
    free(header);
    free(bytes);
}

/* Overwrites `count` bytes of a tensor from byte `at` on. */
static inline void oc_test_edit_tensor(const char *folder, const char *tensor, size_t at,
                                       const void *with, size_t count) {
    size_t size;
    const char *path = oc_test_path(folder, "model.safetensors");
    char *bytes = oc_test_read(path, &size);
    oc_safetensors header = {0};
    assert_int_equal(oc_safetensors_read(bytes, size, size, &header, NULL), OCTAVO_OK);
    int32_t i = 0;
    while (i < header.tensor_count && strcmp(header.tensors[i].name, tensor) != 0) {
        i++;
    }
    if (i == header.tensor_count || at + count > header.tensors[i].bytes) {
        fail_msg("tensor %s has no bytes %zu to %zu", tensor, at, at + count);
    }
    memcpy(bytes + header.tensors[i].offset + at, with, count);
    oc_test_write(path, bytes, size);
    oc_safetensors_free(&header);
    free(bytes);
}

/* All bytes of a tensor; free() them. */
static inline void *oc_test_bytes_of(const oc_ckpt_tensor *tensor) {
    void *bytes = malloc((size_t)tensor->bytes + 1);
    octavo_error error;
    oc_error_clear(&error);
    assert_non_null(bytes);
    if (oc_checkpoint_read_bytes(tensor, 0, (size_t)tensor->bytes, bytes, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    return bytes;
}

/* Adds F32 tensors of one element, 1, to model.safetensors. */
static inline void oc_test_add_tensors(const char *folder, const char *const *names,
                                       int32_t count) {
    octavo_error error;
    oc_checkpoint *checkpoint = NULL;
    const char *path = oc_test_path(folder, "model.safetensors");
    float one = 1;
    oc_error_clear(&error);
    assert_int_equal(oc_checkpoint_open(path, &checkpoint, &error), OCTAVO_OK);
    int32_t old = checkpoint->tensor_count;
    octavo_argument *tensors = calloc((size_t)(old + count), sizeof *tensors);
    assert_non_null(tensors);
    for (int32_t i = 0; i < old; i++) {
        const oc_ckpt_tensor *from = &checkpoint->tensors[i];
        tensors[i].name = from->file_name;
        tensors[i].tensor = (octavo_tensor){
            .dtype = from->dtype, .rank = from->rank, .data = oc_test_bytes_of(from)};
        memcpy(tensors[i].tensor.shape, from->shape, sizeof tensors[i].tensor.shape);
    }
    for (int32_t i = 0; i < count; i++) {
        tensors[old + i].name = names[i];
        tensors[old + i].tensor = (octavo_tensor){.dtype = OCTAVO_F32, .rank = 0, .data = &one};
    }
    if (oc_safetensors_save(path, tensors, old + count, NULL, 0, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    for (int32_t i = 0; i < old; i++) {
        free(tensors[i].tensor.data);
    }
    free(tensors);
    oc_checkpoint_free(checkpoint);
}

/* How many files and folders there are in a folder, and how many of them are temporaries. */
static inline int32_t oc_test_entries(const char *path, int32_t *temporaries) {
    DIR *folder = opendir(path);
    int32_t count = 0;
    assert_non_null(folder);
    *temporaries = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        size_t length = strlen(entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            count++;
            *temporaries += length > 4 && strcmp(entry->d_name + length - 4, ".tmp") == 0;
        }
    }
    closedir(folder);
    return count;
}

#endif
