/* http2.c - see http2.h. */
#include "serve/net/http2.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys/clock.h"
#include "serve/http/router.h"
#include "serve/oip/grpc.h"

enum {
    STREAM_WINDOW = 1 << 20,
    WINDOW = 16 << 20, /* of a connection */
    SLOWEST = 1024     /* bytes a second that a body must come by, beyond header_timeout_s */
};

typedef struct stream {
    struct http2 *session;
    struct stream *previous, *next;
    int32_t id;
    oc_srv_exchange *exchange; /* asked by its headers; NULL: it was sent */
    oc_buffer authority;
    int32_t refusal; /* HTTP status for what the headers or the body are; 0: none */
    const char *why;
    bool is_whole; /* the client has sent all */
    bool is_grpc, is_streaming, is_dispatched;
    /* The answer. */
    oc_buffer out;
    size_t sent, held; /* bytes of `out`: given to nghttp2; counted by the server */
    bool begun, ended; /* headers were given to nghttp2; `out` is all */
    int32_t grpc_status;
    char grpc_message[1024]; /* percent-encoded */
    uint64_t since_ns;       /* when something last moved */
    /* Of many messages. */
    oc_srv_exchange **parts; /* [OC_LIMIT_GRPC_STREAM_WORK] in their order */
    bool part_done[OC_LIMIT_GRPC_STREAM_WORK];
    int32_t part_count;
    size_t unread; /* bytes that the client is not told to be read yet */
} stream;

typedef struct http2 {
    oc_srv_connection *connection;
    nghttp2_session *nghttp2;
    stream *streams;
    int32_t stream_count;
    uint64_t idle_ns;
    bool draining, told_last; /* GOAWAY was announced; and sent */
    bool failed, receiving;
} http2;

static void flush(void *context);
static void hold_out(stream *at);

/* -- answers
 * ----------------------------------------------------------------------------------------- */

static ssize_t read_out(nghttp2_session *nghttp2, int32_t id, uint8_t *to, size_t capacity,
                        uint32_t *flags, nghttp2_data_source *source, void *user) {
    stream *at = source->ptr;
    size_t left = at->out.size - at->sent, count = left < capacity ? left : capacity;
    (void)user;
    if (count == 0 && !at->ended) {
        return NGHTTP2_ERR_DEFERRED;
    }
    memcpy(to, count ? at->out.data + at->sent : "", count);
    at->sent += count;
    at->since_ns = oc_clock_ns();
    if (at->sent == at->out.size) {
        at->sent = at->out.size = 0;
        hold_out(at);
        if (at->ended) {
            *flags |= NGHTTP2_DATA_FLAG_EOF;
        }
        if (at->ended && at->is_grpc) {
            char status[12];
            snprintf(status, sizeof status, "%d", at->grpc_status);
            nghttp2_nv trailers[] = {
                {(uint8_t *)"grpc-status", (uint8_t *)status, 11, strlen(status), 0},
                {(uint8_t *)"grpc-message", (uint8_t *)at->grpc_message, 12,
                 strlen(at->grpc_message), 0}};
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            nghttp2_submit_trailer(nghttp2, id, trailers, at->grpc_message[0] ? 2 : 1);
        }
    }
    return (ssize_t)count;
}

static nghttp2_nv field(const char *name, const char *value) {
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), 0};
}

/* A header's value, and gRPC's sentence, hold printable ASCII: other bytes of the sentence travel
 * as
 * "%c3". */
static void encode_message(const char *text, char *out, size_t capacity) {
    size_t at = 0;
    for (; *text && at + 4 < capacity; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c < 0x7f && c != '%') {
            out[at++] = (char)c;
        } else {
            at += (size_t)snprintf(out + at, capacity - at, "%%%02X", c);
        }
    }
    out[at] = 0;
}

