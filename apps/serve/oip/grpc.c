/* grpc.c - see grpc.h. */
#include "serve/oip/grpc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/number.h"
#include "base/sys/clock.h"
#include "serve/codec/protobuf.h"
#include "serve/http/access.h"
#include "serve/http/coding.h"
#include "serve/oip/change.h"
#include "serve/oip/message.h"
#include "serve/oip/metadata.h"
#include "serve/server.h"

#define INFERENCE "/inference.GRPCInferenceService/"
#define HEALTH    "/grpc.health.v1.Health/Check"
enum {
    HEAVY_MESSAGE = 4 << 20, /* bytes whose reading, or copying, is a worker's */
    PERMISSION_DENIED = 7,   /* what gRPC says and octavo_status does not */
    UNAUTHENTICATED = 16
};

bool oc_srv_is_grpc(const oc_srv_exchange *exchange) {
    return oc_slice_starts(oc_srv_exchange_header(exchange, "content-type"), "application/grpc");
}

bool oc_srv_grpc_is_streaming(const oc_srv_exchange *exchange) {
    return oc_slice_is(oc_srv_exchange_path(exchange), INFERENCE "ModelStreamInfer");
}

uint32_t oc_srv_grpc_length(const char *prefix) {
    const unsigned char *at = (const unsigned char *)prefix + 1;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

uint64_t oc_srv_grpc_deadline(oc_slice timeout, uint64_t now_ns) {
    static const struct {
        char unit;
        uint64_t ns;
    } units[] = {{'n', 1},          {'u', 1000},           {'m', 1000000},
                 {'S', 1000000000}, {'M', 60000000000ull}, {'H', 3600000000000ull}};
    int64_t count;
    if (timeout.length < 2 || timeout.length > 9 ||
        !oc_parse_int64(timeout.data, timeout.length - 1, &count) || count < 0) {
        return 0;
    }
    for (size_t i = 0; i < OC_COUNT(units); i++) {
        if (units[i].unit == timeout.data[timeout.length - 1]) {
            /* 8 digits of hours are 3.6e20 ns: no deadline at all */
            bool fits = (uint64_t)count <= (UINT64_MAX / 2) / units[i].ns;
            return fits ? now_ns + (uint64_t)count * units[i].ns + 1 : 0;
        }
    }
    return 0;
}

/* -- ends
 * -------------------------------------------------------------------------------------------- */

void oc_srv_grpc_fail(oc_srv_exchange *exchange, const octavo_error *error) {
    octavo_status status = error->status;
    bool theirs = error->cause == OCTAVO_CAUSE_INPUT;
    exchange->is_grpc = true;
    exchange->grpc_status = theirs && status != OCTAVO_UNSUPPORTED ? OCTAVO_INVALID_ARGUMENT
                            : status > 16                          ? OCTAVO_INTERNAL
                                                                   : (int32_t)status;
    snprintf(exchange->grpc_message, sizeof exchange->grpc_message, "%.511s", error->message);
    oc_buffer_free(&exchange->answer);
}

static void fail_now(oc_srv_exchange *exchange, const octavo_error *error) {
    oc_srv_grpc_fail(exchange, error);
    oc_srv_send(exchange);
}

/* `answer` becomes a message: its prefix goes to the front. */
static void begin_message(oc_srv_exchange *exchange) {
    exchange->is_grpc = true;
    oc_buffer_append(&exchange->answer, "\0\0\0\0", OC_SRV_GRPC_PREFIX);
}

static void end_message(oc_srv_exchange *exchange) {
    size_t length = exchange->answer.size - OC_SRV_GRPC_PREFIX;
    if (exchange->answer.failed || length > UINT32_MAX) {
        exchange->answer.failed = true;
        return;
    }
    for (int i = 0; i < 4; i++) {
        exchange->answer.data[1 + i] = (char)(length >> (24 - 8 * i));
    }
}

static void send_message(oc_srv_exchange *exchange) {
    end_message(exchange);
    oc_srv_send(exchange);
}

/* The one message of the body, without its prefix. */
static octavo_status take_message(oc_srv_exchange *exchange, oc_slice coding, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_buffer *body = &exchange->body, plain;
    oc_buffer_init(&plain);
    if (body->size < OC_SRV_GRPC_PREFIX ||
        oc_srv_grpc_length(body->data) != body->size - OC_SRV_GRPC_PREFIX) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "the call takes exactly one message");
    }
    if (body->data[0] == 0) {
        goto done;
    }
    if (!oc_slice_is(coding, "gzip") && !oc_slice_is(coding, "deflate")) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "the message is compressed by \"%.*s\", which is neither gzip nor deflate",
                oc_slice_width(coding), coding.data ? coding.data : "");
    }
    oc_buffer_append(&plain, "\0\0\0\0",
                     OC_SRV_GRPC_PREFIX); /* what stands behind keeps its place */
    OC_TRY(oc_srv_inflate(
        exchange, (oc_slice){body->data + OC_SRV_GRPC_PREFIX, body->size - OC_SRV_GRPC_PREFIX},
        &plain, error));
    oc_buffer_free(body);
    *body = plain;
    oc_buffer_init(&plain);
