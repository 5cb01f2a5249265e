/* connection.h - a client's socket on a reactor: bytes in to its protocol, bytes out in order.
 *
 * The reactor's thread only.  A connection is freed by its loop behind oc_srv_connection_abort, or
 * behind oc_srv_connection_finish once all is sent and the client has closed too.
 */
#ifndef OC_SERVE_CONNECTION_H
#define OC_SERVE_CONNECTION_H

#include "base/buffer.h"
#include "serve/net/reactor.h"
#include "serve/net/tls.h"

enum { OC_SRV_UNSENT = 1 << 20 /* bytes on their way, above which a protocol adds no more */ };

/* What a protocol does with its connection. */
typedef struct oc_srv_protocol {
    /* Takes the bytes; false: the connection was finished or aborted. */
    bool (*read)(void *state, const char *bytes, size_t size);
    void (*tick)(void *state, uint64_t now_ns); /* every OC_SRV_TICK_MS */
    void (*drain)(void *state);                 /* ends as soon as nothing is in work */
    void (*flush)(void *state); /* all was sent: goes on with what waited for that */
    void (*gone)(void *state);  /* the connection is no more: frees the state */
} oc_srv_protocol;

typedef struct oc_srv_connection {
    uv_tcp_t tcp;
    oc_srv_reactor *reactor;
    struct oc_srv_connection *previous, *next;
    const oc_srv_protocol *protocol;
    void *state;
    oc_srv_tls tls;
    uint64_t opened_ns;
    uint64_t written_ns; /* when the client last took bytes */
    uint64_t finish_ns;  /* when it was finished; 0: it is not */
    size_t unsent;       /* bytes that wait for the client */
    char preface[24];    /* what came first, until it is clear which protocol it is */
    size_t preface_size;
    bool is_chosen;
    struct oc_srv_connection *next_flush; /* in the reactor's list; itself behind the last */
    bool closing;
} oc_srv_connection;

void oc_srv_connection_open(oc_srv_reactor *reactor, int fd);
void oc_srv_connection_tick(oc_srv_connection *connection, uint64_t now_ns);
void oc_srv_connection_drain(oc_srv_connection *connection);

/* Has `flush` called before the reactor's turn ends: answers that come together go together. */
void oc_srv_connection_flush_later(oc_srv_connection *connection);
void oc_srv_connection_flush_all(oc_srv_reactor *reactor);

/* Sends both, one behind the other; they are taken and left empty.  tail may be NULL. */
void oc_srv_connection_write(oc_srv_connection *connection, oc_buffer *head, oc_buffer *tail);
/* No more is read or begun: ends when what was written is sent and the client has seen it. */
void oc_srv_connection_finish(oc_srv_connection *connection);
void oc_srv_connection_abort(oc_srv_connection *connection);

#endif
