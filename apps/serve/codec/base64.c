/* base64.c - see base64.h. */
#include "serve/codec/base64.h"

#include <stdint.h>
#include <string.h>

size_t oc_srv_base64_room(size_t length) {
    return length / 4 * 3 + 3;
}

static const char alphabet[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

typedef struct values {
    int of[256]; /* -1: none of the alphabet */
} values;

static values make_values(void) {
    values table;
    memset(table.of, -1, sizeof table.of);
    for (int i = 0; i < 64; i++) {
        table.of[(unsigned char)alphabet[i]] = i;
    }
    return table;
}

bool oc_srv_base64_decode(oc_slice text, void *out, size_t *size) {
    const values table = make_values();
    const unsigned char *at = (const unsigned char *)text.data;
    unsigned char *to = out;
    size_t length = text.length;
    *size = 0;
    for (int pads = 0;
         pads < 2 && length > 0 && length % 4 == (pads ? 3 : 0) && at[length - 1] == '='; pads++) {
        length--;
    }
    if (length % 4 == 1) {
        return false;
    }
    size_t whole = length / 4 * 4;
    for (size_t i = 0; i < whole; i += 4, to += 3) {
        int a = table.of[at[i]], b = table.of[at[i + 1]], c = table.of[at[i + 2]],
            d = table.of[at[i + 3]];
        if ((a | b | c | d) < 0) {
            return false;
        }
        uint32_t bits = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | (uint32_t)d;
        to[0] = (unsigned char)(bits >> 16);
        to[1] = (unsigned char)(bits >> 8);
        to[2] = (unsigned char)bits;
    }
    if (length > whole) {
        int a = table.of[at[whole]], b = table.of[at[whole + 1]],
            c = length - whole == 3 ? table.of[at[whole + 2]] : 0;
        if ((a | b | c) < 0) {
            return false;
        }
        uint32_t bits = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6;
        *to++ = (unsigned char)(bits >> 16);
        if (length - whole == 3) {
            *to++ = (unsigned char)(bits >> 8);
        }
    }
    *size = (size_t)(to - (unsigned char *)out);
    return true;
}

void oc_srv_base64_append(oc_buffer *out, const void *bytes, size_t size) {
    const unsigned char *at = bytes;
    char *to = oc_buffer_reserve(out, (size + 2) / 3 * 4);
    if (!to) {
        return;
    }
    char *begin = to;
    for (; size > 0; at += 3) {
        uint32_t bits = (uint32_t)at[0] << 16 | (size > 1 ? (uint32_t)at[1] << 8 : 0) |
                        (size > 2 ? (uint32_t)at[2] : 0);
        *to++ = alphabet[bits >> 18];
        *to++ = alphabet[bits >> 12 & 63];
        *to++ = size > 1 ? alphabet[bits >> 6 & 63] : '=';
        *to++ = size > 2 ? alphabet[bits & 63] : '=';
        size -= size < 3 ? size : 3;
    }
    out->size += (size_t)(to - begin);
    out->data[out->size] = 0;
}
