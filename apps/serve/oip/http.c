/* http.c - the Open Inference Protocol v2 over HTTP: paths, JSON, and tensors behind it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/json/json_write.h"
#include "base/json/number.h"
#include "serve/http/access.h"
#include "serve/http/coding.h"
#include "serve/http/router.h"
#include "serve/observe/drift.h"
#include "serve/oip/change.h"
#include "serve/oip/infer.h"
#include "serve/oip/metadata.h"
#include "serve/server.h"

enum {
    HEAVY_JSON = 32 << 10,  /* bytes of JSON that take a reactor some hundred microseconds */
    HEAVY_FLOATS = 8 << 10, /* floats as text: the same */
};

static void send_error(oc_srv_exchange *exchange, const octavo_error *error) {
    oc_srv_answer_error(exchange, error);
    oc_srv_send(exchange);
}

static void send_json(oc_srv_exchange *exchange) {
    oc_srv_answer(exchange, 200, "application/json");
    oc_srv_send(exchange);
}

/* The model that the path names, held. */
static octavo_status find_model(oc_srv_exchange *exchange, oc_srv_model **out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int64_t version = 0;
    oc_slice text = exchange->segments[1];
    *out = NULL;
    if (text.data && (!oc_parse_int64(text.data, text.length, &version) || version < 1)) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET, "\"%.*s\" is no version",
                oc_slice_width(text), text.data);
    }
    OC_TRY(oc_srv_find_model(exchange, exchange->segments[0], version, out, error));
done:
    return status;
}

/* -- health
 * ---------------------------------------------------------------------------------------- */

static void answer_live(oc_srv_exchange *exchange) {
    oc_srv_answer(exchange, 200, NULL);
    oc_srv_send(exchange);
}

static void answer_ready(oc_srv_exchange *exchange) {
    const oc_srv_server *server = exchange->server;
    bool ready = !atomic_load(&server->draining) && oc_srv_repository_is_ready(server->repository);
    oc_srv_answer(exchange, ready ? 200 : 503, NULL);
    oc_srv_send(exchange);
}

static void answer_model_ready(oc_srv_exchange *exchange) {
    octavo_error error;
    oc_srv_model *model;
    oc_error_clear(&error);
    if (find_model(exchange, &model, &error)) {
        send_error(exchange, &error);
        return;
    }
    bool ready = oc_srv_model_is_ready(model);
    oc_srv_model_release(model);
    oc_srv_answer(exchange, ready ? 200 : 503, NULL);
    oc_srv_send(exchange);
}

/* -- descriptions --------------------------------------------------------------------------------
 */

static void answer_server(oc_srv_exchange *exchange) {
    oc_json_writer json;
    oc_json_write_open(&json, &exchange->answer, false);
    oc_oip_write_server(&json);
    send_json(exchange);
}

static void answer_about(oc_srv_exchange *exchange,
                         void (*write)(oc_json_writer *json, oc_srv_model *model)) {
    octavo_error error;
    oc_srv_model *model;
    oc_json_writer json;
    oc_error_clear(&error);
    if (find_model(exchange, &model, &error)) {
        send_error(exchange, &error);
        return;
    }
    oc_json_write_open(&json, &exchange->answer, false);
    write(&json, model);
    oc_srv_model_release(model);
    send_json(exchange);
}

static void answer_metadata(oc_srv_exchange *exchange) {
    answer_about(exchange, oc_oip_write_metadata);
}

static void answer_config(oc_srv_exchange *exchange) {
    answer_about(exchange, oc_oip_write_config);
}

static void write_one_statistics(oc_json_writer *json, oc_srv_model *model) {
    oc_json_write_object(json);
    oc_json_write_key(json, "model_stats");
    oc_json_write_array(json);
    oc_oip_write_statistics(json, model);
    oc_json_write_end(json);
    oc_json_write_end(json);
}

static void answer_statistics(oc_srv_exchange *exchange) {
    answer_about(exchange, write_one_statistics);
}

