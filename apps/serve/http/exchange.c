/* exchange.c - see exchange.h. */
#include "serve/http/exchange.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json_write.h"
#include "base/sys/clock.h"
#include "serve/http/coding.h"
#include "serve/net/reactor.h"

oc_srv_exchange *oc_srv_exchange_create(oc_srv_reactor *reactor) {
    oc_srv_exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange) {
        exchange->reactor = reactor;
        exchange->server = reactor->server;
        exchange->begun_ns = oc_clock_ns();
        oc_buffer_init(&exchange->head);
        oc_buffer_init(&exchange->body);
        oc_buffer_init(&exchange->answer);
        atomic_fetch_add(&exchange->server->exchanges, 1);
    }
    return exchange;
}

void oc_srv_exchange_free(oc_srv_exchange *exchange) {
    if (!exchange) {
        return;
    }
    oc_srv_call_close(&exchange->call);
    if (exchange->free_state) {
        exchange->free_state(exchange->state);
    }
    oc_srv_keys_release(exchange->keys);
    oc_srv_server_discharge(exchange->server, exchange->charged);
    oc_buffer_free(&exchange->head);
    oc_buffer_free(&exchange->body);
    oc_buffer_free(&exchange->answer);
    atomic_fetch_sub(&exchange->server->exchanges, 1);
    free(exchange);
}

oc_slice oc_srv_exchange_path(const oc_srv_exchange *exchange) {
    return (oc_slice){exchange->head.data, exchange->path_length};
}

oc_slice oc_srv_exchange_query(const oc_srv_exchange *exchange) {
    uint32_t skip = exchange->path_length + (exchange->path_length < exchange->target_length);
    return (oc_slice){exchange->head.data + skip, exchange->target_length - skip};
}

oc_slice oc_srv_exchange_header(const oc_srv_exchange *exchange, const char *name) {
    for (int32_t i = 0; i < exchange->field_count; i++) {
        const oc_srv_field *field = &exchange->fields[i];
        if (oc_slice_is((oc_slice){exchange->head.data + field->name, field->name_length}, name)) {
            return (oc_slice){exchange->head.data + field->value, field->value_length};
        }
    }
    return (oc_slice){NULL, 0};
}

bool oc_srv_exchange_field(oc_srv_exchange *exchange, oc_slice name, oc_slice value) {
    if (exchange->field_count == OC_LIMIT_HTTP_HEADERS ||
        exchange->head.size + name.length + value.length > OC_LIMIT_HTTP_HEAD_BYTES) {
        return false;
    }
    oc_srv_field *field = &exchange->fields[exchange->field_count++];
    *field =
        (oc_srv_field){.name = (uint32_t)exchange->head.size, .name_length = (uint32_t)name.length};
    oc_buffer_append(&exchange->head, name.data, name.length);
    field->value = (uint32_t)exchange->head.size;
    field->value_length = (uint32_t)value.length;
    oc_buffer_append(&exchange->head, value.data, value.length);
    return !exchange->head.failed;
}

void oc_srv_answer_header(oc_srv_exchange *exchange, const char *name, const char *format, ...) {
    va_list args;
    if (exchange->header_count < OC_SRV_ANSWER_HEADERS) {
        exchange->headers[exchange->header_count].name = name;
        va_start(args, format);
        vsnprintf(exchange->headers[exchange->header_count].value,
                  sizeof exchange->headers[0].value, format, args);
        va_end(args);
        exchange->header_count++;
    }
}

void oc_srv_answer(oc_srv_exchange *exchange, int32_t status, const char *type) {
    exchange->status = status;
    exchange->type = type;
}

void oc_srv_answer_error(oc_srv_exchange *exchange, const octavo_error *error) {
    oc_json_writer json;
    int32_t status = octavo_error_http(error);
    oc_buffer_free(&exchange->answer);
    oc_json_write_open(&json, &exchange->answer, false);
    oc_json_write_object(&json);
    oc_json_write_text_member(&json, "error", error->message);
    oc_json_write_end(&json);
    if (status == 429 || status == 503) {
        oc_srv_answer_header(exchange, "retry-after", "1");
    }
    oc_srv_answer(exchange, status, "application/json");
}

void oc_srv_send(oc_srv_exchange *exchange) {
    if (exchange->stream) {
        exchange->send(exchange);
    } else {
        oc_srv_exchange_free(exchange);
    }
}

/* -- working -------------------------------------------------------------------------------------
 */

static void make_answer(oc_srv_exchange *exchange) {
    exchange->finish(exchange);
    if (!exchange->is_grpc) {
        oc_srv_answer_encode(exchange);
    }
    exchange->finished = true;
}

static void arrive(oc_srv_mail *mail) {
    oc_srv_exchange *exchange =
        (oc_srv_exchange *)(void *)((char *)mail - offsetof(oc_srv_exchange, mail));
    if (exchange->stream && !exchange->finished) {
        make_answer(exchange);
    }
    oc_srv_send(exchange);
}

void oc_srv_exchange_post(oc_srv_exchange *exchange) {
    exchange->mail.arrive = arrive;
    oc_srv_reactor_post(exchange->reactor, &exchange->mail);
}

static oc_srv_exchange *of_task(oc_srv_task *task) {
    return (oc_srv_exchange *)(void *)((char *)task - offsetof(oc_srv_exchange, task));
}

static void finish_task(oc_srv_task *task) {
    oc_srv_exchange *exchange = of_task(task);
    make_answer(exchange);
    oc_srv_exchange_post(exchange);
}

static void call_done(oc_srv_call *call) {
    oc_srv_exchange *exchange = call->user;
    if ((exchange->heavy_answer || oc_srv_answer_is_wanted_encoded(exchange)) &&
        call->error.status == OCTAVO_OK) {
        exchange->task = (oc_srv_task){NULL, finish_task};
        oc_srv_workers_add(exchange->server->workers, &exchange->task);
    } else {
        oc_srv_exchange_post(exchange);
    }
}

static void begin_task(oc_srv_task *task) {
    octavo_status status = OCTAVO_OK;
    oc_srv_exchange *exchange = of_task(task);
    octavo_error error; /* call.error is for the threads that work on the call */
    oc_error_clear(&error);
    OC_TRY(exchange->begin(exchange, &error));
    exchange->call.user = exchange;
    exchange->call.cancelled = &exchange->gone;
    exchange->call.done = call_done;
    OC_TRY(oc_srv_call_start(&exchange->call, exchange->server->workers, &error));
done:
    if (status) {
        exchange->call.error = error;
        oc_srv_exchange_post(exchange);
    }
}

void oc_srv_exchange_run(oc_srv_exchange *exchange,
                         octavo_status (*begin)(oc_srv_exchange *exchange, octavo_error *error),
                         void (*finish)(oc_srv_exchange *exchange), bool on_worker) {
    exchange->begin = begin;
    exchange->finish = finish;
    exchange->task = (oc_srv_task){NULL, begin_task};
    if (on_worker) {
        oc_srv_workers_add(exchange->server->workers, &exchange->task);
    } else {
        begin_task(&exchange->task);
    }
}
