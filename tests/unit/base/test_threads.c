// links: base
/* test_threads.c - the pool: every index once, no wake-up lost, whatever the timing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/sys/threads.h"

enum { COUNT_MAX = 3000 };

/* Plain memory: a sanitizer sees when two threads have one index, or the caller returns early. */
typedef struct tally {
    uint32_t hits[COUNT_MAX];
    uint32_t on_thread[OC_LIMIT_THREADS];
    int32_t threads;
    useconds_t delay;
    int32_t delay_index;
} tally;

static void count_task(void *context, int32_t index, int32_t thread) {
    tally *t = context;
    if (index == t->delay_index) {
        usleep(t->delay);
    }
    t->hits[index]++;
    t->on_thread[thread]++;
}

static void run_and_check(oc_pool *pool, tally *t, int32_t count) {
    memset(t->hits, 0, sizeof t->hits);
    memset(t->on_thread, 0, sizeof t->on_thread);
    oc_pool_run(pool, count, count_task, t);
    uint32_t sum = 0;
    for (int32_t i = 0; i < COUNT_MAX; i++) {
        assert_int_equal(t->hits[i], i < count);
    }
    for (int32_t i = 0; i < OC_LIMIT_THREADS; i++) {
        assert_true(i < oc_pool_threads(pool) || t->on_thread[i] == 0);
        sum += t->on_thread[i];
    }
    assert_int_equal(sum, count);
}

/* Each index runs exactly once, for every mix of threads and tasks. */
static void test_every_index_once(void **state) {
    (void)state;
    static const int32_t threads[] = {1, 2, 3, 8}, counts[] = {0, 1, 2, 3, 7, 100, COUNT_MAX};
    static tally t;
    t.delay_index = -1;
    for (size_t i = 0; i < OC_COUNT(threads); i++) {
        oc_pool *pool;
        assert_int_equal(oc_pool_create(threads[i], &pool, NULL), OCTAVO_OK);
        assert_int_equal(oc_pool_threads(pool), threads[i]);
        for (int round = 0; round < 20; round++) {
            for (size_t j = 0; j < OC_COUNT(counts); j++) {
                run_and_check(pool, &t, counts[j]);
            }
        }
        oc_pool_free(pool);
    }
}

static void add_task(void *context, int32_t index, int32_t thread) {
    (void)thread;
    ((uint32_t *)context)[index]++;
}

/* Thousands of short runs one behind the other: a helper late by a run must not take a task of it
 * twice, nor one of the next with the old context. */
static void test_short_runs(void **state) {
    (void)state;
    enum { RUNS = 20000, TASKS = 4 };
    static uint32_t sums[2][TASKS];
    memset(sums, 0, sizeof sums);
    for (int32_t threads = 2; threads <= 4; threads += 2) {
        oc_pool *pool;
        assert_int_equal(oc_pool_create(threads, &pool, NULL), OCTAVO_OK);
        for (int run = 0; run < RUNS; run++) {
            oc_pool_run(pool, 2 + run % (TASKS - 1), add_task, sums[run % 2]);
        }
        oc_pool_free(pool);
    }
    uint32_t expected[2][TASKS] = {{0}};
    for (int run = 0; run < RUNS; run++) {
        for (int i = 0; i < 2 + run % (TASKS - 1); i++) {
            expected[run % 2][i] += 2;
        }
    }
    assert_memory_equal(sums, expected, sizeof sums);
}

/* Helpers that went to sleep wake, and the caller wakes when it slept for the last task. */
static void test_sleeping(void **state) {
    (void)state;
    static tally t;
    oc_pool *pool;
    assert_int_equal(oc_pool_create(3, &pool, NULL), OCTAVO_OK);
    for (int32_t round = 0; round < 60; round++) {
        t.delay_index = round % 4;
        t.delay = (useconds_t)(round % 3) * 1000;
        run_and_check(pool, &t, 4);
        usleep((useconds_t)(round % 5) * 300);
    }
    oc_pool_free(pool);
}

typedef struct meeting {
    atomic_int arrived;
    int threads;
} meeting;

static void meet_task(void *context, int32_t index, int32_t thread) {
    meeting *m = context;
    (void)index;
    (void)thread;
    atomic_fetch_add(&m->arrived, 1);
    while (atomic_load(&m->arrived) < m->threads) {
        sched_yield();
    }
}

/* Tasks really run at the same time: each waits until all are there. */
static void test_tasks_run_together(void **state) {
    (void)state;
    oc_pool *pool;
    assert_int_equal(oc_pool_create(4, &pool, NULL), OCTAVO_OK);
    for (int i = 0; i < 50; i++) {
        meeting m = {0, 4};
        oc_pool_run(pool, 4, meet_task, &m);
        assert_int_equal(m.arrived, 4);
        if (i % 10 == 0) {
            usleep(1000);
        }
    }
    oc_pool_free(pool);
}

