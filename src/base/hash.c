/* hash.c - where hash keys come from. */
#include "base/hash.h"

#include <sys/random.h>

#include "base/sys/clock.h"

uint64_t oc_hash_key(void) {
    uint64_t key = 0;
    if (getrandom(&key, sizeof key, GRND_NONBLOCK) != (ssize_t)sizeof key) {
        /* No random source: where the stack lies and when this is are not in any file. */
        key = oc_hash_mix((uintptr_t)&key, oc_clock_ns() | 1);
    }
    return key;
}
