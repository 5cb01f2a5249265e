/* checkpoint.c - tensors of all files under their plain names.  locate.c finds the files. */
#include "checkpoint/checkpoint.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "checkpoint/files/locate.h"
#include "checkpoint/files/scan.h"
#include "num/convert.h"

/* The plain name within a file's spelling. */
static const char *plain_name(const char *file_name) {
    static const char *const doubled[] = {"text_model.text_model.", "vision_model.vision_model."};
    for (size_t i = 0; i < OC_COUNT(doubled); i++) {
        if (strncmp(file_name, doubled[i], strlen(doubled[i])) == 0) {
            return strchr(file_name, '.') + 1;
        }
    }
    return file_name;
}

static octavo_status open_file(oc_checkpoint *out, int32_t index, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_ckpt_file *file = &out->files[index];
    OC_TRY(oc_file_open(file->path, &file->file, error));
    OC_TRY(oc_safetensors_open(&file->file, &file->header, error));
done:
    if (status) {
        oc_error_path(error, file->path);
    }
    return status;
}

static octavo_status add_tensors(oc_checkpoint *out, int32_t index, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_ckpt_file *file = &out->files[index];
    for (int32_t i = 0; i < file->header.tensor_count; i++) {
        const oc_st_tensor *entry = &file->header.tensors[i];
        oc_ckpt_tensor *tensor = &out->tensors[out->tensor_count];
        int32_t *taken;
        *tensor = (oc_ckpt_tensor){.name = plain_name(entry->name),
                                   .file_name = entry->name,
                                   .dtype_name = entry->dtype_name,
                                   .dtype = entry->dtype,
                                   .rank = entry->rank,
                                   .bytes = entry->bytes,
                                   .offset = entry->offset,
                                   .file = file};
        memcpy(tensor->shape, entry->shape, sizeof tensor->shape);
        OC_TRY(oc_strmap_add(&out->by_name, oc_slice_of(tensor->name), out->tensor_count, &taken,
                             error));
        if (taken) {
            const oc_ckpt_tensor *other = &out->tensors[*taken];
            OC_FAIL(error, OCTAVO_CORRUPT, entry->offset,
                    "tensor %s comes twice: as %s in %s and as %s in %s", tensor->name,
                    other->file_name, oc_path_name(other->file->path), entry->name,
                    oc_path_name(file->path));
        }
        out->tensor_count++;
    }
done:
    if (status) {
        oc_error_path(error, file->path);
    }
    return status;
}

/* The shards hold what the index says, no less and no more. */
static octavo_status check_index(const oc_checkpoint *out, const oc_location *location,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_strmap entries;
    oc_strmap_init(&entries);
    for (int32_t i = 0; i < location->entry_count; i++) {
        OC_TRY(oc_strmap_add(&entries, oc_slice_of(location->entries[i].tensor), i, NULL, error));
    }
    for (int32_t i = 0; i < out->tensor_count; i++) {
        const oc_ckpt_tensor *tensor = &out->tensors[i];
        const int32_t *entry = oc_strmap_find(&entries, oc_slice_of(tensor->file_name));
        if (!entry) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, "tensor %s of %s is not in the index",
                    tensor->file_name, oc_path_name(tensor->file->path));
        }
        if (&out->files[location->entries[*entry].file] != tensor->file) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                    "tensor %s is in %s, but the index says %s", tensor->file_name,
                    oc_path_name(tensor->file->path),
                    oc_path_name(location->paths[location->entries[*entry].file]));
        }
    }
    for (int32_t i = 0; i < location->entry_count; i++) {
        const oc_st_entry *entry = &location->entries[i];
        const oc_ckpt_tensor *tensor = oc_checkpoint_find(out, plain_name(entry->tensor));
        if (!tensor || strcmp(tensor->file_name, entry->tensor) != 0) {
            OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                    "tensor %s, which the index places in %s, is not there", entry->tensor,
                    oc_path_name(location->paths[entry->file]));
        }
    }
done:
    if (status) {
        oc_error_path(error, location->index);
    }
    oc_strmap_free(&entries);
    return status;
}

octavo_status oc_checkpoint_open(const char *path, oc_checkpoint **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_checkpoint *made = calloc(1, sizeof *made);
    oc_location location = {0};
    int64_t count = 0;
    *out = NULL;
    if (!made) {
        OC_NO_MEMORY(error, sizeof *made);
    }
    oc_arena_init(&made->arena);
    oc_strmap_init(&made->by_name);
    OC_TRY(oc_locate(path, &made->arena, &location, &made->notices, error));
    made->title = location.title;
    made->folder = location.folder;
    made->files = oc_arena_alloc(&made->arena, (size_t)location.path_count * sizeof *made->files);
    if (!made->files) {
        OC_NO_MEMORY(error, (size_t)location.path_count * sizeof *made->files);
    }
    for (int32_t i = 0; i < location.path_count; i++) {
        made->files[i].path = location.paths[i];
        made->files[i].file = OC_FILE_CLOSED;
        made->file_count++;
        OC_TRY(open_file(made, i, error));
        count += made->files[i].header.tensor_count;
    }
    if (count > OC_LIMIT_TENSORS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "%" PRId64 " tensors in %d files, the limit is %u", count, made->file_count,
                OC_LIMIT_TENSORS);
    }
    made->tensors = oc_arena_alloc(&made->arena, (size_t)count * sizeof *made->tensors);
    if (!made->tensors) {
        OC_NO_MEMORY(error, (size_t)count * sizeof *made->tensors);
    }
    OC_TRY(oc_strmap_reserve(&made->by_name, (size_t)count, error));
    for (int32_t i = 0; i < made->file_count; i++) {
        OC_TRY(add_tensors(made, i, error));
    }
    if (location.index) {
        OC_TRY(check_index(made, &location, error));
    }
    *out = made;
    made = NULL;
