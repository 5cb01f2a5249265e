// links: test_support backends_cuda num base
/* test_cuda_copy.c - host memory to the card by several threads: every byte arrives, from pageable
 * and from pinned memory, and where the driver fails nothing is lost.  A fake driver stands in for
 * the card. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/copy/staging.h"
#include "backends/cuda/cuda.h"
#include "num/rng.h"
#include "support/cuda/fake_driver.h"

enum { MOST = 5 << 20, THREADS = 12 /* more than copy */ };

static uint8_t *data;

static int make_data(void **state) {
    oc_rng rng;
    (void)state;
    oc_rng_init(&rng, 1, 2);
    data = malloc(MOST);
    for (int32_t i = 0; data != NULL && i < MOST; i++) {
        data[i] = (uint8_t)oc_rng_bits(&rng);
    }
    return data == NULL;
}

static int free_data(void **state) {
    (void)state;
    free(data);
    return 0;
}

/* Uploads `bytes` from there twice: the second time pieces have been used. */
static octavo_status upload(int32_t threads, const uint8_t *from, size_t bytes,
                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cu_driver *cu = oc_fake_driver_table();
    oc_device_options options = {.threads = 1};
    oc_device *base = NULL;
    oc_cuda_device *device;
    oc_cuda_staging *staging = NULL;
    oc_cu_stream stream = NULL;
    oc_cu_address to = 0;
    OC_TRY(oc_backend_cuda.open(&options, &base, error));
    device = (oc_cuda_device *)base;
    OC_CU(cu, stream_create(&stream, 0), "make a stream", error);
    OC_TRY(oc_cuda_memory(device, bytes, &to, error));
    OC_TRY(oc_cuda_staging_create(device, threads, &staging, error));
    for (int32_t turn = 0; turn < 2; turn++) {
        memset((void *)(uintptr_t)to, 0x55, bytes);
        OC_TRY(oc_cuda_upload(staging, to, from, bytes, stream, error));
        if (memcmp((const void *)(uintptr_t)to, from, bytes) != 0) {
            OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET, "the card has other bytes");
        }
    }
done:
    oc_cuda_staging_free(staging);
    if (to != 0) {
        cu->memory_free(to);
    }
    if (stream != NULL) {
        cu->stream_free(stream);
    }
    if (base != NULL) {
        oc_backend_cuda.close(base);
    }
    return status;
}

/* Sizes around those of pieces, by one thread and by many. */
static void every_byte_arrives(void **state) {
    (void)state;
    static const size_t sizes[] = {1,       1000,        192 << 10,       (192 << 10) + 1,
                                   1 << 20, 3 * 1000003, (512 << 10) * 8, MOST};
    static const int32_t threads[] = {1, 2, 5, THREADS};
    octavo_error error = {0};
    for (size_t s = 0; s < OC_COUNT(sizes); s++) {
        for (size_t t = 0; t < OC_COUNT(threads); t++) {
            oc_fake_driver *fake = oc_fake_driver_begin();
            if (upload(threads[t], data, sizes[s], &error) != OCTAVO_OK) {
                fail_msg("%zu bytes by %d threads: %s", sizes[s], threads[t], error.message);
            }
            assert_int_equal(fake->uploaded, 2 * (int64_t)sizes[s]);
            assert_true(sizes[s] < MOST || fake->uploads >= 2 * 10);
            assert_int_equal(fake->alive, 0);
            assert_int_equal(fake->wrong, 0);
        }
    }
    oc_fake_driver_end();
}

/* Pinned memory goes in one piece; what is pinned in part does not. */
static void pinned_memory_is_not_copied(void **state) {
    (void)state;
    octavo_error error = {0};
    const oc_cu_driver *cu = oc_fake_driver_table();
    oc_fake_driver *fake = oc_fake_driver_begin();
    oc_cu_context context = NULL;
    uint8_t *pinned = NULL;
    cu->context_retain(&context, 0);
    cu->context_set(context);
    cu->host_create((void **)&pinned, MOST, 0);
    memcpy(pinned, data, MOST);
    assert_int_equal(upload(4, pinned + 7, MOST - 7, &error), OCTAVO_OK);
    assert_int_equal(fake->uploads, 2);
    cu->host_free(pinned);
    cu->context_release(0);
    assert_int_equal(fake->alive, 0);
    assert_int_equal(fake->wrong, 0);
    oc_fake_driver_end();
}

/* Each call fails once, in whatever thread it is. */
static void fails_in_sentences(void **state) {
    (void)state;
    octavo_error error = {0};
    oc_fake_driver *fake = oc_fake_driver_begin();
    assert_int_equal(upload(3, data, MOST, &error), OCTAVO_OK);
    int32_t calls = fake->calls, failed = 0;
    for (int32_t at = 1; at <= calls; at++) {
        fake = oc_fake_driver_begin();
        fake->fail_at = at;
        memset(&error, 0, sizeof error);
        if (upload(3, data, MOST, &error) != OCTAVO_OK) {
            failed++;
            assert_non_null(strstr(error.message, "NVIDIA driver fails to"));
        }
        if (fake->alive != 0 || fake->wrong != 0) {
            fail_msg("call %d, %s: %d left, %d wrong", at, fake->failed, fake->alive, fake->wrong);
        }
    }
    print_message("%d calls, %d of them fail the work\n", calls, failed);
    assert_true(failed > calls / 2);
    oc_fake_driver_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_arrives),
        cmocka_unit_test(pinned_memory_is_not_copied),
        cmocka_unit_test(fails_in_sentences),
    };
    return cmocka_run_group_tests(tests, make_data, free_data);
}