done:
    oc_buffer_free(&plain);
    return status;
}

static oc_slice message_of(const oc_srv_exchange *exchange) {
    return (oc_slice){exchange->body.data + OC_SRV_GRPC_PREFIX,
                      exchange->body.size - OC_SRV_GRPC_PREFIX};
}

static octavo_status find(oc_srv_exchange *exchange, oc_slice name, oc_slice version,
                          oc_srv_model **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int64_t number = 0;
    *out = NULL;
    if (version.length && (!oc_parse_int64(version.data, version.length, &number) || number < 1)) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET, "\"%.*s\" is no version",
                oc_slice_width(version), version.data);
    }
    OC_TRY(oc_srv_find_model(exchange, name, number, out, error));
done:
    return status;
}

/* -- inference
 * ------------------------------------------------------------------------------------------ */

typedef struct asked {
    oc_oip_request request;
    oc_slice coding;
    char coding_text[16];
    bool is_part; /* of a stream: errors are messages too */
} asked;

static void free_asked(void *state) {
    oc_oip_request_free(&((asked *)state)->request);
    free(state);
}

static octavo_status begin_infer(oc_srv_exchange *exchange, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    asked *about = exchange->state;
    oc_slice name, version;
    oc_srv_model *model;
    OC_TRY(take_message(exchange, about->coding, error));
    OC_TRY(
        oc_oip_infer_message_read(message_of(exchange), &about->request, &name, &version, error));
    OC_TRY(find(exchange, name, version, &model, error));
    oc_srv_call_open(&exchange->call, model);
    oc_srv_model_release(model); /* the call holds it */
    OC_TRY(oc_oip_fill_call(&about->request, &exchange->call, error));
    uint64_t own = exchange->call.deadline_ns, given = exchange->deadline_ns;
    exchange->call.deadline_ns = own && (!given || own < given) ? own : given;
done:
    return status;
}

static void finish_infer(oc_srv_exchange *exchange) {
    asked *about = exchange->state;
    const oc_srv_call *call = &exchange->call;
    if (call->error.status && !about->is_part) {
        oc_srv_grpc_fail(exchange, &call->error);
        return;
    }
    begin_message(exchange);
    if (!about->is_part) {
        oc_oip_infer_message_write(&about->request, call, &exchange->answer);
        oc_srv_answer_header(exchange, "octavo-precision", "%s", call->model->info->precision);
    } else {
        oc_buffer part; /* ModelStreamInferResponse */
        oc_buffer_init(&part);
        if (call->error.status) {
            oc_pb_put_text(&exchange->answer, 1, call->error.message);
            oc_pb_put_bytes(&part, 3, about->request.id.data, about->request.id.length);
        } else {
            oc_oip_infer_message_write(&about->request, call, &part);
        }
        oc_pb_put_part(&exchange->answer, 2, &part);
        oc_buffer_free(&part);
    }
    end_message(exchange);
}

static void start_infer(oc_srv_exchange *exchange, const oc_srv_exchange *headers, bool is_part) {
    octavo_error error;
    asked *about = calloc(1, sizeof *about);
    oc_slice coding = oc_srv_exchange_header(headers, "grpc-encoding");
    oc_error_clear(&error);
    if (!about) {
        oc_fail(&error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET, __FILE__, __LINE__, "memory is out");
        fail_now(exchange, &error);
        return;
    }
    size_t length = coding.length < sizeof about->coding_text ? coding.length : 0;
    memcpy(about->coding_text, length ? coding.data : "", length);
    about->coding = (oc_slice){about->coding_text, length};
    about->is_part = is_part;
    exchange->state = about;
    exchange->free_state = free_asked;
    bool is_compressed = exchange->body.size > 0 && exchange->body.data[0] != 0;
    oc_srv_exchange_run(exchange, begin_infer, finish_infer,
                        is_compressed || exchange->body.size > HEAVY_MESSAGE);
}

static void model_infer(oc_srv_exchange *exchange) {
    start_infer(exchange, exchange, false);
}

void oc_srv_grpc_answer_part(oc_srv_exchange *exchange, const oc_srv_exchange *of) {
    exchange->deadline_ns = of->deadline_ns;
    oc_srv_access_copy(exchange, of);
    start_infer(exchange, of, true);
}

