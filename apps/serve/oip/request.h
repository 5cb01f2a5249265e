/* request.h - an inference request of the Open Inference Protocol v2, as JSON (with tensors behind
 * it as the binary extension has them) or as a gRPC message brings it. */
#ifndef OC_SERVE_OIP_REQUEST_H
#define OC_SERVE_OIP_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/slice.h"
#include "base/status.h"

enum { OC_OIP_RANK = OCTAVO_MAX_RANK };

/* name in the protocol, bytes an element (0: of its own) */
#define OC_OIP_TYPE_MAP(XX)                                                                        \
    XX(FP32, 4)                                                                                    \
    XX(UINT8, 1)                                                                                   \
    XX(INT32, 4)                                                                                   \
    XX(INT64, 8)                                                                                   \
    XX(BYTES, 0)

typedef enum oc_oip_type {
#define XX(name, bytes) OC_OIP_##name,
    OC_OIP_TYPE_MAP(XX)
#undef XX
} oc_oip_type;

typedef struct oc_oip_tensor {
    oc_slice name;
    oc_oip_type type;
    int32_t rank;
    int64_t shape[OC_OIP_RANK];
    size_t count;          /* of elements: the product of the shape */
    const void *data;      /* dense, little-endian, at any alignment; NULL for BYTES */
    const oc_slice *items; /* BYTES: [count] */
    bool is_text;          /* BYTES that came as JSON strings: images among them are base64 */
} oc_oip_tensor;

typedef struct oc_oip_output {
    oc_slice name;
    bool is_binary;
    bool is_told; /* for this output; else it is as the request says */
} oc_oip_output;

typedef struct oc_oip_request {
    oc_arena arena;
    oc_slice id;
    oc_oip_tensor inputs[OC_LIMIT_OIP_TENSORS];
    int32_t input_count;
    oc_oip_output outputs[OC_LIMIT_OIP_TENSORS];
    int32_t output_count; /* 0: all that there are */
    bool is_binary;       /* of outputs that are not named */
    int32_t priority;     /* 0: not given */
    uint64_t timeout_us;  /* 0: none */
} oc_oip_request;

/* Text and tensors are borrowed from `body`, or lie in the request's arena.  json_size: bytes of
 * JSON at its beginning; the rest are tensors.  *out is valid, and to be freed, after an error too.
 *   CORRUPT, INVALID_ARGUMENT  not such a request; the sentence names the place
 *   UNSUPPORTED                a valid part of the protocol that is not offered here */
octavo_status oc_oip_request_read(const char *body, size_t size, size_t json_size,
                                  oc_oip_request *out, octavo_error *error);
void oc_oip_request_free(oc_oip_request *request);

/* Sets `count` from the shape.  INVALID_ARGUMENT: more than fits anywhere */
octavo_status oc_oip_tensor_count(oc_oip_tensor *tensor, octavo_error *error);

/* Sets `count`, and data or items, from `bytes` raw ones; name, type and shape are there.
 *   INVALID_ARGUMENT  their size is not what the shape says */
octavo_status oc_oip_tensor_raw(oc_oip_tensor *tensor, const void *data, size_t bytes,
                                oc_arena *arena, octavo_error *error);

bool oc_oip_type_find(oc_slice name, oc_oip_type *out);
const char *oc_oip_type_name(oc_oip_type type);
size_t oc_oip_type_bytes(oc_oip_type type);

#endif