/* Headers of the answer; those of gRPC say nothing but 200. */
static void begin_answer(stream *at, const oc_srv_exchange *exchange, bool has_body) {
    nghttp2_nv fields[4 + OC_SRV_ANSWER_HEADERS];
    nghttp2_data_provider provider = {{.ptr = at}, read_out};
    char status[12], length[24];
    size_t count = 0;
    if (at->begun) {
        return;
    }
    at->begun = true;
    snprintf(status, sizeof status, "%d", at->is_grpc ? 200 : exchange->status);
    fields[count++] = field(":status", status);
    if (at->is_grpc) {
        fields[count++] = field("content-type", "application/grpc");
    } else {
        snprintf(length, sizeof length, "%zu", exchange->answer.size);
        fields[count++] = field("content-length", length);
        if (exchange->type) {
            fields[count++] = field("content-type", exchange->type);
        }
    }
    for (int32_t i = 0; exchange && i < exchange->header_count; i++) {
        fields[count++] = field(exchange->headers[i].name, exchange->headers[i].value);
    }
    if (nghttp2_submit_response(at->session->nghttp2, at->id, fields, count,
                                has_body ? &provider : NULL) != 0) {
        at->session->failed = true;
    }
}

/* gRPC's way of ending a call that has no message: all in one block of headers. */
static void end_without_message(stream *at) {
    char status[12];
    snprintf(status, sizeof status, "%d", at->grpc_status);
    nghttp2_nv fields[] = {field(":status", "200"), field("content-type", "application/grpc"),
                           field("grpc-status", status), field("grpc-message", at->grpc_message)};
    at->begun = at->ended = true;
    if (nghttp2_submit_response(at->session->nghttp2, at->id, fields, at->grpc_message[0] ? 4 : 3,
                                NULL) != 0) {
        at->session->failed = true;
    }
}

static void resume(stream *at) {
    nghttp2_session_resume_data(at->session->nghttp2, at->id);
}

/* What waits for the client counts as memory that requests hold. */
static void hold_out(stream *at) {
    oc_srv_server *server = at->session->connection->reactor->server;
    oc_srv_server_discharge(server, at->held);
    at->held = at->out.size;
    oc_srv_server_hold(server, at->held);
}

static void take_answer(stream *at, oc_srv_exchange *exchange) {
    if (exchange->answer.failed) {
        nghttp2_submit_rst_stream(at->session->nghttp2, NGHTTP2_FLAG_NONE, at->id,
                                  NGHTTP2_INTERNAL_ERROR);
    } else if (at->out.size == 0) {
        oc_buffer_free(&at->out);
        at->out = exchange->answer;
        oc_buffer_init(&exchange->answer);
        hold_out(at);
    } else {
        oc_buffer_append(&at->out, exchange->answer.data, exchange->answer.size);
        hold_out(at);
        if (at->out.failed) {
            at->session->failed = true;
        }
    }
}

static void flush_soon(http2 *session) {
    if (!session->receiving) {
        oc_srv_connection_flush_later(session->connection);
    }
}

/* The answer of a stream with one request. */
static void send_answer(oc_srv_exchange *exchange) {
    stream *at = exchange->stream;
    http2 *session = at->session;
    bool is_head = exchange->method && strcmp(exchange->method, "HEAD") == 0;
    at->since_ns = oc_clock_ns();
    if (exchange->is_grpc) {
        at->grpc_status = exchange->grpc_status;
        encode_message(exchange->grpc_message, at->grpc_message, sizeof at->grpc_message);
    }
    if (exchange->is_grpc && exchange->grpc_status != 0 && exchange->answer.size == 0) {
        end_without_message(at);
    } else {
        bool has_body = (exchange->answer.size > 0 && !is_head) || at->is_grpc;
        begin_answer(at, exchange, has_body);
        if (!is_head) {
            take_answer(at, exchange);
        }
        at->ended = true;
    }
    at->exchange = NULL;
    exchange->stream = NULL;
    oc_srv_exchange_free(exchange);
    flush_soon(session);
}

/* -- many messages on one stream
 * -------------------------------------------------------------------- */

static void read_parts(stream *at);

static void end_stream_call(stream *at, octavo_status status, const char *sentence) {
    at->grpc_status = (int32_t)status;
    encode_message(sentence, at->grpc_message, sizeof at->grpc_message);
    if (!at->begun) {
        end_without_message(at);
    } else {
        at->ended = true;
        resume(at);
    }
}

