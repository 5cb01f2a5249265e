/* request_reader.c - see request_reader.h. */
#include "serve/http/request_reader.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "serve/net/reactor.h"

enum { FIRST_RESERVE = 1 << 20 };

static int refuse(oc_srv_request_reader *reader, int32_t status, const char *why) {
    if (!reader->refusal) {
        reader->refusal = status;
        reader->why = why;
    }
    return -1;
}

static oc_srv_request_reader *of(llhttp_t *parser) {
    return parser->data;
}

static int on_begin(llhttp_t *parser) {
    oc_srv_request_reader *reader = of(parser);
    reader->exchange = oc_srv_exchange_create(reader->reactor);
    reader->state = OC_SRV_READ_HEAD;
    reader->in_value = reader->continues = false;
    reader->extensions = 0;
    reader->name.size = reader->value.size = 0;
    return reader->exchange ? 0 : refuse(reader, 503, "memory is out");
}

static int on_url(llhttp_t *parser, const char *at, size_t size) {
    oc_srv_request_reader *reader = of(parser);
    oc_buffer *head = &reader->exchange->head;
    if (head->size + size > OC_LIMIT_HTTP_TARGET_BYTES) {
        return refuse(reader, 414, "the target is over 8192 bytes");
    }
    oc_buffer_append(head, at, size);
    return 0;
}

static int end_of_header(oc_srv_request_reader *reader) {
    oc_slice name = {reader->name.data, reader->name.size};
    oc_slice value = {reader->value.data ? reader->value.data : "", reader->value.size};
    if (!reader->in_value) {
        return 0;
    }
    if (name.length == 0) {
        return refuse(reader, 400, "a header has no name");
    }
    for (size_t i = 0; i < name.length; i++) {
        reader->name.data[i] = (char)tolower((unsigned char)reader->name.data[i]);
    }
    while (value.length > 0 && strchr(" \t", value.data[value.length - 1])) {
        value.length--;
    }
    if (oc_slice_is(name, "host") && oc_srv_exchange_header(reader->exchange, "host").data) {
        return refuse(reader, 400, "Host comes twice");
    }
    if (reader->name.failed || reader->value.failed ||
        !oc_srv_exchange_field(reader->exchange, name, value)) {
        return refuse(reader, 431, "the headers are over 100, or over 32768 bytes");
    }
    reader->name.size = reader->value.size = 0;
    reader->in_value = false;
    return 0;
}

static int on_name(llhttp_t *parser, const char *at, size_t size) {
    oc_srv_request_reader *reader = of(parser);
    int code = end_of_header(reader);
    if (code) {
        return code;
    }
    if (reader->name.size + size > OC_LIMIT_HTTP_HEAD_BYTES) {
        return refuse(reader, 431, "the headers are over 32768 bytes");
    }
    oc_buffer_append(&reader->name, at, size);
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t size) {
    oc_srv_request_reader *reader = of(parser);
    /* A value comes in pieces where the bytes do, or where it is folded over lines: nobody may take
     * a folded one for anything else than it was meant as. */
    if (reader->in_value && (at != reader->begin || !reader->value_is_open)) {
        return refuse(reader, 400, "a header is folded over several lines");
    }
    reader->in_value = true;
    reader->value_is_open = at + size == reader->end;
    if (reader->value.size + size > OC_LIMIT_HTTP_HEAD_BYTES) {
        return refuse(reader, 431, "the headers are over 32768 bytes");
    }
    oc_buffer_append(&reader->value, at, size);
    return 0;
}

static int on_value_end(llhttp_t *parser) {
    of(parser)->in_value = true; /* an empty value has no pieces */
    return 0;
}

static bool charge(oc_srv_exchange *exchange, size_t bytes) {
    if (!oc_srv_server_charge(exchange->server, bytes)) {
        return false;
    }
    exchange->charged += bytes;
    return true;
}

