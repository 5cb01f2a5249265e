/* server.h - what all parts of a running server share. */
#ifndef OC_SERVE_SERVER_H
#define OC_SERVE_SERVER_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "serve/config/keys.h"
#include "serve/config/settings.h"
#include "serve/models/repository.h"
#include "serve/work/workers.h"

typedef struct oc_srv_server {
    oc_srv_settings settings;
    oc_srv_repository *repository;
    oc_srv_workers *workers;
    struct oc_srv_reactor *reactors;     /* [settings.reactors] */
    pthread_mutex_t lock;                /* of `keys` and `tls` */
    SSL_CTX *tls;                        /* NULL: in the clear */
    oc_srv_keys *keys;                   /* NULL: anybody may do anything */
    atomic_bool draining;                /* not ready any more */
    atomic_int connections;              /* open now */
    atomic_int exchanges;                /* begun and not freed */
    atomic_size_t body_bytes;            /* that requests in work hold, of settings.memory_mb */
    atomic_ullong accepted, turned_away; /* connections, since the start */
} oc_srv_server;

/* The keys now, held; NULL: there are none. */
oc_srv_keys *oc_srv_server_keys(oc_srv_server *server);

/* The same of TLS; given up by SSL_CTX_free. */
SSL_CTX *oc_srv_server_tls(oc_srv_server *server);

/* Adds `bytes` to what requests hold; false: over the budget, nothing is added. */
bool oc_srv_server_charge(oc_srv_server *server, size_t bytes);
/* Adds them in any case: they are there, and those that come later find less room. */
void oc_srv_server_hold(oc_srv_server *server, size_t bytes);
void oc_srv_server_discharge(oc_srv_server *server, size_t bytes);

#endif
