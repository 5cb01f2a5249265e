/* coding.c - see coding.h. */
#include "serve/http/coding.h"

#include <string.h>
#include <zlib.h>

#include "serve/server.h"

enum { GZIP = 16 + MAX_WBITS, EITHER = 32 + MAX_WBITS, STEP = 64 << 10, FAST = 1 };

static bool is_word(oc_slice text, const char *word) {
    return text.length == strlen(word) && strncasecmp(text.data, word, text.length) == 0;
}

bool oc_srv_body_is_encoded(const oc_srv_exchange *exchange) {
    oc_slice coding = oc_srv_exchange_header(exchange, "content-encoding");
    return coding.data && coding.length > 0 && !is_word(coding, "identity");
}

octavo_status oc_srv_inflate(oc_srv_exchange *exchange, oc_slice bytes, oc_buffer *out,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    size_t most = (size_t)exchange->server->settings.max_body_mb << 20;
    z_stream stream = {.next_in = (Bytef *)bytes.data, .avail_in = (uInt)bytes.length};
    int code = inflateInit2(&stream, EITHER);
    if (code != Z_OK) {
        OC_NO_MEMORY(error, STEP);
    }
    while (code != Z_STREAM_END) {
        char *to = oc_buffer_reserve(out, STEP);
        if (!to) {
            OC_NO_MEMORY(error, STEP);
        }
        stream.next_out = (Bytef *)to;
        stream.avail_out = STEP;
        code = inflate(&stream, Z_NO_FLUSH);
        size_t made = STEP - stream.avail_out;
        out->size += made;
        if ((code != Z_OK && code != Z_STREAM_END) || (code == Z_OK && made == 0)) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "the body's Content-Encoding is damaged or cut short at byte %zu",
                    bytes.length - stream.avail_in);
        }
        if (out->size > most) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "the body inflates to more than the %d MiB of max_body_mb",
                    exchange->server->settings.max_body_mb);
        }
        if (!oc_srv_server_charge(exchange->server, made)) {
            OC_FAIL(error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET,
                    "the bodies of requests in work take all of memory_mb");
        }
        exchange->charged += made;
    }
    if (stream.avail_in > 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%u bytes stand behind the end of the encoded body", stream.avail_in);
    }
done:
    inflateEnd(&stream);
    if (status && status != OCTAVO_EXHAUSTED && error) {
        error->cause = OCTAVO_CAUSE_INPUT;
    }
    return status;
}

octavo_status oc_srv_body_decode(oc_srv_exchange *exchange, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice coding = oc_srv_exchange_header(exchange, "content-encoding");
    oc_buffer out;
    oc_buffer_init(&out);
    if (!oc_srv_body_is_encoded(exchange)) {
        goto done;
    }
    if (!is_word(coding, "gzip") && !is_word(coding, "x-gzip") && !is_word(coding, "deflate")) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "the Content-Encoding \"%.*s\" is neither gzip nor deflate", oc_slice_width(coding),
                coding.data);
    }
    OC_TRY(oc_srv_inflate(exchange, (oc_slice){exchange->body.data, exchange->body.size}, &out,
                          error));
    oc_buffer_free(&exchange->body);
    exchange->body = out;
    oc_buffer_init(&out);
done:
    if (status && status != OCTAVO_EXHAUSTED && error) {
        error->cause = OCTAVO_CAUSE_INPUT;
    }
    oc_buffer_free(&out);
    return status;
}

bool oc_srv_answer_is_wanted_encoded(const oc_srv_exchange *exchange) {
    oc_slice wanted = oc_srv_exchange_header(exchange, "accept-encoding");
    return wanted.data && (is_word(wanted, "gzip") || is_word(wanted, "deflate"));
}

void oc_srv_answer_encode(oc_srv_exchange *exchange) {
    if (!oc_srv_answer_is_wanted_encoded(exchange) || exchange->answer.size == 0) {
        return;
    }
    bool gzip = is_word(oc_srv_exchange_header(exchange, "accept-encoding"), "gzip");
    oc_buffer out;
    z_stream stream = {.next_in = (Bytef *)exchange->answer.data,
                       .avail_in = (uInt)exchange->answer.size};
    oc_buffer_init(&out);
    if (deflateInit2(&stream, FAST, Z_DEFLATED, gzip ? GZIP : MAX_WBITS, 8, Z_DEFAULT_STRATEGY)) {
        return; /* it goes as it is */
    }
    size_t bound = deflateBound(&stream, exchange->answer.size);
    char *to = oc_buffer_reserve(&out, bound);
    stream.next_out = (Bytef *)to;
    stream.avail_out = (uInt)bound;
    if (to && deflate(&stream, Z_FINISH) == Z_STREAM_END) {
        out.size = stream.total_out;
        oc_buffer_free(&exchange->answer);
        exchange->answer = out;
        oc_buffer_init(&out);
        oc_srv_answer_header(exchange, "content-encoding", gzip ? "gzip" : "deflate");
    }
    deflateEnd(&stream);
    oc_buffer_free(&out);
}
