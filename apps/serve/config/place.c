/* place.c - see place.h. */
#include "serve/config/place.h"

#include <inttypes.h>
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
    char told[40]; /* the reader's way of saying the same */
    size_t length = strlen(error->message);
    size_t end = (size_t)snprintf(told, sizeof told, " (byte %" PRIu64 ")", error->offset);
    if (length > end && strcmp(error->message + length - end, told) == 0) {
        error->message[length - end] = 0;
    }
    snprintf(error->path, sizeof error->path, "%.200s:%zu:%zu", path, line, at - begin + 1);
    error->offset = OCTAVO_NO_OFFSET;
}
