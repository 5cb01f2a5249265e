/* safetensors.c - reading and checking the header; see safetensors.h. */
#include "checkpoint/files/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json/json.h"
#include "base/size.h"
#include "base/sys/kind.h"

enum {
    PREFIX = 8, /* bytes of the header's length */
    HEAD = 64   /* bytes that are read first */
};

/* Dtypes of the format, and which of them octavo has a use for. */
static const struct {
    const char *name;
    int32_t bits;
    octavo_dtype dtype;
} dtypes[] = {
#define XX(name, value, text, bytes) {text, 8 * (bytes), OCTAVO_##name},
    OCTAVO_DTYPE_MAP(XX)
#undef XX
        {"BOOL", 8, 0},
    {"I8", 8, 0},
    {"I16", 16, 0},
    {"U16", 16, 0},
    {"U32", 32, 0},
    {"U64", 64, 0},
    {"F64", 64, 0},
    {"C64", 64, 0},
    {"F4", 4, 0},
    {"F6_E2M3", 6, 0},
    {"F6_E3M2", 6, 0},
    {"F8_E4M3FNUZ", 8, 0},
    {"F8_E5M2FNUZ", 8, 0},
};

const char *oc_st_dtype_name(octavo_dtype dtype) {
    for (size_t i = 0; dtype && i < OC_COUNT(dtypes); i++) {
        if (dtypes[i].dtype == dtype) {
            return dtypes[i].name;
        }
    }
    return NULL;
}

uint64_t oc_st_dtype_bytes(octavo_dtype dtype) {
    for (size_t i = 0; dtype && i < OC_COUNT(dtypes); i++) {
        if (dtypes[i].dtype == dtype) {
            return (uint64_t)dtypes[i].bits / 8;
        }
    }
    return 0;
}

const char *oc_shape_text(const int64_t *shape, int32_t rank, char text[OC_SHAPE_TEXT]) {
    size_t length = (size_t)snprintf(text, OC_SHAPE_TEXT, "[");
    for (int32_t i = 0; i < rank && length < OC_SHAPE_TEXT; i++) {
        length += (size_t)snprintf(text + length, OC_SHAPE_TEXT - length, "%s%" PRId64,
                                   i ? "," : "", shape[i]);
    }
    if (length < OC_SHAPE_TEXT) {
        snprintf(text + length, OC_SHAPE_TEXT - length, "]");
    }
    return text;
}

typedef struct reader {
    oc_json json;
    oc_safetensors *out;
    uint64_t data_begin, data_bytes; /* place and size of the data in the file */
    int32_t capacity;                /* of out->tensors */
} reader;

static octavo_status read_shape(reader *r, oc_st_tensor *tensor, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool more;
    OC_TRY(oc_json_array(&r->json, error));
    for (;;) {
        OC_TRY(oc_json_element(&r->json, &more, error));
        if (!more) {
            break;
        }
        if (tensor->rank == OC_LIMIT_TENSOR_RANK) {
            OC_JSON_FAIL(&r->json, error, OCTAVO_UNSUPPORTED,
                         "more than %d dimensions, the limit is %d", tensor->rank,
                         OC_LIMIT_TENSOR_RANK);
        }
        OC_TRY(oc_json_int64(&r->json, 0, INT64_MAX, &tensor->shape[tensor->rank], error));
        tensor->rank++;
    }
done:
    return status;
}

static octavo_status read_dtype(reader *r, oc_st_tensor *tensor, int32_t *bits,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice name;
    OC_TRY(oc_json_string(&r->json, &name, error));
    for (size_t i = 0; i < OC_COUNT(dtypes); i++) {
        if (oc_slice_is(name, dtypes[i].name)) {
            tensor->dtype_name = dtypes[i].name;
            tensor->dtype = dtypes[i].dtype;
            *bits = dtypes[i].bits;
            goto done;
        }
    }
    OC_JSON_FAIL(&r->json, error, OCTAVO_UNSUPPORTED,
                 "tensor %s has dtype \"%.*s\", which is not known here", tensor->name,
                 oc_slice_width(name), name.data);
done:
    return status;
}

