/* kernel_tools.h - what the tests of CPU kernels share: guarded matrices and a runner of tasks. */
#ifndef OC_TESTS_KERNEL_TOOLS_H
#define OC_TESTS_KERNEL_TOOLS_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/cpu/avx2/avx2.h"
#include "backends/cpu/portable/portable.h"

enum { GUARD = 64, SENTINEL = 0xa5 };

static inline bool have_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/* Runs `test` with the portable kernel, and with the AVX2 one where the machine has it. */
#define EACH_TIER(name, test)                                                                      \
    do {                                                                                           \
        test(&oc_portable_##name);                                                                 \
        if (have_avx2()) {                                                                         \
            test(&oc_avx2_##name);                                                                 \
        }                                                                                          \
    } while (0)

/* -- random numbers ---------------------------------------------------------------------- */

static inline double uniform(uint64_t *state) { /* (0, 1) */
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(*state >> 11) + 0.5) * 0x1p-53;
}

static inline double normal(uint64_t *state) {
    double radius = sqrt(-2.0 * log(uniform(state)));
    return radius * cos(6.283185307179586 * uniform(state));
}

/* -- matrices with guards ----------------------------------------------------------------- */

/* The view's data lies between GUARD bytes on both sides; what lies between its rows is guarded
 * too.  Nothing follows the last row but the guard. */
typedef struct matrix {
    oc_view view;
    int32_t rows;
    uint8_t *block;
    size_t bytes;
} matrix;

static inline size_t element_bytes(const oc_view *view) {
    return oc_dtype_bytes(view->dtype);
}

/* Padding is filled with the sentinel: as floats it is a tiny number, as an input it is harmless;
 * inputs get NaN there from fill(). */
static inline matrix matrix_new(int32_t rows, int32_t columns, int64_t padding, bool codes) {
    matrix m = {.rows = rows};
    m.view = (oc_view){.stride = columns + padding,
                       .columns = columns,
                       .dtype = codes ? OCTAVO_F8_E4M3 : OCTAVO_F32,
                       .scale = 1};
    size_t elements = rows > 0 ? (size_t)((rows - 1) * m.view.stride + columns) : 0;
    m.bytes = elements * element_bytes(&m.view);
    m.block = aligned_alloc(64, (m.bytes + 2 * GUARD + 63) / 64 * 64);
    assert_non_null(m.block);
    memset(m.block, SENTINEL, m.bytes + 2 * GUARD);
    m.view.data = m.block + GUARD;
    return m;
}

static inline void matrix_free(matrix *m) {
    free(m->block);
}

static inline float *row(const matrix *m, int32_t r) {
    return (float *)m->view.data + r * m->view.stride;
}

static inline uint8_t *code_row(const matrix *m, int32_t r) {
    return (uint8_t *)m->view.data + r * m->view.stride;
}

/* mean + spread * normal; NaN between the rows. */
static inline void matrix_fill(matrix *m, double mean, double spread, uint64_t seed) {
    uint64_t state = seed;
    for (int32_t r = 0; r < m->rows; r++) {
        for (int64_t c = 0; c < m->view.stride && (r < m->rows - 1 || c < m->view.columns); c++) {
            row(m, r)[c] = c < m->view.columns ? (float)(mean + spread * normal(&state)) : NAN;
        }
    }
}

/* Every byte that is not an element of the matrix is as it was. */
static inline void matrix_check_guards(const matrix *m) {
    size_t element = element_bytes(&m->view);
    size_t used = (size_t)m->view.columns * element, step = (size_t)m->view.stride * element;
    for (size_t i = 0; i < m->bytes + 2 * GUARD; i++) {
        bool inside = i >= GUARD && i < GUARD + m->bytes && (i - GUARD) % step < used;
        if (!inside && m->block[i] != SENTINEL) {
            fail_msg("byte %zd of a matrix [%d, %d] stride %lld was written", (ssize_t)i - GUARD,
                     m->rows, m->view.columns, (long long)m->view.stride);
        }
    }
}

/* Root mean square of the difference over that of `want` [rows, columns], dense. */
static inline double relative_error(const matrix *got, const double *want) {
    double error = 0, power = 0;
    for (int32_t r = 0; r < got->rows; r++) {
        for (int32_t c = 0; c < got->view.columns; c++) {
            double w = want[(int64_t)r * got->view.columns + c];
            double d = (double)row(got, r)[c] - w;
            error += d * d;
            power += w * w;
        }
    }
    return power > 0 ? sqrt(error / power) : sqrt(error);
}

static inline void check_close(const matrix *got, const double *want, double limit) {
    double error = relative_error(got, want);
    if (!(error <= limit)) {
        fail_msg("[%d, %d]: relative rms error %.3g, limit %.3g", got->rows, got->view.columns,
                 error, limit);
    }
}

/* -- e4m3, from its definition ---------------------------------------------------------------- */

static inline double e4m3_value(int code) { /* 0 .. 0x7e */
    int exponent = code >> 3, mantissa = code & 7;
    return exponent == 0 ? ldexp(mantissa, -9) : ldexp(8 + mantissa, exponent - 10);
}

/* The code nearest to y: ties to the even code, saturated. */
static inline uint8_t e4m3_nearest(float y) {
    uint8_t sign = signbit(y) ? 0x80 : 0;
    if (isnan(y)) {
        return sign | 0x7f;
    }
    double magnitude = fabs((double)y);
    int low = 0, high = 0x7e;
    if (magnitude >= 448) {
        return (uint8_t)(sign | high);
    }
    while (high - low > 1) {
        int middle = (low + high) / 2;
        *(e4m3_value(middle) <= magnitude ? &low : &high) = middle;
    }
    double below = magnitude - e4m3_value(low), above = e4m3_value(high) - magnitude;
    int code = below < above || (below == above && low % 2 == 0) ? low : high;
    return (uint8_t)(sign | code);
}

/* Codes are exactly those of the float results / scale. */
static inline void check_codes(const matrix *codes, const matrix *floats) {
    for (int32_t r = 0; r < codes->rows; r++) {
        for (int32_t c = 0; c < codes->view.columns; c++) {
            float x = row(floats, r)[c];
            uint8_t want = e4m3_nearest(x / codes->view.scale);
            uint8_t got = code_row(codes, r)[c];
            if (got != want) {
                fail_msg("e4m3(%a / %a) is 0x%02x, not 0x%02x", (double)x,
                         (double)codes->view.scale, want, got);
            }
        }
    }
}

/* -- runner -------------------------------------------------------------------------------------
 */

/* Runs all tasks of a step: as one thread would, or last to first as cut for 16 threads.  Local
 * memory is spoilt before each task and may not be left. */
static inline void run_step(const oc_cpu_kernel *kernel, const oc_step *step, const oc_run *run,
                            int32_t rows, int32_t keys, bool many) {
    size_t bytes = kernel->local_bytes != NULL ? kernel->local_bytes(step, rows, keys) : 0;
    uint8_t *local = aligned_alloc(64, (bytes + GUARD + 63) / 64 * 64);
    assert_non_null(local);
    oc_cpu_job job = {.step = step, .run = run, .rows = rows, .threads = many ? 16 : 1};
    int32_t tasks = kernel->phases[0].tasks(&job);
    for (int32_t i = 0; i < tasks; i++) {
        memset(local, 0xff, bytes);
        memset(local + bytes, SENTINEL, GUARD);
        kernel->phases[0].task(&job, many ? tasks - 1 - i : i, local);
        for (size_t g = 0; g < GUARD; g++) {
            assert_int_equal(local[bytes + g], SENTINEL);
        }
    }
    free(local);
}

#endif
