/* suite.c - see suite.h. */
#include "conformance/suite.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/ref/ref.h"
#include "num/f16.h"
#include "support/allocations.h"
#include "support/step_program.h"

/* A case made ready on a device. */
typedef struct prepared {
    oc_device *device;
    oc_constant *weight;
    oc_step_program program;
} prepared;

/* Output of one run: guarded, gaps between rows are sentinels. */
typedef struct result {
    oc_guard memory;
    oc_view view;
    int32_t rows;
} result;

static const int32_t suite_threads[OC_SUITE_DEVICES] = {1, 3};

octavo_status oc_suite_open(oc_suite *suite, const oc_backend *backend, const char *tier,
                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_device_options referee = {.threads = 1};
    memset(suite, 0, sizeof *suite);
    suite->backend = backend;
    suite->tier = tier;
    suite->never = oc_gaps_never;
    suite->not_yet = oc_gaps_not_yet;
    OC_TRY(oc_backend_ref.open(&referee, &suite->referee, error));
    for (int32_t i = 0; i < OC_SUITE_DEVICES; i++) {
        oc_device_options options = {.tier = tier, .threads = suite_threads[i]};
        OC_TRY(backend->open(&options, &suite->devices[i], error));
    }
done:
    if (status != OCTAVO_OK) {
        oc_suite_close(suite);
    }
    return status;
}

void oc_suite_close(oc_suite *suite) {
    for (int32_t i = 0; i < OC_SUITE_DEVICES; i++) {
        if (suite->devices[i] != NULL) {
            suite->backend->close(suite->devices[i]);
        }
    }
    if (suite->referee != NULL) {
        oc_backend_ref.close(suite->referee);
    }
    memset(suite, 0, sizeof *suite);
}

void oc_suite_fail(oc_suite *suite, const oc_case *c, const char *format, ...) {
    va_list arguments;
    suite->failures++;
    if (suite->quiet) {
        return;
    }
    fprintf(stderr, "%s %s · %s (seed %llu): ", suite->backend->name, suite->tier, c->name,
            (unsigned long long)c->seed);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

/* -- preparing and running ---------------------------------------------------------------- */

static void set_weight(oc_step *step, const oc_constant *packed) {
    if (step->kind == OC_STEP_GEMM) {
        step->u.gemm.weight = packed;
    } else if (step->kind == OC_STEP_TOKENS) {
        step->u.tokens.table = packed;
    }
}

static void unready(prepared *r) {
    oc_step_program_free(&r->program);
    if (r->weight != NULL) {
        r->device->backend->constant_free(r->device, r->weight);
    }
    memset(r, 0, sizeof *r);
}

static octavo_status make_ready(oc_device *device, int32_t threads, const oc_case *c, prepared *out,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_case_matrix source = c->source;
    oc_matrix matrix = c->matrix;
    oc_step step = c->step;
    memset(out, 0, sizeof *out);
    out->device = device;
    if (matrix.n > 0) {
        memset((void *)source.reads, 0, (size_t)matrix.n);
        matrix.source = &source;
        OC_TRY(device->backend->constant_create(device, &matrix, &out->weight, error));
        for (int32_t row = 0; row < matrix.n; row++) {
            if (source.reads[row] != 1) {
                OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET,
                        "row %d of the matrix was read %d times", row, source.reads[row]);
            }
        }
    }
    set_weight(&step, out->weight);
    if (c->in_place) { /* the output lies where the residual does */
        oc_step_out(&step)->data = step.u.gemm.residual.data;
    }
    OC_TRY(oc_step_program_create(device, threads, &step, &c->run, &out->program, error));
done:
    if (status != OCTAVO_OK) {
        unready(out);
    }
    return status;
}

static size_t element(const oc_view *view) {
    return oc_dtype_bytes(view->dtype);
}

static uint8_t *row_at(const oc_view *view, int32_t row) {
    return (uint8_t *)view->data + (size_t)(row * view->stride) * element(view);
}

static result new_result(const oc_view *view, int32_t rows) {
    result r = {.view = *view, .rows = rows};
    size_t count = rows > 0 ? (size_t)((rows - 1) * view->stride + view->columns) : 0;
    r.memory = oc_guard_new(count * element(view), element(view));
    r.view.data = r.memory.data;
    return r;
}