static void answer_drift(oc_srv_exchange *exchange) {
    octavo_error error;
    oc_srv_model *model;
    char *report = NULL;
    oc_error_clear(&error);
    if (find_model(exchange, &model, &error)) {
        send_error(exchange, &error);
        return;
    }
    octavo_status status = oc_srv_drift_report(model, &report, &error);
    oc_srv_model_release(model);
    if (status) {
        send_error(exchange, &error);
        return;
    }
    oc_buffer_text(&exchange->answer, report);
    octavo_free(report);
    send_json(exchange);
}

static void answer_all_statistics(oc_srv_exchange *exchange) {
    oc_srv_model *models[OC_LIMIT_SERVED_MODELS];
    oc_json_writer json;
    int32_t count = oc_srv_list_models(exchange, models, OC_LIMIT_SERVED_MODELS);
    oc_json_write_open(&json, &exchange->answer, false);
    oc_json_write_object(&json);
    oc_json_write_key(&json, "model_stats");
    oc_json_write_array(&json);
    for (int32_t i = 0; i < count; i++) {
        oc_oip_write_statistics(&json, models[i]);
        oc_srv_model_release(models[i]);
    }
    oc_json_write_end(&json);
    oc_json_write_end(&json);
    send_json(exchange);
}

/* -- inference
 * ------------------------------------------------------------------------------------- */

static void free_request(void *state) {
    oc_oip_request_free(state);
    free(state);
}

static octavo_status json_bytes(const oc_srv_exchange *exchange, size_t *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice told = oc_srv_exchange_header(exchange, "inference-header-content-length");
    int64_t bytes = (int64_t)exchange->body.size;
    if (told.data && (!oc_parse_int64(told.data, told.length, &bytes) || bytes < 0)) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "Inference-Header-Content-Length is \"%.*s\", which is no length",
                oc_slice_width(told), told.data);
    }
    *out = (size_t)bytes;
done:
    return status;
}

static octavo_status begin_infer(oc_srv_exchange *exchange, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t json_size = 0;
    oc_oip_request *request = calloc(1, sizeof *request);
    if (!request) {
        OC_NO_MEMORY(error, sizeof *request);
    }
    exchange->state = request;
    exchange->free_state = free_request;
    OC_TRY(oc_srv_body_decode(exchange, error));
    OC_TRY(json_bytes(exchange, &json_size, error));
    OC_TRY(oc_oip_request_read(exchange->body.data ? exchange->body.data : "", exchange->body.size,
                               json_size, request, error));
    OC_TRY(oc_oip_fill_call(request, &exchange->call, error));
    int64_t floats = (int64_t)(exchange->call.image.rows + exchange->call.text.rows) *
                     exchange->call.model->info->embed_dim;
    exchange->heavy_answer = floats > HEAVY_FLOATS;
done:
    if (status == OCTAVO_CORRUPT) {
        error->cause = OCTAVO_CAUSE_INPUT;
    }
    return status;
}

static void write_result(oc_json_writer *json, const oc_oip_result *result) {
    size_t count = (size_t)result->shape[0] * (size_t)result->shape[1];
    oc_json_write_object(json);
    oc_json_write_text_member(json, "name", result->name);
    oc_json_write_text_member(json, "datatype", "FP32");
    oc_json_write_key(json, "shape");
    oc_json_write_array(json);
    oc_json_write_int(json, result->shape[0]);
    oc_json_write_int(json, result->shape[1]);
    oc_json_write_end(json);
    if (result->is_binary) {
        oc_json_write_key(json, "parameters");
        oc_json_write_object(json);
        oc_json_write_int_member(json, "binary_data_size", (int64_t)(count * sizeof(float)));
        oc_json_write_end(json);
    } else {
        oc_json_write_key(json, "data");
        oc_json_write_array(json);
        for (size_t i = 0; result->data && i < count; i++) {
            oc_json_write_float(json, result->data[i]);
        }
        oc_json_write_end(json);
    }
    oc_json_write_end(json);
}