/* -- descriptions
 * ------------------------------------------------------------------------------------------ */

static bool is_ready(const oc_srv_server *server) {
    return !atomic_load(&server->draining) && oc_srv_repository_is_ready(server->repository);
}

static void server_live(oc_srv_exchange *exchange) {
    begin_message(exchange);
    oc_pb_put_uint(&exchange->answer, 1, 1);
    send_message(exchange);
}

static void server_ready(oc_srv_exchange *exchange) {
    begin_message(exchange);
    oc_pb_put_uint(&exchange->answer, 1, is_ready(exchange->server));
    send_message(exchange);
}

static void server_metadata(oc_srv_exchange *exchange) {
    begin_message(exchange);
    oc_oip_server_message_write(&exchange->answer);
    send_message(exchange);
}

/* What is said about the model that fields 1 and 2 name. */
static void about_model(oc_srv_exchange *exchange,
                        void (*write)(oc_srv_model *model, oc_buffer *out)) {
    octavo_error error;
    oc_slice name, version;
    oc_srv_model *model;
    oc_error_clear(&error);
    if (oc_oip_names_read(message_of(exchange), 1, 2, &name, &version, NULL, &error) ||
        find(exchange, name, version, &model, &error)) {
        fail_now(exchange, &error);
        return;
    }
    begin_message(exchange);
    write(model, &exchange->answer);
    oc_srv_model_release(model);
    send_message(exchange);
}

static void write_ready(oc_srv_model *model, oc_buffer *out) {
    oc_pb_put_uint(out, 1, oc_srv_model_is_ready(model));
}

static void model_ready(oc_srv_exchange *exchange) {
    octavo_error error;
    oc_slice name, version;
    oc_srv_model *model;
    oc_error_clear(&error);
    octavo_status status =
        oc_oip_names_read(message_of(exchange), 1, 2, &name, &version, NULL, &error);
    if (status) {
        fail_now(exchange, &error);
        return;
    }
    status = find(exchange, name, version, &model, &error);
    if (status == OCTAVO_NOT_FOUND) {
        fail_now(exchange, &error);
        return;
    }
    begin_message(exchange);
    if (status == OCTAVO_OK) {
        write_ready(model, &exchange->answer);
        oc_srv_model_release(model);
    }
    send_message(exchange);
}

static void model_metadata(oc_srv_exchange *exchange) {
    about_model(exchange, oc_oip_metadata_message_write);
}

static void model_config(oc_srv_exchange *exchange) {
    about_model(exchange, oc_oip_config_message_write);
}

static void model_statistics(oc_srv_exchange *exchange) {
    octavo_error error;
    oc_slice name, version;
    oc_srv_model *models[OC_LIMIT_SERVED_MODELS];
    oc_error_clear(&error);
    if (oc_oip_names_read(message_of(exchange), 1, 2, &name, &version, NULL, &error)) {
        fail_now(exchange, &error);
        return;
    }
    if (name.length) {
        about_model(exchange, oc_oip_statistics_message_write);
        return;
    }
    int32_t count = oc_srv_list_models(exchange, models, OC_LIMIT_SERVED_MODELS);
    begin_message(exchange);
    for (int32_t i = 0; i < count; i++) {
        oc_oip_statistics_message_write(models[i], &exchange->answer);
        oc_srv_model_release(models[i]);
    }
    send_message(exchange);
}

/* -- the repository
 * ---------------------------------------------------------------------------------------- */

static void put_state(void *context, const oc_srv_model_state *state) {
    oc_srv_exchange *exchange = context;
    oc_buffer part;
    char version[24] = "";
    if (!oc_srv_may_use(exchange, oc_slice_of(state->name))) {
        return;
    }
    if (state->version) {
        snprintf(version, sizeof version, "%" PRId64, state->version);
    }
    oc_buffer_init(&part);
    oc_pb_put_text(&part, 1, state->name);
    oc_pb_put_text(&part, 2, version);
    oc_pb_put_text(&part, 3, state->is_ready ? "READY" : "UNAVAILABLE");
    oc_pb_put_text(&part, 4, state->reason);
    oc_pb_put_part(&exchange->answer, 1, &part);
    oc_buffer_free(&part);
}

static void repository_index(oc_srv_exchange *exchange) {
    octavo_error error;
    oc_slice name, unused;
    bool ready_only = false;
    oc_error_clear(&error);
    if (oc_oip_names_read(message_of(exchange), 1, 2, &name, &unused, &ready_only, &error)) {
        fail_now(exchange, &error);
        return;
    }
    begin_message(exchange);
    oc_srv_repository_states(exchange->server->repository, ready_only, put_state, exchange);
    send_message(exchange);
}

