/* checkpoint.c - tensors of all files under their plain names.  locate.c finds the files. */
#include "checkpoint/checkpoint.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "checkpoint/files/names.h"
#include "checkpoint/files/scan.h"
#include "num/convert.h"

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
        *tensor = (oc_ckpt_tensor){.name = oc_names_plain(entry->name, out->wrapper),
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

/* Finds the wrapper's name before all tensors' names. */
static octavo_status find_wrapper(oc_checkpoint *out, int64_t count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t at = 0;
    const char **names = malloc(((size_t)count + 1) * sizeof *names);
    if (!names) {
        OC_NO_MEMORY(error, (size_t)count * sizeof *names);
    }
    for (int32_t f = 0; f < out->file_count; f++) {
        const oc_safetensors *header = &out->files[f].header;
        for (int32_t i = 0; i < header->tensor_count; i++) {
            names[at++] = header->tensors[i].name;
        }
    }
    OC_TRY(oc_names_wrapper(names, at, &out->arena, &out->wrapper, error));
    if (out->wrapper[0] && strcmp(out->wrapper, "clip.") != 0) { /* transformers is silent too */
        oc_notice(&out->notices, "the tensors' names begin with \"%s\": they are read without it",
                  out->wrapper);
    }
done:
    free(names);
    return status;
}

static const char *plural(int32_t count) {
    return count == 1 ? "" : "s";
}

/* Tensors that the index has elsewhere than the shards do, or only one of them has at all.  None is
 * an error: what is needed and absent will be missed. */
static octavo_status compare_index(oc_checkpoint *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_strmap entries;
    int32_t absent = 0, unlisted = 0, moved = 0;
    const char *names[3] = {NULL};
    oc_strmap_init(&entries);
    for (int32_t i = 0; i < out->entry_count; i++) {
        const oc_st_entry *entry = &out->entries[i];
        OC_TRY(oc_strmap_add(&entries, oc_slice_of(entry->tensor), i, NULL, error));
        const oc_ckpt_tensor *tensor =
            oc_checkpoint_find(out, oc_names_plain(entry->tensor, out->wrapper));
        if (!tensor) {
            names[0] = absent++ ? names[0] : entry->tensor;
        } else if (tensor->file != &out->files[entry->file]) {
            names[2] = moved++ ? names[2] : entry->tensor;
        }
    }
    for (int32_t i = 0; i < out->tensor_count; i++) {
        const char *name = out->tensors[i].file_name;
        if (!oc_strmap_find(&entries, oc_slice_of(name))) {
            names[1] = unlisted++ ? names[1] : name;
        }
    }
    if (absent) {
        oc_notice(&out->notices, "the index names %d tensor%s that no file holds: %s%s", absent,
                  plural(absent), names[0], absent > 1 ? " and others" : "");
    }
    if (unlisted) {
        oc_notice(&out->notices, "the files hold %d tensor%s that the index does not name: %s%s",
                  unlisted, plural(unlisted), names[1], unlisted > 1 ? " and others" : "");
    }
    if (moved) {
        oc_notice(&out->notices, "%d tensor%s in another file than the index says: %s%s", moved,
                  moved > 1 ? "s are" : " is", names[2], moved > 1 ? " and others" : "");
    }
done:
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
    OC_TRY(find_wrapper(made, count, error));
    OC_TRY(oc_strmap_reserve(&made->by_name, (size_t)count, error));
    for (int32_t i = 0; i < made->file_count; i++) {
        OC_TRY(add_tensors(made, i, error));
    }
    if (location.index) {
        made->entries = location.entries;
        made->entry_count = location.entry_count;
        OC_TRY(compare_index(made, error));
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

/* The name of the file in which the index places a tensor; NULL if it does not. */
static const char *indexed_file(const oc_checkpoint *checkpoint, const char *name) {
    for (int32_t i = 0; i < checkpoint->entry_count; i++) {
        const oc_st_entry *entry = &checkpoint->entries[i];
        if (strcmp(oc_names_plain(entry->tensor, checkpoint->wrapper), name) == 0) {
            return oc_path_name(checkpoint->files[entry->file].path);
        }
    }
    return NULL;
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
        const char *file = indexed_file(checkpoint, name);
        oc_error_path(error, checkpoint->folder);
        if (file) {
            OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                    "tensor %s is missing: the index places it in %s, which does not hold it", name,
                    file);
        }
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
    return length > 0 && (size_t)length < sizeof path && oc_is_there(path);
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
