/* threads.c - the pool.
 *
 * Each thread has a share of a run's tasks, a range of indices, and takes them one by one from its
 * own counter, so that threads do not wait for each other's cache line; then it takes what is left
 * of the others' shares.  A counter holds the number of the run it counts for: a share that nobody
 * has begun in this run still has that of an earlier one.
 *
 * `run` holds the number of the run (high half) and its tasks (low half).  A helper may come late,
 * perhaps runs later.  It takes a task only by changing a counter from what it was before it saw
 * that its run is still the last one: had that ended, its counters would be at their ends, and had
 * another begun, it would have seen that.  A task that is taken keeps its run from ending, hence
 * `task` and `context` hold still until the task is reported in `open_tasks`.
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

typedef struct share {
    _Alignas(LINE) _Atomic uint64_t taken; /* number of a run, high half; tasks taken in it */
} share;

struct oc_pool {
    int32_t threads;
    share *shares; /* of each thread */
    oc_pool_hooks hooks;
    int32_t spins; /* 0 where threads outnumber cores: spinning would keep the others from work */
    int32_t started;
    helper *helpers;
    atomic_bool closing;
    _Alignas(LINE) _Atomic uint32_t open_tasks;
    /* What the caller writes and all helpers read: one line. */
    _Alignas(LINE) _Atomic uint64_t run;
    _Atomic uint32_t bell;
    void (*task)(void *context, int32_t index, int32_t thread);
    void *context;
    _Alignas(LINE) _Atomic uint32_t sleepers;
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

/* Index of the first task of a share. */
static int64_t share_start(const oc_pool *pool, uint64_t run, int32_t owner) {
    return ((int64_t)(uint32_t)run * owner + pool->threads - 1) / pool->threads;
}

/* The next task of a share; -1: all are taken, or the run is over. */
static int32_t take(oc_pool *pool, uint64_t run, int32_t owner) {
    _Atomic uint64_t *counter = &pool->shares[owner].taken;
    int64_t first = share_start(pool, run, owner);
    int64_t size = share_start(pool, run, owner + 1) - first;
    if (size == 0) {
        return -1;
    }
    uint64_t word = atomic_load_explicit(counter, memory_order_acquire), taken;
    do {
        taken = word >> 32 == run >> 32 ? (uint32_t)word : 0;
        if ((int64_t)taken >= size ||
            atomic_load_explicit(&pool->run, memory_order_relaxed) != run) {
            return -1;
        }
    } while (!atomic_compare_exchange_weak_explicit(counter, &word, (run >> 32 << 32) + taken + 1,
                                                    memory_order_acq_rel, memory_order_acquire));
    return (int32_t)(first + (int64_t)taken);
}

/* Works on whatever is not taken, the thread's own share first. */
static void work(oc_pool *pool, int32_t thread) {
    uint64_t run = atomic_load_explicit(&pool->run, memory_order_acquire);
    for (int32_t i = 0; i < pool->threads; i++) {
        int32_t owner = thread + i < pool->threads ? thread + i : thread + i - pool->threads;
        uint32_t done = 0;
        for (int32_t index; (index = take(pool, run, owner)) >= 0; done++) {
            pool->task(pool->context, index, thread);
        }
        if (done > 0) {
            uint32_t open =
                atomic_fetch_sub_explicit(&pool->open_tasks, done, memory_order_acq_rel);
            if (open == (CALLER_SLEEPS | done)) {
                futex_wake(&pool->open_tasks, 1);
            }
        }
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
    uint64_t number = (atomic_load_explicit(&pool->run, memory_order_relaxed) >> 32) + 1;
    if (number > UINT32_MAX) { /* begins again: no counter may look as if it were of such a run */
        number = 1;
        for (int32_t i = 0; i < pool->threads; i++) {
            atomic_store_explicit(&pool->shares[i].taken, 0, memory_order_relaxed);
        }
    }
    pool->task = task;
    pool->context = context;
    atomic_store_explicit(&pool->open_tasks, (uint32_t)count, memory_order_relaxed);
    atomic_store_explicit(&pool->run, number << 32 | (uint32_t)count, memory_order_release);
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
    size_t share_bytes = (size_t)pool->threads * sizeof *pool->shares;
    pool->shares = aligned_alloc(LINE, share_bytes);
    if (!pool->shares) {
        OC_NO_MEMORY(error, share_bytes);
    }
    memset(pool->shares, 0, share_bytes);
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
    free(pool->shares);
    free(pool->helpers);
    free(pool);
}

int32_t oc_pool_threads(const oc_pool *pool) {
    return pool->threads;
}
