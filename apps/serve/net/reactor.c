/* reactor.c - see reactor.h. */
#include "serve/net/reactor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sys/clock.h"
#include "serve/net/connection.h"
#include "serve/work/workers.h"

void oc_srv_reactor_post(oc_srv_reactor *reactor, oc_srv_mail *mail) {
    mail->next = NULL;
    pthread_mutex_lock(&reactor->lock);
    bool first = reactor->first == NULL;
    *reactor->last = mail;
    reactor->last = &mail->next;
    pthread_mutex_unlock(&reactor->lock);
    if (first) {
        uv_async_send(&reactor->bell); /* who comes later is found with the first */
    }
}

static void read_mail(uv_async_t *bell) {
    oc_srv_reactor *reactor = bell->data;
    pthread_mutex_lock(&reactor->lock);
    oc_srv_mail *mail = reactor->first;
    reactor->first = NULL;
    reactor->last = &reactor->first;
    pthread_mutex_unlock(&reactor->lock);
    reactor->reading_mail = true;
    while (mail) {
        oc_srv_mail *next = mail->next;
        mail->arrive(mail);
        mail = next;
    }
    reactor->reading_mail = false;
    oc_srv_connection_flush_all(reactor);
}

static void on_tick(uv_timer_t *timer) {
    oc_srv_reactor *reactor = timer->data;
    reactor->now_ns = oc_clock_ns();
    for (oc_srv_connection *at = reactor->connections, *next; at; at = next) {
        next = at->next;
        oc_srv_connection_tick(at, reactor->now_ns);
    }
}

static void *turn(void *context) {
    oc_srv_reactor *reactor = context;
    uv_run(&reactor->loop, UV_RUN_DEFAULT);
    return NULL;
}

octavo_status oc_srv_reactor_start(oc_srv_server *server, int32_t index, oc_srv_reactor *out,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char name[32];
    memset(out, 0, sizeof *out);
    out->server = server;
    out->last = &out->first;
    out->now_ns = oc_clock_ns();
    out->bytes = malloc(OC_SRV_READ_BYTES);
    if (!out->bytes) {
        OC_NO_MEMORY(error, OC_SRV_READ_BYTES);
    }
    pthread_mutex_init(&out->lock, NULL);
    int code = uv_loop_init(&out->loop);
    if (code) {
        OC_FAIL(error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET, "cannot make an event loop: %s",
                uv_strerror(code));
    }
    uv_async_init(&out->loop, &out->bell, read_mail);
    uv_timer_init(&out->loop, &out->tick);
    out->bell.data = out->tick.data = out;
    uv_timer_start(&out->tick, on_tick, OC_SRV_TICK_MS, OC_SRV_TICK_MS);
    snprintf(name, sizeof name, "reactor-%d", index);
    OC_TRY(oc_srv_thread_start(&out->thread, name, turn, out, error));
    out->started = true;
done:
    return status;
}

typedef struct order {
    oc_srv_mail mail;
    oc_srv_reactor *reactor;
    int fd;
} order;

static bool give_order(oc_srv_reactor *reactor, void (*arrive)(oc_srv_mail *mail), int fd) {
    order *given = calloc(1, sizeof *given);
    if (given) {
        *given = (order){{NULL, arrive}, reactor, fd};
        oc_srv_reactor_post(reactor, &given->mail);
    }
    return given != NULL;
}

static void accept_now(oc_srv_mail *mail) {
    order *given = (order *)mail;
    oc_srv_connection_open(given->reactor, given->fd);
    free(given);
}

bool oc_srv_reactor_take(oc_srv_reactor *reactor, int fd) {
    bool taken = give_order(reactor, accept_now, fd);
    if (!taken) {
        close(fd);
    }
    return taken;
}

static void drain_now(oc_srv_mail *mail) {
    order *given = (order *)mail;
    oc_srv_reactor *reactor = given->reactor;
    reactor->draining = true;
    for (oc_srv_connection *at = reactor->connections, *next; at; at = next) {
        next = at->next;
        oc_srv_connection_drain(at);
    }
    free(given);
}

void oc_srv_reactor_drain(oc_srv_reactor *reactor) {
    give_order(reactor, drain_now, -1);
}

static void abort_now(oc_srv_mail *mail) {
    order *given = (order *)mail;
    oc_srv_reactor *reactor = given->reactor;
    reactor->ending = true;
    for (oc_srv_connection *at = reactor->connections, *next; at; at = next) {
        next = at->next;
        oc_srv_connection_abort(at);
    }
    free(given);
}

void oc_srv_reactor_abort(oc_srv_reactor *reactor) {
    give_order(reactor, abort_now, -1);
}

static void end_now(oc_srv_mail *mail) {
    oc_srv_reactor *reactor = ((order *)mail)->reactor;
    uv_close((uv_handle_t *)&reactor->tick, NULL);
    uv_close((uv_handle_t *)&reactor->bell, NULL);
}

void oc_srv_reactor_stop(oc_srv_reactor *reactor) {
    order last = {{NULL, end_now}, reactor, -1};
    if (reactor->started) {
        oc_srv_reactor_post(reactor, &last.mail);
        pthread_join(reactor->thread, NULL);
        uv_loop_close(&reactor->loop);
        pthread_mutex_destroy(&reactor->lock);
    }
    free(reactor->bytes);
    reactor->bytes = NULL;
}
