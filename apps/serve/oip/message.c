/* message.c - see message.h.  Field numbers are those of Triton's grpc_service.proto and
 * model_config.proto, which extend the Open Inference Protocol's own. */
#include "serve/oip/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/codec/protobuf.h"
#include "serve/models/model.h"

#define MESSAGE_FAIL(code, ...)                                                                    \
    do {                                                                                           \
        status = oc_fail(error, code, OCTAVO_NO_OFFSET, __FILE__, __LINE__, __VA_ARGS__);          \
        goto done;                                                                                 \
    } while (0)

/* -- asked: inference
 * -------------------------------------------------------------------------------- */

typedef struct parameter {
    oc_slice name, text;
    uint64_t number;
} parameter;

/* An entry of a map of InferParameters. */
static octavo_status read_parameter(oc_slice entry, parameter *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_pb_reader reader = oc_pb_open(entry);
    oc_pb_field field;
    bool more;
    *out = (parameter){.number = 0};
    for (;;) {
        OC_TRY(oc_pb_next(&reader, &field, &more, error));
        if (!more) {
            break;
        }
        if (field.number == 1 && field.wire == OC_PB_BYTES) {
            out->name = field.bytes;
        } else if (field.number == 2 && field.wire == OC_PB_BYTES) {
            oc_pb_reader value = oc_pb_open(field.bytes);
            for (;;) {
                OC_TRY(oc_pb_next(&value, &field, &more, error));
                if (!more) {
                    break;
                }
                out->number = field.value;
                out->text = field.bytes;
            }
        }
    }
done:
    return status;
}

static octavo_status read_request_parameter(oc_slice entry, oc_oip_request *request,
                                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    parameter given;
    OC_TRY(read_parameter(entry, &given, error));
    if (oc_slice_is(given.name, "priority")) {
        request->priority = given.number < INT32_MAX ? (int32_t)given.number : INT32_MAX;
    } else if (oc_slice_is(given.name, "timeout")) {
        request->timeout_us = given.number;
    } else if (oc_slice_is(given.name, "sequence_id") && (given.number || given.text.length)) {
        MESSAGE_FAIL(OCTAVO_UNSUPPORTED, "sequence_id is not supported here");
    }
done:
    return status;
}

static octavo_status read_tensor_parameter(oc_slice entry, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    parameter given;
    OC_TRY(read_parameter(entry, &given, error));
    if (oc_slice_is(given.name, "shared_memory_region") ||
        (oc_slice_is(given.name, "classification") && given.number)) {
        MESSAGE_FAIL(OCTAVO_UNSUPPORTED, "%.*s is not supported here", oc_slice_width(given.name),
                     given.name.data);
    }
done:
    return status;
}

/* Typed contents: which field of InferTensorContents, and how its elements travel. */
static bool contents_field(oc_oip_type type, uint32_t *number, bool *is_fixed) {
    *is_fixed = type == OC_OIP_FP32;
    switch (type) {
    case OC_OIP_INT32:
        *number = 2;
        return true;
    case OC_OIP_INT64:
        *number = 3;
        return true;
    case OC_OIP_UINT8:
        *number = 4;
        return true;
    case OC_OIP_FP32:
        *number = 6;
        return true;
    case OC_OIP_BYTES:
        *number = 8;
        return true;
    }
    return false;
}

static octavo_status put_element(oc_oip_tensor *tensor, void *to, size_t index, uint64_t value,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint32_t low = (uint32_t)value;
    if (index >= tensor->count) {
        MESSAGE_FAIL(OCTAVO_INVALID_ARGUMENT, "input %.*s: more elements than the %zu of its shape",
                     oc_slice_width(tensor->name), tensor->name.data, tensor->count);
    }
    switch (tensor->type) {
    case OC_OIP_UINT8:
        if (value > 255) {
            MESSAGE_FAIL(OCTAVO_INVALID_ARGUMENT, "input %.*s: element %zu is over 255",
                         oc_slice_width(tensor->name), tensor->name.data, index);
        }
        ((uint8_t *)to)[index] = (uint8_t)value;
        break;
    case OC_OIP_INT64:
        memcpy((int64_t *)to + index, &value, 8);
        break;
    case OC_OIP_FP32:
    case OC_OIP_INT32:
    case OC_OIP_BYTES:
        memcpy((uint32_t *)to + index, &low, 4);
        break;
    }
done:
    return status;
}