/* Runs sequences first .. end-1. */
static result run_slice(oc_suite *suite, prepared *ready, const oc_case *c, int32_t first,
                        int32_t end) {
    octavo_error error = {0};
    oc_step step;
    oc_run run;
    int32_t *starts = calloc((size_t)c->sequences + 1, sizeof *starts);
    oc_case_slice(c, first, end, &step, &run, starts);
    oc_view *out = oc_step_out(&step);
    result r = new_result(out, oc_case_out_row(c, end) - oc_case_out_row(c, first));
    out->data = r.view.data;
    if (c->in_place) {
        for (int32_t row = 0; row < r.rows; row++) {
            memcpy(row_at(&r.view, row), row_at(&step.u.gemm.residual, row),
                   (size_t)r.view.columns * element(&r.view));
        }
        step.u.gemm.residual.data = r.view.data;
    }
    oc_step_report report = {.seconds = -1};
    int64_t allocations = oc_allocations();
    octavo_status status = oc_step_program_run(&ready->program, &step, &run, &report, &error);
    allocations = oc_allocations() - allocations;
    if (status != OCTAVO_OK) {
        oc_suite_fail(suite, c, "run fails: %s", error.message);
    } else if (!(report.seconds >= 0)) {
        oc_suite_fail(suite, c, "run gives no time for the step");
    }
    /* a driver has threads of its own, which may allocate meanwhile */
    if (allocations != 0 && suite->backend->traits(suite->devices[0]).host_memory) {
        oc_suite_fail(suite, c, "run allocates %lld times", (long long)allocations);
    }
    free(starts);
    return r;
}

/* -- checks --------------------------------------------------------------------------------- */

/* The referee's floats of the whole case, [rows, columns]; NULL if it refuses. */
static float *referee_floats(oc_suite *suite, const oc_case *c) {
    octavo_error error = {0};
    oc_case plain = *c; /* shares the buffers */
    prepared ready;
    oc_view *view = oc_step_out(&plain.step);
    *view = (oc_view){.stride = view->columns, .columns = view->columns, .dtype = OCTAVO_F32};
    if (c->in_place) {
        plain.in_place = false; /* the residual's own memory does as well */
    }
    if (make_ready(suite->referee, 1, &plain, &ready, &error) != OCTAVO_OK) {
        oc_suite_fail(suite, c, "the referee refuses: %s", error.message);
        return NULL;
    }
    result r = run_slice(suite, &ready, &plain, 0, c->sequences);
    float *floats = malloc(r.memory.bytes);
    memcpy(floats, r.memory.data, r.memory.bytes);
    oc_guard_free(&r.memory);
    unready(&ready);
    return floats;
}

/* Whether rows of `part` are those of `whole` from row `first` on, bit for bit. */
static bool same_bits(const result *whole, const result *part, int32_t first) {
    for (int32_t row = 0; row < part->rows; row++) {
        if (memcmp(row_at(&whole->view, first + row), row_at(&part->view, row),
                   (size_t)part->view.columns * element(&part->view)) != 0) {
            return false;
        }
    }
    return true;
}

static void add_bits(oc_suite *suite, const result *r) {
    for (int32_t row = 0; row < r->rows; row++) {
        const uint8_t *at = row_at(&r->view, row);
        for (size_t i = 0; i < (size_t)r->view.columns * element(&r->view); i++) {
            suite->bits = (suite->bits ^ at[i]) * 0x100000001b3u;
        }
    }
}

static void check_slices(oc_suite *suite, prepared *ready, const oc_case *c, const result *whole) {
    int32_t n = c->sequences;
    int32_t slices[][2] = {{0, 0}, {0, 1}, {n - 1, n}, {n / 3, n - n / 4}, {1, n}};
    for (size_t i = 0; i < OC_COUNT(slices); i++) {
        int32_t first = slices[i][0], end = slices[i][1];
        if (first >= end && i > 0) {
            continue;
        }
        result part = run_slice(suite, ready, c, first, end);
        if (!same_bits(whole, &part, oc_case_out_row(c, first))) {
            oc_suite_fail(suite, c, "sequences %d to %d alone give other bits than among %d", first,
                          end - 1, n);
        }
        oc_guard_free(&part.memory);
    }
}

/* All the ways that the device has of doing it; the program is left with the last. */
static void check_ways(oc_suite *suite, prepared *ready, const oc_case *c, const result *whole) {
    octavo_error error = {0};
    oc_tactics *ways = calloc(1, sizeof *ways);
    suite->backend->tactics(ready->device, &ready->program.step, &ready->program.plan.limits, ways);
    for (int32_t i = 0; i < ways->count; i++) {
        if (oc_step_program_take(&ready->program, ways->items[i].number, &error) != OCTAVO_OK) {
            oc_suite_fail(suite, c, "way %s is refused: %s", ways->items[i].text, error.message);
            break;
        }
        result again = run_slice(suite, ready, c, 0, c->sequences);
        if (!same_bits(whole, &again, 0)) {
            oc_suite_fail(suite, c, "way %s gives other bits", ways->items[i].text);
        }
        oc_guard_free(&again.memory);
    }
    free(ways);
}

