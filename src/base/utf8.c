/* utf8.c - the table of well-formed sequences (Unicode standard, table 3-7) as code. */
#include "base/utf8.h"

bool oc_utf8_read(const char *text, size_t size, uint32_t *point, size_t *used) {
    const unsigned char *bytes = (const unsigned char *)text;
    uint32_t lead = bytes[0];
    *used = 1;
    if (lead < 0x80) {
        *point = lead;
        return true;
    }
    *point = OC_UTF8_REPLACEMENT;
    size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead < 0xc2 || lead > 0xf4) {
        return false;
    }
    /* Bounds of the second byte keep out overlong forms, surrogates and what is over U+10FFFF. */
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    uint32_t value = lead & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (i >= size || bytes[i] < low || bytes[i] > high) {
            return false;
        }
        value = value << 6 | (bytes[i] & 0x3fu);
        *used = i + 1;
        low = 0x80;
        high = 0xbf;
    }
    *point = value;
    return true;
}

size_t oc_utf8_write(uint32_t point, char *to) {
    if (point < 0x80) {
        to[0] = (char)point;
        return 1;
    }
    size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        to[i] = (char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    to[0] = (char)((0xf00u >> length & 0xf0u) | point);
    return length;
}
