// links: serve
/* fuzz_oip_json.c - any bytes as an inference request of the Open Inference Protocol, JSON first
 * and tensors behind it: what is accepted lies within the body or the request, as large as it says.
 */
#include <stdlib.h>
#include <string.h>

#include "serve/oip/request.h"

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
    oc_oip_request request;
    octavo_error error;
    uint16_t json_size;
    if (size < 2) {
        return 0;
    }
    memcpy(&json_size, data, 2); /* 65535: all of it */
    const char *body = (const char *)data + 2;
    size -= 2;
    oc_error_clear(&error);
    octavo_status status =
        oc_oip_request_read(body, size, json_size == 65535 ? size : json_size, &request, &error);
    expect((status == OCTAVO_OK) == (error.status == OCTAVO_OK));
    expect(status == OCTAVO_OK || error.message[0]);
    for (int32_t i = 0; status == OCTAVO_OK && i < request.input_count; i++) {
        const oc_oip_tensor *tensor = &request.inputs[i];
        size_t count = 1;
        for (int32_t d = 0; d < tensor->rank; d++) {
            count *= (size_t)tensor->shape[d];
        }
        expect(count == tensor->count && count > 0);
        if (tensor->type == OC_OIP_BYTES) {
            for (size_t e = 0; e < count; e++) {
                sink += sum_of(tensor->items[e].data, tensor->items[e].length);
            }
        } else {
            sink += sum_of(tensor->data, count * oc_oip_type_bytes(tensor->type));
        }
    }
    oc_oip_request_free(&request);
    return 0;
}
