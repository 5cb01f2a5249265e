/* change.h - loading and unloading models, as both of the protocol's transports ask for it. */
#ifndef OC_SERVE_OIP_CHANGE_H
#define OC_SERVE_OIP_CHANGE_H

#include "serve/http/exchange.h"
#include "serve/models/repository.h"

/* Begins it; `finish` makes the answer when it is done.
 *   NOT_FOUND, EXHAUSTED  the name is none; memory is out: `finish` is not called */
octavo_status oc_oip_change(oc_srv_exchange *exchange, oc_srv_change_kind kind, oc_slice name,
                            void (*finish)(oc_srv_exchange *exchange), octavo_error *error);
/* For `finish`: whether it failed, and how the client is told. */
bool oc_oip_change_failed(const oc_srv_exchange *exchange, octavo_error *told);

#endif