static octavo_status read_contents(oc_slice contents, oc_oip_tensor *tensor, oc_arena *arena,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_pb_reader reader = oc_pb_open(contents);
    oc_pb_field field;
    uint32_t number = 0;
    bool more, is_fixed = false, is_bytes = tensor->type == OC_OIP_BYTES;
    size_t index = 0, each = is_bytes ? sizeof(oc_slice) : oc_oip_type_bytes(tensor->type);
    contents_field(tensor->type, &number, &is_fixed);
    OC_TRY(oc_oip_tensor_count(tensor, error));
    if (tensor->count > contents.length) { /* an element takes a byte at least */
        MESSAGE_FAIL(OCTAVO_INVALID_ARGUMENT, "input %.*s: its shape has %zu elements, fewer came",
                     oc_slice_width(tensor->name), tensor->name.data, tensor->count);
    }
    char *to = oc_arena_alloc(arena, (tensor->count + 1) * each);
    if (!to) {
        OC_NO_MEMORY(error, tensor->count * each);
    }
    for (;;) {
        OC_TRY(oc_pb_next(&reader, &field, &more, error));
        if (!more) {
            break;
        }
        if (field.number != number) {
            MESSAGE_FAIL(
                OCTAVO_INVALID_ARGUMENT, "input %.*s: its contents are of another type than %s",
                oc_slice_width(tensor->name), tensor->name.data, oc_oip_type_name(tensor->type));
        }
        if (is_bytes && field.wire == OC_PB_BYTES) {
            if (index >= tensor->count) {
                MESSAGE_FAIL(OCTAVO_INVALID_ARGUMENT,
                             "input %.*s: more elements than the %zu of its shape",
                             oc_slice_width(tensor->name), tensor->name.data, tensor->count);
            }
            ((oc_slice *)(void *)to)[index++] = field.bytes;
        } else if (field.wire != OC_PB_BYTES) {
            OC_TRY(put_element(tensor, to, index++, field.value, error));
        } else {
            oc_pb_reader packed = oc_pb_open(field.bytes);
            while (packed.at != packed.end) {
                uint64_t value = 0;
                if (!is_fixed) {
                    OC_TRY(oc_pb_varint(&packed, &value, error));
                } else if (packed.end - packed.at < 4) {
                    MESSAGE_FAIL(OCTAVO_CORRUPT, "the message breaks off in a number");
                } else {
                    memcpy(&value, packed.at, 4);
                    packed.at += 4;
                }
                OC_TRY(put_element(tensor, to, index++, value, error));
            }
        }
    }
    if (index != tensor->count) {
        MESSAGE_FAIL(OCTAVO_INVALID_ARGUMENT, "input %.*s: %zu elements, its shape has %zu",
                     oc_slice_width(tensor->name), tensor->name.data, index, tensor->count);
    }
    tensor->data = is_bytes ? NULL : to;
    tensor->items = is_bytes ? (const oc_slice *)(void *)to : NULL;
done:
    return status;
}

static octavo_status add_dimension(oc_oip_tensor *tensor, uint64_t value, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (tensor->rank == OC_OIP_RANK || value < 1 || value > INT32_MAX) {
        MESSAGE_FAIL(OCTAVO_INVALID_ARGUMENT,
                     "an input's shape has over %d dimensions, or one that is not from 1 to %d",
                     OC_OIP_RANK, INT32_MAX);
    }
    tensor->shape[tensor->rank++] = (int64_t)value;
done:
    return status;
}

