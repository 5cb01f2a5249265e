/* keys.c - see keys.h. */
#include "serve/config/keys.h"

#include <fnmatch.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "serve/config/place.h"

enum { NAME = 128 };

struct oc_srv_keys {
    atomic_int holds;
    oc_arena arena;
    oc_srv_key *items;
    int32_t count;
};

static octavo_status read_hash(oc_json *json, uint8_t hash[32], octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    static const char digits[] = "0123456789abcdef";
    oc_slice text;
    OC_TRY(oc_json_string(json, &text, error));
    bool fits = text.length == 64;
    for (size_t i = 0; fits && i < 64; i++) {
        const char *digit = memchr(digits, text.data[i] | 0x20, 16);
        fits = digit && (text.data[i] != ' ');
        hash[i / 2] = (uint8_t)(hash[i / 2] << 4 | (fits ? digit - digits : 0));
    }
    if (!fits) {
        OC_JSON_FAIL(
            json, error, OCTAVO_INVALID_ARGUMENT,
            "a SHA-256 in 64 hex digits is wanted, as `printf %%s KEY | sha256sum` gives it");
    }
done:
    return status;
}

static octavo_status read_models(oc_json *json, oc_arena *arena, oc_srv_key *key,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool more;
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        if (key->model_count == OC_LIMIT_API_KEY_MODELS) {
            OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "over %d names", OC_LIMIT_API_KEY_MODELS);
        }
        OC_TRY(oc_json_text(json, NAME, arena, &key->models[key->model_count++], error));
    }
    if (key->model_count == 0) {
        OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT,
                     "the list of models is empty: such a key is good for nothing");
    }
done:
    return status;
}

static octavo_status read_key(oc_json *json, oc_arena *arena, oc_srv_key *key,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice name;
    bool has_hash = false;
    *key = (oc_srv_key){.name = NULL};
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &name, error));
        if (!name.data) {
            break;
        }
        if (oc_slice_is(name, "name")) {
            OC_TRY(oc_json_text(json, NAME, arena, &key->name, error));
        } else if (oc_slice_is(name, "sha256")) {
            OC_TRY(read_hash(json, key->hash, error));
            has_hash = true;
        } else if (oc_slice_is(name, "models")) {
            OC_TRY(read_models(json, arena, key, error));
        } else if (oc_slice_is(name, "admin")) {
            OC_TRY(oc_json_bool(json, &key->admin, error));
        } else {
            OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT,
                         "there is no such member: name, sha256, models and admin are known");
        }
    }
    if (!key->name || !has_hash) {
        OC_JSON_FAIL(json, error, OCTAVO_INVALID_ARGUMENT, "the key has no %s",
                     key->name ? "sha256" : "name");
    }
done:
    return status;
}

static octavo_status read_list(oc_json *json, oc_srv_keys *keys, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool more;
    OC_TRY(oc_json_array(json, error));
    for (;;) {
        OC_TRY(oc_json_element(json, &more, error));
        if (!more) {
            break;
        }
        if (keys->count == OC_LIMIT_API_KEYS) {
            OC_JSON_FAIL(json, error, OCTAVO_UNSUPPORTED, "over %d keys", OC_LIMIT_API_KEYS);
        }
        OC_TRY(read_key(json, &keys->arena, &keys->items[keys->count], error));
        keys->count++;
    }
done:
    return status;
}

octavo_status oc_srv_keys_read(const char *path, const char *text, size_t size, oc_srv_keys **out,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_srv_keys *keys = calloc(1, sizeof *keys);
    oc_json json;
    oc_slice name;
    *out = NULL;
    oc_json_open(&json, text, size, 0, 0);
    if (!keys) {
        OC_NO_MEMORY(error, sizeof *keys);
    }
    keys->holds = 1;
    oc_arena_init(&keys->arena);
    keys->items = calloc(OC_LIMIT_API_KEYS, sizeof *keys->items);
    if (!keys->items) {
        OC_NO_MEMORY(error, OC_LIMIT_API_KEYS * sizeof *keys->items);
    }
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        OC_TRY(oc_json_member(&json, &name, error));
        if (!name.data) {
            break;
        }
        if (!oc_slice_is(name, "keys")) {
            OC_JSON_FAIL(&json, error, OCTAVO_INVALID_ARGUMENT,
                         "there is no such member: keys is known");
        }
        OC_TRY(read_list(&json, keys, error));
    }
    OC_TRY(oc_json_finish(&json, error));
    if (keys->count == 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "the file has no keys");
    }
    *out = keys;
done:
    if (status) {
        oc_srv_place(error, path, text, size);
        oc_srv_keys_release(keys);
    }
    oc_json_close(&json);
    return status;
}

void oc_srv_keys_hold(oc_srv_keys *keys) {
    atomic_fetch_add(&keys->holds, 1);
}

void oc_srv_keys_release(oc_srv_keys *keys) {
    if (keys && atomic_fetch_sub(&keys->holds, 1) == 1) {
        oc_arena_free(&keys->arena);
        free(keys->items);
        free(keys);
    }
}

const oc_srv_key *oc_srv_keys_find(const oc_srv_keys *keys, oc_slice given) {
    const oc_srv_key *found = NULL;
    uint8_t hash[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)given.data, given.length, hash);
    for (int32_t i = 0; i < keys->count; i++) {
        if (CRYPTO_memcmp(hash, keys->items[i].hash, sizeof hash) == 0) {
            found = &keys->items[i];
        }
    }
    return found;
}

bool oc_srv_key_may_use(const oc_srv_key *key, oc_slice model) {
    char name[NAME];
    if (key->model_count == 0) {
        return true;
    }
    if (model.length >= sizeof name) {
        return false;
    }
    memcpy(name, model.data, model.length);
    name[model.length] = 0;
    for (int32_t i = 0; i < key->model_count; i++) {
        if (fnmatch(key->models[i], name, 0) == 0) {
            return true;
        }
    }
    return false;
}
