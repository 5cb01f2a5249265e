/* bench_gemm.c - GEMM of e4m3 codes by e4m3 weights: GFLOP/s (two a multiply-add), share of the
 * measured FMA peak, and error against float64, for every variant of a tier.
 *
 *     bench_gemm [TIER [THREADS]]        the best tier, one thread
 *
 * Weights are cycled through more than the last-level cache.  Time is the best of several rounds:
 * with one thread its CPU time, since other programs may run, else the wall clock.  The peak is one
 * thread's, measured the same way, times THREADS.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/cpu/cpu.h"
#include "backends/cpu/gemm.h"
#include "num/e4m3.h"

enum { CYCLE_BYTES = 80 << 20, COPIES_MAX = 256, ROUNDS = 5, ROWS_MAX = 400, PEAK_ROUNDS = 400000 };

static int32_t threads = 1;

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double peak(const oc_cpu_peak *unit) {
    double best = 0.0;
    for (int i = 0; unit->rounds != NULL && i < 2 * ROUNDS; i++) {
        double start = seconds_now();
        unit->rounds(PEAK_ROUNDS);
        double rate = unit->operations * PEAK_ROUNDS / (seconds_now() - start) * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}

static uint64_t random_state = 88172645463325252u;

static double uniform(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return ((double)(random_state >> 11) + 0.5) * 0x1p-53;
}

static double normal(void) {
    return sqrt(-2.0 * log(uniform())) * cos(6.283185307179586 * uniform());
}

/* Codes of Gaussian values whose largest is near 448. */
static uint8_t *random_codes(size_t count) {
    uint8_t *codes = malloc(count);
    for (size_t i = 0; codes != NULL && i < count; i++) {
        codes[i] = oc_f32_to_e4m3((float)(100.0 * normal()));
    }
    return codes;
}

typedef struct codes_source {
    const uint8_t *codes;
    int32_t k;
} codes_source;

static octavo_status read_rows(void *from, int32_t first, int32_t count, void *rows,
                               octavo_error *error) {
    (void)error;
    const codes_source *source = from;
    memcpy(rows, source->codes + (size_t)first * (size_t)source->k,
           (size_t)count * (size_t)source->k);
    return OCTAVO_OK;
}

static void die(const octavo_error *error) {
    fprintf(stderr, "bench_gemm: %s\n", error->message);
    exit(EXIT_FAILURE);
}

/* Relative rms of an element of every 16th column against float64. */
static double error_of(const uint8_t *a, const uint8_t *w, const float *out, int64_t stride,
                       int32_t m, int32_t n, int32_t k) {
    double wrong = 0.0, all = 0.0;
    for (int32_t c = 0; c < n; c += 16) {
        int32_t r = (c / 16) % m;
        double exact = 0.0;
        for (int32_t i = 0; i < k; i++) {
            exact += (double)oc_e4m3_to_f32(a[(size_t)r * (size_t)k + (size_t)i]) *
                     (double)oc_e4m3_to_f32(w[(size_t)c * (size_t)k + (size_t)i]);
        }
        double difference = (double)out[r * stride + c] - exact;
        wrong += difference * difference;
        all += exact * exact;
    }
    return sqrt(wrong / all);
}

