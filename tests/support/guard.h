/* guard.h - buffers whose neighbourhood is watched.
 *
 * A buffer ends at a page that cannot be touched (reading or writing past the end is a fault, in
 * every build) and begins after at least a cache line of sentinel bytes.  All of it starts as
 * 0xff bytes: NaN as float, NaN as E4M3 code. */
#ifndef OC_TESTS_GUARD_H
#define OC_TESTS_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OC_SENTINEL = 0xff };

typedef struct oc_guard {
    void *data;
    size_t bytes;
    uint8_t *pages; /* the mapping */
    size_t pages_bytes;
} oc_guard;

/* data is aligned to `align` (a power of two up to 4096) and not to the next greater one where
 * that can be helped.  Stops the test when memory is out. */
oc_guard oc_guard_new(size_t bytes, size_t align);
void oc_guard_free(oc_guard *guard);

/* Whether the bytes before and after are still sentinels. */
bool oc_guard_intact(const oc_guard *guard);

/* A number that changes when the content does (FNV-1a). */
uint64_t oc_guard_hash(const oc_guard *guard);

#endif
