/* access.h - whether a client may ask what it asks. */
#ifndef OC_SERVE_ACCESS_H
#define OC_SERVE_ACCESS_H

#include "serve/http/exchange.h"

/* Finds the client's key, in "authorization: Bearer KEY" or "x-api-key: KEY"; where the server has
 * no keys anybody may do anything.  False: there is none, or it is none of the server's. */
bool oc_srv_access_check(oc_srv_exchange *exchange);
/* For an exchange that goes on with another's. */
void oc_srv_access_copy(oc_srv_exchange *exchange, const oc_srv_exchange *from);

bool oc_srv_may_use(const oc_srv_exchange *exchange, oc_slice model);
bool oc_srv_may_change(const oc_srv_exchange *exchange);

/* oc_srv_repository_find and _only for this client: a model that is not for it is not there. */
octavo_status oc_srv_find_model(oc_srv_exchange *exchange, oc_slice name, int64_t version,
                                oc_srv_model **out, octavo_error *error);
octavo_status oc_srv_find_only_model(oc_srv_exchange *exchange, oc_srv_model **out,
                                     octavo_error *error);
/* oc_srv_repository_models, those that are for it. */
int32_t oc_srv_list_models(oc_srv_exchange *exchange, oc_srv_model **out, int32_t capacity);

#endif