static void finish_infer(oc_srv_exchange *exchange) {
    const oc_srv_call *call = &exchange->call;
    oc_oip_request *request = exchange->state;
    oc_oip_result results[OC_LIMIT_OIP_TENSORS];
    oc_json_writer json;
    bool any_binary = false;
    if (call->error.status) {
        oc_srv_answer_error(exchange, &call->error);
        return;
    }
    int32_t count = oc_oip_results(request, call, results);
    char version[24];
    snprintf(version, sizeof version, "%" PRId64, call->model->version);
    oc_json_write_open(&json, &exchange->answer, false);
    oc_json_write_object(&json);
    oc_json_write_text_member(&json, "model_name", call->model->name);
    oc_json_write_text_member(&json, "model_version", version);
    if (request->id.data) {
        oc_json_write_key(&json, "id");
        oc_json_write_slice(&json, request->id);
    }
    oc_json_write_key(&json, "outputs");
    oc_json_write_array(&json);
    for (int32_t i = 0; i < count; i++) {
        write_result(&json, &results[i]);
        any_binary |= results[i].is_binary;
        exchange->answer.failed |= results[i].data == NULL;
    }
    oc_json_write_end(&json);
    oc_json_write_end(&json);
    if (any_binary) {
        oc_srv_answer_header(exchange, "inference-header-content-length", "%zu",
                             exchange->answer.size);
        for (int32_t i = 0; i < count; i++) {
            if (results[i].is_binary) {
                oc_buffer_append(&exchange->answer, results[i].data,
                                 (size_t)results[i].shape[0] * (size_t)results[i].shape[1] *
                                     sizeof(float));
            }
        }
    }
    oc_srv_answer_header(exchange, "octavo-precision", "%s", call->model->info->precision);
    oc_srv_answer(exchange, 200, any_binary ? "application/octet-stream" : "application/json");
}

static void answer_infer(oc_srv_exchange *exchange) {
    octavo_error error;
    oc_srv_model *model;
    oc_error_clear(&error);
    if (find_model(exchange, &model, &error)) {
        send_error(exchange, &error);
        return;
    }
    oc_srv_call_open(&exchange->call, model);
    oc_srv_model_release(model); /* the call holds it */
    /* Binary tensors are not looked at by the reader of JSON: they are no reason for a worker. */
    size_t json_size = exchange->body.size;
    json_bytes(exchange, &json_size, NULL);
    oc_srv_exchange_run(exchange, begin_infer, finish_infer,
                        json_size > HEAVY_JSON || oc_srv_body_is_encoded(exchange));
}

/* -- the repository
 * -------------------------------------------------------------------------------- */

static octavo_status read_ready_only(oc_srv_exchange *exchange, bool *ready_only,
                                     octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json;
    oc_slice key;
    *ready_only = false;
    oc_json_open(&json, exchange->body.data, exchange->body.size, 0, 0);
    if (exchange->body.size == 0) {
        goto done;
    }
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        OC_TRY(oc_json_member(&json, &key, error));
        if (!key.data) {
            break;
        }
        if (oc_slice_is(key, "ready")) {
            OC_TRY(oc_json_bool(&json, ready_only, error));
        } else {
            OC_TRY(oc_json_skip(&json, NULL, error));
        }
    }
    OC_TRY(oc_json_finish(&json, error));
done:
    oc_json_close(&json);
    if (status) {
        error->cause = OCTAVO_CAUSE_INPUT;
    }
    return status;
}

typedef struct listing {
    const oc_srv_exchange *exchange;
    oc_json_writer json;
} listing;

static void write_state(void *context, const oc_srv_model_state *state) {
    listing *to = context;
    oc_json_writer *json = &to->json;
    if (!oc_srv_may_use(to->exchange, oc_slice_of(state->name))) {
        return;
    }
    char version[24] = "";
    if (state->version) {
        snprintf(version, sizeof version, "%" PRId64, state->version);
    }
    oc_json_write_object(json);
    oc_json_write_text_member(json, "name", state->name);
    oc_json_write_text_member(json, "version", version);
    oc_json_write_text_member(json, "state", state->is_ready ? "READY" : "UNAVAILABLE");
    oc_json_write_text_member(json, "reason", state->reason);
    oc_json_write_end(json);
}

static void answer_index(oc_srv_exchange *exchange) {
    octavo_error error;
    listing to = {.exchange = exchange};
    bool ready_only;
    oc_error_clear(&error);
    if (read_ready_only(exchange, &ready_only, &error)) {
        send_error(exchange, &error);
        return;
    }
    oc_json_write_open(&to.json, &exchange->answer, false);
    oc_json_write_array(&to.json);
    oc_srv_repository_states(exchange->server->repository, ready_only, write_state, &to);
    oc_json_write_end(&to.json);
    send_json(exchange);
}

