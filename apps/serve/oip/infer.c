/* infer.c - see infer.h. */
#include "serve/oip/infer.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "base/sys/clock.h"
#include "serve/codec/base64.h"
#include "serve/models/model.h"

int32_t oc_oip_ports(const oc_srv_model *model, bool outputs, oc_oip_port out[OC_OIP_PORTS]) {
    const octavo_engine_info *info = model->info;
    bool images = info->towers & OCTAVO_IMAGE, texts = info->towers & OCTAVO_TEXT;
    int64_t side = info->image_size, dim = info->embed_dim;
    int32_t count = 0;
    if (outputs) {
        if (images) {
            out[count++] = (oc_oip_port){"image_embeds", OC_OIP_FP32, 2, {-1, dim}};
            out[count++] = (oc_oip_port){"image_embeds_raw", OC_OIP_FP32, 2, {-1, dim}};
        }
        if (texts) {
            out[count++] = (oc_oip_port){"text_embeds", OC_OIP_FP32, 2, {-1, dim}};
            out[count++] = (oc_oip_port){"text_embeds_raw", OC_OIP_FP32, 2, {-1, dim}};
        }
        if (images && texts) {
            out[count++] = (oc_oip_port){"logits_per_image", OC_OIP_FP32, 2, {-1, -1}};
        }
        return count;
    }
    if (images) {
        out[count++] = (oc_oip_port){"pixel_values", OC_OIP_FP32, 4, {-1, 3, side, side}};
        out[count++] = (oc_oip_port){"pixels", OC_OIP_UINT8, 4, {-1, side, side, 3}};
        out[count++] = (oc_oip_port){"images", OC_OIP_BYTES, 1, {-1}};
    }
    if (texts) {
        out[count++] = (oc_oip_port){"input_ids", OC_OIP_INT64, 2, {-1, -1}};
        out[count++] = (oc_oip_port){"attention_mask", OC_OIP_INT64, 2, {-1, -1}};
        out[count++] = (oc_oip_port){"texts", OC_OIP_BYTES, 1, {-1}};
    }
    return count;
}

#define INPUT_FAIL(tensor, ...)                                                                    \
    do {                                                                                           \
        char text[300];                                                                            \
        snprintf(text, sizeof text, __VA_ARGS__);                                                  \
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "input %.*s: %s",                \
                oc_slice_width((tensor)->name), (tensor)->name.data, text);                        \
    } while (0)

static octavo_status check_shape(const oc_oip_tensor *tensor, const oc_oip_port *port,
                                 const oc_srv_model *model, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool is_ids = tensor->type == OC_OIP_INT32 && port->type == OC_OIP_INT64;
    if (tensor->type != port->type && !is_ids) {
        INPUT_FAIL(tensor, "its datatype is %s, %s is wanted", oc_oip_type_name(tensor->type),
                   oc_oip_type_name(port->type));
    }
    bool is_column = port->type == OC_OIP_BYTES && tensor->rank == 2 && tensor->shape[1] == 1;
    if (tensor->rank != port->rank && !is_column) {
        INPUT_FAIL(tensor, "its shape has %d dimensions, %d are wanted", tensor->rank, port->rank);
    }
    for (int32_t i = 1; i < port->rank; i++) {
        if (port->shape[i] >= 0 && tensor->shape[i] != port->shape[i]) {
            INPUT_FAIL(tensor, "dimension %d is %lld, the model takes %lld", i,
                       (long long)tensor->shape[i], (long long)port->shape[i]);
        }
    }
    if (port->type == OC_OIP_INT64 && tensor->shape[1] > model->info->tokens_max) {
        INPUT_FAIL(tensor, "its rows have %lld tokens, the model takes %d",
                   (long long)tensor->shape[1], model->info->tokens_max);
    }
    if (tensor->shape[0] > model->settings.queue_rows) {
        INPUT_FAIL(tensor, "%lld rows; the model's queue, max_queue, holds %d",
                   (long long)tensor->shape[0], model->settings.queue_rows);
    }
done:
    return status;
}

