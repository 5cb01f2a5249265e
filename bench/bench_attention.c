/* bench_attention.c - how much of the FMA peak attention reaches, on one thread.
 * links: backends_cpu num base
 *
 *   bench_attention [head_dim]
 *
 * For each length: one image, 12 heads, q, k and v side by side as a merged projection leaves them.
 * Counts 4 T T head_dim operations a head; packing, softmax and all else is in the time.  The peak
 * is measured between the turns, as the clock moves.  Times are processor time of this thread;
 * the median of 15 turns is printed, and the best.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/cpu/avx2/avx2.h"
#include "backends/cpu/avx2/target.h"
#include "device/device.h"

enum { HEADS = 12, TURNS = 15 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* GFLOP/s of twelve independent chains of fused multiply-adds in registers. */
OC_AVX2 static double fma_peak(void) {
    enum { ROUNDS = 200000, CHAINS = 12 };
    __m256 sums[CHAINS];
    __m256 factor = _mm256_set1_ps(0.5f), term = _mm256_set1_ps(1.0f);
    OC_UNROLL for (int i = 0; i < CHAINS; i++) {
        sums[i] = _mm256_set1_ps((float)i);
    }
    double start = now();
    for (int n = 0; n < ROUNDS; n++) {
        OC_UNROLL for (int i = 0; i < CHAINS; i++) {
            sums[i] = _mm256_fmadd_ps(sums[i], factor, term);
        }
        __asm__ volatile("" : "+x"(factor)); /* no round is dropped */
    }
    double seconds = now() - start;
    for (int i = 1; i < CHAINS; i++) {
        sums[0] = _mm256_add_ps(sums[0], sums[i]);
    }
    __asm__ volatile("" : : "x"(sums[0]));
    return 2.0 * 8 * CHAINS * ROUNDS / seconds * 1e-9;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void fill(float *x, size_t count) {
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(int32_t)state * 0x1p-30f;
    }
}

static int measure(int32_t tokens, int32_t head_dim) {
    const oc_cpu_kernel *kernel = &oc_avx2_attention;
    int32_t width = HEADS * head_dim;
    int64_t in_stride = oc_cpu_stride(3 * width), out_stride = oc_cpu_stride(width);
    int32_t starts[2] = {0, tokens};
    oc_run run = {0};
    run.rows[OC_ROWS_IMAGE_TOKENS] = tokens;
    run.rows[OC_ROWS_IMAGES] = 1;
    run.starts[OC_ROWS_IMAGE_TOKENS] = starts;

    size_t in_count = (size_t)(tokens * in_stride), out_count = (size_t)(tokens * out_stride);
    oc_step step = {.kind = OC_STEP_ATTENTION};
    step.rows = step.keys = OC_ROWS_IMAGE_TOKENS;
    float *in = malloc(in_count * sizeof(float));
    float *out = malloc(out_count * sizeof(float));
    step.u.attention = (oc_step_attention){
        .q = {.data = in, .stride = in_stride, .columns = width, .dtype = OCTAVO_F32},
        .k = {.data = in + width, .stride = in_stride, .columns = width, .dtype = OCTAVO_F32},
        .v = {.data = in + 2 * width, .stride = in_stride, .columns = width, .dtype = OCTAVO_F32},
        .out = {.data = out, .stride = out_stride, .columns = width, .dtype = OCTAVO_F32},
        .heads = HEADS,
        .head_dim = head_dim,
        .scale = 0.125f};
    size_t local_bytes = kernel->local_bytes(&step, tokens, tokens);
    void *local = aligned_alloc(64, (local_bytes + 63) / 64 * 64);
    if (in == NULL || out == NULL || local == NULL) {
        return 1;
    }
    fill(in, in_count);

    oc_cpu_job job = {.step = &step, .run = &run, .rows = tokens, .threads = 1};
    double operations = 4.0 * tokens * tokens * head_dim * HEADS;
    int32_t repeats = 1 + (int32_t)(1e9 / operations);
    double rates[TURNS], shares[TURNS];
    for (int turn = 0; turn < TURNS; turn++) {
        double peak = fma_peak();
        double start = now();
        for (int32_t n = 0; n < repeats; n++) {
            int32_t tasks = kernel->phases[0].tasks(&job);
            for (int32_t i = 0; i < tasks; i++) {
                kernel->phases[0].task(&job, i, local);
            }
        }
        rates[turn] = operations * repeats / (now() - start) * 1e-9;
        shares[turn] = rates[turn] / (0.5 * (peak + fma_peak()));
    }
    qsort(rates, TURNS, sizeof(double), ascending);
    qsort(shares, TURNS, sizeof(double), ascending);
    printf("%6d %10.1f %12.1f %% %12.1f %%\n", tokens, rates[TURNS / 2], 100 * shares[TURNS / 2],
           100 * shares[TURNS - 1]);
    free(in);
    free(out);
    free(local);
    return 0;
}

int main(int argc, char **argv) {
    static const int32_t lengths[] = {50, 77, 197, 257, 577};
    int32_t head_dim = argc > 1 ? atoi(argv[1]) : 64;
    if (head_dim < 1 || head_dim > 1024) {
        fprintf(stderr, "bench_attention: head_dim is 1 to 1024\n");
        return 1;
    }
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
        fprintf(stderr, "bench_attention: this processor lacks AVX2 or FMA\n");
        return 1;
    }
    printf("%d heads of %d, FMA peak %.1f GFLOP/s\n", HEADS, head_dim, fma_peak());
    printf("%6s %10s %14s %14s\n", "tokens", "GFLOP/s", "of peak", "best turn");
    for (size_t i = 0; i < OC_COUNT(lengths); i++) {
        if (measure(lengths[i], head_dim) != 0) {
            fprintf(stderr, "bench_attention: out of memory\n");
            return 1;
        }
    }
    return 0;
}
