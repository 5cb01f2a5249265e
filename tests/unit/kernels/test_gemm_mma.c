// links: test_support backends_cuda device base
/* What surrounds gemm_mma.cu on the host, and which product kernel a step gets: the #define lines,
 * refusals, launches and choices.  No GPU is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/constants.h"
#include "backends/cuda/cuda.h"
#include "backends/cuda/kernels/gemm/gemm_mma.h"
#include "support/cuda/fake_driver.h"

/* As the driver tells it. */
static const oc_gemm_mma_card cards[] = {{8, 0, 166912}, {8, 6, 101376},  {8, 9, 101376},
                                         {9, 0, 232448}, {10, 0, 232448}, {12, 0, 101376}};
static const oc_gemm_mma_card *const a100 = &cards[0], *const l40s = &cards[2];

static const oc_gemm_product fc1 = {.n = 4096,
                                    .k = 1024,
                                    .terms = 1,
                                    .out = OC_GEMM_E4M3,
                                    .residual = OC_GEMM_ABSENT,
                                    .act = 2,
                                    .scale = 1,
                                    .bias = 1};
static const oc_gemm_mma_variant square = {
    .fragments = 2, .columns = 64, .warps_m = 4, .warps_n = 2, .stages = 3};

/* A macro that the host forgets would stop the kernel's compiler, on a user's machine. */
static void every_macro_of_the_kernel_is_defined(void **state) {
    (void)state;
    char defines[OC_GEMM_DEFINES_MAX], word[64], line[96];
    size_t length = oc_gemm_mma_defines(&fc1, &square, defines);
    assert_int_equal(length, strlen(defines));
    FILE *file = fopen(PROJECT_DIR "/src/backends/cuda/kernels/gemm/gemm_mma.cu", "r");
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
    assert_int_equal(found, 16);
}

static void impossible_variants_are_refused(void **state) {
    (void)state;
    assert_null(oc_gemm_mma_refusal(&fc1, &square, a100));
#define REFUSED(member, value)                                                                     \
    do {                                                                                           \
        oc_gemm_mma_variant v = square;                                                            \
        v.member = value;                                                                          \
        assert_non_null(oc_gemm_mma_refusal(&fc1, &v, a100));                                      \
    } while (0)
    REFUSED(fragments, 0);
    REFUSED(fragments, 12); /* registers */
    REFUSED(columns, 24);   /* not whole groups of 16 */
    REFUSED(warps_m, 0);
    REFUSED(warps_n, 3);  /* a thread would copy parts of two rows' sixteenths */
    REFUSED(warps_m, 17); /* threads */
    REFUSED(stages, 1);   /* nothing ahead */
    REFUSED(stages, 6);   /* shared memory */
#undef REFUSED
    oc_gemm_product product = fc1;
    product.n = 1001;
    assert_non_null(oc_gemm_mma_refusal(&product, &square, a100));
    /* sums of codes need registers of their own, where the tensor cores take codes */
    oc_gemm_mma_variant wide = {4, 64, 2, 2, 2};
    assert_null(oc_gemm_mma_refusal(&fc1, &wide, a100));
    assert_non_null(oc_gemm_mma_refusal(&fc1, &wide, l40s));
}

static void choices_can_be_launched(void **state) {
    (void)state;
    static const int32_t rows[] = {0, 1, 50, 257, 400, 2056, 6400, 32896},
                         sides[] = {8, 768, 1000, 3072, 4096, 9000};
    for (size_t c = 0; c < sizeof cards / sizeof *cards; c++) {
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
                    oc_gemm_mma_variant v = oc_gemm_mma_choose(&product, &cards[c], rows[r]);
                    oc_gemm_mma_launch launch = oc_gemm_mma_launch_of(&product, &v, rows[r]);
                    const char *refusal = oc_gemm_mma_refusal(&product, &v, &cards[c]);
                    if (refusal != NULL) {
                        fail_msg("sm_%d%d, %d rows, n %d, type %d: %s", cards[c].major,
                                 cards[c].minor, rows[r], sides[n], type, refusal);
                    }
                    int32_t tile_m = 16 * v.fragments * v.warps_m, tile_n = v.columns * v.warps_n;
                    int32_t down = (rows[r] + tile_m - 1) / tile_m;
                    assert_int_equal(launch.grid,
                                     (down < 1 ? 1 : down) * ((sides[n] + tile_n - 1) / tile_n));
                    assert_int_equal(launch.threads, 32 * v.warps_m * v.warps_n);
                    assert_true(launch.shared_bytes <= cards[c].shared_max);
                }
            }
        }
    }
}

/* Few rows want small tiles, so that all of a card works; many want large ones. */
static void tiles_grow_with_rows(void **state) {
    (void)state;
    for (size_t c = 0; c < sizeof cards / sizeof *cards; c++) {
        oc_gemm_mma_variant few = oc_gemm_mma_choose(&fc1, &cards[c], 1);
        oc_gemm_mma_variant many = oc_gemm_mma_choose(&fc1, &cards[c], 32896);
        assert_int_equal(16 * few.fragments * few.warps_m, 16);
        assert_true(16 * many.fragments * many.warps_m >= 128);
        assert_true(many.columns * many.warps_n >= 128);
    }
}

