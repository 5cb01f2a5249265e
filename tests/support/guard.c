/* guard.c - see guard.h. */
#include "support/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, LEAD = 64 };

oc_guard oc_guard_new(size_t bytes, size_t align) {
    oc_guard guard = {.bytes = bytes};
    size_t room = (bytes + align - 1) & ~(align - 1);
    size_t usable = (room + LEAD + PAGE - 1) & ~(size_t)(PAGE - 1);
    guard.pages_bytes = usable + PAGE;
    guard.pages =
        mmap(NULL, guard.pages_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (guard.pages == MAP_FAILED || mprotect(guard.pages + usable, PAGE, PROT_NONE) != 0) {
        fprintf(stderr, "no guarded buffer of %zu bytes is to be had\n", bytes);
        abort();
    }
    memset(guard.pages, OC_SENTINEL, usable);
    guard.data = guard.pages + usable - room;
    return guard;
}

void oc_guard_free(oc_guard *guard) {
    if (guard->pages != NULL) {
        munmap(guard->pages, guard->pages_bytes);
    }
    memset(guard, 0, sizeof *guard);
}

bool oc_guard_intact(const oc_guard *guard) {
    const uint8_t *data = guard->data;
    const uint8_t *end = guard->pages + guard->pages_bytes - PAGE;
    for (const uint8_t *at = guard->pages; at < end; at++) {
        if (at == data) {
            at += guard->bytes;
            if (at == end) {
                break;
            }
        }
        if (*at != OC_SENTINEL) {
            return false;
        }
    }
    return true;
}

uint64_t oc_guard_hash(const oc_guard *guard) {
    const uint8_t *data = guard->data;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < guard->bytes; i++) {
        hash = (hash ^ data[i]) * 0x100000001b3u;
    }
    return hash;
}
