/* buffer.h - a byte buffer that grows.
 *
 * Appending never fails at once: out of memory is remembered, later appends do nothing, and
 * oc_buffer_status tells at the end.  `data` is zero-terminated (or NULL while empty); the
 * terminator is not counted.  One thread at a time.
 */
#ifndef OC_BASE_BUFFER_H
#define OC_BASE_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct oc_buffer {
    char *data;
    size_t size, capacity;
    bool failed;
} oc_buffer;

void oc_buffer_init(oc_buffer *buffer);
void oc_buffer_free(oc_buffer *buffer); /* leaves it empty and usable */

/* Room for `more` bytes behind the content: the place to write them, NULL when memory is out.
 * Whoever writes there adds to `size` and terminates. */
char *oc_buffer_reserve(oc_buffer *buffer, size_t more);

void oc_buffer_append(oc_buffer *buffer, const void *bytes, size_t size);
void oc_buffer_text(oc_buffer *buffer, const char *text);
void oc_buffer_byte(oc_buffer *buffer, char byte);
void oc_buffer_printf(oc_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* EXHAUSTED: an append since oc_buffer_init ran out of memory. */
octavo_status oc_buffer_status(const oc_buffer *buffer, octavo_error *error);

/* Hands over the content, zero-terminated even when empty: free() it.  The buffer is empty
 * afterwards.  NULL when memory is or was out.  size may be NULL. */
char *oc_buffer_take(oc_buffer *buffer, size_t *size);

#endif
