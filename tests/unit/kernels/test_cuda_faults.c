// links: test_support backends_cuda backends_ref num base
/* test_cuda_faults.c - what the CUDA backend does when the driver fails: every call in turn gives a
 * sentence, leaks nothing and touches nothing that it does not own.  A fake driver stands in for
 * the card, so this runs everywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/cuda/cuda.h"
#include "support/cuda/fake_driver.h"
#include "support/step_program.h"

enum { ROWS = 5, K = 64, N = 32 };

static float weights[N * K], x[ROWS * K], bias[N], out[ROWS * N];
static char folder[] = "/tmp/octavo-kernels-XXXXXX";

static octavo_status read_weights(void *source, int32_t first, int32_t count, void *rows,
                                  octavo_error *error) {
    (void)source;
    (void)error;
    memcpy(rows, weights + first * K, (size_t)count * K * sizeof(float));
    return OCTAVO_OK;
}

/* Opens the card, makes a product ready, runs it with and without reports, and closes it all. */
static octavo_status use_card(const char *card, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_backend *backend = &oc_backend_cuda;
    oc_device_options options = {.tier = card};
    oc_device *device = NULL;
    oc_constant *weight = NULL;
    oc_step_program program = {0};
    oc_step_report report;
    oc_matrix matrix = {
        .n = N, .k = K, .dtype = OCTAVO_F32, .use = OC_USE_FACTOR, .read = read_weights};
    oc_run run = {.rows = {ROWS, ROWS, ROWS, ROWS}};
    oc_step step = {.kind = OC_STEP_GEMM, .name = "product"};
    oc_ticket ticket = 0;
    OC_TRY(backend->open(&options, &device, error));
    OC_TRY(backend->constant_create(device, &matrix, &weight, error));
    step.u.gemm = (oc_step_gemm){
        .a = {.data = x, .stride = K, .columns = K, .dtype = OCTAVO_F32},
        .weight = weight,
        .bias = OC_HOST_FLOATS(bias, N),
        .out = {.data = out, .stride = N, .columns = N, .dtype = OCTAVO_F32},
    };
    OC_TRY(oc_step_program_create(device, 1, &step, &run, &program, error));
    OC_TRY(oc_step_program_run(&program, &step, &run, &report, error));
    OC_TRY(oc_step_program_run(&program, &step, &run, NULL, error));
    OC_TRY(backend->submit(program.queue, program.program, &run, 0, NULL, &ticket, error));
    OC_TRY(backend->wait(program.queue, ticket, UINT64_MAX, error));
done:
    oc_step_program_free(&program);
    if (weight != NULL) {
        backend->constant_free(device, weight);
    }
    if (device != NULL) {
        backend->close(device);
    }
    return status;
}

/* Each call fails once: the sentence says so, and all is given back. */
static void fails_in_sentences(void **state) {
    octavo_error error = {0};
    (void)state;
    oc_fake_driver *fake = oc_fake_driver_begin();
    assert_int_equal(use_card(NULL, &error), OCTAVO_OK);
    assert_int_equal(fake->alive, 0);
    assert_int_equal(fake->wrong, 0);
    assert_true(fake->launches > 0);
    int32_t calls = fake->calls, failed = 0;
    assert_true(calls > 40);
    for (int32_t at = 1; at <= calls; at++) {
        fake = oc_fake_driver_begin();
        fake->fail_at = at;
        memset(&error, 0, sizeof error);
        octavo_status status = use_card(NULL, &error);
        if (status != OCTAVO_OK) { /* what is given back may fail without harm */
            failed++;
            assert_true(status == OCTAVO_UNAVAILABLE || status == OCTAVO_INTERNAL);
            if (strstr(error.message, "NVIDIA driver fails to") == NULL) {
                print_error("call %d, %s: %s\n", at, fake->failed, error.message);
            }
            assert_non_null(strstr(error.message, "NVIDIA driver fails to"));
            assert_non_null(strstr(error.message, "CUDA_ERROR_OF_PAPER"));
        }
        if (fake->alive != 0 || fake->wrong != 0) {
            print_error("call %d, %s: %d left, %d wrong\n", at, fake->failed, fake->alive,
                        fake->wrong);
        }
        assert_int_equal(fake->alive, 0);
        assert_int_equal(fake->wrong, 0);
    }
    print_message("%d calls, %d of them fail the work\n", calls, failed);
    assert_true(failed > calls / 2);
    oc_fake_driver_end();
}

/* Too little memory is told with what is there and what is needed. */
static void tells_memory(void **state) {
    octavo_error error = {0};
    (void)state;
    oc_fake_driver *fake = oc_fake_driver_begin();
    fake->memory_left = 4096;
    assert_int_equal(use_card(NULL, &error), OCTAVO_EXHAUSTED);
    assert_non_null(strstr(error.message, "MiB are free"));
    assert_int_equal(fake->alive, 0);
    oc_fake_driver_end();
}

static void refuses_cards(void **state) {
    octavo_error error = {0};
    (void)state;
    oc_fake_driver *fake = oc_fake_driver_begin();
    assert_int_equal(use_card("2", &error), OCTAVO_UNAVAILABLE);
    assert_non_null(strstr(error.message, "no card 2"));
    memset(&error, 0, sizeof error);
    assert_int_equal(use_card("one", &error), OCTAVO_INVALID_ARGUMENT);
    memset(&error, 0, sizeof error);
    fake->major = 7;
    fake->minor = 5;
    assert_int_equal(use_card("1", &error), OCTAVO_UNAVAILABLE);
    assert_non_null(strstr(error.message, "7.5"));
    assert_int_equal(fake->alive, 0);
    oc_fake_driver_end();
}

/* A damaged entry of the cache is made anew; a folder that cannot be written costs only time. */
static void survives_its_cache(void **state) {
    octavo_error error = {0};
    char path[512], command[600];
    (void)state;
    oc_fake_driver *fake = oc_fake_driver_begin();
    assert_int_equal(use_card(NULL, &error), OCTAVO_OK);
    snprintf(command, sizeof command, "for f in %s/*.kernel; do printf x >\"$f\"; done", folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(use_card(NULL, &error), OCTAVO_OK);
    snprintf(path, sizeof path, "%s/file", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    snprintf(path, sizeof path, "%s/file/kernels", folder);
    setenv("OCTAVO_KERNELS", path, 1);
    assert_int_equal(use_card(NULL, &error), OCTAVO_OK);
    setenv("OCTAVO_KERNELS", folder, 1);
    assert_int_equal(fake->alive, 0);
    oc_fake_driver_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fails_in_sentences),
        cmocka_unit_test(tells_memory),
        cmocka_unit_test(refuses_cards),
        cmocka_unit_test(survives_its_cache),
    };
    char command[128];
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    setenv("OCTAVO_KERNELS", folder, 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return failed + system(command) != 0;
}
