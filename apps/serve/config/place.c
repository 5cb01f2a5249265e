/* place.c - see place.h. */
#include "serve/config/place.h"

#include <stdio.h>
#include <string.h>

void oc_srv_place(octavo_error *error, const char *path, const char *text, size_t size) {
    if (!error || error->offset == OCTAVO_NO_OFFSET) {
        oc_error_path(error, path);
        return;
    }
    size_t at = error->offset < size ? (size_t)error->offset : size, line = 1, begin = 0;
    for (size_t i = 0; i < at; i++) {
        if (text[i] == '\n') {
            line++;
            begin = i + 1;
        }
    }
    char *byte = strstr(error->message, " (byte "); /* the reader's way of saying the same */
    if (byte && strchr(byte, ')') && strchr(byte, ')')[1] == 0) {
        *byte = 0;
    }
    snprintf(error->path, sizeof error->path, "%.200s:%zu:%zu", path, line, at - begin + 1);
    error->offset = OCTAVO_NO_OFFSET;
}
