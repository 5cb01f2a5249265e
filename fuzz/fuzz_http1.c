// links: serve
/* fuzz_http1.c - any bytes as requests of a connection: cut in two at any place they read the same,
 * and what is taken for a request keeps the limits. */
#include <stdlib.h>
#include <string.h>

#include "serve/http/request_reader.h"
#include "serve/net/reactor.h"

static void expect(bool condition) {
    if (!condition) {
        abort();
    }
}

typedef struct outcome {
    int requests;
    oc_srv_read_state state;
    int32_t refusal;
    uint64_t sum; /* of what the requests hold */
} outcome;

static uint64_t add(uint64_t sum, const void *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        sum = (sum ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    }
    return sum;
}

static void look_at(const oc_srv_exchange *exchange, outcome *out) {
    oc_slice path = oc_srv_exchange_path(exchange), query = oc_srv_exchange_query(exchange);
    expect(exchange->method && path.length + query.length <= exchange->target_length);
    expect(exchange->field_count <= OC_LIMIT_HTTP_HEADERS &&
           exchange->head.size <= OC_LIMIT_HTTP_HEAD_BYTES);
    expect(exchange->body.size <= (size_t)1 << 20 && exchange->charged >= exchange->body.size);
    for (int32_t i = 0; i < exchange->field_count; i++) {
        const oc_srv_field *field = &exchange->fields[i];
        expect(field->name_length > 0);
        expect(field->value + field->value_length <= exchange->head.size);
    }
    out->sum = add(out->sum, exchange->head.data, exchange->head.size);
    out->sum = add(out->sum, exchange->body.data, exchange->body.size);
    out->requests++;
}

static void take(oc_srv_request_reader *reader, const char *bytes, size_t size, outcome *out) {
    while (size > 0 && reader->state != OC_SRV_READ_BAD) {
        size_t taken = oc_srv_request_reader_take(reader, bytes, size);
        expect(taken <= size);
        bytes += taken;
        size -= taken;
        if (reader->state == OC_SRV_READ_WHOLE) {
            bool keep_alive = reader->keep_alive;
            oc_srv_exchange *exchange = oc_srv_request_reader_exchange(reader);
            look_at(exchange, out);
            oc_srv_exchange_free(exchange);
            if (!keep_alive) {
                break;
            }
        }
    }
    out->state = reader->state;
    out->refusal = reader->refusal;
}

static outcome read_all(const char *bytes, size_t size, size_t cut) {
    static oc_srv_server server;
    static oc_srv_reactor reactor;
    oc_srv_request_reader reader;
    outcome out = {.requests = 0};
    server.settings = oc_srv_settings_default();
    server.settings.max_body_mb = server.settings.memory_mb = 1;
    reactor.server = &server;
    oc_srv_request_reader_open(&reader, &reactor);
    take(&reader, bytes, cut, &out);
    if (out.requests == 0 || reader.keep_alive) {
        take(&reader, bytes + cut, size - cut, &out);
    }
    oc_srv_request_reader_close(&reader);
    expect(atomic_load(&server.exchanges) == 0 && atomic_load(&server.body_bytes) == 0);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    size_t cut = data[0] * (size - 1) / 255;
    const char *bytes = (const char *)data + 1;
    outcome whole = read_all(bytes, size - 1, size - 1), parts = read_all(bytes, size - 1, cut);
    expect(whole.requests == parts.requests && whole.refusal == parts.refusal);
    expect(whole.sum == parts.sum);
    return 0;
}