/* The answer of one of many messages: it goes out when those before it have. */
static void send_part(oc_srv_exchange *exchange) {
    stream *at = exchange->stream;
    int32_t done = 0;
    for (int32_t i = 0; i < at->part_count; i++) {
        if (at->parts[i] == exchange) {
            at->part_done[i] = true;
        }
    }
    for (; done < at->part_count && at->part_done[done]; done++) {
        oc_srv_exchange *part = at->parts[done];
        begin_answer(at, part, true);
        take_answer(at, part);
        part->stream = NULL;
        oc_srv_exchange_free(part);
    }
    at->part_count -= done;
    memmove(at->parts, at->parts + done, (size_t)at->part_count * sizeof *at->parts);
    memmove(at->part_done, at->part_done + done, (size_t)at->part_count * sizeof *at->part_done);
    memset(at->part_done + at->part_count, 0, (size_t)done * sizeof *at->part_done);
    if (done > 0) {
        resume(at);
        at->since_ns = oc_clock_ns();
    }
    if (!at->is_dispatched) {
        read_parts(at);
    }
    flush_soon(at->session);
}

/* Whole messages of what came so far are given to work, as many as may be at once. */
static void read_parts(stream *at) {
    http2 *session = at->session;
    oc_buffer *body = &at->exchange->body;
    size_t taken = 0;
    at->is_dispatched = true; /* answers that come at once do not begin this again */
    while (at->part_count < OC_LIMIT_GRPC_STREAM_WORK && !at->ended &&
           body->size - taken >= OC_SRV_GRPC_PREFIX) {
        size_t length = OC_SRV_GRPC_PREFIX + (size_t)oc_srv_grpc_length(body->data + taken);
        if (length > (size_t)session->connection->reactor->server->settings.max_body_mb << 20) {
            end_stream_call(at, OCTAVO_EXHAUSTED, "the message is over the limit of max_body_mb");
            break;
        }
        if (body->size - taken < length) {
            break;
        }
        oc_srv_exchange *part = oc_srv_exchange_create(session->connection->reactor);
        if (part && oc_srv_server_charge(part->server, length)) {
            part->charged = length;
            oc_buffer_append(&part->body, body->data + taken, length);
        }
        if (!part || part->charged == 0 || part->body.failed) {
            oc_srv_exchange_free(part);
            end_stream_call(at, OCTAVO_EXHAUSTED,
                            "the bodies of requests in work take all of memory_mb");
            break;
        }
        taken += length;
        part->stream = at;
        part->send = send_part;
        at->parts[at->part_count++] = part;
        oc_srv_grpc_answer_part(part, at->exchange);
    }
    if (taken > 0) {
        memmove(body->data, body->data + taken, body->size - taken);
        body->size -= taken;
        oc_srv_server_discharge(at->exchange->server, taken);
        at->exchange->charged -= taken;
    }
    if (at->part_count < OC_LIMIT_GRPC_STREAM_WORK && at->unread > 0) {
        nghttp2_session_consume(session->nghttp2, at->id, at->unread);
        at->unread = 0;
    }
    at->is_dispatched = false;
    if (at->is_whole && at->part_count == 0 && !at->ended) {
        bool is_cut = body->size > 0;
        end_stream_call(at, is_cut ? OCTAVO_INVALID_ARGUMENT : OCTAVO_OK,
                        is_cut ? "the last message breaks off" : "");
    }
}

/* -- requests
 * ------------------------------------------------------------------------------------------ */

static const char *known_method(oc_slice name) {
    static const char *const methods[] = {"GET",    "POST",    "HEAD",  "PUT",
                                          "DELETE", "OPTIONS", "PATCH", "TRACE"};
    for (size_t i = 0; i < OC_COUNT(methods); i++) {
        if (oc_slice_is(name, methods[i])) {
            return methods[i];
        }
    }
    return "another method";
}

static void refuse(stream *at, int32_t status, const char *why) {
    if (!at->refusal) {
        at->refusal = status;
        at->why = why;
    }
}

static void answer_refusal(stream *at) {
    octavo_error error;
    oc_error_clear(&error);
    oc_fail(&error,
            at->refusal == 429 || at->refusal == 413 ? OCTAVO_EXHAUSTED : OCTAVO_INVALID_ARGUMENT,
            OCTAVO_NO_OFFSET, __FILE__, __LINE__, "%s", at->why);
    at->is_dispatched = true;
    if (at->is_grpc) {
        oc_srv_grpc_fail(at->exchange, &error);
    } else {
        oc_srv_answer_error(at->exchange, &error);
        at->exchange->status = at->refusal;
    }
    oc_srv_send(at->exchange);
}

