/* threads.h - a pool that runs one indexed loop at a time.
 *
 * Each thread has a share of neighbouring tasks, which it takes in order, one by one, and then
 * takes what is left of the others': a thread that loses its core to another process delays only
 * the task it holds.  The same count has the same shares.  Idle threads spin for a bounded time
 * (some microseconds), then sleep on a futex.  The caller's thread works too.
 */
#ifndef OC_BASE_THREADS_H
#define OC_BASE_THREADS_H

#include "base/status.h"

typedef struct oc_pool oc_pool;

/* threads: the caller's thread counted; 0: one for each core that this process may use
 * (affinity mask and cgroup quota heeded).  1 starts none. */
octavo_status oc_pool_create(int32_t threads, oc_pool **out, octavo_error *error);

/* What each helper calls when it starts and before it ends; the thread that calls oc_pool_run is
 * its owner's business.  NULL: nothing. */
typedef struct oc_pool_hooks {
    void (*enter)(void), (*leave)(void);
} oc_pool_hooks;

octavo_status oc_pool_create_hooked(int32_t threads, oc_pool_hooks hooks, oc_pool **out,
                                    octavo_error *error);
void oc_pool_free(oc_pool *pool);
int32_t oc_pool_threads(const oc_pool *pool);

/* Calls task(context, index, thread) once for each index in 0 .. count-1 and returns when
 * all are done; thread is 0 .. threads-1 (0 the caller).  Allocates nothing.  One caller at a time.
 */
void oc_pool_run(oc_pool *pool, int32_t count,
                 void (*task)(void *context, int32_t index, int32_t thread), void *context);

/* Cores that this process may use: affinity and cgroup quota heeded, at least 1. */
int32_t oc_usable_cores(void);

#endif
