/* connection.c - see connection.h. */
#include "serve/net/connection.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sys/clock.h"
#include "serve/net/http1.h"
#include "serve/net/http2.h"

enum { LINGER_S = 2 /* for the client to see the end and close, before the socket is given up */ };

/* What the system did not take at once. */
typedef struct pending {
    uv_write_t write;
    oc_srv_connection *connection;
    oc_buffer head, tail;
    size_t bytes;
} pending;

static void on_closed(uv_handle_t *handle) {
    oc_srv_connection *connection = handle->data;
    oc_srv_reactor *reactor = connection->reactor;
    if (connection->state) {
        connection->protocol->gone(connection->state);
    }
    *(connection->previous ? &connection->previous->next : &reactor->connections) =
        connection->next;
    if (connection->next) {
        connection->next->previous = connection->previous;
    }
    atomic_fetch_sub(&reactor->server->connections, 1);
    oc_srv_tls_end(&connection->tls);
    free(connection);
}

void oc_srv_connection_abort(oc_srv_connection *connection) {
    if (!connection->closing) {
        connection->closing = true;
        uv_close((uv_handle_t *)&connection->tcp, on_closed);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    oc_srv_connection *connection = handle->data;
    (void)suggested;
    *out = uv_buf_init(connection->reactor->bytes, OC_SRV_READ_BYTES);
}

static void send_tls(oc_srv_connection *connection);

/* HTTP/2 says so with its first 24 bytes; a byte that is none of them says HTTP/1. */
static void choose_protocol(oc_srv_connection *connection, const char *bytes, size_t size) {
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    size_t have = connection->preface_size, whole = sizeof preface - 1;
    size_t more = size < whole - have ? size : whole - have;
    memcpy(connection->preface + have, bytes, more);
    connection->preface_size = have + more;
    bool is_two = memcmp(connection->preface, preface, have + more) == 0;
    if (is_two && have + more < whole) {
        return; /* not clear yet; until it is, the limits are HTTP/1's for a head */
    }
    if (is_two) {
        connection->protocol->gone(connection->state);
        connection->protocol = &oc_srv_http2;
        connection->state = oc_srv_http2_open(connection);
    }
    connection->is_chosen = true;
    if (!connection->state) {
        oc_srv_connection_abort(connection);
    } else if (connection->protocol->read(connection->state, connection->preface,
                                          connection->preface_size) &&
               size > more) {
        connection->protocol->read(connection->state, bytes + more, size - more);
    }
}

static bool give_bytes(oc_srv_connection *connection, const char *bytes, size_t size) {
    if (!connection->finish_ns && !connection->is_chosen) {
        choose_protocol(connection, bytes, size);
    } else if (!connection->finish_ns) {
        connection->protocol->read(connection->state, bytes, size);
    }
    return !connection->closing;
}

/* Bytes of TLS: what they say goes to the protocol, what TLS itself answers to the client. */
static void read_tls(oc_srv_connection *connection, const char *bytes, size_t size) {
    char plain[16 << 10]; /* a record */
    int got = 0;
    if (!oc_srv_tls_take(&connection->tls, bytes, size)) {
        oc_srv_connection_abort(connection);
        return;
    }
    while ((got = oc_srv_tls_read(&connection->tls, plain, (int)sizeof plain)) > 0 &&
           give_bytes(connection, plain, (size_t)got)) {
    }
    if (!connection->closing) {
        send_tls(connection);
    }
    if (got < 0) {
        oc_srv_connection_abort(connection);
    }
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *bytes) {
    oc_srv_connection *connection = stream->data;
    if (size < 0) {
        oc_srv_connection_abort(connection);
    } else if (size > 0 && connection->tls.ssl) {
        read_tls(connection, bytes->base, (size_t)size);
    } else if (size > 0) {
        give_bytes(connection, bytes->base, (size_t)size);
    }
}

void oc_srv_connection_open(oc_srv_reactor *reactor, int fd) {
    oc_srv_connection *connection = calloc(1, sizeof *connection);
    if (!connection || reactor->ending) {
        atomic_fetch_sub(&reactor->server->connections, 1);
        free(connection);
        close(fd);
        return;
    }
    connection->reactor = reactor;
    connection->opened_ns = connection->written_ns = oc_clock_ns();
    connection->next = reactor->connections;
    if (connection->next) {
        connection->next->previous = connection;
    }
    reactor->connections = connection;
    connection->protocol = &oc_srv_http1;
    uv_tcp_init(&reactor->loop, &connection->tcp);
    connection->tcp.data = connection;
    connection->state = oc_srv_http1_open(connection);
    SSL_CTX *tls = oc_srv_server_tls(reactor->server);
    bool has_tls = !tls || oc_srv_tls_begin(&connection->tls, tls);
    SSL_CTX_free(tls); /* the connection holds it */
    if (uv_tcp_open(&connection->tcp, fd) != 0) {
        close(fd);
        oc_srv_connection_abort(connection);
    } else if (!connection->state || !has_tls ||
               uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read) != 0) {
        oc_srv_connection_abort(connection);
    } else {
        uv_tcp_nodelay(&connection->tcp, 1);
    }
    if (reactor->draining) {
        oc_srv_connection_drain(connection);
    }
}