static void free_stream(stream *at) {
    http2 *session = at->session;
    if (at->exchange && at->is_dispatched && !at->is_streaming) {
        at->exchange->stream = NULL; /* the work comes back and ends it */
        atomic_store(&at->exchange->gone, true);
    } else {
        oc_srv_exchange_free(at->exchange);
    }
    for (int32_t i = 0; i < at->part_count; i++) {
        if (at->part_done[i]) {
            oc_srv_exchange_free(at->parts[i]);
        } else {
            at->parts[i]->stream = NULL;
            atomic_store(&at->parts[i]->gone, true);
        }
    }
    *(at->previous ? &at->previous->next : &session->streams) = at->next;
    if (at->next) {
        at->next->previous = at->previous;
    }
    session->stream_count--;
    session->idle_ns = oc_clock_ns();
    oc_srv_server_discharge(session->connection->reactor->server, at->held);
    oc_buffer_free(&at->authority);
    oc_buffer_free(&at->out);
    free(at->parts);
    free(at);
}

static int on_begin(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *user) {
    http2 *session = user;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    stream *at = calloc(1, sizeof *at);
    oc_srv_exchange *exchange = at ? oc_srv_exchange_create(session->connection->reactor) : NULL;
    if (!exchange) {
        free(at);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    *at = (stream){.session = session, .id = frame->hd.stream_id, .exchange = exchange};
    at->since_ns = oc_clock_ns();
    at->next = session->streams;
    if (at->next) {
        at->next->previous = at;
    }
    session->streams = at;
    session->stream_count++;
    exchange->stream = at;
    exchange->send = send_answer;
    nghttp2_session_set_stream_user_data(nghttp2, at->id, at);
    return 0;
}

static void set_target(stream *at, oc_slice target) {
    oc_srv_exchange *exchange = at->exchange;
    if (target.length > OC_LIMIT_HTTP_TARGET_BYTES) {
        refuse(at, 414, "the target is over 8192 bytes");
        return;
    }
    oc_buffer_append(&exchange->head, target.data, target.length);
    const char *query = memchr(target.data, '?', target.length);
    exchange->target_length = (uint32_t)target.length;
    exchange->path_length = query ? (uint32_t)(query - target.data) : exchange->target_length;
}

static int on_header(nghttp2_session *nghttp2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *user) {
    stream *at = nghttp2_session_get_stream_user_data(nghttp2, frame->hd.stream_id);
    oc_slice key = {(const char *)name, name_size}, text = {(const char *)value, value_size};
    (void)flags;
    (void)user;
    if (!at || !at->exchange || frame->headers.cat != NGHTTP2_HCAT_REQUEST || at->refusal) {
        return 0; /* trailers mean nothing here */
    }
    if (oc_slice_is(key, ":path")) {
        set_target(at, text);
    } else if (oc_slice_is(key, ":method")) {
        at->exchange->method = known_method(text);
    } else if (oc_slice_is(key, ":authority")) {
        oc_buffer_append(&at->authority, text.data,
                         text.length < OC_LIMIT_HTTP_HEAD_BYTES ? text.length : 0);
    } else if (name_size > 0 && name[0] != ':' && !oc_srv_exchange_field(at->exchange, key, text)) {
        refuse(at, 431, "the headers are over 100, or over 32768 bytes");
    }
    return 0;
}

/* All headers are there. */
static void on_head(stream *at) {
    oc_srv_exchange *exchange = at->exchange;
    if (at->authority.size > 0 && !oc_srv_exchange_header(exchange, "host").data) {
        oc_srv_exchange_field(exchange, oc_slice_of("host"),
                              (oc_slice){at->authority.data, at->authority.size});
    }
    at->is_grpc = oc_srv_is_grpc(exchange);
    if (at->refusal) {
        answer_refusal(at);
        return;
    }
    if (at->is_grpc) {
        exchange->deadline_ns = oc_srv_grpc_deadline(
            oc_srv_exchange_header(exchange, "grpc-timeout"), exchange->begun_ns);
        at->is_streaming = oc_srv_grpc_is_streaming(exchange);
    }
    if (at->is_streaming && !oc_srv_grpc_may(exchange)) {
        at->is_streaming = false;
        at->is_dispatched = true;
        oc_srv_send(exchange);
        return;
    }
    if (at->is_streaming) {
        at->parts = calloc(OC_LIMIT_GRPC_STREAM_WORK, sizeof *at->parts);
        if (!at->parts) {
            at->session->failed = true;
        }
    }
}

static void on_whole(stream *at) {
    at->is_whole = true;
    if (at->is_streaming) {
        read_parts(at);
    } else if (at->exchange && !at->is_dispatched) {
        at->is_dispatched = true;
        if (at->is_grpc && !oc_srv_grpc_may(at->exchange)) {
            oc_srv_send(at->exchange);
        } else if (at->is_grpc) {
            oc_srv_grpc_answer(at->exchange);
        } else {
            oc_srv_route(at->exchange);
        }
    }
}

static int on_frame(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *user) {
    stream *at = nghttp2_session_get_stream_user_data(nghttp2, frame->hd.stream_id);
    (void)user;
    if (!at) {
        return 0;
    }
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        on_head(at);
    }
    bool may_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (may_end && frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        on_whole(at);
    }
    return 0;
}