done:
    if (status) {
        oc_error_path(error, path);
    }
    oc_checkpoint_free(made);
    return status;
}

void oc_checkpoint_free(oc_checkpoint *checkpoint) {
    if (!checkpoint) {
        return;
    }
    for (int32_t i = 0; i < checkpoint->file_count; i++) {
        oc_safetensors_free(&checkpoint->files[i].header);
        oc_file_close(&checkpoint->files[i].file);
    }
    oc_strmap_free(&checkpoint->by_name);
    oc_notices_free(&checkpoint->notices);
    oc_arena_free(&checkpoint->arena);
    free(checkpoint);
}

const oc_ckpt_tensor *oc_checkpoint_find(const oc_checkpoint *checkpoint, const char *name) {
    const int32_t *index = oc_strmap_find(&checkpoint->by_name, oc_slice_of(name));
    return index ? &checkpoint->tensors[*index] : NULL;
}

/* The tensor that shares the longest beginning and end with `name`, four fifths of it at least;
 * NULL if none does. */
static const oc_ckpt_tensor *most_similar(const oc_checkpoint *checkpoint, const char *name) {
    const oc_ckpt_tensor *best = NULL;
    size_t length = strlen(name), best_score = 4 * length / 5;
    for (int32_t i = 0; i < checkpoint->tensor_count; i++) {
        const char *other = checkpoint->tensors[i].name;
        size_t n = strlen(other), shorter = n < length ? n : length, head = 0, tail = 0;
        while (head < shorter && other[head] == name[head]) {
            head++;
        }
        while (head + tail < shorter && other[n - 1 - tail] == name[length - 1 - tail]) {
            tail++;
        }
        if (head + tail > best_score) {
            best_score = head + tail;
            best = &checkpoint->tensors[i];
        }
    }
    return best;
}

octavo_status oc_checkpoint_require(const oc_checkpoint *checkpoint, const char *name,
                                    const int64_t *shape, int32_t rank, const oc_ckpt_tensor **out,
                                    octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_ckpt_tensor *tensor = oc_checkpoint_find(checkpoint, name);
    char has[OC_SHAPE_TEXT], wants[OC_SHAPE_TEXT];
    *out = NULL;
    if (!tensor) {
        const oc_ckpt_tensor *similar = most_similar(checkpoint, name);
        oc_error_path(error, checkpoint->folder);
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET, "tensor %s is missing%s%s", name,
                similar ? "; the most similar one is " : "", similar ? similar->name : "");
    }
    if (tensor->rank != rank ||
        (rank && memcmp(tensor->shape, shape, (size_t)rank * sizeof *shape) != 0)) {
        oc_error_path(error, tensor->file->path);
        OC_FAIL(error, OCTAVO_CORRUPT, tensor->offset,
                "tensor %s has shape %s, config wants %s (byte %" PRIu64 ")", name,
                oc_shape_text(tensor->shape, tensor->rank, has), oc_shape_text(shape, rank, wants),
                tensor->offset);
    }
    if (!tensor->dtype) {
        oc_error_path(error, tensor->file->path);
        OC_FAIL(error, OCTAVO_UNSUPPORTED, tensor->offset,
                "tensor %s has dtype %s, which is not read here", name, tensor->dtype_name);
    }
    *out = tensor;
done:
    return status;
}

octavo_status oc_checkpoint_read_bytes(const oc_ckpt_tensor *tensor, uint64_t first, size_t bytes,
                                       void *to, octavo_error *error) {
    OC_ASSERT(first <= tensor->bytes && bytes <= tensor->bytes - first);
    return oc_file_read(&tensor->file->file, tensor->offset + first, to, bytes, error);
}

octavo_status oc_checkpoint_read(const oc_ckpt_tensor *tensor, uint64_t first, size_t count,
                                 void *to, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t size = oc_st_dtype_bytes(tensor->dtype);
    OC_TRY(oc_checkpoint_read_bytes(tensor, first * size, count * (size_t)size, to, error));
    size_t bad = oc_find_not_finite(tensor->dtype, to, count);
    if (bad != count) {
        uint64_t element = first + bad, place = tensor->offset + element * size;
        float value = 0;
        oc_convert_to_f32(tensor->dtype, (const char *)to + bad * size, &value, 1);
        oc_error_path(error, tensor->file->path);
        OC_FAIL(error, OCTAVO_CORRUPT, place,
                "tensor %s has %s at element %" PRIu64 " (%s, byte %" PRIu64 ")", tensor->name,
                isnan(value) ? "NaN"
                : value < 0  ? "-inf"
                             : "inf",
                element, tensor->dtype_name, place);
    }
done:
    return status;
}

bool oc_checkpoint_has(const oc_checkpoint *checkpoint, const char *name) {
    char path[4096]; /* longer ones cannot be opened; allocating could fail, which is not "no" */
    size_t end = strlen(checkpoint->folder);
    const char *slash = end == 0 || checkpoint->folder[end - 1] == '/' ? "" : "/";
    int length = snprintf(path, sizeof path, "%s%s%s", checkpoint->folder, slash, name);
    return length > 0 && (size_t)length < sizeof path && oc_is_file(path);
}

octavo_status oc_checkpoint_load(const oc_checkpoint *checkpoint, const char *name,
                                 uint64_t max_bytes, char **bytes, size_t *size,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *path = oc_path_join(checkpoint->folder, name);
    *bytes = NULL;
    *size = 0;
    if (!path) {
        OC_NO_MEMORY(error, strlen(name));
    }
    OC_TRY(oc_file_load(path, max_bytes, bytes, size, error));
done:
    free(path);
    return status;
}
