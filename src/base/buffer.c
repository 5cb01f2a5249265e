/* buffer.c - growing by halves, so that appending is linear over all. */
#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

enum { FIRST_CAPACITY = 256 };

void oc_buffer_init(oc_buffer *buffer) {
    *buffer = (oc_buffer){0};
}

void oc_buffer_free(oc_buffer *buffer) {
    free(buffer->data);
    oc_buffer_init(buffer);
}

char *oc_buffer_reserve(oc_buffer *buffer, size_t more) {
    size_t need, roomy;
    if (buffer->failed || !oc_add_size(buffer->size, more, &need) || !oc_add_size(need, 1, &need)) {
        buffer->failed = true;
        return NULL;
    }
    if (need > buffer->capacity) {
        size_t capacity = need;
        if (oc_add_size(buffer->capacity, buffer->capacity / 2, &roomy) && roomy > capacity) {
            capacity = roomy;
        }
        if (capacity < FIRST_CAPACITY) {
            capacity = FIRST_CAPACITY;
        }
        char *data = realloc(buffer->data, capacity);
        if (!data) {
            buffer->failed = true;
            return NULL;
        }
        data[buffer->size] = 0;
        buffer->data = data;
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->size;
}

void oc_buffer_append(oc_buffer *buffer, const void *bytes, size_t size) {
    char *to = oc_buffer_reserve(buffer, size);
    if (to && size) {
        memcpy(to, bytes, size);
        to[size] = 0;
        buffer->size += size;
    }
}

void oc_buffer_text(oc_buffer *buffer, const char *text) {
    oc_buffer_append(buffer, text, strlen(text));
}

void oc_buffer_byte(oc_buffer *buffer, char byte) {
    oc_buffer_append(buffer, &byte, 1);
}

void oc_buffer_printf(oc_buffer *buffer, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    char *to = length < 0 ? NULL : oc_buffer_reserve(buffer, (size_t)length);
    if (to) {
        vsnprintf(to, (size_t)length + 1, format, again);
        buffer->size += (size_t)length;
    } else {
        buffer->failed = true;
    }
    va_end(again);
    va_end(args);
}

octavo_status oc_buffer_status(const oc_buffer *buffer, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (buffer->failed) {
        OC_NO_MEMORY(error, buffer->capacity);
    }
done:
    return status;
}

char *oc_buffer_take(oc_buffer *buffer, size_t *size) {
    char *data = oc_buffer_reserve(buffer, 0) ? buffer->data : NULL;
    if (!data) {
        free(buffer->data);
    }
    if (size) {
        *size = data ? buffer->size : 0;
    }
    oc_buffer_init(buffer);
    return data;
}
