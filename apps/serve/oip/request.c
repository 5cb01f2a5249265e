/* request.c - see request.h. */
#include "serve/oip/request.h"

#include "base/json/json.h"
#include "base/size.h"

static const struct {
    const char *name;
    size_t bytes;
} types[] = {
#define XX(name, bytes) {#name, bytes},
    OC_OIP_TYPE_MAP(XX)
#undef XX
};

bool oc_oip_type_find(oc_slice name, oc_oip_type *out) {
    for (size_t i = 0; i < OC_COUNT(types); i++) {
        if (oc_slice_is(name, types[i].name)) {
            *out = (oc_oip_type)i;
            return true;
        }
    }
    return false;
}

const char *oc_oip_type_name(oc_oip_type type) {
    return types[type].name;
}

size_t oc_oip_type_bytes(oc_oip_type type) {
    return types[type].bytes;
}

/* A tensor as it stands in the JSON, its members in any order. */
typedef struct draft {
    oc_oip_tensor *tensor;
    bool has_type, has_shape, has_data, has_size;
    oc_slice data; /* the bytes of "data", read when type and shape are known */
    int64_t size;  /* binary_data_size */
} draft;

octavo_status oc_oip_tensor_count(oc_oip_tensor *tensor, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t count = 1;
    for (int32_t i = 0; i < tensor->rank; i++) {
        if (!oc_mul_size(count, (size_t)tensor->shape[i], &count) || count > INT64_MAX / 8) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "input %.*s: its shape has more elements than fit anywhere",
                    oc_slice_width(tensor->name), tensor->name.data);
        }
    }
    tensor->count = count;
done:
    return status;
}

static octavo_status split_bytes(oc_oip_tensor *tensor, const char *data, size_t bytes,
                                 oc_arena *arena, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t at = 0;
    if (tensor->count > bytes / 4) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "input %.*s: %zu elements of BYTES, each behind 4 bytes of length, are not in %zu "
                "bytes",
                oc_slice_width(tensor->name), tensor->name.data, tensor->count, bytes);
    }
    oc_slice *items = oc_arena_alloc(arena, (tensor->count + 1) * sizeof *items);
    if (!items) {
        OC_NO_MEMORY(error, tensor->count * sizeof *items);
    }
    for (size_t i = 0; i < tensor->count; i++) {
        uint32_t length = 0;
        if (bytes - at >= 4) {
            memcpy(&length, data + at, 4);
        }
        if (bytes - at < 4 || length > bytes - at - 4) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "input %.*s: element %zu goes over the end of its %zu bytes",
                    oc_slice_width(tensor->name), tensor->name.data, i, bytes);
        }
        items[i] = (oc_slice){data + at + 4, length};
        at += 4 + (size_t)length;
    }
    if (at != bytes) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "input %.*s: its %zu elements have %zu bytes, %zu were sent",
                oc_slice_width(tensor->name), tensor->name.data, tensor->count, at, bytes);
    }
    tensor->items = items;
done:
    return status;
}

octavo_status oc_oip_tensor_raw(oc_oip_tensor *tensor, const void *data, size_t bytes,
                                oc_arena *arena, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t each = oc_oip_type_bytes(tensor->type);
    OC_TRY(oc_oip_tensor_count(tensor, error));
    if (tensor->type == OC_OIP_BYTES) {
        OC_TRY(split_bytes(tensor, data, bytes, arena, error));
        goto done;
    }
    if (tensor->count * each != bytes) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "input %.*s: %zu elements of %s are %zu bytes, %zu were sent",
                oc_slice_width(tensor->name), tensor->name.data, tensor->count,
                oc_oip_type_name(tensor->type), tensor->count * each, bytes);
    }
    tensor->data = data;
done:
    return status;
}

/* One element of "data" to its place. */
static octavo_status put_element(oc_json *json, const oc_json_event *event, oc_oip_tensor *tensor,
                                 void *to, size_t index, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool is_number = event->type == OC_JSON_NUMBER;
    int64_t integer = is_number && event->is_integer ? event->integer : -1;
    switch (tensor->type) {
    case OC_OIP_FP32:
        if (!is_number) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "a number is wanted");
        }
        ((float *)to)[index] = (float)event->number;
        break;
    case OC_OIP_UINT8:
        if (!is_number || !event->is_integer || integer < 0 || integer > 255) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "a whole number from 0 to 255 is wanted");
        }
        ((uint8_t *)to)[index] = (uint8_t)integer;
        break;
    case OC_OIP_INT32:
    case OC_OIP_INT64:
        if (!is_number || !event->is_integer ||
            (tensor->type == OC_OIP_INT32 && (integer < INT32_MIN || integer > INT32_MAX))) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "a whole number of %s is wanted",
                         oc_oip_type_name(tensor->type));
        }
        if (tensor->type == OC_OIP_INT32) {
            ((int32_t *)to)[index] = (int32_t)integer;
        } else {
            ((int64_t *)to)[index] = integer;
        }
        break;
    case OC_OIP_BYTES:
        if (event->type != OC_JSON_STRING) {
            OC_JSON_FAIL(json, error, OCTAVO_CORRUPT, "a string is wanted");
        }
        char *copy = oc_arena_text((oc_arena *)tensor->data, event->text.data, event->text.length);
        if (!copy) {
            OC_NO_MEMORY(error, event->text.length);
        }
        ((oc_slice *)to)[index] = (oc_slice){copy, event->text.length};
        break;
    }
