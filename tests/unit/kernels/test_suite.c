// links: test_conformance test_support backends_ref num base
/* test_suite.c - the conformance suite itself: it must catch a backend that does any one thing
 * wrong.  The backend under test is the referee with a lie told after each run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "backends/ref/ref.h"
#include "conformance/suite.h"
#include "device/host.h"
#include "support/allocations.h"
#include "support/tolerances.h"

typedef enum lie {
    HONEST,
    WRONG_VALUE,       /* one of many, by a thousandth */
    WRONG_CODE,        /* one, by one place */
    WRITES_IN_GAP,     /* between two rows */
    WRITES_BEFORE,     /* the output */
    WRITES_INPUT,      /* one bit */
    WRITES_SCRATCH,    /* before it */
    SEES_COMPANY,      /* the last bit of row 0 depends on the number of rows */
    SEES_THREADS,      /* ... on the number of threads */
    SEES_WAY,          /* ... on the way of doing it */
    ALLOCATES,         /* once */
    FAILS,             /* to run */
    READS_ROWS_TWICE,  /* when packing */
    REFUSES,           /* the step, as UNSUPPORTED */
    CALLS_IT_INTERNAL, /* refuses the step with another status */
} lie;

static lie told;
static oc_suite suite;
static void *volatile kept; /* so that an allocation is not optimised away */

static void tell(int32_t threads, const oc_step *told_of, const oc_run *run, void *scratch) {
    oc_step copy = *told_of, *step = &copy;
    oc_view *out = oc_step_out(step);
    uint8_t *bytes = out->data;
    bool many = run->rows[step->rows] > 3;
    switch (told) {
    case WRONG_VALUE:
        ((float *)out->data)[run->rows[step->rows] / 2 * out->stride] *= 1.001f;
        break;
    case WRONG_CODE:
        bytes[2] ^= 1;
        break;
    case WRITES_IN_GAP:
        if (many) {
            bytes[4 * out->columns] = 0;
        }
        break;
    case WRITES_BEFORE:
        bytes[-1] = 0;
        break;
    case WRITES_INPUT:
        *(uint8_t *)step->u.norm.x.data ^= 1;
        break;
    case WRITES_SCRATCH:
        ((uint8_t *)scratch)[-1] = 0;
        break;
    case SEES_COMPANY:
        bytes[0] ^= many;
        break;
    case SEES_THREADS:
        bytes[0] ^= threads == 3;
        break;
    case SEES_WAY:
        bytes[0] ^= step->tactic == 2;
        break;
    case ALLOCATES:
        kept = malloc(16);
        free(kept);
        break;
    default:
        break;
    }
}

/* The step of the program at hand, where its scratch begins, and its queue's threads. */
static struct {
    oc_step *steps;
    uint8_t *scratch;
    int32_t threads;
} liars[2]; /* of queues of one thread and of three */

static octavo_status queue_lying(oc_device *device, int32_t threads, size_t bytes, oc_queue **out,
                                 octavo_error *error) {
    octavo_status status = oc_backend_ref.queue_create(device, threads, bytes, out, error);
    liars[threads == 3].threads = threads;
    return status;
}

static octavo_status compile_lying(oc_queue *queue, const oc_plan *plan, oc_program **out,
                                   octavo_error *error) {
    int which = liars[1].threads == 3 && liars[1].steps == NULL;
    uint8_t *memory = oc_backend_ref.memory(queue);
    assert_int_equal(oc_host_steps(plan, memory, &liars[which].steps, error), OCTAVO_OK);
    liars[which].scratch = memory + plan->arena_bytes;
    return oc_backend_ref.compile(queue, plan, out, error);
}

static void program_free_lying(oc_program *program) {
    for (int i = 0; program != NULL && i < 2; i++) { /* there is one at a time */
        free(liars[i].steps);
        memset(&liars[i], 0, sizeof liars[i]);
    }
    oc_backend_ref.program_free(program);
}

static octavo_status submit_lying(oc_queue *queue, oc_program *program, const oc_run *run,
                                  uint32_t report, oc_step_report *reports, oc_ticket *ticket,
                                  octavo_error *error) {
    octavo_status status =
        oc_backend_ref.submit(queue, program, run, report, reports, ticket, error);
    int which = liars[1].steps != NULL;
    const oc_step *step = liars[which].steps;
    if (run->rows[step->rows] > 0) {
        tell(liars[which].threads, step, run, liars[which].scratch);
    }
    return told == FAILS ? OCTAVO_INTERNAL : status;
}

static octavo_status constant_lying(oc_device *device, const oc_matrix *matrix, oc_constant **out,
                                    octavo_error *error) {
    uint8_t row[4096];
    if (told == READS_ROWS_TWICE && matrix->use == OC_USE_FACTOR) {
        matrix->read(matrix->source, 0, 1, row, error);
    }
    return oc_backend_ref.constant_create(device, matrix, out, error);
}

static octavo_status choose_lying(oc_device *device, oc_step *step, const oc_plan_limits *limits,
                                  oc_scratch *scratch, octavo_error *error) {
    if (told == REFUSES || told == CALLS_IT_INTERNAL) {
        return told == REFUSES ? OCTAVO_UNSUPPORTED : OCTAVO_INTERNAL;
    }
    return oc_backend_ref.choose(device, step, limits, scratch, error);
}

