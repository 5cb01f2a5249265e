/* http1.c - see http1.h. */
#include "serve/net/http1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/sys/clock.h"
#include "serve/http/request_reader.h"
#include "serve/http/router.h"

enum {
    SLOWEST = 1024 /* bytes a second that a body must come by, beyond header_timeout_s */
};

typedef struct http1 {
    oc_srv_connection *connection;
    oc_srv_request_reader reader;
    oc_srv_exchange *working; /* whose answer is awaited */
    oc_buffer ahead;
    uint64_t since_ns; /* when the connection became idle, the head began, or the body did */
    bool keep_alive, draining, reading;
} http1;

static bool pump(http1 *state, const char *bytes, size_t size);

/* With what the client sent ahead, unless it takes no answers. */
static void go_on(http1 *state) {
    if (state->ahead.size > 0 && !state->reading && !state->working &&
        state->connection->unsent < OC_SRV_UNSENT) {
        oc_buffer ahead = state->ahead;
        oc_buffer_init(&state->ahead);
        pump(state, ahead.data, ahead.size);
        oc_buffer_free(&ahead);
    }
}

static const char *reason(int32_t status) {
    static const struct {
        int32_t status;
        const char *text;
    } reasons[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < OC_COUNT(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].text;
        }
    }
    return "Status";
}

static void write_head(const oc_srv_exchange *exchange, bool keep_alive, oc_buffer *out) {
    char date[40];
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    oc_buffer_reserve(out, 512);
    oc_buffer_printf(out, "HTTP/1.1 %d %s\r\ndate: %s\r\ncontent-length: %zu\r\n", exchange->status,
                     reason(exchange->status), date, exchange->answer.size);
    if (exchange->type) {
        oc_buffer_printf(out, "content-type: %s\r\n", exchange->type);
    }
    for (int32_t i = 0; i < exchange->header_count; i++) {
        oc_buffer_printf(out, "%s: %s\r\n", exchange->headers[i].name, exchange->headers[i].value);
    }
    oc_buffer_text(out, keep_alive ? "\r\n" : "connection: close\r\n\r\n");
}

static void send_answer(oc_srv_exchange *exchange) {
    http1 *state = exchange->stream;
    bool keep_alive = state->keep_alive && !state->draining;
    oc_buffer head, *body = &exchange->answer;
    oc_buffer_init(&head);
    write_head(exchange, keep_alive, &head);
    if (exchange->answer.failed || head.failed) {
        oc_buffer_free(&head);
        oc_srv_connection_abort(state->connection); /* memory is out in the middle of an answer */
    } else {
        bool is_head = exchange->method && strcmp(exchange->method, "HEAD") == 0;
        oc_srv_connection_write(state->connection, &head, is_head ? NULL : body);
    }
    state->working = NULL;
    state->since_ns = oc_clock_ns();
    exchange->stream = NULL;
    oc_srv_exchange_free(exchange);
    if (!keep_alive) {
        oc_srv_connection_finish(state->connection);
    } else {
        go_on(state);
    }
}

/* A request that cannot be read is answered, and the connection ends: what follows has no meaning.
 */
static void refuse(http1 *state) {
    oc_srv_exchange *exchange = oc_srv_request_reader_exchange(&state->reader);
    octavo_error error;
    oc_error_clear(&error);
    if (!exchange) {
        exchange = oc_srv_exchange_create(state->connection->reactor);
    }
    if (!exchange) {
        oc_srv_connection_abort(state->connection);
        return;
    }
    state->keep_alive = false;
    state->working = exchange;
    exchange->stream = state;
    exchange->send = send_answer;
    oc_fail(&error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, __FILE__, __LINE__, "%s",
            state->reader.why ? state->reader.why : "the request cannot be read");
    oc_srv_answer_error(exchange, &error);
    if (state->reader.refusal == 429 || state->reader.refusal == 503) {
        oc_srv_answer_header(exchange, "retry-after", "1");
    }
    exchange->status = state->reader.refusal;
    oc_srv_send(exchange);
}

/* Gives the bytes to the reader, and whole requests to the router, until one is being answered.
 * False: the connection has ended. */
