/* kernels.h - what a CPU tier provides, and how the device runs it.
 *
 * A tier is one folder (portable/, avx2/, ...) with a file for each kernel and
 * one oc_cpu_tier entry in tiers.c; a new tier only adds.  A kernel cuts a step into tasks that may
 * run on any thread in any order; no task writes what another reads in the same phase, and no bit
 * of a row depends on the number of rows, tasks or threads.
 *
 * Memory of a step: `shared` is one block for all tasks, `local` one for each
 * thread; both aligned to 64 and sized by the kernel for the largest run.  More rows or keys
 * never need less.
 */
#ifndef OC_CPU_KERNELS_H
#define OC_CPU_KERNELS_H

#include <stdbool.h>

#include "base/status.h"
#include "device/device.h"

typedef struct oc_cpu_job {
    const oc_step *step;
    const oc_run *run;
    int32_t rows;    /* of step->rows in this run */
    int32_t threads; /* that share the tasks; never to be seen in a bit of the result */
    void *shared;
} oc_cpu_job;

/* One phase of a kernel: `tasks` says how many there are, `task` does one. */
typedef struct oc_cpu_phase {
    int32_t (*tasks)(const oc_cpu_job *job);
    void (*task)(const oc_cpu_job *job, int32_t index, void *local);
} oc_cpu_phase;

typedef struct oc_cpu_kernel {
    const char *name; /* "gemm_i16 avx2" */
    oc_cpu_phase
        phases[2]; /* the second may have task NULL: only one phase; a barrier lies between */
    size_t (*shared_bytes)(const oc_step *step, int32_t rows_max,
                           int32_t keys_max);                                       /* NULL: none */
    size_t (*local_bytes)(const oc_step *step, int32_t rows_max, int32_t keys_max); /* NULL: none */
} oc_cpu_kernel;

/* A loop of independent operations in registers: what the machine can do at most. */
typedef struct oc_cpu_peak {
    const char *name;              /* of what is multiplied and added: "fp32", "bf16", "int16" */
    double operations;             /* of a round */
    void (*rounds)(int64_t count); /* NULL: ends a list */
    uint32_t needs;                /* features beyond the tier's, without which it is passed over */
} oc_cpu_peak;

/* The kernels of a tier that have one variant each.  GEMM has several: see gemm.h. */
typedef struct oc_cpu_tier {
    const char *name; /* "avx2" */
    /* The first thing that the tier needs and the machine does not have, such as "AVX512_VNNI";
     * NULL: it can run here. */
    const char *(*lacks)(void);
    const oc_cpu_kernel *patches, *tokens, *norm, *attention, *pick, *pointwise, *unit, *logits;
    const struct oc_cpu_gemm *gemms[4]; /* variants, best first; NULL ends the list */
    /* Adds what a row of codes has: saturated, zeros and largest. */
    void (*count)(const uint8_t *codes, int32_t columns, oc_step_report *out);
    oc_cpu_peak peaks[4]; /* first the one that speed is told as a share of */
    /* What a thread does before it works for a queue of the tier and once it has, such as setting
     * the shapes of AMX tiles and giving them back; NULL: nothing.  A queue's helpers call them
     * once in their lives, the thread that submits around each run. */
    void (*enter)(void), (*leave)(void);
} oc_cpu_tier;

/* Floats from row to row: columns rounded up to whole cache lines, plus one where rows would lie a
 * multiple of 4 KiB apart and share one L1 set (ViT-L/14's fc2: 121 ms against 183 ms). */
static inline int64_t oc_cpu_stride(int32_t columns) {
    int64_t stride = ((int64_t)columns + 15) & ~(int64_t)15;
    return stride % 256 == 0 ? stride + 16 : stride;
}

/* Best first; NULL ends the list.  The last, "portable", is always available. */
extern const oc_cpu_tier *const oc_cpu_tiers[];

#endif
