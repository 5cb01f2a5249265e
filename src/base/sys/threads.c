/* threads.c - the pool.
 *
 * One 64-bit word, `claims`, holds the number of the run (high half) and how many of its tasks are
 * unclaimed (low half).  A task is claimed by counting that down in one compare-and-swap; so a
 * claim names its run, and a helper that comes late, perhaps runs later, either claims a task of
 * the run that is on now or none.  A claim keeps its run from ending, hence `task`, `context` and
 * `count` hold still from the claim until the task is reported in `open_tasks`.
 *
 * Sleeping.  Helpers sleep on `bell`, which every run changes: a helper first notes the bell, looks
 * for tasks, counts itself among `sleepers` and sleeps only if the bell has not changed.  The
 * caller changes the bell before it looks at `sleepers`.  Both orders are sequentially consistent,
 * so one of the two sees the other.  The caller sleeps on `open_tasks`, with a bit set in it that
 * asks the helper that reports the last task for a wake-up.
 */
#include "base/sys/threads.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/limits.h"

enum {
    LINE = 64,   /* bytes of a cache line */
    SPINS = 1000 /* pauses of 40 to 140 cycles: 10 to 50 microseconds */
};

#define CALLER_SLEEPS 0x80000000u

typedef struct helper {
    struct oc_pool *pool;
    int32_t thread;
    pthread_t handle;
} helper;

struct oc_pool {
    void (*task)(void *context, int32_t index, int32_t thread);
    void *context;
    int32_t count;
    int32_t threads;
    oc_pool_hooks hooks;
    int32_t spins; /* 0 where threads outnumber cores: spinning would keep the others from work */
    int32_t started;
    helper *helpers;
    atomic_bool closing;
    _Alignas(LINE) _Atomic uint64_t claims;
    _Alignas(LINE) _Atomic uint32_t open_tasks;
    _Alignas(LINE) _Atomic uint32_t bell;
    _Atomic uint32_t sleepers;
};

static void pause_core(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void futex_wait(_Atomic uint32_t *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, int32_t count) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

/* Works on whatever is unclaimed. */
static void work(oc_pool *pool, int32_t thread) {
    uint64_t claims = atomic_load_explicit(&pool->claims, memory_order_relaxed);
    while ((uint32_t)claims != 0) {
        if (!atomic_compare_exchange_weak_explicit(&pool->claims, &claims, claims - 1,
                                                   memory_order_acquire, memory_order_relaxed)) {
            continue;
        }
        pool->task(pool->context, pool->count - (int32_t)(uint32_t)claims, thread);
        uint32_t open = atomic_fetch_sub_explicit(&pool->open_tasks, 1, memory_order_acq_rel);
        if (open == (CALLER_SLEEPS | 1)) {
            futex_wake(&pool->open_tasks, 1);
        }
        claims = atomic_load_explicit(&pool->claims, memory_order_relaxed);
    }
}

static void call(void (*hook)(void)) {
    if (hook != NULL) {
        hook();
    }
}

static void *help(void *argument) {
    helper *self = argument;
    oc_pool *pool = self->pool;
    call(pool->hooks.enter);
    for (;;) {
        uint32_t bell = atomic_load(&pool->bell);
        if (atomic_load_explicit(&pool->closing, memory_order_relaxed)) {
            call(pool->hooks.leave);
            return NULL;
        }
        work(pool, self->thread);
        for (int32_t i = 0; i < pool->spins && atomic_load(&pool->bell) == bell; i++) {
            pause_core();
        }
        if (atomic_load(&pool->bell) == bell) {
            atomic_fetch_add(&pool->sleepers, 1);
            futex_wait(&pool->bell, bell);
            atomic_fetch_sub(&pool->sleepers, 1);
        }
    }
}

static void ring(oc_pool *pool, int32_t wanted) {
    atomic_fetch_add(&pool->bell, 1);
    if (atomic_load(&pool->sleepers) != 0) {
        futex_wake(&pool->bell, wanted);
    }
}

/* Until every task of the run is reported. */
static void await(oc_pool *pool) {
    uint32_t open = atomic_load_explicit(&pool->open_tasks, memory_order_acquire);
    for (int32_t i = 0; i < pool->spins && open != 0; i++) {
        pause_core();
        open = atomic_load_explicit(&pool->open_tasks, memory_order_acquire);
    }
    while ((open & ~CALLER_SLEEPS) != 0) {
        if (open & CALLER_SLEEPS ||
            atomic_compare_exchange_weak_explicit(&pool->open_tasks, &open, open | CALLER_SLEEPS,
                                                  memory_order_acquire, memory_order_acquire)) {
            futex_wait(&pool->open_tasks, open | CALLER_SLEEPS);
            open = atomic_load_explicit(&pool->open_tasks, memory_order_acquire);
        }
    }
}

void oc_pool_run(oc_pool *pool, int32_t count,
                 void (*task)(void *context, int32_t index, int32_t thread), void *context) {
    if (count <= 1 || pool->threads == 1) {
        for (int32_t i = 0; i < count; i++) {
            task(context, i, 0);
        }
        return;
    }
    pool->task = task;
    pool->context = context;
    pool->count = count;
    atomic_store_explicit(&pool->open_tasks, (uint32_t)count, memory_order_relaxed);
    uint64_t run = atomic_load_explicit(&pool->claims, memory_order_relaxed) >> 32;
    atomic_store_explicit(&pool->claims, (run + 1) << 32 | (uint32_t)count, memory_order_release);
    ring(pool, count - 1);
    work(pool, 0);
    await(pool);
}

/* Helpers leave signals to the program's threads, except those that an instruction of theirs
 * raises: blocked, they would kill the process past its handlers. */
static void block_signals(sigset_t *before) {
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF};
    sigset_t blocked;
    sigfillset(&blocked);
    for (size_t i = 0; i < OC_COUNT(own); i++) {
        sigdelset(&blocked, own[i]);
    }
    pthread_sigmask(SIG_SETMASK, &blocked, before);
}