static void finish_change(oc_srv_exchange *exchange) {
    octavo_error told;
    if (oc_oip_change_failed(exchange, &told)) {
        oc_srv_answer_error(exchange, &told);
    } else {
        oc_srv_answer(exchange, 200, NULL);
    }
}

static void change_model(oc_srv_exchange *exchange, oc_srv_change_kind kind) {
    octavo_error error;
    oc_error_clear(&error);
    if (!oc_srv_may_change(exchange)) {
        oc_fail(&error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                "this API key may not load and unload models");
        oc_srv_answer_error(exchange, &error);
        exchange->status = 403;
        oc_srv_send(exchange);
    } else if (oc_oip_change(exchange, kind, exchange->segments[0], finish_change, &error)) {
        send_error(exchange, &error);
    }
}

static void answer_load(oc_srv_exchange *exchange) {
    change_model(exchange, OC_SRV_LOAD);
}

static void answer_unload(oc_srv_exchange *exchange) {
    change_model(exchange, OC_SRV_UNLOAD);
}

/* -- what Triton has and this server has not
 * -------------------------------------------------------- */

static void answer_unsupported(oc_srv_exchange *exchange) {
    octavo_error error;
    oc_slice path = oc_srv_exchange_path(exchange);
    oc_error_clear(&error);
    oc_fail(&error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
            "%.*s: shared memory, traces and log settings are not offered here",
            oc_slice_width(path), path.data);
    send_error(exchange, &error);
}

const oc_srv_route_entry oc_srv_v2_routes[] = {
    {"GET", "v2", answer_server, false},
    {"GET", "v2/health/live", answer_live, true},
    {"GET", "v2/health/ready", answer_ready, true},
    {"GET", "v2/models/stats", answer_all_statistics, false},
    {"GET", "v2/models/*", answer_metadata, false},
    {"GET", "v2/models/*/versions/*", answer_metadata, false},
    {"GET", "v2/models/*/ready", answer_model_ready, false},
    {"GET", "v2/models/*/versions/*/ready", answer_model_ready, false},
    {"GET", "v2/models/*/config", answer_config, false},
    {"GET", "v2/models/*/versions/*/config", answer_config, false},
    {"GET", "v2/models/*/stats", answer_statistics, false},
    {"GET", "v2/models/*/versions/*/stats", answer_statistics, false},
    {"GET", "v2/models/*/drift", answer_drift, false},
    {"GET", "v2/models/*/versions/*/drift", answer_drift, false},
    {"POST", "v2/models/*/infer", answer_infer, false},
    {"POST", "v2/models/*/versions/*/infer", answer_infer, false},
    {"POST", "v2/repository/index", answer_index, false},
    {"POST", "v2/repository/models/*/load", answer_load, false},
    {"POST", "v2/repository/models/*/unload", answer_unload, false},
    {"GET", "v2/systemsharedmemory/status", answer_unsupported, false},
    {"POST", "v2/systemsharedmemory/unregister", answer_unsupported, false},
    {"GET", "v2/systemsharedmemory/region/*/status", answer_unsupported, false},
    {"POST", "v2/systemsharedmemory/region/*/register", answer_unsupported, false},
    {"POST", "v2/systemsharedmemory/region/*/unregister", answer_unsupported, false},
    {"GET", "v2/cudasharedmemory/status", answer_unsupported, false},
    {"POST", "v2/cudasharedmemory/unregister", answer_unsupported, false},
    {"GET", "v2/cudasharedmemory/region/*/status", answer_unsupported, false},
    {"POST", "v2/cudasharedmemory/region/*/register", answer_unsupported, false},
    {"POST", "v2/cudasharedmemory/region/*/unregister", answer_unsupported, false},
    {"GET", "v2/trace/setting", answer_unsupported, false},
    {"POST", "v2/trace/setting", answer_unsupported, false},
    {"GET", "v2/models/*/trace/setting", answer_unsupported, false},
    {"POST", "v2/models/*/trace/setting", answer_unsupported, false},
    {"GET", "v2/logging", answer_unsupported, false},
    {"POST", "v2/logging", answer_unsupported, false},
    {NULL, NULL, NULL, false},
};