static octavo_status read_offsets(reader *r, oc_st_tensor *tensor, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int64_t at[2];
    bool more;
    OC_TRY(oc_json_array(&r->json, error));
    for (int i = 0; i < 2; i++) {
        OC_TRY(oc_json_int64(&r->json, 0, INT64_MAX, &at[i], error));
    }
    OC_TRY(oc_json_element(&r->json, &more, error));
    if (more || at[0] > at[1]) {
        OC_JSON_FAIL(&r->json, error, OCTAVO_CORRUPT, "offsets must be two, [begin, end]");
    }
    if ((uint64_t)at[1] > r->data_bytes) {
        OC_JSON_FAIL(&r->json, error, OCTAVO_CORRUPT,
                     "tensor %s ends at byte %" PRId64 " of the data, which has %" PRIu64
                     " bytes: the file was cut short, or is another one's beginning",
                     tensor->name, at[1], r->data_bytes);
    }
    tensor->offset = r->data_begin + (uint64_t)at[0];
    tensor->bytes = (uint64_t)(at[1] - at[0]);
done:
    return status;
}

/* Bytes that the shape asks for; false if they do not fit in 64 bits or are no whole number. */
static bool shape_bytes(const oc_st_tensor *tensor, int32_t bits, uint64_t *out) {
    uint64_t product = (uint64_t)bits;
    for (int32_t i = 0; i < tensor->rank; i++) {
        if (__builtin_mul_overflow(product, (uint64_t)tensor->shape[i], &product)) {
            return false;
        }
    }
    *out = product / 8;
    return product % 8 == 0;
}

static octavo_status read_tensor(reader *r, oc_st_tensor *tensor, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool has_shape = false, has_offsets = false;
    int32_t bits = 0;
    uint64_t wanted = 0;
    char shape[OC_SHAPE_TEXT];
    oc_slice key;
    OC_TRY(oc_json_object(&r->json, error));
    uint64_t place = r->json.latest;
    for (;;) {
        OC_TRY(oc_json_member(&r->json, &key, error));
        if (!key.data) {
            break;
        } else if (oc_slice_is(key, "dtype")) {
            OC_TRY(read_dtype(r, tensor, &bits, error));
        } else if (oc_slice_is(key, "shape")) {
            OC_TRY(read_shape(r, tensor, error));
            has_shape = true;
        } else if (oc_slice_is(key, "data_offsets")) {
            OC_TRY(read_offsets(r, tensor, error));
            has_offsets = true;
        } else {
            OC_TRY(oc_json_skip(&r->json, NULL, error));
        }
    }
    if (!bits || !has_shape || !has_offsets) {
        OC_FAIL(error, OCTAVO_CORRUPT, place, "tensor %s has no %s (byte %" PRIu64 ")",
                tensor->name,
                !bits        ? "dtype"
                : !has_shape ? "shape"
                             : "data_offsets",
                place);
    }
    if (!shape_bytes(tensor, bits, &wanted) || wanted != tensor->bytes) {
        OC_FAIL(error, OCTAVO_CORRUPT, place,
                "tensor %s is %s %s, but its offsets span %" PRIu64 " bytes (byte %" PRIu64 ")",
                tensor->name, tensor->dtype_name, oc_shape_text(tensor->shape, tensor->rank, shape),
                tensor->bytes, place);
    }
done:
    return status;
}

static octavo_status read_metadata(reader *r, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_safetensors *out = r->out;
    oc_st_text *grown;
    oc_slice key;
    bool is_null;
    OC_TRY(oc_json_null(&r->json, &is_null, error));
    if (is_null) {
        goto done;
    }
    OC_TRY(oc_json_object(&r->json, error));
    for (int32_t capacity = 0;; out->metadata_count++) {
        OC_TRY(oc_json_member(&r->json, &key, error));
        if (!key.data) {
            break;
        }
        if (out->metadata_count == capacity) {
            capacity = capacity ? 2 * capacity : 8;
            grown = oc_arena_alloc(&out->arena, (size_t)capacity * sizeof *grown);
            if (!grown) {
                OC_NO_MEMORY(error, (size_t)capacity * sizeof *grown);
            }
            if (out->metadata_count) {
                memcpy(grown, out->metadata, (size_t)out->metadata_count * sizeof *grown);
            }
            out->metadata = grown;
        }
        oc_st_text *text = &out->metadata[out->metadata_count];
        text->key = oc_arena_text(&out->arena, key.data, key.length);
        if (!text->key) {
            OC_NO_MEMORY(error, key.length + 1);
        }
        OC_TRY(
            oc_json_text(&r->json, OC_LIMIT_SAFETENSORS_HEADER, &out->arena, &text->value, error));
    }
done:
    return status;
}

