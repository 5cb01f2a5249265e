/* server.h - what all parts of a running server share. */
#ifndef OC_SERVE_SERVER_H
#define OC_SERVE_SERVER_H

#include <stdatomic.h>

#include "serve/config/settings.h"
#include "serve/models/repository.h"
#include "serve/work/workers.h"

typedef struct oc_srv_server {
    oc_srv_settings settings;
    oc_srv_repository *repository;
    oc_srv_workers *workers;
    struct oc_srv_reactor *reactors; /* [settings.reactors] */
    atomic_bool draining;            /* not ready any more */
    atomic_int connections;          /* open now */
    atomic_int exchanges;            /* begun and not freed */
    atomic_size_t body_bytes;        /* that requests in work hold, of settings.memory_mb */
    atomic_ullong accepted, turned_away; /* connections, since the start */
} oc_srv_server;

/* Adds `bytes` to what requests hold; false: over the budget, nothing is added. */
bool oc_srv_server_charge(oc_srv_server *server, size_t bytes);
void oc_srv_server_discharge(oc_srv_server *server, size_t bytes);

#endif
