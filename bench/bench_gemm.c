/* bench_gemm.c - GEMM of e4m3 codes by e4m3 weights, every variant of some tiers in turns: GFLOP/s
 * (two a multiply-add), share of the first tier's measured peak, error against float64, and how
 * many times as fast as the last variant, which is exact, each is.
 *
 *     bench_gemm [TIER,TIER... [THREADS [K N [ROWS]]]]    the best tier, one thread, a list of
 * shapes
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
#include "backends/cpu/machine/features.h"
#include "num/e4m3.h"

enum {
    CYCLE_BYTES = 80 << 20,
    COPIES_MAX = 1024,
    ROUNDS = 7,
    ROWS_MAX = 400,
    PEAK_ROUNDS = 400000,
    VARIANTS_MAX = 8
};

static int32_t threads = 1;

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
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

/* A variant with its weights packed as often as fills CYCLE_BYTES, and the plan at hand. */
typedef struct variant {
    char option[32];
    oc_device *device;
    oc_constant *packed[COPIES_MAX];
    oc_step steps[COPIES_MAX];
    oc_plan_buffer buffers[2];
    oc_plan plans[2];
    oc_queue *queue;
    oc_program *programs[2];
    double best;
} variant;

static variant variants[VARIANTS_MAX];

/* False: the machine lacks the variant. */
static bool pack(variant *one, const uint8_t *w, int32_t n, int32_t k, int32_t copies) {
    octavo_error error = {0};
    codes_source source = {w, k};
    oc_matrix matrix = {.n = n,
                        .k = k,
                        .dtype = OCTAVO_F8_E4M3,
                        .use = OC_USE_FACTOR,
                        .acts_are_codes = 1,
                        .read = read_rows,
                        .source = &source};
    oc_device_options options = {.tier = one->option, .threads = threads};
    octavo_status status = oc_backend_cpu.open(&options, &one->device, &error);
    if (status == OCTAVO_UNAVAILABLE) {
        return false;
    }
    if (status != OCTAVO_OK) {
        die(&error);
    }
    double start = seconds_now();
    for (int32_t i = 0; i < copies; i++) {
        if (oc_backend_cpu.constant_create(one->device, &matrix, &one->packed[i], &error) !=
            OCTAVO_OK) {
            die(&error);
        }
    }
    double seconds = seconds_now() - start;
    printf("%-11s %4d x %4d packing %.2f GB/s\n", one->option, k, n,
           1e-9 * copies * (double)n * k / seconds);
    return true;
}

/* One step a weight, so that weights come from memory as they do in a model; two programs, of
 * unlike weights where there are enough. */
static void prepare(variant *one, int32_t m, int32_t n, int32_t k, const uint8_t *a,
                    int32_t copies) {
    octavo_error error = {0};
    const oc_backend *backend = one->device->backend;
    int32_t used = m >= 50 ? copies / 4 + 1 : copies;
    int64_t a_stride = backend->stride(one->device, k, OCTAVO_F8_E4M3);
    int64_t stride = backend->stride(one->device, n, OCTAVO_F32);
    size_t a_bytes = (size_t)(m * a_stride + 63) / 64 * 64;
    size_t bytes = (a_bytes + (size_t)(m * stride) * sizeof(float) + 63) / 64 * 64;
    one->buffers[0] = (oc_plan_buffer){.columns = k, .dtype = OCTAVO_F8_E4M3, .stride = a_stride};
    one->buffers[1] = (oc_plan_buffer){.columns = n, .stride = stride, .offset = a_bytes};
    oc_plan plan = {.limits = {.rows_max = {m, m, m, m}, .sequence_max = {m, m, m, m}},
                    .buffers = one->buffers,
                    .buffer_count = 2,
                    .steps = one->steps,
                    .step_count = used,
                    .arena_bytes = bytes};
    for (int32_t i = 0; i < copies; i++) {
        oc_step *step = &one->steps[i];
        *step = (oc_step){.kind = OC_STEP_GEMM, .rows = OC_ROWS_IMAGE_TOKENS, .name = "bench"};
        step->u.gemm =
            (oc_step_gemm){.a = {.buffer = 0, .columns = k, .dtype = OCTAVO_F8_E4M3, .scale = 1},
                           .weight = one->packed[i],
                           .out = {.buffer = 1, .columns = n, .dtype = OCTAVO_F32}};
        if (backend->choose(one->device, step, &plan.limits, &plan.scratch, &error) != OCTAVO_OK) {
            die(&error);
        }
    }
    if (backend->queue_create(one->device, threads, oc_plan_bytes(&plan, threads), &one->queue,
                              &error) != OCTAVO_OK) {
        die(&error);
    }
    for (int32_t i = 0; i < 2; i++) {
        one->plans[i] = plan;
        one->plans[i].steps += i == 1 && 2 * used <= copies ? used : 0;
        if (backend->compile(one->queue, &one->plans[i], &one->programs[i], &error) != OCTAVO_OK) {
            die(&error);
        }
    }
    if (backend->write(one->queue, &plan, &one->steps[0].u.gemm.a, 0, m, a, &error) != OCTAVO_OK) {
        die(&error);
    }
    one->best = INFINITY;
}

static void run(variant *one, int32_t m, int32_t round) {
    octavo_error error = {0};
    const oc_backend *backend = one->device->backend;
    oc_run run = {.rows = {[OC_ROWS_IMAGE_TOKENS] = m}};
    oc_ticket ticket;
    double start = seconds_now();
    if (backend->submit(one->queue, one->programs[round % 2], &run, 0, NULL, &ticket, &error) !=
            OCTAVO_OK ||
        backend->wait(one->queue, ticket, 0, &error) != OCTAVO_OK) {
        die(&error);
    }
    double seconds = (seconds_now() - start) / one->plans[0].step_count;
    one->best = seconds < one->best ? seconds : one->best;
}