/* -- which kernel ------------------------------------------------------------------------------ */

/* What a card of `major`.`minor` chooses for 16 x 64 codes or floats by a weight [32,64]. */
static void expect(int32_t major, int32_t minor, const char *name, bool is_codes, int32_t scales,
                   const char *kernel, const char *why) {
    octavo_error error = {0};
    oc_device *device = NULL;
    oc_scratch scratch = {0};
    oc_device_options options = {.tier = name};
    oc_plan_limits limits = {.rows_max = {16, 16, 16, 16}};
    octavo_dtype dtype = is_codes ? OCTAVO_F8_E4M3 : OCTAVO_F16;
    oc_cuda_matrix weight = {.head.dtype = dtype, .n = 32, .k = 64, .terms = 1, .factor = 1};
    oc_step step = {.kind = OC_STEP_GEMM, .name = "product"};
    oc_fake_driver *fake = oc_fake_driver_begin();
    fake->major = major;
    fake->minor = minor;
    assert_int_equal(oc_backend_cuda.open(&options, &device, &error), OCTAVO_OK);
    step.u.gemm = (oc_step_gemm){
        .a = {.columns = 64, .dtype = dtype, .scale = 1},
        .a_scale = {.columns = scales, .dtype = OCTAVO_F32},
        .block_k = scales > 1 ? 32 : 0,
        .weight = &weight.head,
        .out = {.columns = 32, .dtype = OCTAVO_F16},
    };
    assert_int_equal(oc_backend_cuda.choose(device, &step, &limits, &scratch, &error), OCTAVO_OK);
    assert_string_equal(step.kernel, kernel);
    if (strstr(step.why, why) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", step.why, why);
    }
    oc_backend_cuda.close(device);
    oc_fake_driver_end();
}

static void every_card_multiplies_by_its_tensor_cores(void **state) {
    (void)state;
    expect(9, 0, NULL, true, 0, "gemm_wgmma cuda", "tiles ");
    expect(9, 0, "0:wgmma", false, 0, "gemm_wgmma_f16 cuda", "tiles ");
    expect(9, 0, "0:mma", true, 0, "gemm_mma_f16 cuda", "codes widened to 16 bits, tiles of ");
    expect(9, 0, "1:mma", false, 0, "gemm_mma_f16 cuda", "tiles ");
    expect(9, 0, NULL, true, 1, "gemm_mma_f16 cuda", "activations have scales of rows: codes ");
    expect(8, 0, NULL, true, 0, "gemm_mma_f16 cuda", "codes widened");
    expect(8, 6, "0:mma", true, 1, "gemm_mma_f16 cuda", "codes widened");
    expect(8, 9, NULL, true, 0, "gemm_mma cuda", "tiles ");
    expect(8, 9, NULL, false, 0, "gemm_mma_f16 cuda", "tiles ");
    expect(10, 0, NULL, true, 0, "gemm_mma_f16 cuda", "codes widened");
    expect(12, 0, NULL, true, 1, "gemm_mma cuda", "tiles ");
    expect(12, 0, NULL, true, 2, "gemm_plain cuda", "scales of blocks");
}

static void refuses(int32_t major, const char *name, octavo_status status, const char *sentence) {
    octavo_error error = {0};
    oc_device *device = NULL;
    oc_device_options options = {.tier = name};
    oc_fake_driver *fake = oc_fake_driver_begin();
    fake->major = major;
    fake->minor = 0;
    assert_int_equal(oc_backend_cuda.open(&options, &device, &error), status);
    assert_null(device);
    if (strstr(error.message, sentence) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, sentence);
    }
    oc_fake_driver_end();
}

static void cards_are_asked_for_by_name(void **state) {
    (void)state;
    refuses(8, "0:wgmma", OCTAVO_UNAVAILABLE, "wgmma kernels need 9.0");
    refuses(9, "0:abacus", OCTAVO_INVALID_ARGUMENT, "called abacus; there are wgmma and mma");
    refuses(9, "0:", OCTAVO_INVALID_ARGUMENT, "there are wgmma and mma");
    refuses(9, ":mma", OCTAVO_INVALID_ARGUMENT, "names no card");
    oc_fake_driver *fake = oc_fake_driver_begin();
    fake->major = 9;
    assert_string_equal(oc_cuda_tier_name(0, 0), "wgmma");
    assert_string_equal(oc_cuda_tier_name(0, 1), "mma");
    assert_null(oc_cuda_tier_name(0, 2));
    fake->major = 8;
    assert_string_equal(oc_cuda_tier_name(0, 0), "mma");
    assert_null(oc_cuda_tier_name(0, 1));
    oc_fake_driver_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_macro_of_the_kernel_is_defined),
        cmocka_unit_test(impossible_variants_are_refused),
        cmocka_unit_test(choices_can_be_launched),
        cmocka_unit_test(tiles_grow_with_rows),
        cmocka_unit_test(every_card_multiplies_by_its_tensor_cores),
        cmocka_unit_test(cards_are_asked_for_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
