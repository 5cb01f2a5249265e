/* peak.c - measures what the arithmetic units do at most. */
#include "backends/cpu/cpu.h"
#include "backends/cpu/kernels.h"
#include "base/sys/clock.h"
#include "base/sys/threads.h"

enum { TURNS = 5, TURN_NS = 10 * 1000 * 1000, PROBE_ROUNDS = 10000 };

typedef struct peak_job {
    const oc_cpu_peak *peak;
    int64_t rounds;
} peak_job;

static void burn(void *context, int32_t index, int32_t thread) {
    (void)index;
    (void)thread;
    const peak_job *job = context;
    job->peak->rounds(job->rounds);
}

static double measure(const oc_cpu_peak *peak, int32_t threads) {
    oc_pool *pool = NULL;
    if (peak->rounds == NULL) {
        return 0.0;
    }
    if (oc_pool_create(threads, &pool, NULL) != OCTAVO_OK) {
        return -1.0;
    }
    threads = oc_pool_threads(pool);

    uint64_t start = oc_clock_ns();
    peak->rounds(PROBE_ROUNDS);
    uint64_t probe = oc_clock_ns() - start;
    peak_job job = {.peak = peak};
    job.rounds = (int64_t)((double)PROBE_ROUNDS * TURN_NS / (double)(probe + 1)) + 1;

    double best = 0.0;
    for (int turn = 0; turn < TURNS; turn++) {
        start = oc_clock_ns();
        oc_pool_run(pool, threads, burn, &job);
        double ns = (double)(oc_clock_ns() - start + 1);
        double rate = peak->operations * (double)job.rounds * threads / ns;
        best = rate > best ? rate : best;
    }
    oc_pool_free(pool);
    return best;
}

static const oc_cpu_tier *best_tier(void) {
    const oc_cpu_tier *const *tier = oc_cpu_tiers;
    while ((*tier)->lacks() != NULL) {
        tier++;
    }
    return *tier;
}

double oc_cpu_fma_peak(int32_t threads) {
    return measure(&best_tier()->fma_peak, threads);
}

double oc_cpu_i16_peak(int32_t threads) {
    return measure(&best_tier()->i16_peak, threads);
}