/* InferInputTensor; *contents: its typed contents, data NULL where there are none. */
static octavo_status read_input(oc_slice message, oc_oip_tensor *tensor, oc_slice *contents,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_pb_reader reader = oc_pb_open(message);
    oc_pb_field field;
    bool more, has_type = false;
    for (;;) {
        OC_TRY(oc_pb_next(&reader, &field, &more, error));
        if (!more) {
            break;
        }
        if (field.number == 1 && field.wire == OC_PB_BYTES) {
            tensor->name = field.bytes;
        } else if (field.number == 2 && field.wire == OC_PB_BYTES) {
            has_type = oc_oip_type_find(field.bytes, &tensor->type);
            if (!has_type) {
                MESSAGE_FAIL(OCTAVO_INVALID_ARGUMENT,
                             "the datatype \"%.*s\" is none of FP32, UINT8, INT32, INT64 and BYTES",
                             oc_slice_width(field.bytes), field.bytes.data);
            }
        } else if (field.number == 3 && field.wire == OC_PB_VARINT) {
            OC_TRY(add_dimension(tensor, field.value, error));
        } else if (field.number == 3 && field.wire == OC_PB_BYTES) {
            oc_pb_reader packed = oc_pb_open(field.bytes);
            while (packed.at != packed.end) {
                uint64_t value;
                OC_TRY(oc_pb_varint(&packed, &value, error));
                OC_TRY(add_dimension(tensor, value, error));
            }
        } else if (field.number == 4 && field.wire == OC_PB_BYTES) {
            OC_TRY(read_tensor_parameter(field.bytes, error));
        } else if (field.number == 5 && field.wire == OC_PB_BYTES) {
            *contents = field.bytes;
        }
    }
    if (!tensor->name.data || !has_type || tensor->rank == 0) {
        MESSAGE_FAIL(OCTAVO_INVALID_ARGUMENT, "an input has no %s",
                     !tensor->name.data ? "name"
                     : !has_type        ? "datatype"
                                        : "shape");
    }
done:
    return status;
}

static octavo_status read_output(oc_slice message, oc_oip_output *output, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_pb_reader reader = oc_pb_open(message);
    oc_pb_field field;
    bool more;
    for (;;) {
        OC_TRY(oc_pb_next(&reader, &field, &more, error));
        if (!more) {
            break;
        }
        if (field.number == 1 && field.wire == OC_PB_BYTES) {
            output->name = field.bytes;
        } else if (field.number == 2 && field.wire == OC_PB_BYTES) {
            OC_TRY(read_tensor_parameter(field.bytes, error));
        }
    }
    if (!output->name.data) {
        MESSAGE_FAIL(OCTAVO_INVALID_ARGUMENT, "an output has no name");
    }
done:
    return status;
}

octavo_status oc_oip_infer_message_read(oc_slice message, oc_oip_request *out, oc_slice *model,
                                        oc_slice *version, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_pb_reader reader = oc_pb_open(message);
    oc_pb_field field;
    oc_slice contents[OC_LIMIT_OIP_TENSORS] = {{NULL, 0}}, raw[OC_LIMIT_OIP_TENSORS] = {{NULL, 0}};
    int32_t raw_count = 0;
    bool more;
    memset(out, 0, sizeof *out);
    oc_arena_init(&out->arena);
    *model = *version = (oc_slice){NULL, 0};
    for (;;) {
        OC_TRY(oc_pb_next(&reader, &field, &more, error));
        if (!more) {
            break;
        }
        if (field.wire != OC_PB_BYTES) {
            continue;
        }
        bool is_full = (field.number == 5 && out->input_count == OC_LIMIT_OIP_TENSORS) ||
                       (field.number == 6 && out->output_count == OC_LIMIT_OIP_TENSORS) ||
                       (field.number == 7 && raw_count == OC_LIMIT_OIP_TENSORS);
        if (is_full) {
            MESSAGE_FAIL(OCTAVO_INVALID_ARGUMENT, "over %d inputs or outputs",
                         OC_LIMIT_OIP_TENSORS);
        }
        switch (field.number) {
        case 1:
            *model = field.bytes;
            break;
        case 2:
            *version = field.bytes;
            break;
        case 3:
            out->id = field.bytes;
            break;
        case 4:
            OC_TRY(read_request_parameter(field.bytes, out, error));
            break;
        case 5:
            OC_TRY(read_input(field.bytes, &out->inputs[out->input_count],
                              &contents[out->input_count], error));
            out->input_count++;
            break;
        case 6:
            OC_TRY(read_output(field.bytes, &out->outputs[out->output_count++], error));
            break;
        case 7:
            raw[raw_count++] = field.bytes;
            break;
        default:
            break;
        }
    }
    if (raw_count != 0 && raw_count != out->input_count) {
        MESSAGE_FAIL(OCTAVO_INVALID_ARGUMENT, "%d inputs, and %d raw_input_contents",
                     out->input_count, raw_count);
    }
    for (int32_t i = 0; i < out->input_count; i++) {
        oc_oip_tensor *tensor = &out->inputs[i];
        if (raw_count && contents[i].data) {
            MESSAGE_FAIL(OCTAVO_INVALID_ARGUMENT, "input %.*s has both contents and raw contents",
                         oc_slice_width(tensor->name), tensor->name.data);
        }
        if (raw_count) {
            OC_TRY(oc_oip_tensor_raw(tensor, raw[i].data, raw[i].length, &out->arena, error));
        } else {
            OC_TRY(read_contents(contents[i], tensor, &out->arena, error));
        }
    }
done:
    if (status && status != OCTAVO_UNSUPPORTED && status != OCTAVO_EXHAUSTED && error) {
        error->cause = OCTAVO_CAUSE_INPUT;
    }
    return status;
}

