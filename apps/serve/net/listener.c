/* listener.c - see listener.h. */
#include "serve/net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json/number.h"

enum { BACKLOG = 1024, AGAIN_MS = 100, HOST = 64 };

/* "ADDR:PORT" in two. */
static octavo_status split(const char *address, char host[HOST], char port[8],
                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *colon = strrchr(address, ':');
    int64_t number;
    size_t length = colon ? (size_t)(colon - address) : 0;
    const char *from = address;
    bool in_brackets = length >= 2 && address[0] == '[' && address[length - 1] == ']';
    if (in_brackets) {
        from++;
        length -= 2;
    }
    if (!colon || length >= HOST || (!in_brackets && memchr(from, ':', length)) ||
        !oc_parse_int64(colon + 1, strlen(colon + 1), &number) || number < 0 || number > 65535) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "\"%s\" is no ADDR:PORT to listen on, such as 127.0.0.1:8000 or [::1]:8000",
                address);
    }
    memcpy(host, from, length);
    host[length] = 0;
    snprintf(port, 8, "%d", (int)number);
done:
    return status;
}

static void name_of(int fd, char *out, size_t capacity) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char host[INET6_ADDRSTRLEN], port[8];
    if (getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
        getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        bool is_six = address.ss_family == AF_INET6;
        snprintf(out, capacity, is_six ? "[%s]:%s" : "%s:%s", host, port);
    }
}

octavo_status oc_srv_listener_open(oc_srv_server *server, const char *address, oc_srv_listener *out,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char host[HOST] = "", port[8] = "";
    struct addrinfo *found = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    int on = 1;
    *out = (oc_srv_listener){.server = server, .fd = -1};
    OC_TRY(split(address, host, port, error));
    int code = getaddrinfo(host[0] ? host : NULL, port, &hints, &found);
    if (code) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "cannot listen on %s: %s",
                address, gai_strerror(code));
    }
    out->fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (out->fd < 0 || setsockopt(out->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(out->fd, found->ai_addr, found->ai_addrlen) != 0 || listen(out->fd, BACKLOG) != 0) {
        OC_FAIL(error, OCTAVO_IO, OCTAVO_NO_OFFSET, "cannot listen on %s: %s", address,
                strerror(errno));
    }
    name_of(out->fd, out->address, sizeof out->address);
done:
    if (found) {
        freeaddrinfo(found);
    }
    if (status && out->fd >= 0) {
        close(out->fd);
        out->fd = -1;
    }
    return status;
}

static void accept_all(uv_poll_t *poll, int code, int events) {
    oc_srv_listener *listener = poll->data;
    oc_srv_server *server = listener->server;
    (void)code;
    (void)events;
    for (;;) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            /* The socket stays readable: look away for a while instead of spinning. */
            uv_poll_stop(poll);
            listener->paused = true;
            return;
        }
        if (fd < 0 && (errno == ECONNABORTED || errno == EINTR || errno == EPROTO)) {
            continue;
        }
        if (fd < 0) {
            return;
        }
        if (atomic_fetch_add(&server->connections, 1) >= server->settings.max_connections) {
            atomic_fetch_sub(&server->connections, 1);
            atomic_fetch_add(&server->turned_away, 1);
            close(fd);
            continue;
        }
        atomic_fetch_add(&server->accepted, 1);
        int reactor = listener->next;
        listener->next = (reactor + 1) % server->settings.reactors;
        if (!oc_srv_reactor_take(&server->reactors[reactor], fd)) {
            atomic_fetch_sub(&server->connections, 1);
        }
    }
}

static void look_again(uv_timer_t *timer) {
    oc_srv_listener *listener = timer->data;
    if (listener->paused) {
        listener->paused = false;
        uv_poll_start(&listener->poll, UV_READABLE, accept_all);
    }
}

void oc_srv_listener_start(oc_srv_listener *listener, uv_loop_t *loop) {
    uv_poll_init(loop, &listener->poll, listener->fd);
    uv_timer_init(loop, &listener->again);
    listener->poll.data = listener->again.data = listener;
    uv_poll_start(&listener->poll, UV_READABLE, accept_all);
    uv_timer_start(&listener->again, look_again, AGAIN_MS, AGAIN_MS);
}

void oc_srv_listener_close(oc_srv_listener *listener) {
    if (listener->fd >= 0) {
        uv_close((uv_handle_t *)&listener->poll, NULL);
        uv_close((uv_handle_t *)&listener->again, NULL);
        close(listener->fd);
        listener->fd = -1;
    }
}
