/* coding.h - gzip and deflate of bodies. */
#ifndef OC_SERVE_CODING_H
#define OC_SERVE_CODING_H

#include "serve/http/exchange.h"

/* Inflates gzip or zlib bytes, charged to the exchange.  Errors of oc_srv_body_decode. */
octavo_status oc_srv_inflate(oc_srv_exchange *exchange, oc_slice bytes, oc_buffer *out,
                             octavo_error *error);

/* Whether the body is encoded. */
bool oc_srv_body_is_encoded(const oc_srv_exchange *exchange);
/* Replaces an encoded body by what it was made of; others stay.
 *   UNSUPPORTED (cause INPUT)       a coding that is not gzip, deflate or identity
 *   INVALID_ARGUMENT (cause INPUT)  damaged, or over max_body_mb when inflated
 *   EXHAUSTED                       memory_mb, or memory, is used up */
octavo_status oc_srv_body_decode(oc_srv_exchange *exchange, octavo_error *error);

/* Whether the client asks for exactly one coding, gzip or deflate: a list, as browsers send, is
 * left alone, since floats hardly shrink. */
bool oc_srv_answer_is_wanted_encoded(const oc_srv_exchange *exchange);
/* Encodes the answer where that is wanted, and says so in a header. */
void oc_srv_answer_encode(oc_srv_exchange *exchange);

#endif
