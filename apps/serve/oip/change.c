/* change.c - see change.h. */
#include "serve/oip/change.h"

#include <stdlib.h>
#include <string.h>

#include "serve/server.h"

static void done(oc_srv_change *change) {
    oc_srv_exchange_post(change->user);
}

octavo_status oc_oip_change(oc_srv_exchange *exchange, oc_srv_change_kind kind, oc_slice name,
                            void (*finish)(oc_srv_exchange *exchange), octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_srv_change *change = NULL;
    if (name.length >= sizeof change->name) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET, "there is no model of such a name");
    }
    change = calloc(1, sizeof *change);
    if (!change) {
        OC_NO_MEMORY(error, sizeof *change);
    }
    memcpy(change->name, name.length ? name.data : "", name.length);
    change->kind = kind;
    change->done = done;
    change->user = exchange;
    exchange->state = change;
    exchange->free_state = free;
    exchange->finish = finish;
    oc_srv_repository_change(exchange->server->repository, change);
done:
    return status;
}

bool oc_oip_change_failed(const oc_srv_exchange *exchange, octavo_error *told) {
    const oc_srv_change *change = exchange->state;
    *told = change->error;
    /* A file of the repository is at fault, not this server; Triton's clients expect a 4xx. */
    told->status = told->status == OCTAVO_OK || told->status == OCTAVO_NOT_FOUND
                       ? told->status
                       : OCTAVO_INVALID_ARGUMENT;
    return told->status != OCTAVO_OK;
}
