/* scan.c - eight codes to a word: with the signs masked off, only 0x7f carries into the top bit
 * of its byte when one is added. */
#include "checkpoint/files/scan.h"

#include <string.h>

#define ONES 0x0101010101010101u

static inline uint64_t nan_bits(const uint8_t *codes) {
    uint64_t word;
    memcpy(&word, codes, sizeof word);
    return (word & (ONES * 0x7f)) + ONES;
}

size_t oc_e4m3_find_nan(const uint8_t *codes, size_t count) {
    size_t i = 0;
    for (; i + 64 <= count; i += 64) {
        uint64_t found = 0;
        for (size_t k = 0; k < 64; k += 8) {
            found |= nan_bits(codes + i + k);
        }
        if (found & (ONES * 0x80)) {
            break;
        }
    }
    while (i < count && (codes[i] & 0x7f) != 0x7f) {
        i++;
    }
    return i;
}
