// links: serve
/* fuzz_openai_json.c - any bytes as a request of /v1/embeddings and its like: what is accepted has
 * inputs that are decided and can be read. */
#include <stdlib.h>

#include "serve/openai/request.h"

static void expect(bool condition) {
    if (!condition) {
        abort();
    }
}

static volatile unsigned sink; /* what was read is used */

static unsigned sum_of(oc_slice text) {
    unsigned sum = 0;
    for (size_t i = 0; i < text.length; i++) {
        sum += (unsigned char)text.data[i];
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    oc_openai_request request;
    octavo_error error;
    oc_error_clear(&error);
    octavo_status status = oc_openai_request_read((const char *)data, size, &request, &error);
    expect((status == OCTAVO_OK) == (error.status == OCTAVO_OK));
    if (status) {
        int32_t http = octavo_error_http(&error);
        expect(error.message[0] && http >= 400 && http < 500);
    }
    expect(status || request.inputs.count > 0);
    for (int32_t i = 0; status == OCTAVO_OK && i < request.inputs.count; i++) {
        const oc_openai_item *item = &request.inputs.items[i];
        expect(item->kind != OC_OPENAI_BARE);
        expect(item->kind != OC_OPENAI_TOKENS || item->id_count > 0);
        sink += sum_of(item->text);
        for (int32_t t = 0; t < item->id_count; t++) {
            expect(item->ids[t] >= 0);
        }
    }
    for (int32_t i = 0; status == OCTAVO_OK && i < request.labels.count; i++) {
        sink += sum_of(request.labels.items[i].text);
    }
    oc_openai_request_free(&request);
    return 0;
}
