/* grpc.h - the services of gRPC: which method answers which path, and what its messages say.
 *
 * A message travels behind five bytes: whether it is compressed, and its length.
 */
#ifndef OC_SERVE_OIP_GRPC_H
#define OC_SERVE_OIP_GRPC_H

#include "serve/http/exchange.h"

enum { OC_SRV_GRPC_PREFIX = 5 };

/* Whether the request's content-type says gRPC. */
bool oc_srv_is_grpc(const oc_srv_exchange *exchange);
/* Whether its path is that of a method with many messages. */
bool oc_srv_grpc_is_streaming(const oc_srv_exchange *exchange);

/* Whether the client may call what it calls; otherwise the exchange's answer says why not. */
bool oc_srv_grpc_may(oc_srv_exchange *exchange);
/* Answers a call of one message: the exchange's body is all that the client sent. */
void oc_srv_grpc_answer(oc_srv_exchange *exchange);
/* Answers one message of many: the body is that message, prefix and all; `of` is the stream's own
 * exchange, from which it has its headers. */
void oc_srv_grpc_answer_part(oc_srv_exchange *exchange, const oc_srv_exchange *of);

/* Ends the call with a status and a sentence. */
void oc_srv_grpc_fail(oc_srv_exchange *exchange, const octavo_error *error);

/* The length of the message that begins with these OC_SRV_GRPC_PREFIX bytes. */
uint32_t oc_srv_grpc_length(const char *prefix);
/* On oc_clock_ns, of "grpc-timeout"; 0: none is given, or it is none. */
uint64_t oc_srv_grpc_deadline(oc_slice timeout, uint64_t now_ns);

#endif