void oc_srv_connection_tick(oc_srv_connection *connection, uint64_t now_ns) {
    const oc_srv_settings *settings = &connection->reactor->server->settings;
    bool is_young = !connection->tls.ssl || oc_srv_tls_is_ready(&connection->tls) ||
                    (double)(now_ns - connection->opened_ns) * 1e-9 < settings->header_timeout_s;
    double stuck_s = (double)(now_ns - connection->written_ns) * 1e-9;
    if (connection->closing) {
        return;
    }
    if (!is_young && now_ns > connection->opened_ns) { /* its handshake does not end */
        oc_srv_connection_abort(connection);
    } else if (connection->unsent > 0 && now_ns > connection->written_ns &&
               stuck_s > settings->write_timeout_s) {
        oc_srv_connection_abort(connection);
    } else if (connection->finish_ns) {
        if (connection->unsent == 0 && now_ns > connection->finish_ns + LINGER_S * 1000000000ull) {
            oc_srv_connection_abort(connection);
        }
    } else if (connection->state) {
        connection->protocol->tick(connection->state, now_ns);
    }
}

void oc_srv_connection_drain(oc_srv_connection *connection) {
    if (!connection->closing && !connection->finish_ns && connection->state) {
        connection->protocol->drain(connection->state);
    }
}

void oc_srv_connection_flush_later(oc_srv_connection *connection) {
    oc_srv_reactor *reactor = connection->reactor;
    if (!reactor->reading_mail) {
        connection->protocol->flush(connection->state);
    } else if (!connection->next_flush) {
        connection->next_flush = reactor->flushes ? reactor->flushes : connection;
        reactor->flushes = connection;
    }
}

void oc_srv_connection_flush_all(oc_srv_reactor *reactor) {
    oc_srv_connection *at = reactor->flushes;
    reactor->flushes = NULL;
    while (at) {
        oc_srv_connection *next = at->next_flush == at ? NULL : at->next_flush;
        at->next_flush = NULL;
        if (!at->closing && !at->finish_ns) {
            at->protocol->flush(at->state);
        }
        at = next;
    }
}

static void on_written(uv_write_t *write, int code) {
    pending *sent = (pending *)write;
    oc_srv_connection *connection = sent->connection;
    connection->unsent -= sent->bytes;
    oc_srv_server_discharge(connection->reactor->server, sent->bytes);
    connection->written_ns = oc_clock_ns();
    oc_buffer_free(&sent->head);
    oc_buffer_free(&sent->tail);
    free(sent);
    if (code < 0) {
        oc_srv_connection_abort(connection);
    } else if (connection->unsent == 0 && !connection->closing && !connection->finish_ns &&
               connection->protocol->flush) {
        connection->protocol->flush(connection->state);
    } else if (connection->finish_ns && connection->unsent == 0 && !connection->closing) {
        connection->finish_ns = connection->written_ns;
    }
}

