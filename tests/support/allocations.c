/* allocations.c - see allocations.h.  glibc lets a program define the malloc family itself and
 * offers its own under __libc_ names; sanitizers that replace it offer hooks instead. */
#include "support/allocations.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

static _Atomic int64_t allocations;
static _Atomic int64_t alive;
static _Atomic int64_t first_failure = INT64_MAX, last_failure = INT64_MAX; /* by number */

#if OC_UNDER_ASAN || OC_UNDER_TSAN

int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));

static pthread_t main_thread;

static void on_malloc(const volatile void *pointer, size_t bytes) {
    (void)pointer;
    (void)bytes;
    if (pthread_equal(pthread_self(), main_thread)) {
        allocations++;
    }
}

static void on_free(const volatile void *pointer) {
    (void)pointer;
}

__attribute__((constructor)) static void start_listening(void) {
    main_thread = pthread_self();
    __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
}

#else

/* libraries must find these too */
#define SEEN __attribute__((visibility("default")))

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *pointer, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);

void __libc_free(void *pointer);

static bool may_allocate(void) {
    int64_t number = ++allocations;
    if (number < first_failure || number > last_failure) {
        return true;
    }
    errno = ENOMEM;
    return false;
}

static void *counted(void *pointer) {
    alive += pointer != NULL;
    return pointer;
}

SEEN void *malloc(size_t bytes) {
    return may_allocate() ? counted(__libc_malloc(bytes)) : NULL;
}

SEEN void *calloc(size_t count, size_t bytes) {
    return may_allocate() ? counted(__libc_calloc(count, bytes)) : NULL;
}

SEEN void *realloc(void *pointer, size_t bytes) {
    void *moved = may_allocate() ? __libc_realloc(pointer, bytes) : NULL;
    alive += pointer == NULL && moved != NULL;
    return moved;
}

SEEN void *aligned_alloc(size_t align, size_t bytes) {
    return may_allocate() ? counted(__libc_memalign(align, bytes)) : NULL;
}

SEEN int posix_memalign(void **out, size_t align, size_t bytes) {
    void *pointer = aligned_alloc(align, bytes);
    if (pointer == NULL) {
        return ENOMEM;
    }
    *out = pointer;
    return 0;
}

SEEN void free(void *pointer) {
    alive -= pointer != NULL;
    __libc_free(pointer);
}

#endif

int64_t oc_allocations(void) {
    return allocations;
}

int64_t oc_allocations_alive(void) {
    return alive;
}

void oc_allocations_fail_after(int64_t count, bool once) {
    first_failure = count < 0 ? INT64_MAX : allocations + count + 1;
    last_failure = once ? first_failure : INT64_MAX;
}