octavo_status oc_pool_create(int32_t threads, oc_pool **out, octavo_error *error) {
    return oc_pool_create_hooked(threads, (oc_pool_hooks){NULL, NULL}, out, error);
}

octavo_status oc_pool_create_hooked(int32_t threads, oc_pool_hooks hooks, oc_pool **out,
                                    octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    sigset_t before;
    oc_pool *pool = NULL;
    *out = NULL;
    int32_t cores = oc_usable_cores();
    if (threads < 0 || threads > OC_LIMIT_THREADS) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%d threads were asked for, 0 (one a core) to %d are possible", threads,
                OC_LIMIT_THREADS);
    }
    pool = aligned_alloc(LINE, sizeof *pool);
    if (!pool) {
        OC_NO_MEMORY(error, sizeof *pool);
    }
    memset(pool, 0, sizeof *pool);
    pool->hooks = hooks;
    pool->threads = threads ? threads : cores;
    pool->spins = pool->threads <= cores ? SPINS : 0;
    pool->helpers = calloc((size_t)pool->threads, sizeof *pool->helpers);
    if (!pool->helpers) {
        OC_NO_MEMORY(error, (size_t)pool->threads * sizeof *pool->helpers);
    }
    block_signals(&before);
    for (int32_t i = 1; i < pool->threads; i++) {
        helper *one = &pool->helpers[pool->started];
        *one = (helper){.pool = pool, .thread = i};
        if (pthread_create(&one->handle, NULL, help, one) != 0) {
            break;
        }
        pool->started++;
        char name[24];
        snprintf(name, sizeof name, "octavo-%d", i);
        pthread_setname_np(one->handle, name);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pool->started != pool->threads - 1) {
        OC_FAIL(error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET,
                "the system starts no more threads: %d of %d are there", pool->started + 1,
                pool->threads);
    }
    *out = pool;
    pool = NULL;
done:
    oc_pool_free(pool);
    return status;
}

void oc_pool_free(oc_pool *pool) {
    if (!pool) {
        return;
    }
    atomic_store(&pool->closing, true);
    ring(pool, INT_MAX);
    for (int32_t i = 0; i < pool->started; i++) {
        pthread_join(pool->helpers[i].handle, NULL);
    }
    free(pool->helpers);
    free(pool);
}

int32_t oc_pool_threads(const oc_pool *pool) {
    return pool->threads;
}