/* One step a weight, in turns, so that weights come from memory as they do in a model. */
static void bench(const char *tier, int32_t m, int32_t k, int32_t n, double fma_peak,
                  const uint8_t *a, const uint8_t *w, oc_constant **packed, int32_t copies,
                  oc_device *device) {
    const oc_backend *backend = device->backend;
    octavo_error error = {0};
    static oc_step steps[COPIES_MAX];
    int64_t a_stride = backend->stride(device, k, true), stride = backend->stride(device, n, false);
    size_t a_bytes = (size_t)(m * a_stride + 63) / 64 * 64;
    oc_plan_buffer buffers[] = {
        {.columns = k, .dtype = OCTAVO_F8_E4M3, .stride = a_stride},
        {.columns = n, .stride = stride, .offset = a_bytes},
    };
    oc_plan plan = {.limits = {.rows_max = {m, m, m, m}, .sequence_max = {m, m, m, m}},
                    .buffers = buffers,
                    .buffer_count = 2,
                    .steps = steps,
                    .arena_bytes = a_bytes + (size_t)(m * stride) * sizeof(float) + 64};
    oc_run run = {.rows = {[OC_ROWS_IMAGE_TOKENS] = m}};
    oc_queue *queue = NULL;
    oc_program *programs[2] = {NULL, NULL};
    oc_ticket ticket;
    int32_t used = m >= 50 ? copies / 4 + 1 : copies;
    plan.arena_bytes = plan.arena_bytes / 64 * 64;
    for (int32_t i = 0; i < copies; i++) {
        steps[i] = (oc_step){.kind = OC_STEP_GEMM, .rows = OC_ROWS_IMAGE_TOKENS, .name = "bench"};
        steps[i].u.gemm =
            (oc_step_gemm){.a = {.buffer = 0, .columns = k, .dtype = OCTAVO_F8_E4M3, .scale = 1},
                           .weight = packed[i],
                           .out = {.buffer = 1, .columns = n}};
        if (backend->choose(device, &steps[i], &plan.limits, &plan.scratch, &error) != OCTAVO_OK) {
            die(&error);
        }
    }
    plan.step_count = used;
    if (backend->queue_create(device, threads, oc_plan_bytes(&plan, threads), &queue, &error) !=
            OCTAVO_OK ||
        backend->compile(queue, &plan, &programs[0], &error) != OCTAVO_OK) {
        die(&error);
    }
    plan.steps = steps + (2 * used <= copies ? used : 0);
    if (backend->compile(queue, &plan, &programs[1], &error) != OCTAVO_OK ||
        backend->write(queue, &plan, &steps[0].u.gemm.a, 0, m, a, &error) != OCTAVO_OK) {
        die(&error);
    }
    double best = INFINITY;
    for (int32_t round = 0; round < ROUNDS; round++) {
        double start = seconds_now();
        if (backend->submit(queue, programs[round % 2], &run, 0, NULL, &ticket, &error) !=
                OCTAVO_OK ||
            backend->wait(queue, ticket, 0, &error) != OCTAVO_OK) {
            die(&error);
        }
        double seconds = (seconds_now() - start) / used;
        best = seconds < best ? seconds : best;
    }
    double rate = 2.0 * m * n * k / best * 1e-9;
    const float *out = (const float *)(void *)((char *)backend->memory(queue) + a_bytes);
    printf("%-9s %-14s %4d x %4d x %4d  %7.1f GFLOP/s  %5.1f %%  error %.1e\n", tier,
           steps[0].kernel, m, k, n, rate, 100.0 * rate / fma_peak,
           error_of(a, w, out, stride, m, n, k));
    backend->program_free(programs[0]);
    backend->program_free(programs[1]);
    backend->queue_free(queue);
}

int main(int argc, char **argv) {
    static const int32_t shapes[][2] = {{768, 3072}, {3072, 768}, {1024, 4096}, {4096, 1024}};
    static const int32_t rows[] = {1, 6, 16, 50, 77, 197, 257, 400};
    const char *name = argc > 1 ? argv[1] : oc_cpu_tier_name(0);
    threads = argc > 2 ? atoi(argv[2]) : 1;
    const oc_cpu_tier *const *tier = oc_cpu_tiers;
    while (*tier != NULL && strcmp((*tier)->name, name) != 0) {
        tier++;
    }
    if (*tier == NULL) {
        fprintf(stderr, "bench_gemm: no tier %s\n", name);
        return EXIT_FAILURE;
    }
    double fma_peak = threads * peak(&(*tier)->fma_peak);
    printf("%s, threads: %d, FMA peak of them: %.1f GFLOP/s, 16-bit: %.1f\n", name, threads,
           fma_peak, threads * peak(&(*tier)->i16_peak));
    for (size_t s = 0; s < OC_COUNT(shapes); s++) {
        int32_t k = shapes[s][0], n = shapes[s][1];
        uint8_t *a = random_codes((size_t)ROWS_MAX * (size_t)k);
        uint8_t *w = random_codes((size_t)n * (size_t)k);
        if (a == NULL || w == NULL) {
            return EXIT_FAILURE;
        }
        int32_t copies = (int32_t)(CYCLE_BYTES / ((size_t)n * (size_t)k)) + 1;
        for (const oc_cpu_gemm *const *gemm = (*tier)->gemms; *gemm != NULL; gemm++) {
            octavo_error error = {0};
            char option[32];
            snprintf(option, sizeof(option), "%s:%.3s", name,
                     (*gemm)->kernel.name + strlen("gemm_"));
            oc_device_options options = {.tier = option, .threads = threads};
            oc_device *device = NULL;
            static oc_constant *packed[COPIES_MAX];
            codes_source source = {w, k};
            oc_matrix matrix = {.n = n,
                                .k = k,
                                .dtype = OCTAVO_F8_E4M3,
                                .use = OC_USE_FACTOR,
                                .acts_are_codes = 1,
                                .read = read_rows,
                                .source = &source};
            if (oc_backend_cpu.open(&options, &device, &error) != OCTAVO_OK) {
                die(&error);
            }
            double start = seconds_now();
            for (int32_t i = 0; i < copies; i++) {
                if (oc_backend_cpu.constant_create(device, &matrix, &packed[i], &error) !=
                    OCTAVO_OK) {
                    die(&error);
                }
            }
            double seconds = seconds_now() - start;
            printf("%-9s packing %.2f GB/s\n", option, 1e-9 * copies * (double)n * k / seconds);
            for (size_t i = 0; i < OC_COUNT(rows); i++) {
                bench(option, rows[i], k, n, fma_peak, a, w, packed, copies, device);
            }
            for (int32_t i = 0; i < copies; i++) {
                oc_backend_cpu.constant_free(device, packed[i]);
            }
            oc_backend_cpu.close(device);
        }
        free(a);
        free(w);
    }
    return EXIT_SUCCESS;
}