octavo_status oc_oip_names_read(oc_slice message, uint32_t first, uint32_t second, oc_slice *one,
                                oc_slice *two, bool *flag, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_pb_reader reader = oc_pb_open(message);
    oc_pb_field field;
    bool more;
    *one = *two = (oc_slice){NULL, 0};
    for (;;) {
        OC_TRY(oc_pb_next(&reader, &field, &more, error));
        if (!more) {
            break;
        }
        if (field.number == first && field.wire == OC_PB_BYTES) {
            *one = field.bytes;
        } else if (field.number == second && field.wire == OC_PB_BYTES) {
            *two = field.bytes;
        } else if (field.number == second && flag) {
            *flag = field.value != 0;
        }
    }
done:
    return status;
}

/* -- answered
 * ------------------------------------------------------------------------------------------ */

static void put_shape(oc_buffer *out, uint32_t number, const int64_t *shape, int32_t rank) {
    oc_buffer packed;
    oc_buffer_init(&packed);
    for (int32_t i = 0; i < rank; i++) {
        oc_pb_put_varint(&packed, (uint64_t)shape[i]);
    }
    oc_pb_put_part(out, number, &packed);
    oc_buffer_free(&packed);
}

void oc_oip_infer_message_write(oc_oip_request *request, const oc_srv_call *call, oc_buffer *out) {
    oc_oip_result results[OC_LIMIT_OIP_TENSORS];
    int32_t count = oc_oip_results(request, call, results);
    char version[24];
    snprintf(version, sizeof version, "%" PRId64, call->model->version);
    oc_pb_put_text(out, 1, call->model->name);
    oc_pb_put_text(out, 2, version);
    oc_pb_put_bytes(out, 3, request->id.data, request->id.length);
    for (int32_t i = 0; i < count; i++) {
        oc_buffer tensor;
        oc_buffer_init(&tensor);
        oc_pb_put_text(&tensor, 1, results[i].name);
        oc_pb_put_text(&tensor, 2, "FP32");
        put_shape(&tensor, 3, results[i].shape, 2);
        oc_pb_put_part(out, 5, &tensor);
        oc_buffer_free(&tensor);
    }
    for (int32_t i = 0; i < count; i++) {
        size_t bytes = (size_t)results[i].shape[0] * (size_t)results[i].shape[1] * sizeof(float);
        out->failed |= results[i].data == NULL;
        oc_pb_put_bytes(out, 6, results[i].data, results[i].data ? bytes : 0);
    }
}

void oc_oip_server_message_write(oc_buffer *out) {
    char version[24];
    snprintf(version, sizeof version, "%d.%d.%d", OCTAVO_VERSION_MAJOR, OCTAVO_VERSION_MINOR,
             OCTAVO_VERSION_PATCH);
    oc_pb_put_text(out, 1, "octavo");
    oc_pb_put_text(out, 2, version);
    oc_pb_put_text(out, 3, "model_configuration");
    oc_pb_put_text(out, 3, "model_repository");
    oc_pb_put_text(out, 3, "statistics");
}

