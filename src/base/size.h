/* size.h - sizes that come from outside are added and multiplied here only.
 * Each function returns false, and leaves *out alone, when the result does not fit. */
#ifndef OC_BASE_SIZE_H
#define OC_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool oc_add_size(size_t a, size_t b, size_t *out) {
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        return false;
    }
    *out = sum;
    return true;
}

static inline bool oc_mul_size(size_t a, size_t b, size_t *out) {
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) {
        return false;
    }
    *out = product;
    return true;
}

static inline bool oc_add_u64(uint64_t a, uint64_t b, uint64_t *out) {
    uint64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        return false;
    }
    *out = sum;
    return true;
}

/* n rounded up to a multiple of `step`, a power of two.  The caller knows that it fits. */
static inline size_t oc_round_up(size_t n, size_t step) {
    return (n + step - 1) & ~(step - 1);
}

#endif