static void write_raw(oc_srv_connection *connection, oc_buffer *head, oc_buffer *tail) {
    uv_buf_t parts[2] = {uv_buf_init(head->data, (unsigned)head->size),
                         uv_buf_init(tail ? tail->data : NULL, tail ? (unsigned)tail->size : 0)};
    unsigned first = 0, count = parts[1].len ? 2 : 1;
    size_t total = parts[0].len + parts[1].len;
    if (connection->closing || total == 0) {
        goto done;
    }
    int sent = connection->unsent ? 0 : uv_try_write((uv_stream_t *)&connection->tcp, parts, count);
    sent = sent < 0 ? 0 : sent; /* an error shows again below */
    if (!connection->unsent || sent > 0) {
        connection->written_ns = oc_clock_ns();
    }
    if ((size_t)sent == total) {
        goto done;
    }
    pending *left = calloc(1, sizeof *left);
    if (!left) {
        oc_srv_connection_abort(connection);
        goto done;
    }
    for (size_t skip = (size_t)sent; skip > 0;) {
        size_t of = skip < parts[first].len ? skip : parts[first].len;
        parts[first].base += of;
        parts[first].len -= of;
        skip -= of;
        first += parts[first].len == 0;
    }
    left->connection = connection;
    left->bytes = total - (size_t)sent;
    left->head = *head;
    oc_buffer_init(head);
    if (tail) {
        left->tail = *tail;
        oc_buffer_init(tail);
    }
    connection->unsent += left->bytes;
    oc_srv_server_hold(connection->reactor->server, left->bytes);
    if (uv_write(&left->write, (uv_stream_t *)&connection->tcp, parts + first, count - first,
                 on_written) != 0) {
        connection->unsent -= left->bytes;
        oc_srv_server_discharge(connection->reactor->server, left->bytes);
        oc_buffer_free(&left->head);
        oc_buffer_free(&left->tail);
        free(left);
        oc_srv_connection_abort(connection);
    }
done:
    oc_buffer_free(head);
    if (tail) {
        oc_buffer_free(tail);
    }
}

/* What TLS has for the client. */
static void send_tls(oc_srv_connection *connection) {
    oc_buffer out;
    oc_buffer_init(&out);
    oc_srv_tls_give(&connection->tls, &out);
    if (out.failed) {
        oc_srv_connection_abort(connection);
    }
    write_raw(connection, &out, NULL);
}

void oc_srv_connection_write(oc_srv_connection *connection, oc_buffer *head, oc_buffer *tail) {
    if (!connection->tls.ssl || connection->closing) {
        write_raw(connection, head, tail);
        return;
    }
    if (!oc_srv_tls_write(&connection->tls, head->data, head->size) ||
        (tail && !oc_srv_tls_write(&connection->tls, tail->data, tail->size))) {
        oc_srv_connection_abort(connection);
    } else {
        send_tls(connection);
    }
    oc_buffer_free(head);
    if (tail) {
        oc_buffer_free(tail);
    }
}

static void on_shutdown(uv_shutdown_t *request, int code) {
    (void)code; /* the client closes, or the tick does */
    free(request);
}

void oc_srv_connection_finish(oc_srv_connection *connection) {
    uv_shutdown_t *request;
    if (connection->closing || connection->finish_ns) {
        return;
    }
    if (connection->tls.ssl) {
        oc_srv_tls_say_goodbye(&connection->tls);
        send_tls(connection);
    }
    connection->finish_ns = oc_clock_ns();
    request = calloc(1, sizeof *request);
    if (!request || uv_shutdown(request, (uv_stream_t *)&connection->tcp, on_shutdown) != 0) {
        free(request);
        oc_srv_connection_abort(connection);
    }
}
