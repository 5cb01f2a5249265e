// links: test_support backends_cuda num base
/* test_cuda_measure.c - what bench asks of a card: where a run's time goes, what each step adds to
 * it, what the card does at most and what it does at a moment.  A fake driver keeps a clock in
 * which every kernel takes a millisecond, so that the answers are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/cuda.h"
#include "backends/cuda/measure/ceilings.h"
#include "backends/cuda/measure/prefixes.h"
#include "backends/cuda/measure/state.h"
#include "support/cuda/fake_driver.h"
#include "support/cuda/fake_nvml.h"
#include "support/step_program.h"

enum { ROWS = 5, K = 64, N = 32 };

static float weights[N * K], x[ROWS * K], out[ROWS * N];

static octavo_status read_weights(void *source, int32_t first, int32_t count, void *rows,
                                  octavo_error *error) {
    (void)source;
    (void)error;
    memcpy(rows, weights + first * K, (size_t)count * K * sizeof(float));
    return OCTAVO_OK;
}

typedef struct product {
    oc_device *device;
    oc_constant *weight;
    oc_step step;
    oc_step_program program;
} product;

static const oc_run run = {.rows = {ROWS, ROWS, ROWS, ROWS}};

static void open_product(product *p) {
    oc_device_options options = {.tier = "1"};
    oc_matrix matrix = {
        .n = N, .k = K, .dtype = OCTAVO_F32, .use = OC_USE_FACTOR, .read = read_weights};
    memset(p, 0, sizeof *p);
    assert_int_equal(oc_backend_cuda.open(&options, &p->device, NULL), OCTAVO_OK);
    assert_int_equal(oc_backend_cuda.constant_create(p->device, &matrix, &p->weight, NULL),
                     OCTAVO_OK);
    p->step = (oc_step){.kind = OC_STEP_GEMM, .name = "product"};
    p->step.u.gemm =
        (oc_step_gemm){.a = {.data = x, .stride = K, .columns = K, .dtype = OCTAVO_F32},
                       .weight = p->weight,
                       .out = {.data = out, .stride = N, .columns = N, .dtype = OCTAVO_F32}};
    assert_int_equal(oc_step_program_create(p->device, 1, &p->step, &run, &p->program, NULL),
                     OCTAVO_OK);
}

static void close_product(product *p) {
    oc_step_program_free(&p->program);
    oc_backend_cuda.constant_free(p->device, p->weight);
    oc_backend_cuda.close(p->device);
}

static bool near(double a, double b) {
    return fabs(a - b) < 1e-9 * fabs(b) + 1e-12;
}

/* Times are told from the second asking on; before, a run records nothing but its end and that its
 * block has left. */
static void tells_where_time_goes(void **state) {
    product p;
    (void)state;
    oc_fake_driver *fake = oc_fake_driver_begin();
    open_product(&p);
    int32_t before = fake->records;
    assert_int_equal(oc_step_program_run(&p.program, &p.step, &run, NULL, NULL), OCTAVO_OK);
    assert_int_equal(fake->records - before, 2);
    oc_times times = oc_backend_cuda.times(p.program.queue);
    assert_true(times.to_device < 0 && times.device < 0 && times.from_device < 0);
    assert_int_equal(oc_step_program_run(&p.program, &p.step, &run, NULL, NULL), OCTAVO_OK);
    times = oc_backend_cuda.times(p.program.queue);
    assert_true(near(times.to_device, 0.25e-3)); /* the block of row counts; there are no pixels */
    assert_true(near(times.device, 1e-3));
    assert_true(times.from_device > 0 && times.from_device < 1);
    close_product(&p);
    assert_int_equal(fake->alive, 0);
    assert_int_equal(fake->wrong, 0);
    oc_fake_driver_end();
}

/* A reported run tells the step's time and leaves the whole run's result; its graphs go with the
 * program. */
static void reports_a_step(void **state) {
    product p;
    oc_step_report report;
    (void)state;
    oc_fake_driver *fake = oc_fake_driver_begin();
    open_product(&p);
    for (int32_t i = 0; i < 2; i++) {
        int32_t before = fake->launches;
        assert_int_equal(oc_step_program_run(&p.program, &p.step, &run, &report, NULL), OCTAVO_OK);
        assert_true(near(report.seconds, 1e-3));
        assert_int_equal(fake->launches - before,
                         i == 0 ? 2 : 0); /* recorded: counting, and as a prefix */
    }
    close_product(&p);
    assert_int_equal(fake->alive, 0);
    assert_int_equal(fake->wrong, 0);
    oc_fake_driver_end();
}

