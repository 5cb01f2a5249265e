/* router.h - which function answers which path. */
#ifndef OC_SERVE_ROUTER_H
#define OC_SERVE_ROUTER_H

#include "serve/http/exchange.h"

typedef struct oc_srv_route_entry {
    const char *method;  /* "GET" answers HEAD too */
    const char *pattern; /* "v2/models/ * /infer" (without spaces): a '*' is any one segment */
    void (*handle)(oc_srv_exchange *exchange); /* on the reactor; answers, or runs something */
    bool is_open;                              /* needs no API key */
} oc_srv_route_entry;

/* Finds the function and calls it, or answers 404 or 405. */
void oc_srv_route(oc_srv_exchange *exchange);

/* The tables; each ends with a pattern of NULL. */
extern const oc_srv_route_entry oc_srv_v2_routes[], oc_srv_openai_routes[], oc_srv_metrics_routes[];

#endif