/* Ids as the model takes them: INT64 ones become INT32. */
static octavo_status narrow(const oc_oip_tensor *tensor, oc_arena *arena, const void **out,
                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = tensor->data;
    int32_t *ids = oc_arena_alloc(arena, tensor->count * sizeof *ids);
    if (!ids) {
        OC_NO_MEMORY(error, tensor->count * sizeof *ids);
    }
    for (size_t i = 0; i < tensor->count; i++) {
        int64_t id;
        if (tensor->type == OC_OIP_INT32) {
            memcpy(&ids[i], (const char *)tensor->data + i * 4, 4);
            continue;
        }
        memcpy(&id, (const char *)tensor->data + i * 8, 8);
        if (id < INT32_MIN || id > INT32_MAX) {
            INPUT_FAIL(tensor, "element %zu is %lld, which is no token", i, (long long)id);
        }
        ids[i] = (int32_t)id;
    }
    *out = ids;
done:
    return status;
}

/* Images that came as JSON strings are base64. */
static octavo_status decode_images(const oc_oip_tensor *tensor, oc_arena *arena,
                                   const oc_slice **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = tensor->items;
    if (!tensor->is_text) {
        goto done;
    }
    oc_slice *items = oc_arena_alloc(arena, tensor->count * sizeof *items);
    if (!items) {
        OC_NO_MEMORY(error, tensor->count * sizeof *items);
    }
    for (size_t i = 0; i < tensor->count; i++) {
        size_t room = oc_srv_base64_room(tensor->items[i].length), size;
        char *bytes = oc_arena_alloc(arena, room);
        if (!bytes) {
            OC_NO_MEMORY(error, room);
        }
        if (!oc_srv_base64_decode(tensor->items[i], bytes, &size)) {
            INPUT_FAIL(tensor, "element %zu is no base64, which images in JSON are", i);
        }
        items[i] = (oc_slice){bytes, size};
    }
    *out = items;
done:
    return status;
}

static octavo_status fill_image(oc_oip_request *request, const oc_oip_tensor *tensor,
                                oc_srv_call *call, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_srv_part *part = &call->image;
    if (part->rows) {
        INPUT_FAIL(tensor, "the request has images already");
    }
    part->rows = (int32_t)tensor->shape[0];
    part->data = tensor->data;
    part->lane = tensor->type == OC_OIP_FP32 ? OC_SRV_VALUES : OC_SRV_PIXELS;
    part->row_bytes = tensor->count / (size_t)part->rows * oc_oip_type_bytes(tensor->type);
    part->what = "images";
    if (tensor->type == OC_OIP_BYTES) {
        OC_TRY(decode_images(tensor, &request->arena, &call->encoded, error));
    }
done:
    return status;
}

static octavo_status fill_text(oc_oip_request *request, const oc_oip_tensor *tensor,
                               oc_srv_call *call, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_srv_part *part = &call->text;
    if (part->rows) {
        INPUT_FAIL(tensor, "the request has texts already");
    }
    part->rows = (int32_t)tensor->shape[0];
    part->what = "texts";
    if (tensor->type == OC_OIP_BYTES) {
        call->texts = tensor->items;
        goto done;
    }
    part->lane = OC_SRV_IDS;
    part->rigid = true;
    part->length = (int32_t)tensor->shape[1];
    part->row_bytes = (size_t)part->length * sizeof(int32_t);
    OC_TRY(narrow(tensor, &request->arena, &part->data, error));
done:
    return status;
}

static octavo_status fill_mask(oc_oip_request *request, const oc_oip_tensor *mask,
                               oc_srv_call *call, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const void *values;
    if (!call->text.rigid) {
        INPUT_FAIL(mask, "it goes with input_ids, which are not there");
    }
    if (mask->shape[0] != call->text.rows || mask->shape[1] != call->text.length) {
        INPUT_FAIL(mask, "its shape is [%lld,%lld], that of input_ids [%d,%d]",
                   (long long)mask->shape[0], (long long)mask->shape[1], call->text.rows,
                   call->text.length);
    }
    OC_TRY(narrow(mask, &request->arena, &values, error));
    call->text.mask = values;
done:
    return status;
}

static octavo_status check_outputs(const oc_oip_request *request, oc_srv_call *call,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_oip_port ports[OC_OIP_PORTS];
    int32_t port_count = oc_oip_ports(call->model, true, ports);
    call->wants_raw = request->output_count == 0;
    for (int32_t i = 0; i < request->output_count; i++) {
        oc_slice name = request->outputs[i].name;
        int32_t p = 0;
        while (p < port_count && !oc_slice_is(name, ports[p].name)) {
            p++;
        }
        if (p == port_count) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "the model has no output \"%.*s\"", oc_slice_width(name), name.data);
        }
        bool logits = oc_slice_is(name, "logits_per_image");
        bool has = logits                           ? call->image.rows && call->text.rows
                   : oc_slice_starts(name, "image") ? call->image.rows > 0
                                                    : call->text.rows > 0;
        if (!has) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "the output %s is asked for, and nothing that makes it is there",
                    ports[p].name);
        }
        call->wants_raw |= oc_slice_ends(name, "_raw");
    }
