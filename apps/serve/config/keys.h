/* keys.h - who may use what: the file of --api-keys,
 *
 *     {"keys": [{"name": "search", "sha256": "9f86...0a08", "models": ["clip", "b-*"], "admin":
 * false}]}
 *
 * sha256 is that of the key's bytes, in hex; keys themselves are nowhere kept.  models: names or
 * patterns with '*', default all.  admin: may load and unload models, default not.
 */
#ifndef OC_SERVE_KEYS_H
#define OC_SERVE_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/slice.h"
#include "base/status.h"

typedef struct oc_srv_key {
    const char *name;
    uint8_t hash[32];
    const char *models[OC_LIMIT_API_KEY_MODELS];
    int32_t model_count; /* 0: all */
    bool admin;
} oc_srv_key;

/* Held by any number of threads; does not change. */
typedef struct oc_srv_keys oc_srv_keys;

/* `text` is that of the file `path`.  INVALID_ARGUMENT, CORRUPT: error->path is "PATH:LINE:COLUMN"
 */
octavo_status oc_srv_keys_read(const char *path, const char *text, size_t size, oc_srv_keys **out,
                               octavo_error *error);
void oc_srv_keys_hold(oc_srv_keys *keys);
void oc_srv_keys_release(oc_srv_keys *keys); /* NULL is accepted */

/* The key that these bytes are; NULL: none.  Takes as long for any. */
const oc_srv_key *oc_srv_keys_find(const oc_srv_keys *keys, oc_slice given);
bool oc_srv_key_may_use(const oc_srv_key *key, oc_slice model);

#endif
