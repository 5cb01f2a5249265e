// links: test_conformance test_support backends_cpu backends_cuda backends_ref num base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cpu/cpu.h"
#include "backends/cuda/cuda.h"
#include "backends/ref/ref.h"
#include "conformance/suite.h"

/* Cases of random shape, of each family on each tier. */
enum { STRESS_CASES = 40 };

static oc_suite suite; /* of the tier at hand */
static uint64_t stress_seed = 20261124;
static oc_case current; /* the case at hand; its name is empty between cases */

static void run_current(void) {
    oc_suite_run(&suite, &current);
    oc_case_free(&current);
}

/* A kernel that touched what it must not has left the case in the middle. */
static int name_what_crashed(void **state) {
    (void)state;
    if (current.name[0] != '\0') {
        print_error("%s %s crashed in %s (seed %llu)\n", suite.backend->name, suite.tier,
                    current.name, (unsigned long long)current.seed);
        oc_case_free(&current);
    }
    return 0;
}

static void run_family(void **state) {
    const oc_case_family *family = *state;
    int32_t count = family->count();
    assert_true(count > 0);
    suite.failures = 0;
    for (int32_t i = 0; i < count; i++) {
        family->make(&current, i);
        run_current();
    }
    assert_int_equal(suite.failures, 0);
}

static void run_stress(void **state) {
    uint64_t seed = stress_seed;
    (void)state;
    suite.failures = 0;
    print_message("seeds from %llu on, %d of each family\n", (unsigned long long)seed,
                  STRESS_CASES);
    for (int32_t i = 0; i < STRESS_CASES; i++) {
        for (int f = 0; f < OC_CASE_FAMILIES; f++) {
            oc_case_families[f]->make_random(&current, seed++);
            run_current();
        }
    }
    assert_int_equal(suite.failures, 0);
}

/* -- what is not a case of one step ---------------------------------------------------------- */

/* A device says what it is, within the bytes that it is given. */
static void describes_itself(void **state) {
    char text[64], little[4] = "xxx";
    (void)state;
    suite.backend->describe(suite.devices[1], text, sizeof text);
    assert_non_null(strstr(text, suite.tier));
    suite.backend->describe(suite.devices[1], little, sizeof little);
    assert_int_equal(strlen(little), 3);
    assert_memory_equal(little, text, 3);
}

static octavo_status fail_to_read(void *source, int32_t first, int32_t count, void *rows,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    (void)source;
    (void)rows;
    OC_FAIL(error, OCTAVO_CORRUPT, 77, "rows %d to %d are damaged", first, first + count - 1);
done:
    return status;
}

/* A matrix that cannot be read, or is of a dtype that no kernel has, is refused with a sentence. */
static void refuses_matrices(void **state) {
    octavo_error error = {0};
    oc_matrix matrix = {.n = 8, .k = 8, .dtype = OCTAVO_F8_E4M3, .read = fail_to_read};
    oc_constant *packed = (oc_constant *)&error;
    octavo_status status;
    (void)state;
    status = suite.backend->constant_create(suite.devices[1], &matrix, &packed, &error);
    assert_int_equal(status, OCTAVO_CORRUPT);
    assert_int_equal(error.offset, 77);
    assert_null(packed);
    memset(&error, 0, sizeof error);
    matrix.dtype = OCTAVO_F8_E5M2;
    status = suite.backend->constant_create(suite.devices[1], &matrix, &packed, &error);
    assert_int_equal(status, OCTAVO_UNSUPPORTED);
    assert_true(strlen(error.message) > 0);
    assert_null(packed);
}

/* A tier that does not exist is refused, and named. */
static void refuses_unknown_tiers(void **state) {
    octavo_error error = {0};
    oc_device_options options = {.tier = "abacus", .threads = 1};
    oc_device *device = NULL;
    (void)state;
    assert_int_not_equal(suite.backend->open(&options, &device, &error), OCTAVO_OK);
    assert_null(device);
    assert_non_null(strstr(error.message, "abacus"));
}

static octavo_status read_floats(void *source, int32_t first, int32_t count, void *rows,
                                 octavo_error *error) {
    (void)error;
    memcpy(rows, (const float *)source + (size_t)first * 4, (size_t)count * 4 * sizeof(float));
    return OCTAVO_OK;
}