/* -- prefixes -------------------------------------------------------------------------------- */

enum { STEPS = 4 };
static const int32_t kernels_of[STEPS] = {2, 1, 3, 1};

typedef struct kernels {
    const oc_cu_driver *cu;
    oc_cu_context context;
    oc_cu_stream stream;
    oc_cu_module module;
    oc_cu_function function;
} kernels;

static octavo_status capture(void *program, int32_t steps, oc_cu_graph_exec *exec,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const kernels *k = program;
    const oc_cu_driver *cu = k->cu;
    oc_cu_launch_attribute attribute = {0};
    oc_cu_launch config = {.grid_x = 1,
                           .grid_y = 1,
                           .grid_z = 1,
                           .block_x = 32,
                           .block_y = 1,
                           .block_z = 1,
                           .attributes = &attribute};
    void *parameters[1] = {&config};
    oc_cu_graph graph = NULL;
    OC_CU(cu, capture_begin(k->stream, 0), "record", error);
    for (int32_t s = 0; s < steps; s++) {
        for (int32_t i = 0; i < kernels_of[s]; i++) {
            OC_CU(cu, launch(&config, k->function, parameters, NULL), "launch", error);
        }
    }
    OC_CU(cu, capture_end(k->stream, &graph), "record", error);
    OC_CU(cu, graph_instantiate(exec, graph, 0), "make a graph", error);
done:
    if (graph != NULL) {
        cu->graph_free(graph);
    }
    return status;
}

/* Each step has the time of its own kernels, and together they are the run's. */
static void tells_what_a_step_adds(void **state) {
    oc_step_report reports[STEPS] = {{0}};
    oc_cuda_prefixes *prefixes = NULL;
    (void)state;
    oc_fake_driver *fake = oc_fake_driver_begin();
    kernels k = {.cu = oc_fake_driver_table()};
    assert_int_equal(k.cu->context_retain(&k.context, 0), OC_CU_SUCCESS);
    assert_int_equal(k.cu->context_set(k.context), OC_CU_SUCCESS);
    assert_int_equal(k.cu->stream_create(&k.stream, 0), OC_CU_SUCCESS);
    assert_int_equal(k.cu->module_load(&k.module, ""), OC_CU_SUCCESS);
    assert_int_equal(k.cu->module_function(&k.function, k.module, "kernel"), OC_CU_SUCCESS);
    assert_int_equal(oc_cuda_prefixes_create(k.cu, k.stream, STEPS, capture, &k, &prefixes, NULL),
                     OCTAVO_OK);
    assert_int_equal(oc_cuda_prefixes_time(prefixes, reports, NULL), OCTAVO_OK);
    for (int32_t s = 0; s < STEPS; s++) {
        assert_true(near(reports[s].seconds, 1e-3 * kernels_of[s]));
    }
    oc_cuda_prefixes_free(prefixes);
    k.cu->module_free(k.module);
    k.cu->stream_free(k.stream);
    k.cu->context_release(0);
    assert_int_equal(fake->alive, 0);
    assert_int_equal(fake->wrong, 0);
    oc_fake_driver_end();
}

/* -- the card ---------------------------------------------------------------------------------- */

/* The tensor rate is the table's times multiprocessors times clock; the memory's what a copy took,
 * read and written.  What the table does not have is not known, and not guessed. */
