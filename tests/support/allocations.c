/* allocations.c - see allocations.h.  glibc lets a program define the malloc family itself and
 * offers its own under __libc_ names; sanitizers that replace it offer hooks instead. */
#include "support/allocations.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

static _Atomic int64_t allocations;

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

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *pointer, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);

void *malloc(size_t bytes) {
    allocations++;
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
    allocations++;
    return __libc_calloc(count, bytes);
}

void *realloc(void *pointer, size_t bytes) {
    allocations++;
    return __libc_realloc(pointer, bytes);
}

void *aligned_alloc(size_t align, size_t bytes) {
    allocations++;
    return __libc_memalign(align, bytes);
}

int posix_memalign(void **out, size_t align, size_t bytes) {
    void *pointer;
    allocations++;
    pointer = __libc_memalign(align, bytes);
    if (pointer == NULL) {
        return ENOMEM;
    }
    *out = pointer;
    return 0;
}

#endif

int64_t oc_allocations(void) {
    return allocations;
}
