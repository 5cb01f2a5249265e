/* access.c - see access.h. */
#include "serve/http/access.h"

#include <string.h>

#include "serve/server.h"

static oc_slice given_key(const oc_srv_exchange *exchange) {
    oc_slice key = oc_srv_exchange_header(exchange, "authorization");
    if (key.length > 7 && strncasecmp(key.data, "bearer ", 7) == 0) {
        return (oc_slice){key.data + 7, key.length - 7};
    }
    return oc_srv_exchange_header(exchange, "x-api-key");
}

bool oc_srv_access_check(oc_srv_exchange *exchange) {
    oc_srv_keys *keys = oc_srv_server_keys(exchange->server);
    if (!keys) {
        return true;
    }
    oc_slice given = given_key(exchange);
    exchange->keys = keys; /* held until the exchange ends */
    exchange->key = given.data ? oc_srv_keys_find(keys, given) : NULL;
    return exchange->key != NULL;
}

void oc_srv_access_copy(oc_srv_exchange *exchange, const oc_srv_exchange *from) {
    if (from->keys) {
        oc_srv_keys_hold(from->keys);
        exchange->keys = from->keys;
        exchange->key = from->key;
    }
}

bool oc_srv_may_use(const oc_srv_exchange *exchange, oc_slice model) {
    return !exchange->keys || (exchange->key && oc_srv_key_may_use(exchange->key, model));
}

bool oc_srv_may_change(const oc_srv_exchange *exchange) {
    return !exchange->keys || (exchange->key && exchange->key->admin);
}

octavo_status oc_srv_find_model(oc_srv_exchange *exchange, oc_slice name, int64_t version,
                                oc_srv_model **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = NULL;
    if (!oc_srv_may_use(exchange, name)) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                "there is no model \"%.*s\" for this API key", oc_slice_width(name), name.data);
    }
    OC_TRY(oc_srv_repository_find(exchange->server->repository, name, version, out, error));
done:
    return status;
}

int32_t oc_srv_list_models(oc_srv_exchange *exchange, oc_srv_model **out, int32_t capacity) {
    int32_t all = oc_srv_repository_models(exchange->server->repository, out, capacity), count = 0;
    for (int32_t i = 0; i < all; i++) {
        if (oc_srv_may_use(exchange, oc_slice_of(out[i]->name))) {
            out[count++] = out[i];
        } else {
            oc_srv_model_release(out[i]);
        }
    }
    return count;
}

octavo_status oc_srv_find_only_model(oc_srv_exchange *exchange, oc_srv_model **out,
                                     octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_srv_model *models[OC_LIMIT_SERVED_MODELS];
    int32_t count = oc_srv_list_models(exchange, models, OC_LIMIT_SERVED_MODELS);
    *out = NULL;
    for (int32_t i = 0; i < count; i++) {
        if (count == 1) {
            *out = models[i];
        } else {
            oc_srv_model_release(models[i]);
        }
    }
    if (count != 1) {
        OC_FAIL(error, count ? OCTAVO_INVALID_ARGUMENT : OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                count ? "several models are served: name one" : "no model is loaded");
    }
done:
    return status;
}
