/* safetensors_write.c - see safetensors_write.h. */
#include "checkpoint/files/safetensors_write.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/json/json_write.h"
#include "base/strmap.h"

/* Dtypes in the order in which the format's library lists them: its files have the last first. */
static int rank_of(octavo_dtype dtype) {
    static const octavo_dtype order[] = {OCTAVO_U8,      OCTAVO_F8_E5M2, OCTAVO_F8_E4M3,
                                         OCTAVO_F8_E8M0, OCTAVO_F16,     OCTAVO_BF16,
                                         OCTAVO_I32,     OCTAVO_F32,     OCTAVO_I64};
    for (size_t i = 0; i < OC_COUNT(order); i++) {
        if (order[i] == dtype) {
            return (int)i;
        }
    }
    return -1;
}

static int by_dtype_and_name(const void *a, const void *b, void *tensors) {
    const octavo_argument *x = (const octavo_argument *)tensors + *(const int32_t *)a;
    const octavo_argument *y = (const octavo_argument *)tensors + *(const int32_t *)b;
    int dx = rank_of(x->tensor.dtype), dy = rank_of(y->tensor.dtype);
    return dx != dy ? dy - dx : strcmp(x->name, y->name);
}

/* Bytes of a declared tensor; false if it is none. */
static bool tensor_bytes(const octavo_tensor *tensor, uint64_t *out) {
    uint64_t bytes = oc_st_dtype_bytes(tensor->dtype);
    if (bytes == 0 || tensor->rank < 0 || tensor->rank > OCTAVO_MAX_RANK) {
        return false;
    }
    for (int32_t i = 0; i < tensor->rank; i++) {
        if (tensor->shape[i] < 0 ||
            __builtin_mul_overflow(bytes, (uint64_t)tensor->shape[i], &bytes)) {
            return false;
        }
    }
    *out = bytes;
    return bytes <= INT64_MAX;
}

static bool name_is_valid(const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f) {
            return false;
        }
    }
    return length > 0 && length <= OC_LIMIT_TENSOR_NAME && strcmp(name, "__metadata__") != 0;
}

static octavo_status check_tensors(const octavo_argument *tensors, int32_t count,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_strmap names;
    oc_strmap_init(&names);
    if (count < 0 || count > (int32_t)OC_LIMIT_TENSORS) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%d tensors for one file, the limit is %u", count, OC_LIMIT_TENSORS);
    }
    for (int32_t i = 0; i < count; i++) {
        int32_t *taken;
        uint64_t bytes;
        if (!name_is_valid(tensors[i].name)) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "\"%s\" cannot be the name of tensor %d", tensors[i].name, i);
        }
        if (!tensor_bytes(&tensors[i].tensor, &bytes)) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "tensor %s has a dtype, rank or shape that cannot be written", tensors[i].name);
        }
        OC_TRY(oc_strmap_add(&names, oc_slice_of(tensors[i].name), i, &taken, error));
        if (taken) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "tensors %d and %d are both called %s", *taken, i, tensors[i].name);
        }
    }
done:
    oc_strmap_free(&names);
    return status;
}

static octavo_status write_header(oc_st_writer *writer, const oc_st_text *metadata,
                                  int32_t metadata_count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer text;
    oc_json_writer json;
    uint64_t at = 0;
    oc_buffer_init(&text);
    oc_json_write_open(&json, &text, false);
    oc_json_write_object(&json);
    if (metadata_count > 0) {
        oc_json_write_key(&json, "__metadata__");
        oc_json_write_object(&json);
        for (int32_t i = 0; i < metadata_count; i++) {
            oc_json_write_key(&json, metadata[i].key);
            oc_json_write_text(&json, metadata[i].value);
        }
        oc_json_write_end(&json);
    }
    for (int32_t i = 0; i < writer->tensor_count; i++) {
        const octavo_argument *entry = &writer->tensors[writer->order[i]];
        uint64_t bytes = 0;
        tensor_bytes(&entry->tensor, &bytes);
        if (bytes > (uint64_t)INT64_MAX - at) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "tensor %s makes the file larger than any file can be", entry->name);
        }
        oc_json_write_key(&json, entry->name);
        oc_json_write_object(&json);
        oc_json_write_key(&json, "dtype");
        oc_json_write_text(&json, oc_st_dtype_name(entry->tensor.dtype));
        oc_json_write_key(&json, "shape");
        oc_json_write_array(&json);
        for (int32_t d = 0; d < entry->tensor.rank; d++) {
            oc_json_write_int(&json, entry->tensor.shape[d]);
        }
        oc_json_write_end(&json);
        oc_json_write_key(&json, "data_offsets");
        oc_json_write_array(&json);
        oc_json_write_int(&json, (int64_t)at);
        oc_json_write_int(&json, (int64_t)(at + bytes));
        oc_json_write_end(&json);
        oc_json_write_end(&json);
        at += bytes;
    }
    oc_json_write_end(&json);
    OC_TRY(oc_json_write_finish(&json, error));
    while (text.size % 8 != 0 && !text.failed) {
        oc_buffer_byte(&text, ' ');
    }
    OC_TRY(oc_buffer_status(&text, error));
    if (text.size > OC_LIMIT_SAFETENSORS_HEADER) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "the header has %zu bytes, the limit is %u", text.size,
                OC_LIMIT_SAFETENSORS_HEADER);
    }
    uint8_t length[8];
    for (int i = 0; i < 8; i++) {
        length[i] = (uint8_t)((uint64_t)text.size >> (8 * i));
    }
    OC_TRY(oc_output_append(&writer->output, length, sizeof length, error));
    OC_TRY(oc_output_append(&writer->output, text.data, text.size, error));
