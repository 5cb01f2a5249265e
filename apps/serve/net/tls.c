/* tls.c - see tls.h. */
#include "serve/net/tls.h"

#include <limits.h>
#include <openssl/err.h>
#include <string.h>

#include "base/sys/io.h"

static const char *reason(void) {
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    return text ? text : "the library gives no reason";
}

static int choose(SSL *ssl, const unsigned char **out, unsigned char *length,
                  const unsigned char *offered, unsigned int size, void *user) {
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    (void)ssl;
    (void)user;
    int code =
        SSL_select_next_proto((unsigned char **)out, length, ours, sizeof ours - 1, offered, size);
    return code == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static octavo_status check_file(const char *path, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_file file = OC_FILE_CLOSED;
    OC_TRY(oc_file_open(path, &file, error));
done:
    oc_file_close(&file);
    return status;
}

octavo_status oc_srv_tls_open(const char *cert, const char *key, const char *client_ca,
                              SSL_CTX **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *path = cert;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    *out = NULL;
    ERR_clear_error();
    if (!context) {
        OC_NO_MEMORY(error, 0);
    }
    OC_TRY(check_file(cert, error));
    OC_TRY(check_file(key, error));
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(context, choose, NULL);
    if (SSL_CTX_use_certificate_chain_file(context, cert) != 1) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "it holds no chain of certificates in PEM: %s", reason());
    }
    path = key;
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "it holds no private key in PEM for %s: %s", cert, reason());
    }
    if (client_ca[0]) {
        path = client_ca;
        OC_TRY(check_file(client_ca, error));
        if (SSL_CTX_load_verify_locations(context, client_ca, NULL) != 1) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "it holds no certificates in PEM: %s", reason());
        }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        SSL_CTX_set_session_id_context(context, (const unsigned char *)"octavo", 6);
        SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(client_ca));
    }
    *out = context;
done:
    if (status) {
        oc_error_path(error, path);
        SSL_CTX_free(context);
    }
    return status;
}

bool oc_srv_tls_begin(oc_srv_tls *tls, SSL_CTX *context) {
    tls->ssl = SSL_new(context);
    tls->from_client = BIO_new(BIO_s_mem());
    tls->to_client = BIO_new(BIO_s_mem());
    if (!tls->ssl || !tls->from_client || !tls->to_client) {
        BIO_free(tls->from_client);
        BIO_free(tls->to_client);
        SSL_free(tls->ssl);
        *tls = (oc_srv_tls){NULL, NULL, NULL};
        return false;
    }
    SSL_set_bio(tls->ssl, tls->from_client, tls->to_client); /* which owns them now */
    SSL_set_accept_state(tls->ssl);
    return true;
}

void oc_srv_tls_end(oc_srv_tls *tls) {
    SSL_free(tls->ssl);
    *tls = (oc_srv_tls){NULL, NULL, NULL};
}

bool oc_srv_tls_take(oc_srv_tls *tls, const char *bytes, size_t size) {
    return size <= INT_MAX && BIO_write(tls->from_client, bytes, (int)size) == (int)size;
}

int oc_srv_tls_read(oc_srv_tls *tls, char *to, int capacity) {
    ERR_clear_error();
    int got = SSL_read(tls->ssl, to, capacity);
    if (got > 0) {
        return got;
    }
    return SSL_get_error(tls->ssl, got) == SSL_ERROR_WANT_READ ? 0 : -1;
}

bool oc_srv_tls_write(oc_srv_tls *tls, const char *bytes, size_t size) {
    size_t done = 0;
    ERR_clear_error();
    return size == 0 || (SSL_write_ex(tls->ssl, bytes, size, &done) == 1 && done == size);
}

void oc_srv_tls_say_goodbye(oc_srv_tls *tls) {
    ERR_clear_error();
    if (SSL_is_init_finished(tls->ssl)) {
        SSL_shutdown(tls->ssl);
    }
}

void oc_srv_tls_give(oc_srv_tls *tls, oc_buffer *out) {
    size_t size = (size_t)BIO_ctrl_pending(tls->to_client);
    char *to = size ? oc_buffer_reserve(out, size) : NULL;
    int got = to && size <= INT_MAX ? BIO_read(tls->to_client, to, (int)size) : 0;
    out->size += got > 0 ? (size_t)got : 0;
}

bool oc_srv_tls_is_ready(const oc_srv_tls *tls) {
    return SSL_is_init_finished(tls->ssl);
}
