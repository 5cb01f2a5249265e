/* listener.h - the socket that clients come to, and the thread's loop that hands them to reactors.
 */
#ifndef OC_SERVE_LISTENER_H
#define OC_SERVE_LISTENER_H

#include "serve/net/reactor.h"

typedef struct oc_srv_listener {
    oc_srv_server *server;
    int fd, next; /* reactor */
    uv_poll_t poll;
    char address[96]; /* "127.0.0.1:8000", with the port that was taken */
    bool paused;      /* no descriptors are left; looked at again by the timer */
    uv_timer_t again;
} oc_srv_listener;

/* Binds and listens on "ADDR:PORT", "[ADDR]:PORT" or ":PORT".
 *   INVALID_ARGUMENT  that is no address
 *   IO                it cannot be listened on; the system's reason */
octavo_status oc_srv_listener_open(oc_srv_server *server, const char *address, oc_srv_listener *out,
                                   octavo_error *error);
void oc_srv_listener_start(oc_srv_listener *listener, uv_loop_t *loop);
/* Takes no more connections.  Its handles are closed by the loop. */
void oc_srv_listener_close(oc_srv_listener *listener);

#endif
