/* http1.h - HTTP/1.1 on a connection: one request at a time, further ones wait.
 *
 * llhttp reads the syntax, in its strict mode.  Checked here: one Host, versions 1.0 and 1.1, names
 * of headers, sizes of head, body and chunk framing, Expect, and how long a request takes to come.
 */
#ifndef OC_SERVE_HTTP1_H
#define OC_SERVE_HTTP1_H

#include "serve/http/exchange.h"
#include "serve/net/connection.h"

extern const oc_srv_protocol oc_srv_http1;

void *oc_srv_http1_open(oc_srv_connection *connection); /* NULL: memory is out */

#endif