done:
    oc_buffer_free(&text);
    return status;
}

/* Goes on to the next tensor that has bytes. */
static void settle(oc_st_writer *writer) {
    while (writer->left == 0 && ++writer->at < writer->tensor_count) {
        tensor_bytes(&writer->tensors[writer->order[writer->at]].tensor, &writer->left);
    }
}

octavo_status oc_st_writer_open(const char *path, const octavo_argument *tensors,
                                int32_t tensor_count, const oc_st_text *metadata,
                                int32_t metadata_count, oc_st_writer *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = OC_ST_WRITER_CLOSED;
    OC_TRY(check_tensors(tensors, tensor_count, error));
    out->order = malloc((size_t)tensor_count * sizeof *out->order + 1);
    if (!out->order) {
        OC_NO_MEMORY(error, (size_t)tensor_count * sizeof *out->order);
    }
    for (int32_t i = 0; i < tensor_count; i++) {
        out->order[i] = i;
    }
    qsort_r(out->order, (size_t)tensor_count, sizeof *out->order, by_dtype_and_name,
            (void *)(uintptr_t)tensors);
    out->tensors = tensors;
    out->tensor_count = tensor_count;
    OC_TRY(oc_output_open(path, &out->output, error));
    OC_TRY(write_header(out, metadata, metadata_count, error));
    out->at = -1;
    settle(out);
done:
    if (status) {
        oc_error_path(error, path);
        oc_st_writer_abort(out);
    }
    return status;
}

int32_t oc_st_writer_next(const oc_st_writer *writer) {
    return writer->at < writer->tensor_count ? writer->order[writer->at] : -1;
}

octavo_status oc_st_writer_append(oc_st_writer *writer, const void *bytes, size_t size,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (size > writer->left) {
        int32_t i = oc_st_writer_next(writer);
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%zu bytes come for %s, which takes %" PRIu64 " more", size,
                i < 0 ? "the file" : writer->tensors[i].name, writer->left);
    }
    OC_TRY(oc_output_append(&writer->output, bytes, size, error));
    writer->left -= size;
    settle(writer);
done:
    return status;
}

octavo_status oc_st_writer_commit(oc_st_writer *writer, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t i = oc_st_writer_next(writer);
    if (i >= 0) {
        OC_FAIL(error, OCTAVO_BAD_STATE, OCTAVO_NO_OFFSET,
                "%" PRIu64 " bytes of tensor %s are still missing", writer->left,
                writer->tensors[i].name);
    }
    OC_TRY(oc_output_commit(&writer->output, error));
done:
    return status;
}

void oc_st_writer_abort(oc_st_writer *writer) {
    oc_output_abort(&writer->output);
    free(writer->order);
    *writer = OC_ST_WRITER_CLOSED;
}

octavo_status oc_safetensors_save(const char *path, const octavo_argument *tensors,
                                  int32_t tensor_count, const oc_st_text *metadata,
                                  int32_t metadata_count, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_st_writer writer = OC_ST_WRITER_CLOSED;
    OC_TRY(
        oc_st_writer_open(path, tensors, tensor_count, metadata, metadata_count, &writer, error));
    for (int32_t i; (i = oc_st_writer_next(&writer)) >= 0;) {
        OC_TRY(oc_st_writer_append(&writer, tensors[i].tensor.data, (size_t)writer.left, error));
    }
    OC_TRY(oc_st_writer_commit(&writer, error));
done:
    oc_st_writer_abort(&writer);
    return status;
}
