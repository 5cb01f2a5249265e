// links: backends_cuda device base
/* What surrounds gemm_wgmma.cu on the host: the packed order of rows, the #define lines, refusals,
 * launches and choices.  No GPU is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/cuda/kernels/gemm/gemm_wgmma.h"

enum { PROCESSORS = 132 };

static const oc_gemm_product fc1 = {.n = 4096,
                                    .k = 1024,
                                    .terms = 1,
                                    .out = OC_GEMM_E4M3,
                                    .residual = OC_GEMM_ABSENT,
                                    .act = 2,
                                    .scale = 1,
                                    .bias = 1};
static const oc_gemm_variant wide = {.warpgroups_m = 3,
                                     .warpgroups_n = 1,
                                     .tile_n = 128,
                                     .piece_n = 128,
                                     .in_flight = 1,
                                     .turn = 1,
                                     .stages = 4,
                                     .cluster_m = 2,
                                     .cluster_n = 1,
                                     .ordered = 1};

/* A thread's four sums of a row, packed columns 2q, 2q + 1, 8 + 2q, 9 + 2q, must be neighbours. */
static void rows_are_packed_as_threads_hold_them(void **state) {
    (void)state;
    for (int32_t q = 0; q < 4; q++) {
        int32_t packed[4] = {2 * q, 2 * q + 1, 8 + 2 * q, 9 + 2 * q};
        for (int32_t i = 0; i < 4; i++) {
            assert_int_equal(oc_gemm_packed_row(32 + packed[i]), 32 + 4 * q + i);
        }
    }
}

/* A macro that the host forgets would stop the kernel's compiler, on a user's machine. */
static void every_macro_of_the_kernel_is_defined(void **state) {
    (void)state;
    char defines[OC_GEMM_DEFINES_MAX], word[64], line[96];
    size_t length = oc_gemm_defines(&fc1, &wide, defines);
    assert_int_equal(length, strlen(defines));
    FILE *file = fopen(PROJECT_DIR "/src/backends/cuda/kernels/gemm/gemm_wgmma.cu", "r");
    assert_non_null(file);
    int32_t found = 0;
    char text[256];
    while (fgets(text, sizeof text, file) != NULL) {
        for (char *at = text; (at = strstr(at, "!defined(")) != NULL; at++) {
            assert_int_equal(sscanf(at, "!defined(%63[A-Z0-9_])", word), 1);
            snprintf(line, sizeof line, "#define %s ", word);
            if (strstr(defines, line) == NULL) {
                fail_msg("%s is not defined", word);
            }
            found++;
        }
    }
    fclose(file);
    assert_true(found >= 20);
}

static void impossible_variants_are_refused(void **state) {
    (void)state;
    assert_null(oc_gemm_refusal(&fc1, &wide));
#define REFUSED(member, value)                                                                     \
    do {                                                                                           \
        oc_gemm_variant v = wide;                                                                  \
        v.member = value;                                                                          \
        assert_non_null(oc_gemm_refusal(&fc1, &v));                                                \
    } while (0)
    REFUSED(tile_n, 264);     /* more than a product takes */
    REFUSED(tile_n, 120);     /* not whole groups of 16 */
    REFUSED(piece_n, 96);     /* does not divide the tile */
    REFUSED(stages, 1);       /* nothing ahead */
    REFUSED(stages, 6);       /* shared memory */
    REFUSED(turn, 3);         /* stages are not whole turns */
    REFUSED(in_flight, 2);    /* of one piece a turn */
    REFUSED(warpgroups_m, 5); /* threads */
    REFUSED(cluster_m, 16);
#undef REFUSED
    oc_gemm_product product = fc1;
    product.n = 1001;
    assert_non_null(oc_gemm_refusal(&product, &wide));
}

static void choices_can_be_launched(void **state) {
    (void)state;
    static const int32_t rows[] = {1, 50, 257, 400, 2056, 6400, 32896},
                         sides[] = {8, 768, 1000, 3072, 4096};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        for (size_t n = 0; n < sizeof sides / sizeof *sides; n++) {
            for (int32_t type = 0; type < 6; type++) {
                oc_gemm_product product = {.n = sides[n],
                                           .k = 588,
                                           .terms = 1 + type / 3,
                                           .in_f16 = type / 3,
                                           .out = (oc_gemm_type)(type % 3),
                                           .residual = OC_GEMM_F16,
                                           .scale = 1,
                                           .bias = 1};
                double time = 0;
                oc_gemm_variant v =
                    *oc_gemm_candidate(oc_gemm_choose(&product, rows[r], PROCESSORS, &time));
                oc_gemm_launch launch = oc_gemm_launch_of(&product, &v, rows[r], PROCESSORS);
                const char *refusal = oc_gemm_refusal(&product, &v);
                if (refusal != NULL) {
                    fail_msg("%d rows, n %d, type %d: %s", rows[r], sides[n], type, refusal);
                }
                assert_true(time > 0 && time < 10000);
                assert_true(launch.grid >= 1 && launch.grid <= PROCESSORS);
                assert_int_equal(launch.grid % launch.cluster, 0);
                assert_true(launch.threads <= 640);
                assert_true(launch.shared_bytes <= OC_GEMM_SHARED_MAX);
                assert_int_equal(launch.box_k * (product.in_f16 ? 2 : 1), 128);
                assert_true(launch.a_box_rows % 8 == 0 && launch.a_box_rows <= 256);
                assert_true(launch.w_box_rows % 8 == 0 && launch.w_box_rows <= 256);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_packed_as_threads_hold_them),
        cmocka_unit_test(every_macro_of_the_kernel_is_defined),
        cmocka_unit_test(impossible_variants_are_refused),
        cmocka_unit_test(choices_can_be_launched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