static void tells_ceilings(void **state) {
    oc_cuda_ceilings ceilings;
    product p;
    (void)state;
    oc_fake_driver *fake = oc_fake_driver_begin();
    open_product(&p);
    fake->memory_left = 256 << 20; /* so that a copy is 64 MiB */
    assert_int_equal(oc_cuda_measure_ceilings(p.device, &ceilings, NULL), OCTAVO_OK);
    assert_true(near(ceilings.f8_flops, 8192.0 * 132 * 1980e6));
    assert_true(near(ceilings.f16_flops, 4096.0 * 132 * 1980e6));
    assert_true(near(ceilings.bytes_per_s, 2.0 * (64 << 20) / 0.25e-3));
    assert_non_null(strstr(ceilings.source, "sm_90a times 132 multiprocessors at 1980 MHz"));
    fake->memory_left = 1 << 20;
    assert_int_equal(oc_cuda_measure_ceilings(p.device, &ceilings, NULL), OCTAVO_EXHAUSTED);
    close_product(&p);
    fake->memory_left = 256 << 20;
    for (int32_t i = 0; i < 2; i++) {
        fake->name = i == 0 ? "NVIDIA H20" : "NVIDIA H200";
        open_product(&p);
        assert_int_equal(oc_cuda_measure_ceilings(p.device, &ceilings, NULL), OCTAVO_OK);
        assert_true((ceilings.f8_flops > 0) == (i == 1) && ceilings.bytes_per_s > 0);
        close_product(&p);
    }
    fake->major = 8;
    fake->minor = 9;
    open_product(&p);
    assert_int_equal(oc_cuda_measure_ceilings(p.device, &ceilings, NULL), OCTAVO_OK);
    assert_true(ceilings.f8_flops == 0 && ceilings.f16_flops == 0 && ceilings.bytes_per_s > 0);
    assert_non_null(strstr(ceilings.source, "sm_89"));
    close_product(&p);
    assert_int_equal(fake->alive, 0);
    assert_int_equal(fake->wrong, 0);
    oc_fake_driver_end();
}

/* The card is asked for by its place, so that CUDA_VISIBLE_DEVICES moves nothing. */
static void tells_the_moment(void **state) {
    oc_cuda_state moment;
    octavo_error error = {0};
    product p;
    (void)state;
    oc_fake_driver_begin();
    oc_fake_nvml *nvml = oc_fake_nvml_begin();
    open_product(&p); /* cuda:1 */
    nvml->bus = "0000:1b:00.0";
    nvml->sm_mhz = 1755;
    nvml->memory_mhz = 2619;
    nvml->milliwatts = 651250;
    nvml->celsius = 61;
    nvml->reasons = 0x1 | 0x2 | 0x4 | 0x40; /* idle, set by its owner, power, heat */
    assert_int_equal(oc_cuda_read_state(p.device, &moment, NULL), OCTAVO_OK);
    assert_true(moment.sm_mhz == 1755 && moment.memory_mhz == 2619 && moment.celsius == 61);
    assert_true(near(moment.watts, 651.25));
    assert_int_equal(moment.throttled, 1u << 0 | 1u << 3);
    assert_string_equal(oc_cuda_throttle_reason(0), "power cap");
    assert_string_equal(oc_cuda_throttle_reason(3), "too hot, by hardware");
    assert_null(oc_cuda_throttle_reason(5));
    nvml->result = 3; /* not supported */
    assert_int_equal(oc_cuda_read_state(p.device, &moment, NULL), OCTAVO_OK);
    assert_true(moment.sm_mhz < 0 && moment.memory_mhz < 0 && moment.watts < 0 &&
                moment.celsius < 0 && moment.throttled == 0);
    nvml->bus = "0000:1a:00.0"; /* of cuda:0 */
    assert_int_equal(oc_cuda_read_state(p.device, &moment, &error), OCTAVO_UNAVAILABLE);
    assert_non_null(strstr(error.message, "does not know card cuda:1 at 0000:1b:00.0"));
    close_product(&p);
    oc_fake_nvml_end();
    oc_fake_driver_end();
}

/* Where the library is not there, a sentence says so, the second time too. */
static void tells_that_there_is_no_nvml(void **state) {
    const oc_nvml *nvml;
    (void)state;
    for (int32_t i = 0; i < 2; i++) {
        octavo_error error = {0};
        if (oc_nvml_open(&nvml, &error) != OCTAVO_OK) {
            assert_non_null(strstr(error.message, "NVML"));
            assert_null(nvml);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_where_time_goes),  cmocka_unit_test(reports_a_step),
        cmocka_unit_test(tells_what_a_step_adds), cmocka_unit_test(tells_ceilings),
        cmocka_unit_test(tells_the_moment),       cmocka_unit_test(tells_that_there_is_no_nvml),
    };
    setenv("OCTAVO_KERNELS", "/tmp/octavo-no-such-folder/kernels", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