static octavo_status add_tensor(reader *r, oc_slice name, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_safetensors *out = r->out;
    if (name.length < 1 || name.length > OC_LIMIT_TENSOR_NAME) {
        OC_JSON_FAIL(&r->json, error, OCTAVO_UNSUPPORTED,
                     "a tensor name of %zu bytes, the limits are 1 and %u", name.length,
                     OC_LIMIT_TENSOR_NAME);
    }
    for (size_t i = 0; i < name.length; i++) {
        if ((unsigned char)name.data[i] < 0x20 || name.data[i] == 0x7f) {
            OC_JSON_FAIL(&r->json, error, OCTAVO_CORRUPT,
                         "control character 0x%02x in a tensor name",
                         (unsigned)(unsigned char)name.data[i]);
        }
    }
    if (out->tensor_count == r->capacity) {
        if (r->capacity == OC_LIMIT_TENSORS) {
            OC_JSON_FAIL(&r->json, error, OCTAVO_UNSUPPORTED, "over %u tensors in one file",
                         OC_LIMIT_TENSORS);
        }
        int32_t capacity = r->capacity ? 2 * r->capacity : 256;
        oc_st_tensor *grown = oc_arena_alloc(&out->arena, (size_t)capacity * sizeof *grown);
        if (!grown) {
            OC_NO_MEMORY(error, (size_t)capacity * sizeof *grown);
        }
        if (out->tensor_count) {
            memcpy(grown, out->tensors, (size_t)out->tensor_count * sizeof *grown);
        }
        out->tensors = grown;
        r->capacity = capacity;
    }
    oc_st_tensor *tensor = &out->tensors[out->tensor_count];
    tensor->name = oc_arena_text(&out->arena, name.data, name.length);
    if (!tensor->name) {
        OC_NO_MEMORY(error, name.length + 1);
    }
    OC_TRY(read_tensor(r, tensor, error));
    out->tensor_count++;
done:
    return status;
}