static void bench(int32_t count, int32_t m, int32_t n, int32_t k, double most, const uint8_t *a,
                  const uint8_t *w, int32_t copies) {
    for (int32_t v = 0; v < count; v++) {
        prepare(&variants[v], m, n, k, a, copies);
    }
    for (int32_t round = 0; round < ROUNDS; round++) {
        for (int32_t v = 0; v < count; v++) {
            run(&variants[v], m, round);
        }
    }
    for (int32_t v = 0; v < count; v++) {
        variant *one = &variants[v];
        const oc_backend *backend = one->device->backend;
        double rate = 2.0 * m * n * k / one->best * 1e-9;
        const float *out =
            (const float *)(void *)((char *)backend->memory(one->queue) + one->buffers[1].offset);
        printf("%-11s %-16s %4d x %4d x %4d  %7.1f GFLOP/s  %5.1f %%  error %.1e  %.2fx\n",
               one->option, one->steps[0].kernel, m, k, n, rate, 100.0 * rate / most,
               error_of(a, w, out, one->buffers[1].stride, m, n, k),
               variants[count - 1].best / one->best);
        backend->program_free(one->programs[0]);
        backend->program_free(one->programs[1]);
        backend->queue_free(one->queue);
    }
    fflush(stdout);
}

static bool is_listed(const char *list, const char *name) {
    size_t length = strlen(name);
    for (const char *at = list; at != NULL;
         at = strchr(at, ',') == NULL ? NULL : strchr(at, ',') + 1) {
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

static double peak(const oc_cpu_peak *unit) {
    double best = 0.0;
    for (int i = 0; i < 2 * ROUNDS; i++) {
        double start = seconds_now();
        unit->rounds(PEAK_ROUNDS);
        double rate = unit->operations * PEAK_ROUNDS / (seconds_now() - start) * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}

/* Tells the peaks of a tier; returns the first. */
static double tell_peaks(const char *name, size_t length) {
    const oc_cpu_tier *const *tier = oc_cpu_tiers;
    double first = 0;
    while (*tier != NULL &&
           (strlen((*tier)->name) != length || memcmp((*tier)->name, name, length) != 0 ||
            (*tier)->lacks() != NULL)) {
        tier++;
    }
    if (*tier == NULL) {
        fprintf(stderr, "bench_gemm: no tier %.*s here\n", (int)length, name);
        exit(EXIT_FAILURE);
    }
    printf("%s, threads: %d, peaks of them in GFLOP/s:", (*tier)->name, threads);
    for (const oc_cpu_peak *unit = (*tier)->peaks; unit->rounds != NULL; unit++) {
        if (oc_cpu_lacks(unit->needs) == NULL) {
            double rate = threads * peak(unit);
            first = first == 0 ? rate : first;
            printf(" %s %.1f", unit->name, rate);
        }
    }
    printf("\n");
    return first;
}

static void bench_shape(const char *tiers, int32_t k, int32_t n, const int32_t *rows,
                        size_t row_count, double most) {
    uint8_t *a = random_codes((size_t)ROWS_MAX * (size_t)k);
    uint8_t *w = random_codes((size_t)n * (size_t)k);
    if (a == NULL || w == NULL) {
        exit(EXIT_FAILURE);
    }
    int32_t copies = (int32_t)(CYCLE_BYTES / ((size_t)n * (size_t)k)) + 1, count = 0;
    copies = copies < COPIES_MAX ? copies : COPIES_MAX;
    for (const oc_cpu_tier *const *tier = oc_cpu_tiers; *tier != NULL; tier++) {
        const oc_cpu_gemm *const *gemm = (*tier)->gemms;
        for (; is_listed(tiers, (*tier)->name) && *gemm != NULL && count < VARIANTS_MAX; gemm++) {
            const char *name = (*gemm)->kernel.name + strlen("gemm_");
            variant *one = &variants[count];
            snprintf(one->option, sizeof one->option, "%s:%.*s", (*tier)->name,
                     (int)strcspn(name, " "), name);
            count += pack(one, w, n, k, copies) ? 1 : 0;
        }
    }
    for (size_t i = 0; i < row_count; i++) {
        bench(count, rows[i], n, k, most, a, w, copies);
    }
    for (int32_t v = 0; v < count; v++) {
        for (int32_t i = 0; i < copies; i++) {
            oc_backend_cpu.constant_free(variants[v].device, variants[v].packed[i]);
        }
        oc_backend_cpu.close(variants[v].device);
    }
    free(a);
    free(w);
}

int main(int argc, char **argv) {
    static const int32_t shapes[][2] = {{768, 3072}, {3072, 768}, {1024, 4096}, {4096, 1024}};
    static const int32_t rows[] = {1, 6, 16, 50, 77, 197, 257, 400};
    const char *tiers = argc > 1 ? argv[1] : oc_cpu_tier_name(0);
    threads = argc > 2 ? atoi(argv[2]) : 1;
    double most = tell_peaks(tiers, strcspn(tiers, ","));
    if (argc > 4) {
        int32_t only = argc > 5 ? atoi(argv[5]) : 0;
        bench_shape(tiers, atoi(argv[3]), atoi(argv[4]), only > 0 ? &only : rows,
                    only > 0 ? 1 : OC_COUNT(rows), most);
        return EXIT_SUCCESS;
    }
    for (size_t s = 0; s < OC_COUNT(shapes); s++) {
        bench_shape(tiers, shapes[s][0], shapes[s][1], rows, OC_COUNT(rows), most);
    }
    return EXIT_SUCCESS;
}