/* Logits of some of the texts alone. */
static void check_fewer_texts(oc_suite *suite, prepared *ready, const oc_case *c,
                              const result *whole) {
    oc_case fewer = *c; /* shares the buffers */
    int32_t texts = (c->run.rows[OC_ROWS_TEXTS] + 1) / 2;
    fewer.run.rows[OC_ROWS_TEXTS] = texts;
    fewer.step.u.logits.out.columns = texts;
    result part = run_slice(suite, ready, &fewer, 0, c->sequences);
    if (!same_bits(whole, &part, 0)) {
        oc_suite_fail(suite, c, "%d texts alone give other bits than among more", texts);
    }
    oc_guard_free(&part.memory);
}

static uint64_t hash_inputs(const oc_case *c) {
    uint64_t hash = 0;
    for (int32_t i = 0; i < c->buffer_count; i++) {
        hash = hash * 31 + oc_guard_hash(&c->buffers[i]);
    }
    return hash;
}

static void check_inputs(oc_suite *suite, const oc_case *c, uint64_t hash) {
    bool intact = hash_inputs(c) == hash;
    for (int32_t i = 0; i < c->buffer_count; i++) {
        intact = intact && oc_guard_intact(&c->buffers[i]);
    }
    if (!intact) {
        oc_suite_fail(suite, c, "inputs are overwritten");
    }
}

/* Floats that a 16-bit device cannot hold become what it would round them to: both then have the
 * same inputs. */
static void round_inputs(oc_suite *suite, oc_case *c) {
    octavo_dtype buffers = suite->backend->traits(suite->devices[0]).buffers;
    oc_view *views[OC_STEP_VIEWS] = {0};
    int32_t count = oc_step_views(&c->step, views);
    for (int32_t v = oc_step_outputs(&c->step); v < count; v++) {
        oc_view *view = views[v];
        if (view->columns == 0 || view->data == NULL ||
            oc_step_stored(&c->step, v, view->dtype, buffers) != OCTAVO_F16) {
            continue;
        }
        int32_t rows = oc_case_view_rows(c, view);
        for (int64_t i = 0; i < (int64_t)rows * view->columns; i++) {
            float *at = (float *)view->data + i / view->columns * view->stride + i % view->columns;
            *at = oc_f16_to_f32(oc_f32_to_f16(*at));
        }
    }
}

static const oc_gap *find_gap(const oc_suite *suite, const oc_case *c) {
    const char *name = suite->backend->name;
    const oc_gap *gap = oc_gap_find(suite->never, name, suite->tier, c->name);
    return gap != NULL ? gap : oc_gap_find(suite->not_yet, name, suite->tier, c->name);
}

void oc_suite_run(oc_suite *suite, oc_case *c) {
    const oc_gap *gap = find_gap(suite, c);
    round_inputs(suite, c);
    uint64_t hash = hash_inputs(c);
    float *expected = referee_floats(suite, c);
    result first = {0};
    char kernel[64] = "", why[512];
    for (int32_t i = 0; expected != NULL && i < OC_SUITE_DEVICES; i++) {
        octavo_error error = {0};
        prepared ready;
        octavo_status status = make_ready(suite->devices[i], suite_threads[i], c, &ready, &error);
        if (status != OCTAVO_OK) {
            if (gap == NULL || status != OCTAVO_UNSUPPORTED) {
                oc_suite_fail(suite, c, "it is refused: %s", error.message);
            }
            break;
        }
        if (gap != NULL) {
            oc_suite_fail(suite, c, "it is accepted, but listed as a gap: %s", gap->reason);
            unready(&ready);
            break;
        }
        result whole = run_slice(suite, &ready, c, 0, c->sequences);
        check_slices(suite, &ready, c, &whole);
        if (c->step.kind == OC_STEP_LOGITS) {
            check_fewer_texts(suite, &ready, c, &whole);
        }
        if (i == 0) {
            if (!oc_judge(c, &ready.program.step, &whole.view, whole.rows, expected, why,
                          sizeof why)) {
                oc_suite_fail(suite, c, "%s: %s", ready.program.step.kernel, why);
            }
            snprintf(kernel, sizeof kernel, "%s", ready.program.step.kernel);
            if (c->every_way && suite->backend->tactics != NULL) {
                check_ways(suite, &ready, c, &whole);
            }
            first = whole;
            add_bits(suite, &whole);
        } else {
            if (strcmp(kernel, ready.program.step.kernel) != 0) {
                oc_suite_fail(suite, c, "one thread takes %s, three take %s", kernel,
                              ready.program.step.kernel);
            } else if (!same_bits(&first, &whole, 0)) {
                oc_suite_fail(suite, c, "three threads give other bits than one");
            }
            oc_guard_free(&whole.memory);
        }
        unready(&ready);
    }
    oc_guard_free(&first.memory);
    check_inputs(suite, c, hash);
    free(expected);
}