done:
    return status;
}

octavo_status oc_oip_fill_call(oc_oip_request *request, oc_srv_call *call, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_oip_port ports[OC_OIP_PORTS];
    int32_t port_count = oc_oip_ports(call->model, false, ports);
    const oc_oip_tensor *mask = NULL;
    if (request->input_count == 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "the request has no inputs");
    }
    for (int32_t i = 0; i < request->input_count; i++) {
        oc_oip_tensor *tensor = &request->inputs[i];
        int32_t p = 0;
        while (p < port_count && !oc_slice_is(tensor->name, ports[p].name)) {
            p++;
        }
        if (p == port_count) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "the model has no input \"%.*s\"; its metadata lists those that it has",
                    oc_slice_width(tensor->name), tensor->name.data);
        }
        OC_TRY(check_shape(tensor, &ports[p], call->model, error));
        if (oc_slice_is(tensor->name, "attention_mask")) {
            mask = tensor;
        } else if (oc_slice_is(tensor->name, "input_ids") || oc_slice_is(tensor->name, "texts")) {
            OC_TRY(fill_text(request, tensor, call, error));
        } else {
            OC_TRY(fill_image(request, tensor, call, error));
        }
    }
    if (mask) {
        OC_TRY(fill_mask(request, mask, call, error));
    }
    OC_TRY(check_outputs(request, call, error));
    call->priority = request->priority ? request->priority : OC_SRV_PRIORITY;
    uint64_t most = UINT64_MAX / 4000; /* microseconds that still make nanoseconds */
    if (request->timeout_us) {
        uint64_t timeout = request->timeout_us < most ? request->timeout_us : most;
        call->deadline_ns = oc_clock_ns() + timeout * 1000;
    }
done:
    return status;
}

/* -- results -------------------------------------------------------------------------------------
 */

static const float *make_logits(oc_arena *arena, const oc_srv_call *call) {
    const octavo_engine_info *info = call->model->info;
    size_t rows = (size_t)call->image.rows, columns = (size_t)call->text.rows,
           dim = (size_t)info->embed_dim;
    float *logits = oc_arena_alloc(arena, rows * columns * sizeof *logits);
    for (size_t r = 0; logits && r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            const float *a = call->image.embeds + r * dim, *b = call->text.embeds + c * dim;
            double sum = 0;
            for (size_t i = 0; i < dim; i++) {
                sum += (double)a[i] * (double)b[i];
            }
            logits[r * columns + c] = (float)((double)info->logit_scale * sum);
        }
    }
    return logits;
}

static oc_oip_result result_of(oc_oip_request *request, const oc_srv_call *call, const char *name) {
    bool is_image = name[0] == 'i', is_raw = strcmp(name + strlen(name) - 4, "_raw") == 0;
    const oc_srv_part *part = is_image ? &call->image : &call->text;
    if (strcmp(name, "logits_per_image") == 0) {
        return (oc_oip_result){.name = name,
                               .data = make_logits(&request->arena, call),
                               .shape = {call->image.rows, call->text.rows}};
    }
    return (oc_oip_result){.name = name,
                           .data = is_raw ? part->raw : part->embeds,
                           .shape = {part->rows, call->model->info->embed_dim}};
}

int32_t oc_oip_results(oc_oip_request *request, const oc_srv_call *call,
                       oc_oip_result out[OC_LIMIT_OIP_TENSORS]) {
    oc_oip_port ports[OC_OIP_PORTS];
    int32_t port_count = oc_oip_ports(call->model, true, ports), count = 0;
    for (int32_t i = 0; i < request->output_count; i++) {
        for (int32_t p = 0; p < port_count; p++) {
            if (oc_slice_is(request->outputs[i].name, ports[p].name)) {
                out[count] = result_of(request, call, ports[p].name);
                out[count++].is_binary = request->outputs[i].is_binary;
            }
        }
    }
    for (int32_t p = 0; p < port_count && request->output_count == 0; p++) {
        bool logits = ports[p].shape[1] < 0;
        bool has = logits ? call->image.rows && call->text.rows
                          : (ports[p].name[0] == 'i' ? call->image.rows : call->text.rows) > 0;
        if (has) {
            out[count] = result_of(request, call, ports[p].name);
            out[count++].is_binary = request->is_binary;
        }
    }
    return count;
}
