/* reactor.h - a thread with a loop that owns connections.  Nothing in it waits or computes long. */
#ifndef OC_SERVE_REACTOR_H
#define OC_SERVE_REACTOR_H

#include <pthread.h>
#include <stdbool.h>
#include <uv.h>

#include "serve/net/mail.h"
#include "serve/server.h"

enum { OC_SRV_READ_BYTES = 256 << 10, OC_SRV_TICK_MS = 250 };

typedef struct oc_srv_reactor {
    oc_srv_server *server;
    pthread_t thread;
    bool started;
    uv_loop_t loop;
    uv_async_t bell;
    uv_timer_t tick;
    pthread_mutex_t lock; /* of the inbox */
    oc_srv_mail *first, **last;
    /* Of its thread. */
    struct oc_srv_connection *connections;
    uint64_t now_ns; /* of this turn of the loop, at the latest tick */
    bool draining, ending;
    struct oc_srv_connection *flushes; /* connections to be flushed when the mail is read */
    bool reading_mail;
    char *bytes; /* [OC_SRV_READ_BYTES] what is being read */
} oc_srv_reactor;

octavo_status oc_srv_reactor_start(oc_srv_server *server, int32_t index, oc_srv_reactor *out,
                                   octavo_error *error);
/* Closes all connections; their work is cancelled, and comes back to this thread as ever. */
void oc_srv_reactor_abort(oc_srv_reactor *reactor);
/* When no exchange is left: ends the thread. */
void oc_srv_reactor_stop(oc_srv_reactor *reactor);

/* Any thread. */
void oc_srv_reactor_post(oc_srv_reactor *reactor, oc_srv_mail *mail);
/* A new connection: the reactor owns the socket from now on, and the count of connections falls
 * when it is closed.  False: memory is out, the socket is closed. */
bool oc_srv_reactor_take(oc_srv_reactor *reactor, int fd);
/* Answers from now on end their connections; idle ones are closed. */
void oc_srv_reactor_drain(oc_srv_reactor *reactor);

#endif
