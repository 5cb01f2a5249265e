/* router.c - see router.h. */
#include "serve/http/router.h"

#include <stdio.h>
#include <string.h>

#include "serve/http/access.h"

static oc_slice next_segment(oc_slice *path) {
    while (path->length > 0 && path->data[0] == '/') {
        path->data++;
        path->length--;
    }
    const char *end = path->length ? memchr(path->data, '/', path->length) : NULL;
    oc_slice segment = {path->data, end ? (size_t)(end - path->data) : path->length};
    path->data += segment.length;
    path->length -= segment.length;
    return segment;
}

static bool matches(const char *pattern, oc_slice path, oc_slice segments[OC_SRV_SEGMENTS]) {
    oc_slice wanted = oc_slice_of(pattern);
    int count = 0;
    for (;;) {
        oc_slice a = next_segment(&wanted), b = next_segment(&path);
        if (a.length == 0 || b.length == 0) {
            return a.length == b.length;
        }
        if (oc_slice_is(a, "*") && count < OC_SRV_SEGMENTS) {
            segments[count++] = b;
        } else if (!oc_slice_equal(a, b)) {
            return false;
        }
    }
}

static void answer_no_key(oc_srv_exchange *exchange) {
    octavo_error error;
    oc_error_clear(&error);
    oc_fail(&error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
            "an API key is wanted: Authorization: Bearer KEY");
    oc_srv_answer_error(exchange, &error);
    oc_srv_answer_header(exchange, "www-authenticate", "Bearer");
    exchange->status = 401;
    oc_srv_send(exchange);
}

/* True: `exchange` was given to a function of the table.  `allow` gathers the methods of others. */
static bool try(const oc_srv_route_entry *table, oc_srv_exchange *exchange, char *allow,
                size_t capacity) {
    oc_slice path = oc_srv_exchange_path(exchange);
    for (const oc_srv_route_entry *at = table; at->pattern; at++) {
        oc_slice segments[OC_SRV_SEGMENTS] = {{NULL, 0}};
        if (!matches(at->pattern, path, segments)) {
            continue;
        }
        bool is_head = strcmp(exchange->method, "HEAD") == 0;
        if (strcmp(is_head ? "GET" : exchange->method, at->method) == 0) {
            if (!at->is_open && !oc_srv_access_check(exchange)) {
                answer_no_key(exchange);
                return true;
            }
            memcpy(exchange->segments, segments, sizeof segments);
            at->handle(exchange);
            return true;
        }
        size_t length = strlen(allow);
        snprintf(allow + length, capacity - length, "%s%s", length ? ", " : "", at->method);
    }
    return false;
}

void oc_srv_route(oc_srv_exchange *exchange) {
    const oc_srv_route_entry *tables[] = {oc_srv_v2_routes, oc_srv_openai_routes,
                                          oc_srv_metrics_routes};
    char allow[64] = "";
    octavo_error error;
    oc_error_clear(&error);
    for (size_t i = 0; i < OC_COUNT(tables); i++) {
        if (try(tables[i], exchange, allow, sizeof allow)) {
            return;
        }
    }
    oc_slice path = oc_srv_exchange_path(exchange);
    if (allow[0]) {
        oc_fail(&error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                "%.*s takes %s, not %s", oc_slice_width(path), path.data, allow, exchange->method);
        oc_srv_answer_error(exchange, &error);
        oc_srv_answer_header(exchange, "allow", "%s", allow);
        exchange->status = 405;
    } else {
        oc_fail(&error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET, __FILE__, __LINE__,
                "there is nothing at %.*s", oc_slice_width(path), path.data);
        oc_srv_answer_error(exchange, &error);
    }
    oc_srv_send(exchange);
}