done:
    return status;
}

/* "data": flat, or nested as the shape says. */
static octavo_status read_data(oc_json *json, size_t json_bytes, oc_oip_tensor *tensor,
                               oc_arena *arena, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int64_t lengths[OC_OIP_RANK + 1] = {0};
    int32_t depth = 0, leaf = 0;
    size_t index = 0;
    oc_json_event event;
    size_t each = tensor->type == OC_OIP_BYTES ? sizeof(oc_slice) : oc_oip_type_bytes(tensor->type);
    OC_TRY(oc_oip_tensor_count(tensor, error));
    if (tensor->count > json_bytes) { /* an element takes a byte at least */
        OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT,
                     "the shape has %zu elements, more than were sent", tensor->count);
    }
    void *to = oc_arena_alloc(arena, (tensor->count + 1) * each);
    if (!to) {
        OC_NO_MEMORY(error, tensor->count * each);
    }
    tensor->data = arena; /* for strings; set to the elements below */
    do {
        OC_TRY(oc_json_next(json, &event, error));
        if (event.type == OC_JSON_ARRAY_END) {
            bool nested = leaf > 1 || (leaf == 0 && depth > 1);
            if (nested && lengths[depth] != tensor->shape[depth - 1]) {
                OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT,
                             "%lld elements where the shape says %lld", (long long)lengths[depth],
                             (long long)tensor->shape[depth - 1]);
            }
            depth--;
            continue;
        }
        lengths[depth]++;
        if (event.type == OC_JSON_ARRAY_BEGIN) {
            if (depth == tensor->rank) {
                OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT,
                             "nested deeper than the %d dimensions of the shape", tensor->rank);
            }
            lengths[++depth] = 0;
            continue;
        }
        leaf = leaf ? leaf : depth;
        if (depth == 0 || depth != leaf || (depth != 1 && depth != tensor->rank)) {
            OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT,
                         "the elements are neither flat nor nested as the shape says");
        }
        if (index == tensor->count) {
            OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT,
                         "more elements than the %zu of the shape", tensor->count);
        }
        OC_TRY(put_element(json, &event, tensor, to, index++, error));
    } while (depth > 0);
    if (index != tensor->count) {
        OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT, "%zu elements, the shape has %zu", index,
                     tensor->count);
    }
    tensor->data = tensor->type == OC_OIP_BYTES ? NULL : to;
    tensor->items = tensor->type == OC_OIP_BYTES ? to : NULL;
    tensor->is_text = true;
done:
    if (status) {
        tensor->data = NULL;
    }
    return status;
}

static octavo_status read_shape(oc_json *json, oc_oip_tensor *tensor, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool more;
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        if (tensor->rank == OC_OIP_RANK) {
            OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT, "over %d dimensions", OC_OIP_RANK);
        }
        OC_TRY(oc_json_int64(json, 1, INT32_MAX, &tensor->shape[tensor->rank++], error));
    }
    if (tensor->rank == 0) {
        OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT, "a shape of no dimensions");
    }
done:
    return status;
}

/* The parameters of a tensor, a request or an output: those that are not known are the client's own
 * business, except where leaving them out would change what is meant. */