static int on_data(nghttp2_session *nghttp2, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *user) {
    stream *at = nghttp2_session_get_stream_user_data(nghttp2, id);
    (void)flags;
    (void)user;
    if (!at || !at->exchange || at->is_dispatched || at->refusal || at->ended) {
        nghttp2_session_consume(nghttp2, id, size); /* nobody reads it any more */
        return 0;
    }
    oc_srv_exchange *exchange = at->exchange;
    at->since_ns = at->is_streaming ? oc_clock_ns() : at->since_ns;
    size_t most = (size_t)exchange->server->settings.max_body_mb << 20,
           after = exchange->body.size + size;
    if (after > most + (at->is_streaming ? STREAM_WINDOW : 0)) {
        refuse(at, 413, "the body is over the limit of max_body_mb");
    } else if (!oc_srv_server_charge(exchange->server, size)) {
        refuse(at, 429, "the bodies of requests in work take all of memory_mb");
    } else {
        exchange->charged += size;
        oc_buffer_append(&exchange->body, data, size);
    }
    if (at->refusal && at->is_streaming) {
        end_stream_call(at, OCTAVO_EXHAUSTED, at->why);
    } else if (at->refusal) {
        answer_refusal(at);
    }
    if (at->is_streaming && !at->ended) {
        at->unread += size;
        read_parts(at);
    } else {
        nghttp2_session_consume(nghttp2, id, size);
    }
    return 0;
}

static int on_close(nghttp2_session *nghttp2, int32_t id, uint32_t code, void *user) {
    stream *at = nghttp2_session_get_stream_user_data(nghttp2, id);
    (void)code;
    (void)user;
    if (at) {
        nghttp2_session_set_stream_user_data(nghttp2, id, NULL);
        nghttp2_session_consume_connection(nghttp2, at->unread);
        free_stream(at);
    }
    return 0;
}

/* -- the connection
 * -------------------------------------------------------------------------------------- */

static bool create_session(http2 *session) {
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, OC_LIMIT_HTTP2_STREAMS},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, OC_LIMIT_HTTP_HEAD_BYTES},
    };
    bool made = nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0;
    if (made) {
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
        nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_option_set_stream_reset_rate_limit(option, OC_LIMIT_HTTP2_RESETS,
                                                   OC_LIMIT_HTTP2_RESETS_A_SECOND);
        made = nghttp2_session_server_new2(&session->nghttp2, callbacks, session, option) == 0 &&
               nghttp2_submit_settings(session->nghttp2, NGHTTP2_FLAG_NONE, settings,
                                       OC_COUNT(settings)) == 0 &&
               nghttp2_session_set_local_window_size(session->nghttp2, NGHTTP2_FLAG_NONE, 0,
                                                     WINDOW) == 0;
    }
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    return made;
}