/* Three ways of doing any step. */
static void tactics_lying(const oc_device *device, const oc_step *step,
                          const oc_plan_limits *limits, oc_tactics *out) {
    (void)device;
    (void)step;
    (void)limits;
    for (out->count = 0; out->count < 3; out->count++) {
        out->items[out->count].number = out->count;
    }
}

/* Failures of one case under a lie. */
static int32_t failures(lie a_lie, const oc_case_family *family, const char *part_of_name,
                        const oc_gap *gaps) {
    oc_backend liar = oc_backend_ref;
    oc_case c;
    int32_t index = 0;
    liar.queue_create = queue_lying;
    liar.compile = compile_lying;
    liar.program_free = program_free_lying;
    liar.submit = submit_lying;
    liar.constant_create = constant_lying;
    liar.choose = choose_lying;
    liar.tactics = tactics_lying;
    assert_int_equal(oc_suite_open(&suite, &liar, "f32", NULL), OCTAVO_OK);
    for (int32_t i = 0; i < OC_SUITE_DEVICES; i++) {
        suite.devices[i]->backend = &liar;
    }
    suite.quiet = true;
    suite.not_yet = gaps != NULL ? gaps : suite.not_yet;
    family->make(&c, index);
    while (strstr(c.name, part_of_name) == NULL) {
        oc_case_free(&c);
        assert_true(++index < family->count());
        family->make(&c, index);
    }
    told = a_lie;
    oc_suite_run(&suite, &c);
    oc_case_free(&c);
    int32_t count = suite.failures;
    oc_suite_close(&suite);
    return count;
}

/* What is right passes; each thing that is wrong does not. */
static void catches_lies(void **state) {
    const lie of_norm[] = {WRONG_VALUE,  WRITES_IN_GAP, WRITES_BEFORE, WRITES_INPUT, SEES_COMPANY,
                           SEES_THREADS, ALLOCATES,     FAILS,         REFUSES};
    (void)state;
    for (size_t i = 0; i < OC_COUNT(of_norm); i++) {
        assert_int_equal(failures(HONEST, &oc_norm_cases, "7x17 padded", NULL), 0);
        assert_true(failures(of_norm[i], &oc_norm_cases, "7x17 padded", NULL) > 0);
    }
    assert_int_equal(failures(HONEST, &oc_norm_cases, "5x7 -> codes", NULL), 0);
    assert_true(failures(WRONG_CODE, &oc_norm_cases, "5x7 -> codes", NULL) > 0);
    assert_true(failures(WRONG_CODE, &oc_quantize_cases, "3x7 -> codes", NULL) > 0);
    assert_int_equal(failures(HONEST, &oc_gemm_cases, "7x33x257", NULL), 0);
    assert_true(failures(READS_ROWS_TWICE, &oc_gemm_cases, "7x33x257", NULL) > 0);
    assert_true(failures(WRITES_SCRATCH, &oc_gemm_cases, "7x33x257", NULL) > 0);
    assert_int_equal(failures(HONEST, &oc_gemm_cases, "64x512x128", NULL), 0);
    assert_int_equal(failures(SEES_WAY, &oc_gemm_cases, "64x512x128", NULL), 1);
}

/* A listed gap must be refused, as UNSUPPORTED; what is not meant is not excused. */
static void holds_backends_to_their_gaps(void **state) {
    const oc_gap gaps[] = {{"ref", "*", "norm 7x17*", "for this test"}, {NULL, NULL, NULL, NULL}};
    const oc_gap others[] = {{"ref", "f16", "norm 7x17*", "another tier"},
                             {"cpu", "*", "norm 7x17*", "another backend"},
                             {"ref", "*", "norm 8x17*", "another case"},
                             {NULL, NULL, NULL, NULL}};
    (void)state;
    assert_int_equal(failures(REFUSES, &oc_norm_cases, "7x17 padded", gaps), 0);
    assert_true(failures(HONEST, &oc_norm_cases, "7x17 padded", gaps) > 0);
    assert_true(failures(CALLS_IT_INTERNAL, &oc_norm_cases, "7x17 padded", gaps) > 0);
    assert_true(failures(REFUSES, &oc_norm_cases, "7x17 padded", others) > 0);
}

/* The counter sees every function that hands out memory. */
static void counts_allocations(void **state) {
    void *pointers[5] = {0};
    (void)state;
    int64_t before = oc_allocations();
    pointers[0] = malloc(10);
    pointers[1] = calloc(2, 10);
    pointers[2] = realloc(pointers[2], 20);
    pointers[3] = aligned_alloc(64, 64);
    assert_int_equal(posix_memalign(&pointers[4], 64, 10), 0);
    int64_t after = oc_allocations();
    for (int i = 0; i < 5; i++) {
        free(pointers[i]);
    }
    assert_int_equal(after - before, OC_UNDER_TSAN ? 3 : 5);
}

/* Limits are found by the kernel's first word, or by "*". */
static void finds_tolerances(void **state) {
    (void)state;
    assert_true(oc_tolerance("gemm", "gemm_i16 avx2", "rel_rms") >
                oc_tolerance("gemm", "gemm_f32 avx2", "rel_rms"));
    assert_true(oc_tolerance("gemm", "gemm_i16x portable", "rel_rms") ==
                oc_tolerance("gemm", "gemm_f32 portable", "rel_rms"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(catches_lies),
        cmocka_unit_test(holds_backends_to_their_gaps),
        cmocka_unit_test(counts_allocations),
        cmocka_unit_test(finds_tolerances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
