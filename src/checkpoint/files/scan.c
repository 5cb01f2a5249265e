/* scan.c - a word of several elements at a time: with the signs masked off, what is infinite or not
 * a number carries into the top bit of its element when one is added to the exponent. */
#include "checkpoint/files/scan.h"

#include <stdint.h>
#include <string.h>

#include "base/status.h"

#define LANES_8  UINT64_C(0x0101010101010101)
#define LANES_16 UINT64_C(0x0001000100010001)
#define LANES_32 UINT64_C(0x0000000100000001)

typedef struct format {
    octavo_dtype dtype;
    size_t bytes;   /* of an element */
    uint64_t lanes; /* a one in every element */
    uint64_t first; /* the least magnitude that is not finite */
} format;

/* E4M3 has no infinity, and one NaN of either sign. */
static const format formats[] = {
    {OCTAVO_F8_E4M3, 1, LANES_8, 0x7f},    {OCTAVO_F8_E5M2, 1, LANES_8, 0x7c},
    {OCTAVO_F16, 2, LANES_16, 0x7c00},     {OCTAVO_BF16, 2, LANES_16, 0x7f80},
    {OCTAVO_F32, 4, LANES_32, 0x7f800000},
};

size_t oc_find_not_finite(octavo_dtype dtype, const void *values, size_t count) {
    enum { GROUP = 64 }; /* bytes that are looked at before deciding */
    const format *f = NULL;
    for (size_t i = 0; i < OC_COUNT(formats) && f == NULL; i++) {
        f = formats[i].dtype == dtype ? &formats[i] : NULL;
    }
    if (f == NULL) {
        return count;
    }
    const char *bytes = values;
    uint64_t top = f->lanes << (8 * f->bytes - 1), magnitude = top - f->lanes;
    uint64_t carry = top - f->lanes * f->first;
    size_t at = 0, size = count * f->bytes;
    for (; at + GROUP <= size; at += GROUP) {
        uint64_t found = 0, word;
        for (size_t k = 0; k < GROUP; k += sizeof word) {
            memcpy(&word, bytes + at + k, sizeof word);
            found |= (word & magnitude) + carry;
        }
        if (found & top) {
            break;
        }
    }
    for (; at < size; at += f->bytes) {
        uint64_t word = 0;
        memcpy(&word, bytes + at, f->bytes);
        if (((word & magnitude) + carry) & top) {
            break;
        }
    }
    return at / f->bytes;
}
