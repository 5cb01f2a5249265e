/* http2.h - HTTP/2 on a connection, by nghttp2: a stream is a request, or a call of gRPC.
 *
 * gRPC is told by its content-type.  A stream of ModelStreamInfer carries many messages: each
 * becomes an exchange of its own, at most OC_LIMIT_GRPC_STREAM_WORK of them at once, and answers go
 * out in their order.
 */
#ifndef OC_SERVE_HTTP2_H
#define OC_SERVE_HTTP2_H

#include "serve/http/exchange.h"
#include "serve/net/connection.h"

extern const oc_srv_protocol oc_srv_http2;

void *oc_srv_http2_open(oc_srv_connection *connection); /* NULL: memory is out */

#endif
