/* slice.h - borrowed bytes of text: UTF-8 unless said otherwise, not zero-terminated. */
#ifndef OC_BASE_SLICE_H
#define OC_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct oc_slice {
    const char *data;
    size_t length;
} oc_slice;

static inline oc_slice oc_slice_of(const char *text) {
    return (oc_slice){text, strlen(text)};
}

static inline bool oc_slice_equal(oc_slice a, oc_slice b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool oc_slice_is(oc_slice slice, const char *text) {
    return oc_slice_equal(slice, oc_slice_of(text));
}

static inline bool oc_slice_starts(oc_slice slice, const char *prefix) {
    size_t length = strlen(prefix);
    return slice.length >= length && oc_slice_is((oc_slice){slice.data, length}, prefix);
}

static inline bool oc_slice_ends(oc_slice slice, const char *suffix) {
    size_t length = strlen(suffix);
    return slice.length >= length &&
           oc_slice_is((oc_slice){slice.data + (slice.length - length), length}, suffix);
}

/* For "%.*s", oc_slice_width(slice), slice.data in messages.  Longer slices are cut. */
static inline int oc_slice_width(oc_slice slice) {
    return slice.length < 256 ? (int)slice.length : 256;
}

#endif