/* Steps of one run happen in order: the quantizer's codes are what the product reads. */
static void runs_steps_in_order(void **state) {
    const oc_backend *backend = suite.backend;
    oc_device *device = suite.devices[1];
    octavo_error error = {0};
    float x[2][4] = {{1, -2, 3, 0.5f}, {100, 0, 0, -8}}, out[2][2];
    float w[2][4] = {{1, 1, 1, 1}, {2, 0, 0, -1}}, scales[1][4] = {{0.5f, 0.5f, 0, 0}};
    oc_step_report reports[2] = {{.seconds = -1}, {.seconds = -1}};
    oc_constant *weight = NULL, *scale = NULL;
    oc_run run = {.rows[OC_ROWS_IMAGES] = 2};
    oc_matrix matrix = {.n = 2,
                        .k = 4,
                        .dtype = OCTAVO_F32,
                        .use = OC_USE_FACTOR,
                        .acts_are_codes = 1,
                        .read = read_floats,
                        .source = w};
    oc_matrix vector = {.n = 1,
                        .k = 4,
                        .dtype = OCTAVO_F32,
                        .use = OC_USE_FLOATS,
                        .read = read_floats,
                        .source = scales};
    oc_plan_buffer buffers[3] = {{.columns = 4, .dtype = OCTAVO_F32},
                                 {.columns = 4, .dtype = OCTAVO_F8_E4M3},
                                 {.columns = 2, .dtype = OCTAVO_F32}};
    oc_step steps[2] = {
        {.kind = OC_STEP_NORM, .rows = OC_ROWS_IMAGES, .keys = OC_ROWS_IMAGES, .name = "quantizer"},
        {.kind = OC_STEP_GEMM, .rows = OC_ROWS_IMAGES, .keys = OC_ROWS_IMAGES, .name = "product"},
    };
    oc_plan plan = {.limits = {.rows_max = {2, 2, 2, 2}, .sequence_max = {1, 1, 1, 1}},
                    .buffers = buffers,
                    .buffer_count = 3,
                    .steps = steps,
                    .step_count = 2};
    oc_queue *queue = NULL;
    oc_program *program = NULL;
    oc_ticket ticket = 0;
    (void)state;
    assert_int_equal(backend->constant_create(device, &matrix, &weight, &error), OCTAVO_OK);
    assert_int_equal(backend->constant_create(device, &vector, &scale, &error), OCTAVO_OK);
    for (int i = 0; i < 3; i++) {
        buffers[i].stride = backend->stride(device, buffers[i].columns, buffers[i].dtype);
        buffers[i].offset = plan.arena_bytes;
        plan.arena_bytes += (size_t)buffers[i].stride * 8;
        plan.arena_bytes = (plan.arena_bytes + 63) / 64 * 64;
    }
    steps[0].u.norm.x = (oc_view){.buffer = 0, .columns = 4, .dtype = OCTAVO_F32};
    steps[0].u.norm.out =
        (oc_view){.buffer = 1, .columns = 4, .dtype = OCTAVO_F8_E4M3, .scale = 0.5f};
    steps[1].u.gemm.a = steps[0].u.norm.out;
    steps[1].u.gemm.weight = weight;
    steps[1].u.gemm.column_scale = scale;
    steps[1].u.gemm.out = (oc_view){.buffer = 2, .columns = 2, .dtype = OCTAVO_F32};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(backend->choose(device, &steps[i], &plan.limits, &plan.scratch, &error),
                         OCTAVO_OK);
        assert_non_null(steps[i].kernel);
    }
    assert_int_equal(backend->queue_create(device, 3, oc_plan_bytes(&plan, 3), &queue, &error),
                     OCTAVO_OK);
    assert_int_equal(backend->compile(queue, &plan, &program, &error), OCTAVO_OK);
    assert_int_equal(backend->write(queue, &plan, &steps[0].u.norm.x, 0, 2, x, &error), OCTAVO_OK);
    assert_int_equal(backend->submit(queue, program, &run, OC_REPORT_TIME | OC_REPORT_CODES,
                                     reports, &ticket, &error),
                     OCTAVO_OK);
    assert_int_equal(backend->wait(queue, ticket, 0, &error), OCTAVO_OK);
    assert_int_equal(backend->read(queue, &plan, &steps[1].u.gemm.out, 0, NULL, 2, out, &error),
                     OCTAVO_OK);
    assert_int_equal(ticket, 1);
    assert_true(weight->bytes >= 8);
    /* 100 / 0.5 lies between the codes 192 and 208, and 192 has the even mantissa */
    const float expected[2][2] = {{2.5f, 1.5f}, {88, 200}};
    for (int i = 0; i < 4; i++) {
        assert_float_equal(out[i / 2][i % 2], expected[i / 2][i % 2], 1e-5f);
    }
    assert_true(reports[0].seconds >= 0 && reports[1].seconds >= 0);
    assert_int_equal(reports[0].codes, 8);
    assert_int_equal(reports[0].zeros, 2);
    assert_int_equal(reports[0].saturated, 0);
    assert_int_equal(reports[0].largest, 0x74); /* 192 */
    assert_int_equal(reports[1].codes, 0);

    /* rows in another order, and time that is over before it began */
    const int32_t order[] = {1, 0};
    assert_int_equal(backend->read(queue, &plan, &steps[1].u.gemm.out, 0, order, 2, out, &error),
                     OCTAVO_OK);
    assert_float_equal(out[0][0], expected[1][0], 1e-5f);
    assert_float_equal(out[1][1], expected[0][1], 1e-5f);
    run.deadline_ns = 1;
    assert_int_equal(backend->submit(queue, program, &run, 0, NULL, &ticket, &error),
                     OCTAVO_DEADLINE_EXCEEDED);
    oc_program *none = NULL;
    plan.arena_bytes += 4096;
    assert_int_equal(backend->compile(queue, &plan, &none, NULL), OCTAVO_INTERNAL);
    assert_null(none);
    backend->program_free(program);
    backend->queue_free(queue);
    backend->constant_free(device, weight);
    backend->constant_free(device, scale);
}

