// links: serve
/* fuzz_grpc_message.c - any bytes as a ModelInferRequest: what is accepted lies within the message
 * or the request, as large as it says. */
#include <stdlib.h>

#include "serve/oip/grpc.h"
#include "serve/oip/message.h"

static void expect(bool condition) {
    if (!condition) {
        abort();
    }
}

static volatile unsigned sink; /* what was read is used */

static unsigned sum_of(const void *bytes, size_t size) {
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum += ((const unsigned char *)bytes)[i]; /* a sanitizer sees whether it may be read */
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    oc_slice message = {(const char *)data, size}, model, version, one, two;
    oc_oip_request request;
    octavo_error error;
    bool flag = false;
    oc_error_clear(&error);
    octavo_status status = oc_oip_infer_message_read(message, &request, &model, &version, &error);
    expect((status == OCTAVO_OK) == (error.status == OCTAVO_OK));
    for (int32_t i = 0; status == OCTAVO_OK && i < request.input_count; i++) {
        const oc_oip_tensor *tensor = &request.inputs[i];
        sink += sum_of(tensor->name.data, tensor->name.length);
        expect(tensor->count > 0);
        if (tensor->type == OC_OIP_BYTES) {
            for (size_t e = 0; e < tensor->count; e++) {
                sink += sum_of(tensor->items[e].data, tensor->items[e].length);
            }
        } else {
            sink += sum_of(tensor->data, tensor->count * oc_oip_type_bytes(tensor->type));
        }
    }
    sink += sum_of(model.data, model.length) + sum_of(version.data, version.length);
    oc_oip_request_free(&request);
    oc_error_clear(&error);
    if (oc_oip_names_read(message, 1, 2, &one, &two, &flag, &error) == OCTAVO_OK) {
        sink += sum_of(one.data, one.length) + sum_of(two.data, two.length);
    }
    oc_srv_grpc_deadline(message, 1);
    return 0;
}
