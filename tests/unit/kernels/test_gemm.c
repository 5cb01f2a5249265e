// links: test_support backends_cpu num base
/* GEMM of every CPU tier and variant against a plain loop in float64. */
#include <stdatomic.h>

#include "backends/cpu/cpu.h"
#include "backends/cpu/pack.h"
#include "num/convert.h"
#include "support/step_program.h"
#include "unit/kernels/kernel_tools.h"

#define ROWS OC_ROWS_TEXT_TOKENS

static const char *const tiers[] = {"portable", "avx2:f32", "avx2:i16", "avx2"};

static bool has_tier(const char *option) {
    size_t length = strcspn(option, ":");
    const char *name = NULL;
    for (int32_t i = 0; (name = oc_cpu_tier_name(i)) != NULL; i++) {
        if (strlen(name) == length && strncmp(name, option, length) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- data ------------------------------------------------------------------ */

static uint64_t seed;

static size_t size_of(octavo_dtype dtype) {
    return dtype == OCTAVO_F32 ? 4 : dtype == OCTAVO_F8_E4M3 ? 1 : 2;
}

/* Values rounded to dtype, in exactly as many bytes as they need. */
static void *store(const float *values, size_t count, octavo_dtype dtype) {
    void *bytes = malloc(count * size_of(dtype));
    assert_non_null(bytes);
    assert_true(oc_convert_from_f32(dtype, values, bytes, count));
    return bytes;
}

static float *random_values(size_t count, float scale) {
    float *values = malloc(count * sizeof(float));
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) {
        values[i] = scale * (float)normal(&seed);
    }
    return values;
}

/* A matrix [rows,k] of stored values, and what they are. */
typedef struct stored {
    octavo_dtype dtype;
    int32_t rows, k;
    void *bytes;
    float *values;
} stored;

static stored round_values(float *values, int32_t rows, int32_t k, octavo_dtype dtype) {
    size_t count = (size_t)rows * (size_t)k;
    stored all = {dtype, rows, k, store(values, count, dtype), values};
    assert_true(oc_convert_to_f32(dtype, all.bytes, values, count));
    return all;
}

static stored random_matrix(int32_t rows, int32_t k, octavo_dtype dtype, float scale) {
    return round_values(random_values((size_t)rows * (size_t)k, scale), rows, k, dtype);
}

static void drop(stored *gone) {
    free(gone->bytes);
    free(gone->values);
}

/* ---- device ---------------------------------------------------------------- */

static int32_t threads_opened[8]; /* of the devices opened so far, the last last */
static oc_device *devices_opened[8];

/* How many threads a device was opened with. */
static int32_t threads_of(const oc_device *device) {
    int i = 7;
    while (i > 0 && devices_opened[i] != device) {
        i--;
    }
    return threads_opened[i];
}

static oc_device *open_device(const char *tier, int32_t threads) {
    octavo_error error = {0};
    oc_device *device = NULL;
    oc_device_options options = {.tier = tier, .threads = threads};
    if (oc_backend_cpu.open(&options, &device, &error) != OCTAVO_OK) {
        fail_msg("%s: %s", tier, error.message);
    }
    memmove(threads_opened, threads_opened + 1, 7 * sizeof *threads_opened);
    memmove(devices_opened, devices_opened + 1, 7 * sizeof(oc_device *));
    threads_opened[7] = threads;
    devices_opened[7] = device;
    return device;
}

static atomic_int rows_read;

static octavo_status read_rows(void *source, int32_t first, int32_t count, void *rows,
                               octavo_error *error) {
    const stored *from = source;
    if (first < 0 || count < 1 || first + count > from->rows) {
        return oc_fail(error, OCTAVO_INTERNAL, 0, __FILE__, __LINE__, "rows %d to %d were read",
                       first, first + count);
    }
    atomic_fetch_add(&rows_read, count);
    size_t row = (size_t)from->k * size_of(from->dtype);
    memcpy(rows, (const uint8_t *)from->bytes + (size_t)first * row, (size_t)count * row);
    return OCTAVO_OK;
}

static oc_constant *pack(oc_device *device, stored *weight, bool codes) {
    octavo_error error = {0};
    oc_constant *packed = NULL;
    oc_matrix source = {.n = weight->rows,
                        .k = weight->k,
                        .dtype = weight->dtype,
                        .use = OC_USE_FACTOR,
                        .acts_are_codes = codes,
                        .read = read_rows,
                        .source = weight};
    if (oc_backend_cpu.constant_create(device, &source, &packed, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    return packed;
}

static oc_view view_of(const stored *a) {
    return (oc_view){.data = a->dtype == OCTAVO_F32 ? (void *)a->values : a->bytes,
                     .stride = a->k,
                     .columns = a->k,
                     .dtype = oc_is_codes(a->dtype) ? OCTAVO_F8_E4M3 : OCTAVO_F32,
                     .scale = 1.0f};
}

/* Chooses for rows_max rows, runs `rows` of them; step->kernel and why are set. */
static void run_gemm(oc_device *device, oc_step *step, int32_t rows, int32_t rows_max) {
    octavo_error error = {0};
    oc_step_program program;
    oc_run run = {.rows = {[ROWS] = rows_max}};
    oc_step_report report = {.seconds = -1.0};
    step->kind = OC_STEP_GEMM;
    step->rows = step->keys = ROWS;
    step->name = "test";
    if (oc_step_program_create(device, threads_of(device), step, &run, &program, &error) !=
        OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    run.rows[ROWS] = rows;
    if (oc_step_program_run(&program, step, &run, &report, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    assert_true(report.seconds >= 0.0);
    step->kernel = program.step.kernel;
    memcpy(step->why, program.step.why, sizeof step->why);
    oc_step_program_free(&program);
}

/* ---- reference ------------------------------------------------------------- */

/* a w^T [a rows, w rows], then the size [same] that rounding errors are to be compared with: a sum
 * may be near zero by chance. */
static double *products(const stored *a, const stored *w) {
    size_t count = (size_t)a->rows * (size_t)w->rows;
    double *all = malloc(2 * count * sizeof(double));
    assert_non_null(all);
    for (int32_t r = 0; r < a->rows; r++) {
        for (int32_t c = 0; c < w->rows; c++) {
            double sum = 0.0, squares = 0.0;
            for (int32_t i = 0; i < a->k; i++) {
                double product = (double)a->values[(int64_t)r * a->k + i] *
                                 (double)w->values[(int64_t)c * w->k + i];
                sum += product;
                squares += product * product;
            }
            all[(int64_t)r * w->rows + c] = sum;
            all[(int64_t)count + (int64_t)r * w->rows + c] = sqrt(squares);
        }
    }
    return all;
}

static double activate(oc_activation act, double x) {
    switch (act) {
    case OC_ACT_GELU_ERF:
        return 0.5 * x * erfc(-x * 0.70710678118654752);
    case OC_ACT_GELU_SIGMOID:
        return x / (1.0 + exp(-1.702 * x));
    case OC_ACT_GELU_TANH:
        return 0.5 * x * (1.0 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
    case OC_ACT_NONE:
        break;
    }
    return x;
}

/* Relative rms of the first `rows` rows; size NULL: relative to `exact`. */
static double error_of(const matrix *out, const double *exact, const double *size, int32_t rows) {
    double wrong = 0.0, all = 0.0;
    for (int32_t r = 0; r < rows; r++) {
        for (int32_t c = 0; c < out->view.columns; c++) {
            int64_t at = (int64_t)r * out->view.columns + c;
            double difference = (double)row(out, r)[c] - exact[at];
            double whole = size == NULL ? fabs(exact[at]) : fmax(fabs(exact[at]), size[at]);
            wrong += difference * difference;
            all += whole * whole;
        }
    }
    return all > 0.0 ? sqrt(wrong / all) : sqrt(wrong);
}

static double limit_of(const oc_step *step) {
    return strncmp(step->kernel, "gemm_i16", 8) == 0 ? 4e-4 : 2e-6;
}

/* ---- tests ----------------------------------------------------------------- */

/* Odd shapes: every tile height, cut panels, cut k blocks, each dtype with float and code rows. */
static void shapes(void **state) {
    (void)state;
    static const int32_t ms[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 50};
    static const int32_t ns[] = {1, 15, 16, 17, 33, 48};
    static const int32_t ks[] = {1, 2, 3, 16, 31, 255, 256, 257, 520};
    static const octavo_dtype dtypes[] = {OCTAVO_F8_E4M3, OCTAVO_F8_E4M3, OCTAVO_F16, OCTAVO_BF16,
                                          OCTAVO_F32};
    for (size_t t = 0; t < OC_COUNT(tiers); t++) {
        if (!has_tier(tiers[t])) {
            continue;
        }
        oc_device *device = open_device(tiers[t], 2);
        for (size_t d = 0; d < OC_COUNT(dtypes); d++) {
            for (size_t i = 0; i < OC_COUNT(ns) * OC_COUNT(ks); i++) {
                int32_t n = ns[i / OC_COUNT(ks)], k = ks[i % OC_COUNT(ks)];
                seed = 1 + i;
                stored a = random_matrix(50, k, d == 0 ? OCTAVO_F8_E4M3 : OCTAVO_F32, 40.0f);
                stored w = random_matrix(n, k, dtypes[d], 80.0f);
                oc_constant *packed = pack(device, &w, d == 0);
                double *exact = products(&a, &w);
                for (size_t j = 0; j < OC_COUNT(ms); j++) {
                    if (d > 1 && j % 4 != 0) {
                        continue;
                    }
                    matrix out = matrix_new(ms[j], n, 5, false);
                    oc_step step = {0};
                    step.u.gemm =
                        (oc_step_gemm){.a = view_of(&a), .weight = packed, .out = out.view};
                    run_gemm(device, &step, ms[j], 50);
                    double error = error_of(&out, exact, exact + 50 * n, ms[j]);
                    if (!(error <= limit_of(&step))) {
                        fail_msg("%s %d x %d x %d: error %g", step.kernel, ms[j], k, n, error);
                    }
                    matrix_check_guards(&out);
                    matrix_free(&out);
                }
                free(exact);
                oc_backend_cpu.constant_free(device, packed);
                drop(&a);
                drop(&w);
            }
        }
        oc_backend_cpu.close(device);
    }
}

/* Every combination of what may follow the product; codes are exactly those of the float result. */
static void epilogues(void **state) {
    (void)state;
    enum { M = 7, N = 33, K = 40, PERIOD = 3 };
    for (size_t t = 0; t < OC_COUNT(tiers); t++) {
        if (!has_tier(tiers[t])) {
            continue;
        }
        oc_device *device = open_device(tiers[t], 1);
        seed = 5;
        stored a = random_matrix(M, K, OCTAVO_F8_E4M3, 90.0f);
        stored w = random_matrix(N, K, OCTAVO_F8_E4M3, 90.0f);
        oc_constant *packed = pack(device, &w, true);
        double *product = products(&a, &w), exact[M * N];
        float *scale = random_values(N, 3e-5f), *bias = random_values(N, 1.0f);
        float *table = random_values(PERIOD * N, 1.0f);
        float *residual = random_values(M * (N + 5), 1.0f);
        for (int i = 0; i < 4 * 2 * 2 * 3 * 2; i++) {
            oc_activation act = (oc_activation)(i % 4);
            bool scaled = i / 4 % 2, biased = i / 8 % 2, tabled = i / 48;
            int added = i / 16 % 3; /* 0 no, 1 apart, 2 the output itself */
            for (int j = 0; j < M * N; j++) {
                int r = j / N, c = j % N;
                double value = product[j] * (double)(scaled ? scale[c] : 1.0f);
                value = activate(act, value + (double)(biased ? bias[c] : 0.0f));
                value += (double)(added != 0 ? residual[r * (N + 5) + c] : 0.0f);
                exact[j] = value + (double)(tabled ? table[r % PERIOD * N + c] : 0.0f);
            }
            matrix out = matrix_new(M, N, 5, false), codes = matrix_new(M, N, 5, true);
            oc_step step = {0};
            step.u.gemm = (oc_step_gemm){.a = view_of(&a),
                                         .weight = packed,
                                         .column_scale = scaled ? OC_HOST_FLOATS(scale, N) : NULL,
                                         .bias = biased ? OC_HOST_FLOATS(bias, N) : NULL,
                                         .act = act,
                                         .table = tabled ? OC_HOST_FLOATS(table, PERIOD * N) : NULL,
                                         .period = tabled ? PERIOD : 0,
                                         .out = out.view};
            if (added == 1) {
                step.u.gemm.residual = (oc_view){.data = residual,
                                                 .stride = N + 5,
                                                 .columns = N,
                                                 .scale = 1.0f,
                                                 .dtype = OCTAVO_F32};
            } else if (added == 2) {
                step.u.gemm.residual = step.u.gemm.out;
                for (int32_t r = 0; r < M; r++) {
                    memcpy(row(&out, r), residual + r * (N + 5), N * sizeof(float));
                }
            }
            run_gemm(device, &step, M, M);
            double error = error_of(&out, exact, NULL, M);
            if (!(error <= limit_of(&step))) {
                fail_msg("%s, combination %d: error %g", step.kernel, i, error);
            }
            matrix_check_guards(&out);

            if (added != 2) {
                float unit = scaled ? 0.013f : 700.0f; /* some saturate, some are subnormal */
                codes.view.scale = unit;
                step.u.gemm.out = codes.view;
                run_gemm(device, &step, M, M);
                check_codes(&codes, &out);
                matrix_check_guards(&codes);
            }
            matrix_free(&out);
            matrix_free(&codes);
        }
        free(scale);
        free(bias);
        free(table);
        free(residual);
        free(product);
        oc_backend_cpu.constant_free(device, packed);
        oc_backend_cpu.close(device);
        drop(&a);
        drop(&w);
    }
}

static void run_slice(oc_device *device, const stored *a, const oc_constant *packed,
                      const matrix *out, int32_t first, int32_t rows, int32_t rows_max) {
    oc_step step = {0};
    step.u.gemm =
        (oc_step_gemm){.a = view_of(a), .weight = packed, .act = OC_ACT_GELU_ERF, .out = out->view};
    step.u.gemm.a.data =
        (uint8_t *)step.u.gemm.a.data + (size_t)first * (size_t)a->k * size_of(a->dtype);
    step.u.gemm.out.data = row(out, first);
    run_gemm(device, &step, rows, rows_max);
}

static void check_same(const matrix *a, const matrix *b) {
    assert_int_equal(memcmp(a->block, b->block, a->bytes + 2 * GUARD), 0);
}

/* A row's bits depend neither on its company nor on the threads, also across row blocks. */
static void invariance(void **state) {
    (void)state;
    enum { M = 523, N = 40, K = 300 };
    static const int32_t cuts[] = {1, 2, 3, 4, 5, 6, 7, 11, 253, 509};
    for (size_t t = 0; t < OC_COUNT(tiers); t++) {
        for (int codes = 0; has_tier(tiers[t]) && codes < 2; codes++) {
            oc_device *one = open_device(tiers[t], 1), *three = open_device(tiers[t], 3);
            seed = 9;
            stored a = random_matrix(M, K, codes ? OCTAVO_F8_E4M3 : OCTAVO_F32, 0.5f);
            stored w = random_matrix(N, K, OCTAVO_F8_E4M3, 0.2f);
            oc_constant *packed = pack(one, &w, codes), *again = pack(three, &w, codes);
            matrix all = matrix_new(M, N, 5, false), part = matrix_new(M, N, 5, false);
            run_slice(one, &a, packed, &all, 0, M, M);
            run_slice(three, &a, again, &part, 0, M, M);
            check_same(&all, &part);
            for (size_t i = 0; i < OC_COUNT(cuts); i++) {
                memset(part.block, SENTINEL, part.bytes + 2 * GUARD);
                for (int32_t first = 0; first < M; first += cuts[i]) {
                    int32_t rows = M - first < cuts[i] ? M - first : cuts[i];
                    run_slice(i % 2 == 0 ? one : three, &a, packed, &part, first, rows, M);
                }
                check_same(&all, &part);
            }
            matrix_free(&all);
            matrix_free(&part);
            oc_backend_cpu.constant_free(one, packed);
            oc_backend_cpu.constant_free(three, again);
            oc_backend_cpu.close(one);
            oc_backend_cpu.close(three);
            drop(&a);
            drop(&w);
        }
    }
}

/* Unit rows of A yield the weights themselves: every code and every dtype survives packing. */
static void packing(void **state) {
    (void)state;
    enum { N = 19, K = 300 };
    static const octavo_dtype dtypes[] = {OCTAVO_F8_E4M3, OCTAVO_F16, OCTAVO_BF16, OCTAVO_F32};
    for (size_t t = 0; t < OC_COUNT(tiers); t++) {
        for (size_t d = 0; has_tier(tiers[t]) && d < OC_COUNT(dtypes); d++) {
            oc_device *device = open_device(tiers[t], 2);
            seed = 3 + d;
            stored w = random_matrix(N, K, dtypes[d], 1.0f);
            if (dtypes[d] == OCTAVO_F8_E4M3) {
                uint8_t *code = w.bytes;
                for (int i = 0; i < N * K; i++) {
                    code[i] = (uint8_t)((i + i / K) % 256);
                    code[i] = (code[i] & 0x7f) == 0x7f ? 0 : code[i];
                }
                assert_true(oc_convert_to_f32(w.dtype, code, w.values, N * K));
            }
            atomic_store(&rows_read, 0);
            oc_constant *packed = pack(device, &w, false);
            assert_int_equal(atomic_load(&rows_read), N);
            assert_true(packed->bytes >= N * K * size_of(w.dtype));
            float *unit = calloc(K * K, sizeof(float));
            assert_non_null(unit);
            for (int i = 0; i < K; i++) {
                unit[i * K + i] = 1.0f;
            }
            stored a = round_values(unit, K, K, OCTAVO_F32);
            matrix out = matrix_new(K, N, 5, false);
            oc_step step = {0};
            step.u.gemm = (oc_step_gemm){.a = view_of(&a), .weight = packed, .out = out.view};
            run_gemm(device, &step, K, K);
            for (int32_t i = 0; i < K; i++) {
                for (int32_t c = 0; c < N; c++) {
                    assert_true(row(&out, i)[c] == w.values[c * K + i]);
                }
            }
            matrix_free(&out);
            oc_backend_cpu.constant_free(device, packed);
            oc_backend_cpu.close(device);
            drop(&a);
            drop(&w);
        }
    }
}

/* A table's rows stay as they are in the file. */
static void tables(void **state) {
    (void)state;
    enum { N = 201, K = 37 };
    static const octavo_dtype dtypes[] = {OCTAVO_F8_E4M3, OCTAVO_F16, OCTAVO_BF16, OCTAVO_F32};
    oc_device *device = open_device("portable", 2);
    for (size_t d = 0; d < OC_COUNT(dtypes); d++) {
        seed = 30 + d;
        stored w = random_matrix(N, K, dtypes[d], 1.0f);
        oc_constant *packed = NULL;
        oc_matrix source = {
            .n = N, .k = K, .dtype = w.dtype, .use = OC_USE_ROWS, .read = read_rows, .source = &w};
        assert_int_equal(oc_backend_cpu.constant_create(device, &source, &packed, NULL), OCTAVO_OK);
        assert_int_equal(packed->bytes, N * K * size_of(w.dtype));
        assert_int_equal(memcmp(packed->data, w.bytes, N * K * size_of(w.dtype)), 0);
        oc_backend_cpu.constant_free(device, packed);
        drop(&w);
    }
    oc_backend_cpu.close(device);
}

/* Product of codes by codes on the best variant; its error. */
static double error_of_codes(float *acts, int32_t m, float *weights, int32_t n, int32_t k,
                             const char *kernel) {
    oc_device *device = open_device("avx2", 2);
    stored a = round_values(acts, m, k, OCTAVO_F8_E4M3);
    stored w = round_values(weights, n, k, OCTAVO_F8_E4M3);
    oc_constant *packed = pack(device, &w, true);
    double *exact = products(&a, &w);
    matrix out = matrix_new(m, n, 5, false);
    oc_step step = {0};
    step.u.gemm = (oc_step_gemm){.a = view_of(&a), .weight = packed, .out = out.view};
    run_gemm(device, &step, m, m);
    if (strcmp(step.kernel, kernel) != 0) {
        fail_msg("kernel %s (%s), expected %s", step.kernel, step.why, kernel);
    }
    assert_true(step.why[0] != '\0');
    double error = error_of(&out, exact, NULL, m);
    free(exact);
    matrix_free(&out);
    oc_backend_cpu.constant_free(device, packed);
    oc_backend_cpu.close(device);
    drop(&a);
    drop(&w);
    return error;
}

/* The integer kernel stays under the per-op limit of 1e-3 with outlier channels, sparse rows, tiny
 * and largest values; nothing overflows; weights that it would round too much go to float32. */
static void integers(void **state) {
    (void)state;
    enum { M = 24, N = 256, K = 1024 };
    if (!has_tier("avx2")) {
        skip();
    }
    static const char i16[] = "gemm_i16 avx2", f32[] = "gemm_f32 avx2";
    seed = 77;
    for (int kind = 0; kind < 9; kind++) {
        float *a = random_values(M * K, 100.0f), *w = random_values(N * K, 100.0f);
        const char *kernel = i16;
        double limit = 1e-3;
        for (int i = 0; i < M * K; i++) {
            int channel = i % K;
            switch (kind) {
            case 0: /* Gaussian */
                limit = 1.5e-4;
                break;
            case 1: /* one channel x100 */
                a[i] *= channel == 5 ? 1.5f : 0.015f;
                break;
            case 2: /* several in a block x30 to x100 */
                a[i] *= channel % 61 == 7 ? (float)(0.3 + channel % 8 * 0.1) : 0.01f;
                break;
            case 3: /* one x1000 */
                a[i] *= channel == 700 ? 1.2f : 0.0012f;
                break;
            case 4: /* GELU: mostly small negative, some large */
                a[i] = 150.0f * (float)activate(OC_ACT_GELU_SIGMOID, (double)a[i] * 0.015 - 1.0);
                break;
            case 5: /* the largest of all sums */
                a[i] = 448.0f;
                limit = 1e-6;
                break;
            case 6: /* rows of zeros and of subnormals */
                a[i] *= i / K % 3 == 0 ? 0.0f : i / K % 3 == 1 ? 1e-4f : 1.0f;
                break;
            default:
                break;
            }
        }
        for (int i = 0; i < N * K; i++) {
            int column = i / K;
            if (kind == 5) {
                w[i] = column % 2 == 0 ? 448.0f : -448.0f;
            } else if (kind == 6) { /* subnormal columns, a zero column */
                w[i] *= column % 3 == 0 ? 5e-5f : column == 4 ? 0.0f : 1e-3f;
            } else if (kind == 7) { /* columns of very different size */
                w[i] *= (float)ldexp(1.0, -(column % 13));
            } else if (kind == 8) { /* a giant in each column */
                w[i] *= i % K == 3 ? 4.0f : 0.001f;
                kernel = f32;
                limit = 2e-6;
            }
        }
        double error = error_of_codes(a, M, w, N, K, kernel);
        if (!(error <= limit)) {
            fail_msg("kind %d: error %g, limit %g", kind, error, limit);
        }
    }
}

/* Integers are for matrices both of whose sides are 256 or more, or where they are asked for; why
 * tells the gain and the error of either choice. */
static void integers_begin_at_a_side(void **state) {
    (void)state;
    static const struct {
        const char *tier;
        int32_t n, k;
        const char *why;
    } cases[] = {
        {"avx2", 256, 256, "as 16-bit integers: 1.4x as fast; weights lose"},
        {"avx2", 255, 1024, "a side of 255 is below 256: 16-bit integers gain 1.4x"},
        {"avx2", 1024, 255, "and err by 1e-04"},
        {"avx2:i16", 17, 9, "as 16-bit integers: 1.4x"},
        {"avx2:f32", 256, 256, "asked for: f32"},
    };
    for (size_t i = 0; i < OC_COUNT(cases) && has_tier("avx2"); i++) {
        oc_device *device = open_device(cases[i].tier, 1);
        stored w = random_matrix(cases[i].n, cases[i].k, OCTAVO_F8_E4M3, 1.0f);
        oc_constant *packed = pack(device, &w, true);
        assert_non_null(strstr(oc_cpu_matrix_of(packed)->why, cases[i].why));
        oc_backend_cpu.constant_free(device, packed);
        drop(&w);
        oc_backend_cpu.close(device);
    }
}

/* A NaN among a row's codes makes that row NaN, and no other. */
static void nan_codes(void **state) {
    (void)state;
    enum { M = 3, N = 17, K = 48 };
    for (size_t t = 0; t < OC_COUNT(tiers); t++) {
        if (!has_tier(tiers[t])) {
            continue;
        }
        oc_device *device = open_device(tiers[t], 1);
        seed = 4;
        stored a = random_matrix(M, K, OCTAVO_F8_E4M3, 50.0f);
        stored w = random_matrix(N, K, OCTAVO_F8_E4M3, 50.0f);
        ((uint8_t *)a.bytes)[K + 40] = 0xff;
        oc_constant *packed = pack(device, &w, true);
        matrix out = matrix_new(M, N, 5, false);
        oc_step step = {0};
        step.u.gemm = (oc_step_gemm){.a = view_of(&a), .weight = packed, .out = out.view};
        run_gemm(device, &step, M, M);
        for (int32_t c = 0; c < N; c++) {
            assert_true(!isnan(row(&out, 0)[c]));
            assert_true(isnan(row(&out, 1)[c]));
            assert_true(!isnan(row(&out, 2)[c]));
        }
        matrix_free(&out);
        oc_backend_cpu.constant_free(device, packed);
        oc_backend_cpu.close(device);
        drop(&a);
        drop(&w);
    }
}

static octavo_status read_fails(void *source, int32_t first, int32_t count, void *rows,
                                octavo_error *error) {
    (void)source;
    (void)rows;
    return oc_fail(error, OCTAVO_CORRUPT, 7, __FILE__, __LINE__, "rows %d to %d are gone", first,
                   first + count);
}

/* What cannot be packed, opened or run is refused with its reason, and nothing leaks. */
static void refusals(void **state) {
    (void)state;
    octavo_error error = {0};
    oc_device *device = NULL;
    oc_device_options options = {.tier = "avx9", .threads = 1};
    assert_int_equal(oc_backend_cpu.open(&options, &device, &error), OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "portable"));
    assert_null(device);
    options.tier = "portable:i16";
    assert_int_equal(oc_backend_cpu.open(&options, &device, NULL), OCTAVO_INVALID_ARGUMENT);
    options.tier = "portable:a-variant-of-a-long-name";
    assert_int_equal(oc_backend_cpu.open(&options, &device, NULL), OCTAVO_INVALID_ARGUMENT);

    device = open_device("portable", 2);
    oc_constant *packed = NULL;
    error = (octavo_error){0};
    oc_matrix source = {
        .n = 200, .k = 5, .dtype = OCTAVO_F16, .use = OC_USE_FACTOR, .read = read_fails};
    assert_int_equal(oc_backend_cpu.constant_create(device, &source, &packed, &error),
                     OCTAVO_CORRUPT);
    assert_null(packed);
    assert_non_null(strstr(error.message, "are gone"));
    assert_int_equal(error.offset, 7);
    source.dtype = OCTAVO_F8_E5M2;
    assert_int_equal(oc_backend_cpu.constant_create(device, &source, &packed, NULL),
                     OCTAVO_UNSUPPORTED);
    source.dtype = OCTAVO_F32;
    source.n = 0;
    assert_int_equal(oc_backend_cpu.constant_create(device, &source, &packed, NULL),
                     OCTAVO_INVALID_ARGUMENT);

    seed = 1;
    stored w = random_matrix(4, 6, OCTAVO_F32, 1.0f);
    packed = pack(device, &w, false);
    oc_step step = {.kind = OC_STEP_GEMM, .rows = ROWS, .name = "odd"};
    step.u.gemm = (oc_step_gemm){.a = {.columns = 7, .dtype = OCTAVO_F32},
                                 .weight = packed,
                                 .out = {.columns = 4, .dtype = OCTAVO_F32}};
    oc_plan_limits limits = {.rows_max = {1, 1, 1, 1}, .sequence_max = {1, 1, 1, 1}};
    oc_scratch scratch = {0};
    error = (octavo_error){0};
    assert_int_equal(oc_backend_cpu.choose(device, &step, &limits, &scratch, &error),
                     OCTAVO_INTERNAL);
    assert_non_null(strstr(error.message, "odd"));
    oc_backend_cpu.constant_free(device, packed);
    drop(&w);
    oc_backend_cpu.close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(epilogues),
        cmocka_unit_test(invariance),
        cmocka_unit_test(packing),
        cmocka_unit_test(tables),
        cmocka_unit_test(integers),
        cmocka_unit_test(integers_begin_at_a_side),
        cmocka_unit_test(nan_codes),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
