/* named.h - numbers with names: what shapes a kernel's code, and by which a measured choice is told
 * from others.  No names are kept but those of the #define lines. */
#ifndef OC_BACKENDS_CUDA_NAMED_H
#define OC_BACKENDS_CUDA_NAMED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct oc_named {
    const char *name;
    int32_t value;
} oc_named;

/* "N=3072 K=1024", 0-terminated and cut to what fits; returns the whole length. */
static inline size_t oc_named_text(const oc_named *list, int32_t count, char *to, size_t bytes) {
    size_t length = 0;
    for (int32_t i = 0; i < count; i++) {
        bool fits = length < bytes;
        length += (size_t)snprintf(fits ? to + length : NULL, fits ? bytes - length : 0, "%s%s=%d",
                                   i == 0 ? "" : " ", list[i].name, list[i].value);
    }
    return length;
}

/* Whether a text says just that. */
static inline bool oc_named_is(const oc_named *list, int32_t count, const char *text) {
    for (int32_t i = 0; i < count; i++) {
        size_t length = strlen(list[i].name);
        if (i > 0 && *text++ != ' ') {
            return false;
        }
        if (strncmp(text, list[i].name, length) != 0 || text[length] != '=') {
            return false;
        }
        text += length + 1;
        bool minus = *text == '-';
        text += minus;
        const char *digits = text;
        int64_t value = 0;
        for (; *text >= '0' && *text <= '9' && text - digits < 10; text++) {
            value = value * 10 + (*text - '0');
        }
        if (text == digits || (minus ? -value : value) != list[i].value) {
            return false;
        }
    }
    return *text == '\0';
}

#endif
