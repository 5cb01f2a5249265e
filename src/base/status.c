/* status.c - filling the caller's error: the first one is kept. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* Copies as much as fits, whole characters only.  What names and files bring in is made printable:
 * control characters and invalid UTF-8 become '?', so that a message is one line anywhere. */
static void copy_printable(char *to, size_t capacity, const char *from) {
    size_t size = strlen(from), used, length = 0;
    for (size_t i = 0; i < size; i += used) {
        uint32_t point;
        bool valid = oc_utf8_read(from + i, size - i, &point, &used);
        bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);
        size_t bytes = valid && !control ? used : 1;
        if (length + bytes >= capacity) {
            break;
        }
        memcpy(to + length, valid && !control ? from + i : "?", bytes);
        length += bytes;
    }
    to[length] = 0;
}

octavo_status oc_fail(octavo_error *error, octavo_status status, uint64_t offset,
                      const char *source, int line, const char *format, ...) {
    if (!error || error->status != OCTAVO_OK) {
        return status;
    }
    char text[2 * sizeof error->message];
    va_list args;
    va_start(args, format);
    if (vsnprintf(text, sizeof text, format, args) < 0) {
        text[0] = 0;
    }
    va_end(args);
    error->status = status;
    error->offset = offset;
    error->source = source;
    error->line = line;
    copy_printable(error->message, sizeof error->message, text);
    return status;
}

void oc_error_path(octavo_error *error, const char *path) {
    if (error && !error->path[0] && path) {
        copy_printable(error->path, sizeof error->path, path);
    }
}

void oc_error_clear(octavo_error *error) {
    if (error) {
        memset(error, 0, sizeof *error);
        error->offset = OCTAVO_NO_OFFSET;
    }
}

#ifdef OC_CHECKED
void oc_assert_failed(const char *source, int line, const char *what) {
    fprintf(stderr, "%s:%d: assertion failed: %s\n", source, line, what);
    abort();
}
#endif

octavo_status oc_progress(octavo_progress progress, void *user, const char *what, uint64_t done,
                          uint64_t total, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (progress != NULL && progress(user, what, done, total) != 0) {
        OC_FAIL(error, OCTAVO_CANCELLED, OCTAVO_NO_OFFSET, "cancelled while %s (%llu of %llu)",
                what, (unsigned long long)done, (unsigned long long)total);
    }
done:
    return status;
}