static void finish_change(oc_srv_exchange *exchange) {
    octavo_error told;
    if (oc_oip_change_failed(exchange, &told)) {
        oc_srv_grpc_fail(exchange, &told);
    } else {
        begin_message(exchange);
        end_message(exchange);
    }
}

static void change_model(oc_srv_exchange *exchange, oc_srv_change_kind kind) {
    octavo_error error;
    oc_slice unused, name;
    oc_error_clear(&error);
    if (!oc_srv_may_change(exchange)) {
        oc_fail(&error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                "this API key may not load and unload models");
        oc_srv_grpc_fail(exchange, &error);
        exchange->grpc_status = PERMISSION_DENIED;
        oc_srv_send(exchange);
    } else if (oc_oip_names_read(message_of(exchange), 1, 2, &unused, &name, NULL, &error) ||
               oc_oip_change(exchange, kind, name, finish_change, &error)) {
        fail_now(exchange, &error);
    }
}

static void model_load(oc_srv_exchange *exchange) {
    change_model(exchange, OC_SRV_LOAD);
}

static void model_unload(oc_srv_exchange *exchange) {
    change_model(exchange, OC_SRV_UNLOAD);
}

/* -- grpc.health.v1
 * ------------------------------------------------------------------------------------------ */

static void health_check(oc_srv_exchange *exchange) {
    enum { SERVING = 1, NOT_SERVING = 2 };
    octavo_error error;
    oc_slice service, unused;
    oc_srv_model *model = NULL;
    oc_error_clear(&error);
    if (oc_oip_names_read(message_of(exchange), 1, 2, &service, &unused, NULL, &error)) {
        fail_now(exchange, &error);
        return;
    }
    bool ready = is_ready(exchange->server);
    if (service.length && !oc_slice_is(service, "inference.GRPCInferenceService")) {
        octavo_status status = find(exchange, service, (oc_slice){NULL, 0}, &model, &error);
        if (status == OCTAVO_NOT_FOUND) {
            fail_now(exchange, &error);
            return;
        }
        ready = model && oc_srv_model_is_ready(model) && !atomic_load(&exchange->server->draining);
    }
    if (model) {
        oc_srv_model_release(model);
    }
    begin_message(exchange);
    oc_pb_put_uint(&exchange->answer, 1, ready ? SERVING : NOT_SERVING);
    send_message(exchange);
}

/* -- methods
 * ------------------------------------------------------------------------------------------------
 */

bool oc_srv_grpc_may(oc_srv_exchange *exchange) {
    octavo_error error;
    if (oc_slice_is(oc_srv_exchange_path(exchange), HEALTH) || oc_srv_access_check(exchange)) {
        return true;
    }
    oc_error_clear(&error);
    oc_fail(&error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
            "an API key is wanted: authorization: Bearer KEY");
    oc_srv_grpc_fail(exchange, &error);
    exchange->grpc_status = UNAUTHENTICATED;
    return false;
}

void oc_srv_grpc_answer(oc_srv_exchange *exchange) {
    static const struct {
        const char *path;
        void (*answer)(oc_srv_exchange *exchange);
    } methods[] = {
        {INFERENCE "ModelInfer", model_infer},
        {INFERENCE "ServerLive", server_live},
        {INFERENCE "ServerReady", server_ready},
        {INFERENCE "ModelReady", model_ready},
        {INFERENCE "ServerMetadata", server_metadata},
        {INFERENCE "ModelMetadata", model_metadata},
        {INFERENCE "ModelConfig", model_config},
        {INFERENCE "ModelStatistics", model_statistics},
        {INFERENCE "RepositoryIndex", repository_index},
        {INFERENCE "RepositoryModelLoad", model_load},
        {INFERENCE "RepositoryModelUnload", model_unload},
        {HEALTH, health_check},
    };
    octavo_error error;
    oc_slice path = oc_srv_exchange_path(exchange);
    oc_error_clear(&error);
    exchange->is_grpc = true;
    for (size_t i = 0; i < OC_COUNT(methods); i++) {
        if (!oc_slice_is(path, methods[i].path)) {
            continue;
        }
        if (methods[i].answer != model_infer &&
            take_message(exchange, oc_srv_exchange_header(exchange, "grpc-encoding"), &error)) {
            fail_now(exchange, &error);
        } else {
            methods[i].answer(exchange);
        }
        return;
    }
    oc_fail(&error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
            "%.*s is not offered here", oc_slice_width(path), path.data);
    fail_now(exchange, &error);
}