static bool pump(http1 *state, const char *bytes, size_t size) {
    oc_srv_connection *connection = state->connection;
    state->reading = true;
    while (size > 0 && !state->working && !connection->closing && !connection->finish_ns &&
           connection->unsent < OC_SRV_UNSENT) {
        oc_srv_read_state before = state->reader.state;
        size_t taken = oc_srv_request_reader_take(&state->reader, bytes, size);
        bytes += taken;
        size -= taken;
        if (state->reader.state != before) {
            state->since_ns = oc_clock_ns();
        }
        if (state->reader.state == OC_SRV_READ_BAD) {
            refuse(state);
            break;
        }
        if (state->reader.state == OC_SRV_READ_BODY && state->reader.continues) {
            oc_buffer go;
            oc_buffer_init(&go);
            oc_buffer_text(&go, "HTTP/1.1 100 Continue\r\n\r\n");
            oc_srv_connection_write(connection, &go, NULL);
            state->reader.continues = false;
        }
        if (state->reader.state == OC_SRV_READ_WHOLE) {
            oc_srv_exchange *exchange = oc_srv_request_reader_exchange(&state->reader);
            state->keep_alive = state->reader.keep_alive;
            state->working = exchange;
            exchange->stream = state;
            exchange->send = send_answer;
            oc_srv_route(exchange); /* may answer at once */
        }
    }
    state->reading = false;
    if (connection->closing || connection->finish_ns) {
        return false;
    }
    if (size > 0) {
        oc_buffer_append(&state->ahead, bytes, size);
        if (state->ahead.size > OC_LIMIT_HTTP_AHEAD_BYTES || state->ahead.failed) {
            oc_srv_connection_abort(connection); /* it sends without end and reads no answer */
            return false;
        }
    }
    return true;
}

void *oc_srv_http1_open(oc_srv_connection *connection) {
    http1 *state = calloc(1, sizeof *state);
    if (state) {
        state->connection = connection;
        state->since_ns = oc_clock_ns();
        oc_srv_request_reader_open(&state->reader, connection->reactor);
        oc_buffer_init(&state->ahead);
    }
    return state;
}

static bool on_read(void *context, const char *bytes, size_t size) {
    http1 *state = context;
    if (state->ahead.size > 0 || state->working) {
        oc_buffer_append(&state->ahead, bytes, size);
        if (state->ahead.size > OC_LIMIT_HTTP_AHEAD_BYTES || state->ahead.failed) {
            oc_srv_connection_abort(state->connection);
            return false;
        }
        return true;
    }
    return pump(state, bytes, size);
}

static void on_tick(void *context, uint64_t now_ns) {
    http1 *state = context;
    const oc_srv_settings *settings = &state->connection->reactor->server->settings;
    const oc_srv_request_reader *reader = &state->reader;
    double since = now_ns > state->since_ns ? (double)(now_ns - state->since_ns) * 1e-9 : 0;
    double most = settings->idle_timeout_s;
    if (state->working) {
        return; /* the work has limits of its own */
    }
    if (state->draining && reader->state == OC_SRV_READ_IDLE) {
        most = 1; /* what was on its way when the drain began still comes in */
    } else if (reader->state == OC_SRV_READ_HEAD) {
        most = settings->header_timeout_s;
    } else if (reader->state == OC_SRV_READ_BODY) {
        most = settings->header_timeout_s + (double)reader->exchange->body.size / SLOWEST;
    }
    if (since > most) {
        oc_srv_connection_abort(state->connection);
    }
}

static void on_drain(void *context) {
    http1 *state = context;
    state->draining = true;
    if (!state->working && state->reader.state == OC_SRV_READ_IDLE) {
        state->since_ns = oc_clock_ns(); /* what is on its way has a second to come */
    }
}

static void on_gone(void *context) {
    http1 *state = context;
    if (state->working) {
        state->working->stream = NULL;
        atomic_store(&state->working->gone, true);
    }
    oc_srv_request_reader_close(&state->reader);
    oc_buffer_free(&state->ahead);
    free(state);
}

static void on_flush(void *context) {
    go_on(context);
}

const oc_srv_protocol oc_srv_http1 = {on_read, on_tick, on_drain, on_flush, on_gone};
