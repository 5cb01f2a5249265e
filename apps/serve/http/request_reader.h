/* request_reader.h - bytes of HTTP/1.1 requests to exchanges; knows no socket.
 *
 * llhttp reads the syntax, in its strict mode; what it leaves open is checked here.  Bytes are
 * taken up to the end of a request: what follows is the next one's.
 */
#ifndef OC_SERVE_REQUEST_READER_H
#define OC_SERVE_REQUEST_READER_H

#include <llhttp/llhttp.h>

#include "serve/http/exchange.h"

typedef enum oc_srv_read_state {
    OC_SRV_READ_IDLE, /* nothing of a request has come */
    OC_SRV_READ_HEAD,
    OC_SRV_READ_BODY,
    OC_SRV_READ_WHOLE,
    OC_SRV_READ_BAD /* `refusal` says why; the connection is of no more use */
} oc_srv_read_state;

typedef struct oc_srv_request_reader {
    llhttp_t parser;
    struct oc_srv_reactor *reactor;
    oc_srv_read_state state;
    oc_srv_exchange *exchange; /* being read */
    oc_buffer name, value;     /* of the header that comes */
    bool in_value;
    bool keep_alive;         /* the client wants another request on this connection */
    bool continues;          /* it waits for "100 Continue" */
    size_t extensions;       /* bytes of chunk extensions, which mean nothing here */
    const char *begin, *end; /* the bytes that are being read */
    bool value_is_open;      /* the header's value went up to `end` */
    int32_t refusal;         /* HTTP status */
    const char *why;
} oc_srv_request_reader;

void oc_srv_request_reader_open(oc_srv_request_reader *reader, struct oc_srv_reactor *reactor);
void oc_srv_request_reader_close(oc_srv_request_reader *reader);

/* How many of the bytes it took; fewer than given where a request is whole or bad. */
size_t oc_srv_request_reader_take(oc_srv_request_reader *reader, const char *bytes, size_t size);
/* The whole request; the reader is idle again. */
oc_srv_exchange *oc_srv_request_reader_exchange(oc_srv_request_reader *reader);

#endif