void *oc_srv_http2_open(oc_srv_connection *connection) {
    http2 *session = calloc(1, sizeof *session);
    if (session) {
        session->connection = connection;
        session->idle_ns = oc_clock_ns();
        uv_tcp_keepalive(&connection->tcp, 1, 60);
        if (!create_session(session)) {
            nghttp2_session_del(session->nghttp2);
            free(session);
            return NULL;
        }
    }
    return session;
}

static void flush(void *context) {
    http2 *session = context;
    oc_srv_connection *connection = session->connection;
    oc_buffer out;
    oc_buffer_init(&out);
    while (!session->failed && connection->unsent + out.size < OC_SRV_UNSENT) {
        const uint8_t *bytes;
        ssize_t size = nghttp2_session_mem_send(session->nghttp2, &bytes);
        if (size <= 0) {
            session->failed = size < 0;
            break;
        }
        oc_buffer_append(&out, bytes, (size_t)size);
    }
    session->failed |= out.failed;
    oc_srv_connection_write(connection, &out, NULL);
    if (session->failed) {
        oc_srv_connection_abort(connection);
    } else if (!nghttp2_session_want_read(session->nghttp2) &&
               !nghttp2_session_want_write(session->nghttp2)) {
        oc_srv_connection_finish(connection);
    }
}

static bool on_read(void *context, const char *bytes, size_t size) {
    http2 *session = context;
    oc_srv_connection *connection = session->connection;
    session->receiving = true;
    ssize_t taken = nghttp2_session_mem_recv(session->nghttp2, (const uint8_t *)bytes, size);
    session->receiving = false;
    if (taken < 0) {
        nghttp2_session_terminate_session(session->nghttp2, NGHTTP2_PROTOCOL_ERROR);
        flush(session); /* GOAWAY tells why, where it can still be sent */
        oc_srv_connection_finish(connection);
        return false;
    }
    flush(session);
    return !connection->closing && !connection->finish_ns;
}

/* A stream that the client does not go on with, or takes nothing from. */
static bool is_stuck(const stream *at, const oc_srv_settings *settings, uint64_t now_ns) {
    double since = now_ns > at->since_ns ? (double)(now_ns - at->since_ns) * 1e-9 : 0;
    if (at->begun && at->out.size > at->sent) {
        return since > settings->write_timeout_s;
    }
    if (at->is_streaming || at->is_whole) {
        return false; /* many messages may be far apart; work has limits of its own */
    }
    if (!at->exchange) {
        return since > settings->header_timeout_s; /* it has its answer, and does not end */
    }
    return since > settings->header_timeout_s + (double)at->exchange->body.size / SLOWEST;
}

static void on_tick(void *context, uint64_t now_ns) {
    http2 *session = context;
    const oc_srv_settings *settings = &session->connection->reactor->server->settings;
    for (stream *at = session->streams; at; at = at->next) {
        if (is_stuck(at, settings, now_ns)) {
            nghttp2_submit_rst_stream(session->nghttp2, NGHTTP2_FLAG_NONE, at->id, NGHTTP2_CANCEL);
        }
    }
    double idle = session->stream_count == 0 && now_ns > session->idle_ns
                      ? (double)(now_ns - session->idle_ns) * 1e-9
                      : 0;
    if (session->draining && !session->told_last) {
        session->told_last = true; /* what was on its way when the drain began is in by now */
        nghttp2_submit_goaway(session->nghttp2, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(session->nghttp2),
                              NGHTTP2_NO_ERROR, NULL, 0);
    } else if (idle > settings->idle_timeout_s) {
        nghttp2_session_terminate_session(session->nghttp2, NGHTTP2_NO_ERROR);
    }
    flush(session);
    if (session->told_last && session->stream_count == 0) {
        oc_srv_connection_finish(session->connection);
    }
}

static void on_drain(void *context) {
    http2 *session = context;
    session->draining = true;
    nghttp2_submit_shutdown_notice(session->nghttp2);
    flush(session);
}

static void on_gone(void *context) {
    http2 *session = context;
    for (stream *at = session->streams, *next; at; at = next) {
        next = at->next;
        free_stream(at);
    }
    nghttp2_session_del(session->nghttp2);
    free(session);
}

const oc_srv_protocol oc_srv_http2 = {on_read, on_tick, on_drain, flush, on_gone};