/* -- every tier of every backend ------------------------------------------------------------- */

static int run_tier(const oc_backend *backend, const char *tier) {
    enum { OTHERS = 5 };
    struct CMUnitTest tests[OC_CASE_FAMILIES + OTHERS] = {
        cmocka_unit_test(describes_itself),
        cmocka_unit_test(refuses_matrices),
        cmocka_unit_test(refuses_unknown_tiers),
        cmocka_unit_test(runs_steps_in_order),
        cmocka_unit_test_teardown(run_stress, name_what_crashed),
    };
    octavo_error error = {0};
    char group[64];
    if (oc_suite_open(&suite, backend, tier, &error) != OCTAVO_OK) {
        print_error("%s %s does not open: %s\n", backend->name, tier, error.message);
        return 1;
    }
    for (int i = 0; i < OC_CASE_FAMILIES; i++) {
        tests[OTHERS + i] = (struct CMUnitTest){.name = oc_case_families[i]->name,
                                                .test_func = run_family,
                                                .teardown_func = name_what_crashed,
                                                .initial_state = (void *)oc_case_families[i]};
    }
    snprintf(group, sizeof group, "%s %s", backend->name, tier);
    int failed = cmocka_run_group_tests_name(group, tests, NULL, NULL);
    print_message("%s %s: bits %016llx\n", backend->name, tier, (unsigned long long)suite.bits);
    oc_suite_close(&suite);
    return failed;
}

enum { SKIPPED = 77 }; /* as tests/CMakeLists.txt tells ctest */

static bool is_had(const char *tier) {
    oc_device_options options = {.tier = tier, .threads = 1};
    oc_device *device = NULL;
    octavo_status status = oc_backend_cpu.open(&options, &device, NULL);
    if (status == OCTAVO_OK) {
        oc_backend_cpu.close(device);
    }
    return status == OCTAVO_OK;
}

/* A tier of the CPU with each GEMM by itself: small products would not be by integers else. */
static int run_processor(const char *tier) {
    static const char *const variants[] = {"f32", "i16", "bf16"};
    oc_device_options options = {.tier = tier, .threads = 1};
    oc_device *device = NULL;
    octavo_error error = {0};
    int failed = 0;
    if (oc_backend_cpu.open(&options, &device, &error) != OCTAVO_OK) {
        print_message("SKIPPED: %s\n", error.message);
        return SKIPPED;
    }
    oc_backend_cpu.close(device);
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s:%s", tier, variants[i]);
        failed += is_had(name) ? run_tier(&oc_backend_cpu, name) : 0;
    }
    return failed != 0;
}

/* A card, by the kernels that it takes by itself, then by each that it can be asked for. */
static int run_card(void) {
    int failed = run_tier(&oc_backend_cuda, "0");
    const char *tier;
    for (int32_t i = 1; (tier = oc_cuda_tier_name(0, i)) != NULL; i++) {
        char name[32];
        snprintf(name, sizeof name, "0:%s", tier);
        failed += run_tier(&oc_backend_cuda, name);
    }
    return failed != 0;
}

/* The first argument is "ref", "cpu:avx2" for that tier, "cuda", or "cuda:0:mma" for one way of a
 * card; the second the first seed of the stress, "-" for the usual one; the third which tests, such
 * as "gemm". */
int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    char why[256];
    if (argc > 3) {
        cmocka_set_test_filter(argv[3]);
    }
    if (argc > 2 && strcmp(argv[2], "-") != 0) {
        stress_seed = strtoull(argv[2], NULL, 0);
    }
    if (strncmp(what, "cpu:", strlen("cpu:")) == 0) {
        return run_processor(what + strlen("cpu:"));
    }
    if (strncmp(what, "cuda", strlen("cuda")) == 0) {
        if (oc_cuda_device_count(why, sizeof why) == 0) {
            print_message("SKIPPED: device cuda, %s\n", why);
            return SKIPPED;
        }
        return what[strlen("cuda")] == ':' ? run_tier(&oc_backend_cuda, what + strlen("cuda:")) != 0
                                           : run_card();
    }
    if (strcmp(what, "ref") == 0) {
        return run_tier(&oc_backend_ref, "f32") != 0;
    }
    print_error("test_conformance: ref, cpu:TIER, cuda or cuda:CARD:WAY, not \"%s\"\n", what);
    return 2;
}
