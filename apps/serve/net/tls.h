/* tls.h - TLS 1.2 and 1.3 between a socket and its protocol, by OpenSSL over buffers in memory.
 *
 * ALPN offers h2 and http/1.1.  A context is what the files said when they were read; connections
 * keep the one that they began with.
 */
#ifndef OC_SERVE_TLS_H
#define OC_SERVE_TLS_H

#include <openssl/ssl.h>

#include "base/buffer.h"

/* A certificate chain and its key in PEM; client_ca, unless empty: clients must show a certificate
 * that these sign.  Freed by SSL_CTX_free.
 *   NOT_FOUND, IO     a file; error->path says which
 *   INVALID_ARGUMENT  what it holds is no certificate, no key, or not that of the other */
octavo_status oc_srv_tls_open(const char *cert, const char *key, const char *client_ca,
                              SSL_CTX **out, octavo_error *error);

typedef struct oc_srv_tls {
    SSL *ssl; /* NULL: the connection is in the clear */
    BIO *from_client, *to_client;
} oc_srv_tls;

/* False: memory is out. */
bool oc_srv_tls_begin(oc_srv_tls *tls, SSL_CTX *context);
void oc_srv_tls_end(oc_srv_tls *tls);

/* Bytes from the socket.  False: memory is out. */
bool oc_srv_tls_take(oc_srv_tls *tls, const char *bytes, size_t size);
/* What the client said, at most `capacity` bytes; 0: nothing so far; below 0: it is over, or no
 * TLS. */
int oc_srv_tls_read(oc_srv_tls *tls, char *to, int capacity);
/* Encrypts; false: not possible. */
bool oc_srv_tls_write(oc_srv_tls *tls, const char *bytes, size_t size);
void oc_srv_tls_say_goodbye(oc_srv_tls *tls);
/* What is to be sent on the socket, appended. */
void oc_srv_tls_give(oc_srv_tls *tls, oc_buffer *out);
bool oc_srv_tls_is_ready(const oc_srv_tls *tls);

#endif
