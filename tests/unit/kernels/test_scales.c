// links: test_support backends_cpu backends_ref num base
/* test_scales.c - scales that a checkpoint may give beside one for each tensor or column: one for
 * each row, computed at run time, and one for each block of k; on the referee and on every tier and
 * variant, against a plain loop in float64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cpu/cpu.h"
#include "backends/cpu/queue.h"
#include "backends/ref/ref.h"
#include "device/host.h"
#include "num/e4m3.h"
#include "support/random.h"
#include "support/step_program.h"
#include "support/tolerances.h"

#define ROWS OC_ROWS_TEXT_TOKENS

static const struct {
    const oc_backend *backend;
    const char *tier;
} devices[] = {{&oc_backend_ref, "f32"},
               {&oc_backend_cpu, "portable"},
               {&oc_backend_cpu, "avx2:f32"},
               {&oc_backend_cpu, "avx2:i16"}};

/* NULL where the machine lacks it. */
static oc_device *open_device(size_t i) {
    oc_device *device = NULL;
    oc_device_options options = {.tier = devices[i].tier, .threads = 2};
    octavo_status status = devices[i].backend->open(&options, &device, NULL);
    assert_true(status == OCTAVO_OK || status == OCTAVO_UNAVAILABLE);
    return device;
}

static void run(oc_device *device, oc_step *step, int32_t rows) {
    octavo_error error = {0};
    oc_step_program program;
    oc_run sizes = {.rows = {[ROWS] = rows}};
    step->rows = step->keys = ROWS;
    step->name = "test";
    if (oc_step_program_create(device, 2, step, &sizes, &program, &error) != OCTAVO_OK ||
        oc_step_program_run(&program, step, &sizes, NULL, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    step->kernel = program.step.kernel;
    oc_step_program_free(&program);
}

/* -- dynamic quantizers ------------------------------------------------------------------ */

/* Equal, or both NaN. */
static bool same_float(float a, float b) {
    return a == b || (isnan(a) && isnan(b));
}

static bool same_code(uint8_t a, uint8_t b) {
    return a == b || ((a & 0x7f) == 0x7f && (b & 0x7f) == 0x7f);
}

/* Scales are the largest magnitude / 448 and codes those of x / scale, to the bit, for rows and
 * blocks, the last one shorter; a block of zeros has scale 1, one with a NaN is NaN. */
static void dynamic_quantizer(void **state) {
    (void)state;
    enum { M = 9, K = 300 };
    static const int32_t blocks[] = {0, 128, 32, 7};
    static float x[M][K];
    oc_rng random;
    oc_rng_init(&random, 5, 0);
    for (int r = 0; r < M; r++) {
        for (int c = 0; c < K; c++) {
            x[r][c] = r == 3 ? 0.0f : oc_random_normal(&random) * ldexpf(1, r * 3 - 12);
        }
    }
    x[5][150] = NAN;
    for (size_t d = 0; d < OC_COUNT(devices); d++) {
        oc_device *device = open_device(d);
        for (size_t b = 0; device != NULL && b < OC_COUNT(blocks); b++) {
            static uint8_t codes[M][K];
            static float scales[M][K];
            int32_t width = blocks[b] == 0 ? K : blocks[b], count = (K + width - 1) / width;
            oc_step step = {.kind = OC_STEP_NORM};
            step.u.norm = (oc_step_norm){
                .x = {.data = x, .stride = K, .columns = K, .dtype = OCTAVO_F32},
                .out =
                    {.data = codes, .stride = K, .columns = K, .dtype = OCTAVO_F8_E4M3, .scale = 1},
                .out_scale = {.data = scales, .stride = K, .columns = count, .dtype = OCTAVO_F32},
                .block = blocks[b]};
            run(device, &step, M);
            for (int r = 0; r < M; r++) {
                for (int32_t c = 0; c < K; c++) {
                    float most = 0;
                    for (int32_t i = c / width * width; i < K && i < (c / width + 1) * width; i++) {
                        most = fabsf(x[r][i]) > most || isnan(x[r][i]) ? fabsf(x[r][i]) : most;
                    }
                    float scale = most == 0 ? 1.0f : most / 448.0f;
                    if (!same_float(scales[r][c / width], scale) ||
                        !same_code(codes[r][c], oc_f32_to_e4m3(x[r][c] / scale))) {
                        fail_msg("%s, blocks of %d, row %d, column %d: scale %a and code 0x%02x, "
                                 "%a and 0x%02x wanted",
                                 devices[d].tier, width, r, c, (double)scales[r][c / width],
                                 codes[r][c], (double)scale, oc_f32_to_e4m3(x[r][c] / scale));
                    }
                }
            }
        }
        if (device != NULL) {
            device->backend->close(device);
        }
    }
}

/* -- products ---------------------------------------------------------------------------- */

enum { M = 11, N = 37, K = 600 };

static uint8_t a[M][K], w[N][K];

static octavo_status read_rows(void *source, int32_t first, int32_t count, void *rows,
                               octavo_error *error) {
    (void)source;
    (void)error;
    memcpy(rows, w[first], (size_t)count * K);
    return OCTAVO_OK;
}

/* Row and block scales multiply each their part of the sum, whatever kernel makes it. */
static void scaled_products(void **state) {
    (void)state;
    static const struct {
        int32_t block_k, block_n;
        int a_scales; /* 0 none, 1 one a row, 2 one a block */
        int32_t b_scales;
    } cases[] = {{0, 0, 1, 0},   {128, 128, 2, 1}, {128, 16, 1, 1}, {32, 1, 2, 1},
                 {256, 5, 0, 1}, {512, 20, 2, 1},  {64, 64, 2, 0}};
    static float a_scale[M][K], b_scale[N][K], column[N], bias[N];
    oc_rng random;
    oc_rng_init(&random, 7, 0);
    for (int i = 0; i < M * K; i++) {
        a[i / K][i % K] = oc_f32_to_e4m3(40 * oc_random_normal(&random));
        a_scale[i / K][i % K] = oc_random_between(&random, 0.001f, 0.1f);
    }
    for (int i = 0; i < N * K; i++) {
        w[i / K][i % K] = oc_f32_to_e4m3(60 * oc_random_normal(&random));
        b_scale[i / K][i % K] = oc_random_between(&random, 0.001f, 0.1f);
    }
    for (int i = 0; i < N; i++) {
        column[i] = oc_random_between(&random, 0.5f, 2);
        bias[i] = oc_random_between(&random, -1, 1);
    }
    for (size_t d = 0; d < OC_COUNT(devices); d++) {
        oc_device *device = open_device(d);
        oc_constant *weight = NULL;
        oc_matrix matrix = {.n = N,
                            .k = K,
                            .dtype = OCTAVO_F8_E4M3,
                            .use = OC_USE_FACTOR,
                            .acts_are_codes = 1,
                            .read = read_rows};
        if (device == NULL) {
            continue;
        }
        assert_int_equal(device->backend->constant_create(device, &matrix, &weight, NULL),
                         OCTAVO_OK);
        for (size_t i = 0; i < OC_COUNT(cases); i++) {
            static float out[M][N], dense[N * K];
            int32_t block = cases[i].block_k == 0 ? K : cases[i].block_k;
            int32_t blocks = (K + block - 1) / block, n = cases[i].block_n;
            double wrong = 0, all = 0;
            for (int32_t j = 0; n != 0 && j < (N + n - 1) / n * blocks; j++) {
                dense[j] = b_scale[j / blocks][j % blocks];
            }
            oc_step step = {.kind = OC_STEP_GEMM};
            step.u.gemm = (oc_step_gemm){
                .a = {.data = a, .stride = K, .columns = K, .dtype = OCTAVO_F8_E4M3, .scale = 1},
                .weight = weight,
                .column_scale = OC_HOST_FLOATS(column, N),
                .bias = OC_HOST_FLOATS(bias, N),
                .block_k = cases[i].block_k,
                .block_n = n,
                .out = {.data = out, .stride = N, .columns = N, .dtype = OCTAVO_F32}};
            if (cases[i].a_scales != 0) {
                step.u.gemm.a_scale = (oc_view){.data = a_scale,
                                                .stride = K,
                                                .columns = cases[i].a_scales == 1 ? 1 : blocks,
                                                .dtype = OCTAVO_F32};
            }
            oc_constant *block_scale = OC_HOST_FLOATS(dense, n == 0 ? 0 : (N + n - 1) / n * blocks);
            step.u.gemm.block_scale = cases[i].b_scales != 0 ? block_scale : NULL;
            run(device, &step, M);
            for (int r = 0; r < M; r++) {
                for (int c = 0; c < N; c++) {
                    double sum = 0;
                    for (int k = 0; k < K; k++) {
                        double scale = cases[i].a_scales == 0   ? 1
                                       : cases[i].a_scales == 1 ? a_scale[r][0]
                                                                : a_scale[r][k / block];
                        scale *= cases[i].b_scales == 0 ? 1 : b_scale[c / n][k / block];
                        sum += (double)oc_e4m3_to_f32(a[r][k]) * (double)oc_e4m3_to_f32(w[c][k]) *
                               scale;
                    }
                    double want = sum * column[c] + bias[c];
                    wrong += (out[r][c] - want) * (out[r][c] - want);
                    all += want * want;
                }
            }
            double limit = oc_tolerance("gemm", step.kernel, "rel_rms");
            if (!(sqrt(wrong / all) <= limit)) {
                fail_msg("%s, case %zu: relative rms %g, limit %g", step.kernel, i,
                         sqrt(wrong / all), limit);
            }
        }
        device->backend->constant_free(device, weight);
        device->backend->close(device);
    }
}

/* Blocks that the kernel cannot walk are refused when it is chosen, with what it can. */
static void odd_blocks(void **state) {
    (void)state;
    octavo_error error = {0};
    oc_device *device = open_device(1);
    oc_constant *weight = NULL;
    oc_matrix matrix = {.n = N,
                        .k = K,
                        .dtype = OCTAVO_F8_E4M3,
                        .use = OC_USE_FACTOR,
                        .acts_are_codes = 1,
                        .read = read_rows};
    oc_plan_limits limits = {.rows_max = {1, 1, 1, 1}, .sequence_max = {1, 1, 1, 1}};
    oc_scratch scratch = {0};
    oc_step step = {.kind = OC_STEP_GEMM, .name = "odd"};
    assert_int_equal(device->backend->constant_create(device, &matrix, &weight, NULL), OCTAVO_OK);
    step.u.gemm = (oc_step_gemm){.a = {.columns = K, .dtype = OCTAVO_F8_E4M3},
                                 .weight = weight,
                                 .out = {.columns = N, .dtype = OCTAVO_F32},
                                 .block_k = 100};
    assert_int_equal(device->backend->choose(device, &step, &limits, &scratch, &error),
                     OCTAVO_UNSUPPORTED);
    assert_non_null(strstr(error.message, "blocks of 100 of k"));
    device->backend->constant_free(device, weight);
    device->backend->close(device);
}

/* -- counting ---------------------------------------------------------------------------- */

/* Codes at the limit, zeros and the largest are counted, in rows of every length. */
static void counts_codes(void **state) {
    (void)state;
    enum { LONG = 9000 }; /* more than 255 times 16: lanes overflow unless they are emptied */
    static uint8_t codes[2][LONG];
    oc_rng random;
    oc_rng_init(&random, 11, 0);
    for (int32_t columns = 1; columns <= LONG;
         columns = columns < 100 ? columns + 1 : columns * 3) {
        oc_step_report got, want = {.codes = 2 * (uint64_t)columns};
        oc_step step = {.kind = OC_STEP_PICK, .rows = ROWS};
        oc_run sizes = {.rows = {[ROWS] = 2}};
        for (int i = 0; i < 2 * columns; i++) {
            int32_t kind = oc_random_below(&random, 4), code = oc_random_below(&random, 0x7e);
            code = kind == 0 ? 0 : kind == 1 ? 0x7e : code;
            codes[i / columns][i % columns] =
                (uint8_t)(code | (oc_random_below(&random, 2) == 0 ? 0x80 : 0));
            want.zeros += code == 0;
            want.saturated += code == 0x7e;
            want.largest = code > want.largest ? code : want.largest;
        }
        step.u.pick.out =
            (oc_view){.data = codes, .stride = LONG, .columns = columns, .dtype = OCTAVO_F8_E4M3};
        oc_host_count_codes(&step, &sizes, &got);
        assert_int_equal(got.codes, want.codes);
        assert_int_equal(got.zeros, want.zeros);
        assert_int_equal(got.saturated, want.saturated);
        assert_int_equal(got.largest, want.largest);
        for (const oc_cpu_tier *const *tier = oc_cpu_tiers; *tier != NULL; tier++) {
            got = (oc_step_report){.codes = want.codes};
            for (int r = 0; r < 2 && (*tier)->lacks() == NULL; r++) {
                (*tier)->count(codes[r], columns, &got);
            }
            assert_true((*tier)->lacks() != NULL || memcmp(&got, &want, sizeof got) == 0);
        }
    }
}

/* -- a tier that threads enter and leave ------------------------------------------------- */

static atomic_int entered, left, inside_most;

static void enter(void) {
    int inside = atomic_fetch_add(&entered, 1) + 1 - atomic_load(&left);
    int most = atomic_load(&inside_most);
    while (inside > most && !atomic_compare_exchange_weak(&inside_most, &most, inside)) {
    }
}

static void leave(void) {
    atomic_fetch_add(&left, 1);
}

/* Helpers enter once and leave once; the thread that submits does both in each run, also in one
 * whose time is over. */
static void threads_enter_and_leave(void **state) {
    (void)state;
    enum { THREADS = 3, RUNS = 4 };
    const oc_cpu_tier *const *last = oc_cpu_tiers;
    while (last[1] != NULL) {
        last++;
    }
    oc_cpu_tier tier = **last;
    tier.name = "counting";
    tier.enter = enter;
    tier.leave = leave;
    float x[4] = {1, 2, 3, 4}, y[4];
    oc_device *device = NULL;
    oc_step_program program;
    oc_step step = {.kind = OC_STEP_UNIT, .rows = ROWS, .keys = ROWS, .name = "unit"};
    step.u.unit.x = (oc_view){.data = x, .stride = 4, .columns = 4, .dtype = OCTAVO_F32};
    step.u.unit.out = (oc_view){.data = y, .stride = 4, .columns = 4, .dtype = OCTAVO_F32};
    oc_run run = {.rows = {[ROWS] = 1}}, late = run;
    late.deadline_ns = 1;
    assert_int_equal(oc_cpu_open_tier(&tier, 1, &device, NULL), OCTAVO_OK);
    assert_int_equal(oc_step_program_create(device, THREADS, &step, &run, &program, NULL),
                     OCTAVO_OK);
    for (int i = 0; i < RUNS; i++) {
        assert_int_equal(oc_step_program_run(&program, &step, i == 0 ? &late : &run, NULL, NULL),
                         i == 0 ? OCTAVO_DEADLINE_EXCEEDED : OCTAVO_OK);
    }
    oc_step_program_free(&program);
    oc_backend_cpu.close(device);
    assert_int_equal(atomic_load(&entered), RUNS + THREADS - 1);
    assert_int_equal(atomic_load(&left), RUNS + THREADS - 1);
    assert_in_range(atomic_load(&inside_most), 1, THREADS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dynamic_quantizer),
        cmocka_unit_test(scaled_products),
        cmocka_unit_test(odd_blocks),
        cmocka_unit_test(counts_codes),
        cmocka_unit_test(threads_enter_and_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