static int on_head_end(llhttp_t *parser) {
    oc_srv_request_reader *reader = of(parser);
    oc_srv_exchange *exchange = reader->exchange;
    int code = end_of_header(reader);
    uint64_t most = (uint64_t)exchange->server->settings.max_body_mb << 20;
    if (code) {
        return code;
    }
    if (parser->http_major != 1 || parser->http_minor > 1) {
        return refuse(reader, 505, "HTTP/1.0, 1.1 and 2 are spoken here");
    }
    if (parser->method == HTTP_CONNECT) {
        return refuse(reader, 501, "CONNECT is for proxies");
    }
    oc_slice host = oc_srv_exchange_header(exchange, "host");
    if (parser->http_minor == 1 && !host.data) {
        return refuse(reader, 400, "Host is missing");
    }
    if (oc_srv_exchange_header(exchange, "content-length").data &&
        oc_srv_exchange_header(exchange, "transfer-encoding").data) {
        return refuse(reader, 400, "Content-Length and Transfer-Encoding come together");
    }
    oc_slice expect = oc_srv_exchange_header(exchange, "expect");
    if (expect.data && (expect.length != 12 || strncasecmp(expect.data, "100-continue", 12) != 0)) {
        return refuse(reader, 417, "only 100-continue can be expected");
    }
    if (parser->content_length > most) {
        return refuse(reader, 413, "the body is over the limit of max_body_mb");
    }
    if (!charge(exchange, (size_t)parser->content_length)) {
        return refuse(reader, 429, "the bodies of requests in work take all of memory_mb");
    }
    size_t first = parser->content_length < FIRST_RESERVE ? (size_t)parser->content_length
                                                          : (size_t)FIRST_RESERVE;
    if (first) {
        oc_buffer_reserve(&exchange->body, first);
    }
    reader->continues = expect.data && parser->http_minor == 1;
    reader->keep_alive = parser->http_minor == 1 && llhttp_should_keep_alive(parser);
    reader->state = OC_SRV_READ_BODY;
    parser->upgrade = 0; /* an Upgrade is an offer, which is not taken */
    exchange->method = llhttp_method_name((llhttp_method_t)parser->method);
    return 0;
}

static int on_url_end(llhttp_t *parser) {
    oc_srv_exchange *exchange = of(parser)->exchange;
    const char *query =
        exchange->head.size ? memchr(exchange->head.data, '?', exchange->head.size) : NULL;
    exchange->target_length = (uint32_t)exchange->head.size;
    exchange->path_length =
        query ? (uint32_t)(query - exchange->head.data) : exchange->target_length;
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t size) {
    oc_srv_request_reader *reader = of(parser);
    oc_srv_exchange *exchange = reader->exchange;
    uint64_t most = (uint64_t)exchange->server->settings.max_body_mb << 20;
    size_t after = exchange->body.size + size;
    if (after > most) {
        return refuse(reader, 413, "the body is over the limit of max_body_mb");
    }
    if (after > exchange->charged && !charge(exchange, after - exchange->charged)) {
        return refuse(reader, 429, "the bodies of requests in work take all of memory_mb");
    }
    oc_buffer_append(&exchange->body, at, size);
    return exchange->body.failed ? refuse(reader, 503, "memory is out") : 0;
}

static int on_extension(llhttp_t *parser, const char *at, size_t size) {
    oc_srv_request_reader *reader = of(parser);
    (void)at;
    reader->extensions += size;
    return reader->extensions > OC_LIMIT_HTTP_CHUNK_EXTENSIONS
               ? refuse(reader, 400, "the chunk extensions are over 4096 bytes")
               : 0;
}

static int on_end(llhttp_t *parser) {
    of(parser)->state = OC_SRV_READ_WHOLE;
    return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
    .on_message_begin = on_begin,
    .on_url = on_url,
    .on_url_complete = on_url_end,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_end,
    .on_headers_complete = on_head_end,
    .on_body = on_body,
    .on_chunk_extension_name = on_extension,
    .on_chunk_extension_value = on_extension,
    .on_message_complete = on_end,
};

void oc_srv_request_reader_open(oc_srv_request_reader *reader, oc_srv_reactor *reactor) {
    memset(reader, 0, sizeof *reader);
    llhttp_init(&reader->parser, HTTP_REQUEST, &callbacks);
    reader->parser.data = reader;
    reader->reactor = reactor;
    oc_buffer_init(&reader->name);
    oc_buffer_init(&reader->value);
}

void oc_srv_request_reader_close(oc_srv_request_reader *reader) {
    oc_srv_exchange_free(reader->exchange);
    oc_buffer_free(&reader->name);
    oc_buffer_free(&reader->value);
    reader->exchange = NULL;
}

size_t oc_srv_request_reader_take(oc_srv_request_reader *reader, const char *bytes, size_t size) {
    reader->begin = bytes;
    reader->end = bytes + size;
    llhttp_errno_t code = llhttp_execute(&reader->parser, bytes, size);
    size_t taken = size;
    if (code == HPE_PAUSED) {
        taken = (size_t)(llhttp_get_error_pos(&reader->parser) - bytes);
        llhttp_resume(&reader->parser);
    } else if (code != HPE_OK) {
        refuse(reader, 400, llhttp_get_error_reason(&reader->parser));
    }
    if (reader->refusal) {
        reader->state = OC_SRV_READ_BAD;
    }
    return taken;
}

oc_srv_exchange *oc_srv_request_reader_exchange(oc_srv_request_reader *reader) {
    oc_srv_exchange *exchange = reader->exchange;
    reader->exchange = NULL;
    reader->state = OC_SRV_READ_IDLE;
    return exchange;
}