static octavo_status read_parameters(oc_json *json, oc_oip_request *request, draft *tensor,
                                     oc_oip_output *output, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    static const char *const refused[] = {"shared_memory_region", "sequence_id", "classification"};
    oc_slice key;
    oc_json_type type;
    bool is_null;
    int64_t whole;
    OC_TRY(oc_json_null(json, &is_null, error));
    if (is_null) {
        goto done;
    }
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        }
        if (tensor && oc_slice_is(key, "binary_data_size")) {
            OC_TRY(oc_json_int64(json, 0, INT64_MAX, &tensor->size, error));
            tensor->has_size = true;
        } else if (output && oc_slice_is(key, "binary_data")) {
            OC_TRY(oc_json_bool(json, &output->is_binary, error));
            output->is_told = true;
        } else if (!tensor && !output && oc_slice_is(key, "binary_data_output")) {
            OC_TRY(oc_json_bool(json, &request->is_binary, error));
        } else if (!tensor && !output && oc_slice_is(key, "priority")) {
            OC_TRY(oc_json_int32(json, 0, INT32_MAX, &request->priority, error));
        } else if (!tensor && !output && oc_slice_is(key, "timeout")) {
            OC_TRY(oc_json_int64(json, 0, INT64_MAX, &whole, error));
            request->timeout_us = (uint64_t)whole;
        } else {
            OC_TRY(oc_json_peek(json, &type, error));
            for (size_t i = 0; i < OC_COUNT(refused); i++) {
                bool is_off = type == OC_JSON_NULL || type == OC_JSON_FALSE;
                if (oc_slice_is(key, refused[i]) && type == OC_JSON_NUMBER) {
                    OC_TRY(oc_json_int64(json, 0, INT64_MAX, &whole, error));
                    is_off = whole == 0;
                } else if (oc_slice_is(key, refused[i])) {
                    OC_TRY(oc_json_skip(json, NULL, error));
                } else {
                    continue;
                }
                if (!is_off) {
                    OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "%s is not supported here",
                                 refused[i]);
                }
                type = OC_JSON_END;
                break;
            }
            if (type != OC_JSON_END) {
                OC_TRY(oc_json_skip(json, NULL, error));
            }
        }
    }
done:
    return status;
}

static octavo_status read_input(oc_json *json, size_t json_bytes, oc_oip_request *request,
                                draft *at, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_oip_tensor *tensor = at->tensor;
    oc_slice key, text;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        }
        if (oc_slice_is(key, "name")) {
            OC_TRY(oc_json_string(json, &text, error));
            tensor->name.data = oc_arena_text(&request->arena, text.data, text.length);
            tensor->name.length = text.length;
            if (!tensor->name.data) {
                OC_NO_MEMORY(error, text.length);
            }
        } else if (oc_slice_is(key, "datatype")) {
            OC_TRY(oc_json_string(json, &text, error));
            if (!oc_oip_type_find(text, &tensor->type)) {
                OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT,
                             "\"%.*s\" is none of FP32, UINT8, INT32, INT64 and BYTES",
                             oc_slice_width(text), text.data);
            }
            at->has_type = true;
        } else if (oc_slice_is(key, "shape")) {
            OC_TRY(read_shape(json, tensor, error));
            at->has_shape = true;
        } else if (oc_slice_is(key, "parameters")) {
            OC_TRY(read_parameters(json, request, at, NULL, error));
        } else if (oc_slice_is(key, "data") && at->has_type && at->has_shape) {
            OC_TRY(read_data(json, json_bytes, tensor, &request->arena, error));
            at->has_data = true;
        } else if (oc_slice_is(key, "data")) {
            OC_TRY(oc_json_skip(json, &at->data, error));
            at->has_data = true;
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
    const char *missing = !tensor->name.data ? "name"
                          : !at->has_type    ? "datatype"
                          : !at->has_shape   ? "shape"
                                             : NULL;
    if (missing) {
        OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT, "the input has no %s", missing);
    }
    if (at->has_data == at->has_size) {
        OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT,
                     at->has_data ? "the input has both data and binary_data_size"
                                  : "the input has neither data nor binary_data_size");
    }
done:
    return status;
}

static octavo_status read_late_data(const char *body, size_t json_bytes, oc_oip_request *request,
                                    draft *at, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json;
    oc_json_open(&json, at->data.data, at->data.length, (uint64_t)(at->data.data - body), 0);
    OC_TRY(read_data(&json, json_bytes, at->tensor, &request->arena, error));
    OC_TRY(oc_json_finish(&json, error));
done:
    oc_json_close(&json);
    return status;
}

static octavo_status read_inputs(oc_json *json, const char *body, size_t json_bytes,
                                 oc_oip_request *request, draft *drafts, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool more;
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        if (request->input_count == OC_LIMIT_OIP_TENSORS) {
            OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT, "over %d inputs",
                         OC_LIMIT_OIP_TENSORS);
        }
        draft *at = &drafts[request->input_count];
        *at = (draft){.tensor = &request->inputs[request->input_count++]};
        OC_TRY(read_input(json, json_bytes, request, at, error));
        if (at->data.data) {
            OC_TRY(read_late_data(body, json_bytes, request, at, error));
        }
    }
done:
    return status;
}