static int by_place(const void *a, const void *b) {
    const oc_st_tensor *x = a, *y = b;
    if (x->offset != y->offset) {
        return x->offset < y->offset ? -1 : 1;
    }
    if (x->bytes != y->bytes) { /* empty ones first: they share their place with what follows */
        return x->bytes < y->bytes ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

/* Sorts the tensors and sees that they fill the data without overlap and without holes. */
static octavo_status check_cover(const reader *r, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_safetensors *out = r->out;
    uint64_t end = r->data_begin;
    if (out->tensor_count) {
        qsort(out->tensors, (size_t)out->tensor_count, sizeof *out->tensors, by_place);
    }
    for (int32_t i = 0; i < out->tensor_count; i++) {
        const oc_st_tensor *tensor = &out->tensors[i];
        if (tensor->offset < end) {
            OC_FAIL(error, OCTAVO_CORRUPT, tensor->offset,
                    "tensors %s and %s overlap at byte %" PRIu64, out->tensors[i - 1].name,
                    tensor->name, tensor->offset);
        }
        if (tensor->offset > end) {
            OC_FAIL(error, OCTAVO_CORRUPT, end,
                    "bytes %" PRIu64 " to %" PRIu64 " before tensor %s belong to no tensor", end,
                    tensor->offset, tensor->name);
        }
        end = tensor->offset + tensor->bytes;
    }
    if (end != r->data_begin + r->data_bytes) {
        OC_FAIL(error, OCTAVO_CORRUPT, end,
                "the tensors end at byte %" PRIu64 ", the file at byte %" PRIu64, end,
                r->data_begin + r->data_bytes);
    }
done:
    return status;
}

static bool is_text(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if ((bytes[i] < ' ' && !strchr("\t\r\n", bytes[i])) || bytes[i] == 0 || bytes[i] > '~') {
            return false;
        }
    }
    return true;
}

/* Bytes of the header, by the file's first PREFIX bytes. */
static uint64_t header_bytes(const unsigned char *prefix) {
    uint64_t bytes = 0;
    for (int i = PREFIX - 1; i >= 0; i--) {
        bytes = bytes << 8 | prefix[i];
    }
    return bytes;
}

octavo_status oc_safetensors_read(const void *bytes, size_t size, uint64_t file_size,
                                  oc_safetensors *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const unsigned char *file = bytes;
    reader r = {.out = out};
    oc_slice key;
    *out = (oc_safetensors){0};
    oc_arena_init(&out->arena);
    if (size < PREFIX) {
        OC_FAIL(error, OCTAVO_CORRUPT, 0,
                size ? "a .safetensors file begins with 8 bytes of length, this one has %zu bytes"
                     : "the file is empty: it has %zu bytes",
                size);
    }
    uint64_t header = header_bytes(file);
    const char *kind = header > file_size - PREFIX || header > OC_LIMIT_SAFETENSORS_HEADER
                           ? oc_file_kind(file, size)
                           : NULL;
    if (!kind && header > file_size - PREFIX && is_text(file, size)) {
        kind = "a text, such as a server's message in place of the file: look at it";
    }
    if (kind) {
        OC_FAIL(error, OCTAVO_CORRUPT, 0, "this is not a .safetensors file but %s", kind);
    }
    if (header > file_size - PREFIX) {
        OC_FAIL(error, OCTAVO_CORRUPT, 0,
                "the header should have %" PRIu64 " bytes, but the file has %" PRIu64
                " behind its length",
                header, file_size - PREFIX);
    }
    if (header > OC_LIMIT_SAFETENSORS_HEADER) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, 0, "the header has %" PRIu64 " bytes, the limit is %u",
                header, OC_LIMIT_SAFETENSORS_HEADER);
    }
    size_t brace = PREFIX;
    while (brace < PREFIX + header && file[brace] && strchr(" \t\r\n", file[brace])) {
        brace++;
    }
    if (brace == PREFIX + header || file[brace] != '{') {
        OC_FAIL(error, OCTAVO_CORRUPT, brace, "the header does not begin with '{' (byte %zu)",
                brace);
    }
    OC_ASSERT(header <= size - PREFIX);
    r.data_begin = PREFIX + header;
    r.data_bytes = file_size - r.data_begin;
    oc_json_open(&r.json, file + PREFIX, (size_t)header, PREFIX, 0);
    OC_TRY(oc_json_object(&r.json, error));
    for (;;) {
        OC_TRY(oc_json_member(&r.json, &key, error));
        if (!key.data) {
            break;
        }
        if (oc_slice_is(key, "__metadata__")) {
            OC_TRY(read_metadata(&r, error));
        } else {
            OC_TRY(add_tensor(&r, key, error));
        }
    }
    OC_TRY(oc_json_finish(&r.json, error));
    OC_TRY(check_cover(&r, error));
done:
    oc_json_close(&r.json);
    if (status) {
        oc_safetensors_free(out);
    }
    return status;
}

octavo_status oc_safetensors_open(const oc_file *file, oc_safetensors *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    unsigned char head[HEAD] = {0};
    unsigned char *bytes = NULL;
    size_t have = file->size < HEAD ? (size_t)file->size : HEAD, size = have;
    *out = (oc_safetensors){0};
    OC_TRY(oc_file_read(file, 0, head, have, error));
    uint64_t header = header_bytes(head);
    if (header <= OC_LIMIT_SAFETENSORS_HEADER && PREFIX + header <= file->size) {
        size = PREFIX + (size_t)header; /* else oc_safetensors_read says what is wrong */
    }
    bytes = malloc(size < HEAD ? HEAD : size);
    if (bytes == NULL) {
        OC_NO_MEMORY(error, size);
    }
    memcpy(bytes, head, sizeof head);
    if (size > have) {
        OC_TRY(oc_file_read(file, have, bytes + have, size - have, error));
    }
    OC_TRY(oc_safetensors_read(bytes, size, file->size, out, error));
done:
    free(bytes);
    if (status) {
        oc_error_path(error, file->path);
    }
    return status;
}

void oc_safetensors_free(oc_safetensors *header) {
    oc_arena_free(&header->arena);
    *header = (oc_safetensors){0};
}

const char *oc_safetensors_metadata(const oc_safetensors *header, const char *key) {
    for (int32_t i = 0; i < header->metadata_count; i++) {
        if (strcmp(header->metadata[i].key, key) == 0) {
            return header->metadata[i].value;
        }
    }
    return NULL;
}