void oc_oip_metadata_message_write(oc_srv_model *model, oc_buffer *out) {
    char version[24];
    snprintf(version, sizeof version, "%" PRId64, model->version);
    oc_pb_put_text(out, 1, model->name);
    oc_pb_put_text(out, 2, version);
    oc_pb_put_text(out, 3, "octavo");
    for (int outputs = 0; outputs < 2; outputs++) {
        oc_oip_port ports[OC_OIP_PORTS];
        int32_t count = oc_oip_ports(model, outputs, ports);
        for (int32_t i = 0; i < count; i++) {
            oc_buffer port;
            oc_buffer_init(&port);
            oc_pb_put_text(&port, 1, ports[i].name);
            oc_pb_put_text(&port, 2, oc_oip_type_name(ports[i].type));
            put_shape(&port, 3, ports[i].shape, ports[i].rank);
            oc_pb_put_part(out, outputs ? 5 : 4, &port);
            oc_buffer_free(&port);
        }
    }
}

static uint64_t config_type(oc_oip_type type) {
    switch (type) {
    case OC_OIP_UINT8:
        return 2;
    case OC_OIP_INT32:
        return 8;
    case OC_OIP_INT64:
        return 9;
    case OC_OIP_FP32:
        return 11;
    case OC_OIP_BYTES:
        return 13;
    }
    return 0;
}

void oc_oip_config_message_write(oc_srv_model *model, oc_buffer *out) {
    oc_buffer config;
    oc_buffer_init(&config);
    oc_pb_put_text(&config, 1, model->name);
    oc_pb_put_text(&config, 2, "octavo");
    for (int outputs = 0; outputs < 2; outputs++) {
        oc_oip_port ports[OC_OIP_PORTS];
        int32_t count = oc_oip_ports(model, outputs, ports);
        for (int32_t i = 0; i < count; i++) {
            oc_buffer port;
            oc_buffer_init(&port);
            oc_pb_put_text(&port, 1, ports[i].name);
            oc_pb_put_uint(&port, 2, config_type(ports[i].type));
            put_shape(&port, outputs ? 3 : 4, ports[i].shape, ports[i].rank);
            oc_pb_put_uint(&port, 8, outputs ? 0 : 1); /* optional */
            oc_pb_put_part(&config, outputs ? 6 : 5, &port);
            oc_buffer_free(&port);
        }
    }
    oc_pb_put_text(&config, 17, "octavo");
    oc_pb_put_part(out, 1, &config);
    oc_buffer_free(&config);
}

static void put_sum(oc_buffer *out, uint32_t number, oc_srv_sum sum) {
    oc_buffer part;
    oc_buffer_init(&part);
    oc_pb_put_uint(&part, 1, sum.count);
    oc_pb_put_uint(&part, 2, sum.ns);
    oc_pb_put_part(out, number, &part);
    oc_buffer_free(&part);
}

void oc_oip_statistics_message_write(oc_srv_model *model, oc_buffer *out) {
    oc_srv_statistics *statistics = &model->statistics;
    oc_srv_sum *by_size = calloc((size_t)statistics->size_max + 1, sizeof *by_size);
    oc_srv_counts counts = oc_srv_statistics_read(statistics, by_size);
    oc_buffer about, part;
    char version[24];
    snprintf(version, sizeof version, "%" PRId64, model->version);
    oc_buffer_init(&about);
    oc_buffer_init(&part);
    oc_pb_put_text(&about, 1, model->name);
    oc_pb_put_text(&about, 2, version);
    oc_pb_put_uint(&about, 3, counts.latest_unix_ms);
    oc_pb_put_uint(&about, 4, counts.rows);
    oc_pb_put_uint(&about, 5, counts.batches);
    const oc_srv_sum sums[] = {counts.success, counts.fail,  counts.queue,
                               counts.input,   counts.infer, counts.output};
    for (uint32_t i = 0; i < OC_COUNT(sums); i++) {
        put_sum(&part, i + 1, sums[i]);
    }
    oc_pb_put_part(&about, 6, &part);
    for (int32_t size = 1; by_size && size <= statistics->size_max; size++) {
        if (by_size[size].count) {
            oc_buffer_free(&part);
            oc_pb_put_uint(&part, 1, (uint64_t)size);
            put_sum(&part, 3, by_size[size]);
            oc_pb_put_part(&about, 7, &part);
        }
    }
    oc_pb_put_part(out, 1, &about);
    oc_buffer_free(&part);
    oc_buffer_free(&about);
    free(by_size);
}