static octavo_status read_output(oc_json *json, oc_oip_request *request, oc_oip_output *output,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice key, text;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (!key.data) {
            break;
        }
        if (oc_slice_is(key, "name")) {
            OC_TRY(oc_json_string(json, &text, error));
            output->name.data = oc_arena_text(&request->arena, text.data, text.length);
            output->name.length = text.length;
            if (!output->name.data) {
                OC_NO_MEMORY(error, text.length);
            }
        } else if (oc_slice_is(key, "parameters")) {
            OC_TRY(read_parameters(json, request, NULL, output, error));
        } else {
            OC_TRY(oc_json_skip(json, NULL, error));
        }
    }
    if (!output->name.data) {
        OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT, "the output has no name");
    }
done:
    return status;
}

static octavo_status read_outputs(oc_json *json, oc_oip_request *request, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool more;
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        if (request->output_count == OC_LIMIT_OIP_TENSORS) {
            OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT, "over %d outputs",
                         OC_LIMIT_OIP_TENSORS);
        }
        oc_oip_output *output = &request->outputs[request->output_count++];
        OC_TRY(read_output(json, request, output, error));
    }
done:
    return status;
}

/* The tensors behind the JSON, in the order of the inputs. */
static octavo_status take_binary(const char *body, size_t size, size_t at, oc_oip_request *request,
                                 const draft *drafts, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (int32_t i = 0; i < request->input_count; i++) {
        const draft *input = &drafts[i];
        if (!input->has_size) {
            continue;
        }
        if ((uint64_t)input->size > size - at) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "input %.*s: its binary_data_size is %lld, only %zu bytes are left in the body",
                    oc_slice_width(input->tensor->name), input->tensor->name.data,
                    (long long)input->size, size - at);
        }
        OC_TRY(oc_oip_tensor_raw(input->tensor, body + at, (size_t)input->size, &request->arena,
                                 error));
        at += (size_t)input->size;
    }
    if (at != size) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%zu bytes stand behind the last binary tensor", size - at);
    }
done:
    return status;
}

/* What the reader calls "no JSON" may be what Python's json module writes. */
static void explain_nan(const char *body, size_t json_size, octavo_error *error) {
    uint64_t at = error->offset;
    if (error->status == OCTAVO_CORRUPT && at < json_size && body[at] == '-') {
        at++;
    }
    if (error->status == OCTAVO_CORRUPT && at < json_size && (body[at] == 'N' || body[at] == 'I')) {
        oc_error_clear(error);
        oc_fail(error, OCTAVO_INVALID_ARGUMENT, at, __FILE__, __LINE__,
                "NaN and Infinity are no JSON (byte %llu): no model computes with them, and binary "
                "tensors can hold them",
                (unsigned long long)at);
    }
}

octavo_status oc_oip_request_read(const char *body, size_t size, size_t json_size,
                                  oc_oip_request *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    draft drafts[OC_LIMIT_OIP_TENSORS] = {{.tensor = NULL}};
    oc_json json;
    oc_slice key, text;
    memset(out, 0, sizeof *out);
    oc_arena_init(&out->arena);
    oc_json_open(&json, body, json_size < size ? json_size : size, 0, 0);
    if (json_size > size) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "Inference-Header-Content-Length is %zu, the body has %zu bytes", json_size, size);
    }
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        OC_TRY(oc_json_member(&json, &key, error));
        if (!key.data) {
            break;
        }
        if (oc_slice_is(key, "id")) {
            OC_TRY(oc_json_string(&json, &text, error));
            out->id.data = oc_arena_text(&out->arena, text.data, text.length);
            out->id.length = text.length;
            if (!out->id.data) {
                OC_NO_MEMORY(error, text.length);
            }
        } else if (oc_slice_is(key, "parameters")) {
            OC_TRY(read_parameters(&json, out, NULL, NULL, error));
        } else if (oc_slice_is(key, "inputs")) {
            OC_TRY(read_inputs(&json, body, json_size, out, drafts, error));
        } else if (oc_slice_is(key, "outputs")) {
            OC_TRY(read_outputs(&json, out, error));
        } else {
            OC_TRY(oc_json_skip(&json, NULL, error));
        }
    }
    OC_TRY(oc_json_finish(&json, error));
    for (int32_t i = 0; i < out->output_count; i++) {
        out->outputs[i].is_binary =
            out->outputs[i].is_told ? out->outputs[i].is_binary : out->is_binary;
    }
    OC_TRY(take_binary(body, size, json_size, out, drafts, error));
done:
    if (status && error) {
        explain_nan(body, json_size < size ? json_size : size, error);
        status = error->status;
    }
    oc_json_close(&json);
    return status;
}

void oc_oip_request_free(oc_oip_request *request) {
    oc_arena_free(&request->arena);
}
