/* settings.h - how the server runs: defaults, then the file of --config, then flags.
 *
 * The file is one JSON object with the names below as keys.
 */
#ifndef OC_SERVE_SETTINGS_H
#define OC_SERVE_SETTINGS_H

#include "base/arena.h"
#include "base/json/json_write.h"

/* kind, name, default, least, most, what it is */
#define OC_SRV_SETTING_MAP(XX)                                                                     \
    XX(TEXT, listen, "127.0.0.1:8000", 0, 0, "address and port; port 0 takes a free one")          \
    XX(TEXT, api_keys, "", 0, 0, "file of API keys; without one, anybody may do anything")         \
    XX(TEXT, tls_cert, "", 0, 0, "file of the certificate chain in PEM; with it TLS is spoken")    \
    XX(TEXT, tls_key, "", 0, 0, "file of its private key")                                         \
    XX(TEXT, tls_client_ca, "", 0, 0, "file of those who sign clients' certificates")              \
    XX(COUNT, reactors, 1, 1, 64, "threads that own connections")                                  \
    XX(COUNT, workers, 0, 0, 256, "threads that decode and tokenize; 0: one for each usable core") \
    XX(COUNT, max_connections, 1024, 1, 100000, "open at once; more are turned away")              \
    XX(COUNT, max_body_mb, 64, 1, 1024, "of one request, and of what it inflates to")              \
    XX(COUNT, memory_mb, 1024, 1, 1000000, "that the bodies of all requests in work may hold")     \
    XX(NUMBER, header_timeout_s, 10, 0.1, 3600, "from a request's first byte to its last header")  \
    XX(NUMBER, idle_timeout_s, 75, 0.1, 86400, "that a connection may be idle")                    \
    XX(NUMBER, write_timeout_s, 30, 0.1, 3600, "that a client may take nothing of its answer")     \
    XX(NUMBER, drain_delay_s, 0, 0, 3600, "from being not ready to taking no more connections")    \
    XX(NUMBER, drain_timeout_s, 30, 0, 3600, "for what is in work, after that")

typedef const char *oc_srv_setting_TEXT;
typedef int32_t oc_srv_setting_COUNT;
typedef double oc_srv_setting_NUMBER;

typedef struct oc_srv_settings {
#define XX(kind, name, value, least, most, text) oc_srv_setting_##kind name;
    OC_SRV_SETTING_MAP(XX)
#undef XX
#define XX(kind, name, value, least, most, text) const char *name##_from;
    OC_SRV_SETTING_MAP(XX) /* "default", the file, or the flag */
#undef XX
} oc_srv_settings;

oc_srv_settings oc_srv_settings_default(void);

/* Reads `text` of the file `path` over *settings; strings go to the arena, `path` is borrowed.
 *   INVALID_ARGUMENT, CORRUPT  what is wrong; error->path is "PATH:LINE:COLUMN" */
octavo_status oc_srv_settings_read(const char *path, const char *text, size_t size, oc_arena *arena,
                                   oc_srv_settings *settings, octavo_error *error);

/* {"NAME":{"value","from"}...} */
void oc_srv_settings_write(oc_json_writer *json, const oc_srv_settings *settings);

#endif
