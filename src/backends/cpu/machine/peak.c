/* peak.c - measures what the arithmetic units do at most. */
#include "backends/cpu/cpu.h"
#include "backends/cpu/machine/features.h"
#include "backends/cpu/queue.h"
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

/* The index-th of those that this machine has. */
static const oc_cpu_peak *peak_at(const oc_cpu_tier *tier, int32_t index) {
    for (const oc_cpu_peak *peak = tier->peaks; peak->rounds != NULL; peak++) {
        if (oc_cpu_lacks(peak->needs) == NULL && index-- == 0) {
            return peak;
        }
    }
    return NULL;
}

const char *oc_cpu_peak_name(const oc_device *device, int32_t index) {
    const oc_cpu_peak *peak = peak_at(oc_cpu_tier_of(device), index);
    return peak == NULL ? NULL : peak->name;
}

static double measure(const oc_cpu_peak *peak, oc_pool *pool) {
    int32_t threads = oc_pool_threads(pool);

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
    return best;
}

double oc_cpu_peak_rate(const oc_device *device, int32_t index, int32_t threads) {
    const oc_cpu_tier *tier = oc_cpu_tier_of(device);
    const oc_cpu_peak *peak = peak_at(tier, index);
    oc_pool *pool = NULL;
    if (peak == NULL || oc_pool_create_hooked(threads, (oc_pool_hooks){tier->enter, tier->leave},
                                              &pool, NULL) != OCTAVO_OK) {
        return 0.0;
    }
    if (tier->enter != NULL) {
        tier->enter();
    }
    double rate = measure(peak, pool);
    if (tier->leave != NULL) {
        tier->leave();
    }
    oc_pool_free(pool);
    return rate;
}