typedef struct holdup {
    atomic_int done;
    atomic_bool release, held;
} holdup;

static void holdup_task(void *context, int32_t index, int32_t thread) {
    holdup *h = context;
    (void)index;
    if (thread != 0 && !atomic_exchange(&h->held, true)) {
        while (!atomic_load(&h->release)) {
            sched_yield();
        }
    }
    if (atomic_fetch_add(&h->done, 1) + 1 == 99) {
        atomic_store(&h->release, true); /* all others are done */
    }
    usleep(20);
}

/* A helper that is held up with one task delays nobody else's: the rest of the run is done
 * meanwhile, and the helper is not waited for in later runs. */
static void test_one_late_task(void **state) {
    (void)state;
    oc_pool *pool;
    assert_int_equal(oc_pool_create(2, &pool, NULL), OCTAVO_OK);
    for (int i = 0; i < 5; i++) {
        holdup h = {0, false, false};
        oc_pool_run(pool, 100, holdup_task, &h);
        assert_int_equal(h.done, 100);
    }
    oc_pool_free(pool);
}

/* Pools that do nothing, or little, close cleanly; sizes out of range are refused. */
static void test_create_and_free(void **state) {
    (void)state;
    octavo_error error;
    oc_pool *pool = (oc_pool *)1;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(oc_pool_create(1 + i % 5, &pool, NULL), OCTAVO_OK);
        oc_pool_free(pool);
    }
    oc_pool_free(NULL);
    oc_error_clear(&error);
    assert_int_equal(oc_pool_create(-1, &pool, &error), OCTAVO_INVALID_ARGUMENT);
    assert_null(pool);
    assert_non_null(strstr(error.message, "-1 threads"));
    assert_int_equal(oc_pool_create(OC_LIMIT_THREADS + 1, &pool, NULL), OCTAVO_INVALID_ARGUMENT);
    assert_int_equal(oc_pool_create(0, &pool, NULL), OCTAVO_OK);
    assert_int_equal(oc_pool_threads(pool), oc_usable_cores());
    oc_pool_free(pool);
}

static void *own_pool(void *argument) {
    oc_pool *pool;
    if (oc_pool_create(2, &pool, NULL)) {
        return NULL;
    }
    for (int i = 0; i < 2000; i++) {
        oc_pool_run(pool, 5, add_task, argument);
    }
    oc_pool_free(pool);
    return argument;
}

/* Pools of different threads have nothing in common. */
static void test_two_pools(void **state) {
    (void)state;
    uint32_t sums[2][5] = {{0}};
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, own_pool, sums[1]), 0);
    assert_ptr_equal(own_pool(sums[0]), sums[0]);
    void *result;
    assert_int_equal(pthread_join(other, &result), 0);
    assert_ptr_equal(result, sums[1]);
    for (int i = 0; i < 5; i++) {
        assert_true(sums[0][i] == 2000 && sums[1][i] == 2000);
    }
}

static void signals_task(void *context, int32_t index, int32_t thread) {
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    if (thread != 0) {
        int *wrong = context;
        wrong[index] = !sigismember(&blocked, SIGINT) || !sigismember(&blocked, SIGTERM) ||
                       sigismember(&blocked, SIGBUS);
    }
    usleep(200);
}

/* The program's signals never interrupt a helper, but a SIGBUS of its own reaches the handler. */
static void test_signals(void **state) {
    (void)state;
    oc_pool *pool;
    int wrong[50] = {0}, none[50] = {0};
    assert_int_equal(oc_pool_create(2, &pool, NULL), OCTAVO_OK);
    oc_pool_run(pool, 50, signals_task, wrong);
    assert_memory_equal(wrong, none, sizeof wrong);
    oc_pool_free(pool);
    sigset_t mine;
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_false(sigismember(&mine, SIGINT));
}

/* The affinity mask is heeded. */
static void test_usable_cores(void **state) {
    (void)state;
    cpu_set_t before, one;
    int32_t cores = oc_usable_cores();
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_true(cores >= 1 && cores <= CPU_COUNT(&before));
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &before)) {
            CPU_SET(i, &one);
            break;
        }
    }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    int32_t alone = oc_usable_cores();
    sched_setaffinity(0, sizeof before, &before);
    assert_int_equal(alone, 1);
    assert_int_equal(oc_usable_cores(), cores);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_index_once), cmocka_unit_test(test_short_runs),
        cmocka_unit_test(test_sleeping),         cmocka_unit_test(test_tasks_run_together),
        cmocka_unit_test(test_one_late_task),    cmocka_unit_test(test_create_and_free),
        cmocka_unit_test(test_two_pools),        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_usable_cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
