// links: test_support backends_ref num base
/* test_ref.c - the referee on cases that can be worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backends/ref/ref.h"
#include "num/e4m3.h"
#include "support/step_program.h"

#define REF (&oc_backend_ref)

typedef struct weights {
    const void *rows;
    size_t row_bytes;
} weights;

static octavo_status read_rows(void *source, int32_t first, int32_t count, void *rows,
                               octavo_error *error) {
    const weights *from = source;
    (void)error;
    memcpy(rows, (const uint8_t *)from->rows + (size_t)first * from->row_bytes,
           (size_t)count * from->row_bytes);
    return OCTAVO_OK;
}

/* Opens a tier, packs `rows` [n,k] if there are any, runs the step, closes. */
static void run_packed(const char *tier, oc_step *step, const oc_run *run, octavo_dtype dtype,
                       const void *rows, int32_t n, int32_t k) {
    octavo_error error = {0};
    oc_device_options options = {.tier = tier, .threads = 2};
    size_t element = dtype == OCTAVO_F32 ? 4 : dtype == OCTAVO_F8_E4M3 ? 1 : 2;
    weights from = {rows, (size_t)k * element};
    oc_matrix matrix = {.n = n,
                        .k = k,
                        .dtype = dtype,
                        .use = step->kind == OC_STEP_GEMM ? OC_USE_FACTOR : OC_USE_ROWS,
                        .read = read_rows,
                        .source = &from};
    oc_device *device = NULL;
    oc_constant *packed = NULL;
    oc_step_program program;
    assert_int_equal(REF->open(&options, &device, &error), OCTAVO_OK);
    if (rows != NULL) {
        assert_int_equal(REF->constant_create(device, &matrix, &packed, &error), OCTAVO_OK);
        assert_int_equal(packed->bytes, (size_t)n * from.row_bytes);
        if (step->kind == OC_STEP_GEMM) {
            step->u.gemm.weight = packed;
        } else {
            step->u.tokens.table = packed;
        }
    }
    if (oc_step_program_create(device, 2, step, run, &program, &error) != OCTAVO_OK ||
        oc_step_program_run(&program, step, run, NULL, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    assert_non_null(program.step.kernel);
    oc_step_program_free(&program);
    REF->constant_free(device, packed);
    REF->close(device);
}

static void run_step(oc_step *step, const oc_run *run) {
    run_packed(NULL, step, run, OCTAVO_F32, NULL, 0, 0);
}

static oc_view floats(const float *data, int32_t columns) {
    return (oc_view){
        .data = (void *)data, .stride = columns, .columns = columns, .dtype = OCTAVO_F32};
}

static oc_view codes(const uint8_t *data, int32_t columns, float scale) {
    return (oc_view){.data = (void *)data,
                     .stride = columns,
                     .columns = columns,
                     .dtype = OCTAVO_F8_E4M3,
                     .scale = scale};
}

static void assert_floats(const float *got, const float *expected, size_t count) {
    for (size_t i = 0; i < count; i++) {
        assert_float_equal(got[i], expected[i], 0);
    }
}

/* -- products -------------------------------------------------------------------------------- */

/* Every term of the epilogue has its place: scale, bias, activation, residual, table. */
static void gemm_follows_its_formula(void **state) {
    const float a[] = {1, 2, 3, 0, -1, 4}; /* [2,3] */
    const float w[] = {1, 0, 1, 2, 1, 0};  /* [2,3] */
    const float scale[] = {0.5f, 2}, bias[] = {10, -1}, residual[] = {100, 200, 300, 400};
    const float table[] = {0.25f, 0.5f}; /* one row for every row */
    float out[4];
    oc_run run = {.rows[OC_ROWS_TEXTS] = 2};
    oc_step step = {.kind = OC_STEP_GEMM, .rows = OC_ROWS_TEXTS};
    (void)state;
    step.u.gemm = (oc_step_gemm){.a = floats(a, 3), .out = floats(out, 2)};
    run_packed(NULL, &step, &run, OCTAVO_F32, w, 2, 3);
    assert_floats(out, (const float[]){4, 4, 4, -1}, 4);
    step.u.gemm.column_scale = OC_HOST_FLOATS(scale, OC_COUNT(scale));
    step.u.gemm.bias = OC_HOST_FLOATS(bias, OC_COUNT(bias));
    step.u.gemm.residual = floats(residual, 2);
    step.u.gemm.table = OC_HOST_FLOATS(table, OC_COUNT(table));
    step.u.gemm.period = 1;
    run_packed(NULL, &step, &run, OCTAVO_F32, w, 2, 3);
    assert_floats(out, (const float[]){112.25f, 207.5f, 312.25f, 397.5f}, 4);
    /* -40 and less: the activation comes before the residual, and yields (almost) nothing */
    const float low[] = {-60, -60};
    step.u.gemm.bias = OC_HOST_FLOATS(low, 2);
    step.u.gemm.act = OC_ACT_GELU_SIGMOID;
    run_packed(NULL, &step, &run, OCTAVO_F32, w, 2, 3);
    assert_floats(out, (const float[]){100.25f, 200.5f, 300.25f, 400.5f}, 4);
}

/* All storages of weights, and codes as activations: codes count as they are, without a.scale. */
static void gemm_reads_every_storage(void **state) {
    const float a[] = {1, -2};
    const uint8_t a_codes[] = {0x38, 0xc0}; /* 1, -2 */
    const struct {
        octavo_dtype dtype;
        const void *rows;
    } storages[] = {
        {OCTAVO_F32, (const float[]){3, 0.5f}},
        {OCTAVO_F16, (const uint16_t[]){0x4200, 0x3800}},
        {OCTAVO_BF16, (const uint16_t[]){0x4040, 0x3f00}},
        {OCTAVO_F8_E4M3, (const uint8_t[]){0x44, 0x30}},
    };
    oc_run run = {.rows[OC_ROWS_IMAGES] = 1};
    oc_step step = {.kind = OC_STEP_GEMM, .rows = OC_ROWS_IMAGES};
    (void)state;
    for (size_t i = 0; i < OC_COUNT(storages); i++) {
        float out[2] = {0};
        step.u.gemm = (oc_step_gemm){.a = floats(a, 2), .out = floats(&out[0], 1)};
        run_packed(NULL, &step, &run, storages[i].dtype, storages[i].rows, 1, 2);
        step.u.gemm = (oc_step_gemm){.a = codes(a_codes, 2, 123), .out = floats(&out[1], 1)};
        run_packed(NULL, &step, &run, storages[i].dtype, storages[i].rows, 1, 2);
        assert_floats(out, (const float[]){2, 2}, 2);
    }
}

/* Sums are float64: what float32 would lose is there; the result is rounded once. */
static void gemm_sums_in_float64(void **state) {
    const float a[] = {1e8f, 1, -1e8f, 0x1p-24f}, w[] = {1, 1, 1, 1};
    float out = 0;
    oc_run run = {.rows[OC_ROWS_IMAGES] = 1};
    oc_step step = {.kind = OC_STEP_GEMM, .rows = OC_ROWS_IMAGES};
    (void)state;
    step.u.gemm = (oc_step_gemm){.a = floats(a, 4), .out = floats(&out, 1)};
    run_packed(NULL, &step, &run, OCTAVO_F32, w, 1, 4);
    assert_float_equal(out, 1, 0); /* 1 + 2^-24 is a tie, to even */
    step.u.gemm.residual = floats((const float[]){0x1p-24f}, 1);
    run_packed(NULL, &step, &run, OCTAVO_F32, w, 1, 4);
    assert_float_equal(out, 1 + 0x1p-23f, 0);
}

/* More rows and columns than the blocks hold: each result is its own row times its own column. */
static void gemm_keeps_rows_and_columns_apart(void **state) {
    enum { ROWS = 131, COLUMNS = 7 };
    float a[ROWS], w[COLUMNS], out[ROWS * COLUMNS];
    oc_run run = {.rows[OC_ROWS_TEXT_TOKENS] = ROWS};
    oc_step step = {.kind = OC_STEP_GEMM, .rows = OC_ROWS_TEXT_TOKENS};
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        a[i] = (float)(i + 1);
    }
    for (int i = 0; i < COLUMNS; i++) {
        w[i] = (float)(1000 + i);
    }
    step.u.gemm = (oc_step_gemm){.a = floats(a, 1), .out = floats(out, COLUMNS)};
    run_packed(NULL, &step, &run, OCTAVO_F32, w, COLUMNS, 1);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        assert_float_equal(out[i], a[i / COLUMNS] * w[i % COLUMNS], 0);
    }
}

/* Codes as results: e4m3(value / scale), saturated. */
static void gemm_quantizes_its_result(void **state) {
    const float a[] = {1}, w[] = {2.125f, -2.375f, 1e6f, 0};
    const uint8_t expected[] = {0x38, 0xba, 0x7e, 0x00}; /* of 1.0625, -1.1875, 5e5, 0 */
    uint8_t out[4];
    oc_run run = {.rows[OC_ROWS_IMAGES] = 1};
    oc_step step = {.kind = OC_STEP_GEMM, .rows = OC_ROWS_IMAGES};
    (void)state;
    step.u.gemm = (oc_step_gemm){.a = floats(a, 1), .out = codes(out, 4, 2)};
    run_packed(NULL, &step, &run, OCTAVO_F32, w, 4, 1);
    assert_memory_equal(out, expected, sizeof expected);
}

/* -- rows -------------------------------------------------------------------------------------- */

/* The three kinds of GELU at -1, 0, 1 and far out, from their closed forms. */
static void gelu_has_its_values(void **state) {
    const float x[] = {-1, 0, 1, 30, -30};
    const float expected[][5] = {
        {-0.15865525393145707f, 0, 0.8413447460685429f, 30, 0},
        {-0.15420423259243f, 0, 0.84579576740757f, 30, 0},
        {-0.15880800939172324f, 0, 0.8411919906082768f, 30, 0},
    };
    float out[5];
    oc_run run = {.rows[OC_ROWS_IMAGES] = 1};
    oc_step step = {.kind = OC_STEP_POINTWISE, .rows = OC_ROWS_IMAGES};
    (void)state;
    for (int act = 0; act < 3; act++) {
        step.u.pointwise = (oc_step_pointwise){.x = floats(x, 5),
                                               .act = (oc_activation)(OC_ACT_GELU_ERF + act),
                                               .out = floats(out, 5)};
        run_step(&step, &run);
        for (int i = 0; i < 5; i++) {
            assert_float_equal(out[i], expected[act][i], 6e-8f); /* one ulp below 1 */
        }
        assert_float_equal(out[1], 0, 0);
    }
}

/* out = act(x) + y; y may be absent. */
static void pointwise_adds(void **state) {
    const float x[] = {1, 2}, y[] = {10, -20};
    float out[2];
    oc_run run = {.rows[OC_ROWS_IMAGES] = 2};
    oc_step step = {.kind = OC_STEP_POINTWISE, .rows = OC_ROWS_IMAGES};
    (void)state;
    step.u.pointwise =
        (oc_step_pointwise){.x = floats(x, 1), .y = floats(y, 1), .out = floats(out, 1)};
    run_step(&step, &run);
    assert_floats(out, (const float[]){11, -18}, 2);
    step.u.pointwise.y.columns = 0;
    run_step(&step, &run);
    assert_floats(out, x, 2);
}

/* Mean and variance of known rows, one far from zero; eps, gamma and beta; codes. */
static void norm_of_known_rows(void **state) {
    const float x[] = {1, 3, 999999, 1000001, 5, 5}; /* means 2, 10^6, 5; variances 1, 1, 0 */
    const float gamma[] = {2, 3}, beta[] = {10, 20};
    float out[6];
    uint8_t quantized[6];
    oc_run run = {.rows[OC_ROWS_IMAGES] = 3};
    oc_step step = {.kind = OC_STEP_NORM, .rows = OC_ROWS_IMAGES};
    (void)state;
    step.u.norm = (oc_step_norm){.x = floats(x, 2),
                                 .gamma = OC_HOST_FLOATS(gamma, 2),
                                 .beta = OC_HOST_FLOATS(beta, 2),
                                 .eps = 1e-30f,
                                 .out = floats(out, 2)};
    run_step(&step, &run);
    assert_floats(out, (const float[]){8, 23, 8, 23, 10, 20}, 6);
    step.u.norm.eps = 3; /* deviations 2, 2 and sqrt 3 */
    run_step(&step, &run);
    assert_floats(out, (const float[]){9, 21.5f, 9, 21.5f, 10, 20}, 6);
    step.u.norm.out = codes(quantized, 2, 0.5f); /* 18, 43 -> 44, 20, 40 */
    run_step(&step, &run);
    assert_memory_equal(quantized, ((const uint8_t[]){0x59, 0x63, 0x59, 0x63, 0x5a, 0x62}), 6);
}

/* A quantizer alone: ties to even, saturation, zeros, NaN; and division by the scale, which
 * multiplication by its inverse would get wrong in the last two columns. */
static void quantizer_rounds_as_e4m3(void **state) {
    const float x[] = {1.0625f, 1.1875f,  464,      1000,    -1000, -0.0f,
                       NAN,     0x1p-10f, 0x3p-10f, 0x1p-9f, 448,   0x1.1p-10f};
    const uint8_t expected[] = {0x38, 0x3a, 0x7e, 0x7e, 0xfe, 0x80,
                                0x7f, 0x00, 0x02, 0x01, 0x7e, 0x01};
    const float near_tie[] = {0.0138937505f, 0.0065312497f};
    const float scales[] = {0.0117f, 0.0055f};
    const uint8_t near_codes[] = {0x3a, 0x3a};
    uint8_t out[12];
    oc_run run = {.rows[OC_ROWS_IMAGES] = 1};
    oc_step step = {.kind = OC_STEP_NORM, .rows = OC_ROWS_IMAGES};
    (void)state;
    step.u.norm = (oc_step_norm){.x = floats(x, 12), .out = codes(out, 12, 1)};
    run_step(&step, &run);
    assert_memory_equal(out, expected, sizeof expected);
    for (int i = 0; i < 2; i++) {
        step.u.norm = (oc_step_norm){.x = floats(&near_tie[i], 1), .out = codes(out, 1, scales[i])};
        run_step(&step, &run);
        assert_int_equal(out[0], near_codes[i]);
    }
}

/* 3-4-5; logits are scaled products of every image with every text. */
static void unit_and_logits(void **state) {
    const float x[] = {3, 4, 0, -2};
    const float texts[] = {1, 0, 0, 1, 2, 2};
    float unit[4], logits[6];
    oc_run run = {.rows[OC_ROWS_IMAGES] = 2, .rows[OC_ROWS_TEXTS] = 3};
    oc_step step = {.kind = OC_STEP_UNIT, .rows = OC_ROWS_IMAGES};
    (void)state;
    step.u.unit = (oc_step_unit){.x = floats(x, 2), .out = floats(unit, 2)};
    run_step(&step, &run);
    assert_floats(unit, (const float[]){0.6f, 0.8f, 0, -1}, 4);
    step.kind = OC_STEP_LOGITS;
    step.u.logits = (oc_step_logits){
        .image = floats(x, 2), .text = floats(texts, 2), .out = floats(logits, 3), .scale = 10};
    run_step(&step, &run);
    assert_floats(logits, (const float[]){30, 40, 140, 0, -20, -40}, 6);
}

/* -- attention ------------------------------------------------------------------------------------
 */

#define LN3 1.0986122886681098f

/* Runs a step of one head of width 1 over sequences of 2 and 1 tokens. */
static void run_attention(oc_step_attention attention, const uint8_t *mask, float *out) {
    static const float k[] = {0, 1, 5}, v[] = {8, 16, -3}, q[] = {0, LN3, 2};
    static const int32_t starts[] = {0, 2, 3}, ends[] = {1, 0};
    oc_run run = {
        .rows[OC_ROWS_TEXT_TOKENS] = 3,
        .rows[OC_ROWS_TEXTS] = 2,
        .starts[OC_ROWS_TEXT_TOKENS] = starts,
        .ends = ends,
        .key_mask = mask,
    };
    oc_step step = {.kind = OC_STEP_ATTENTION, .keys = OC_ROWS_TEXT_TOKENS};
    step.rows = attention.query_rows == 0 ? OC_ROWS_TEXT_TOKENS : OC_ROWS_TEXTS;
    step.u.attention = attention;
    step.u.attention.q = floats(attention.query_rows == 0 ? q : q + 1, 1);
    step.u.attention.k = floats(k, 1);
    step.u.attention.v = floats(v, 1);
    step.u.attention.out = floats(out, 1);
    step.u.attention.heads = 1;
    step.u.attention.head_dim = 1;
    run_step(&step, &run);
}

/* Equal scores give the mean of v; scores that differ by ln 3 weigh 1 : 3; sequences do not mix. */
static void attention_weighs_by_softmax(void **state) {
    float out[3];
    (void)state;
    run_attention((oc_step_attention){.scale = 1}, NULL, out);
    assert_floats(out, (const float[]){12, 14, -3}, 3);
    run_attention((oc_step_attention){.scale = 0}, NULL, out);
    assert_floats(out, (const float[]){12, 12, -3}, 3);
    run_attention((oc_step_attention){.scale = 1e30f}, NULL, out); /* no overflow */
    assert_floats(out, (const float[]){12, 16, -3}, 3);
}

/* Causal: nobody sees later keys.  Masked: nobody sees hidden ones; all hidden weigh the same. */
static void attention_heeds_masks(void **state) {
    float out[3];
    (void)state;
    run_attention((oc_step_attention){.scale = 1, .causal = 1}, NULL, out);
    assert_floats(out, (const float[]){8, 14, -3}, 3);
    run_attention((oc_step_attention){.scale = 1, .masked = 1}, (const uint8_t[]){0, 1, 1}, out);
    assert_floats(out, (const float[]){16, 16, -3}, 3);
    run_attention((oc_step_attention){.scale = 1, .masked = 1}, (const uint8_t[]){0, 0, 0}, out);
    assert_floats(out, (const float[]){12, 12, -3}, 3);
    run_attention((oc_step_attention){.scale = 1, .masked = 1, .causal = 1},
                  (const uint8_t[]){0, 1, 1}, out);
    assert_floats(out, (const float[]){8, 16, -3}, 3);
    run_attention((oc_step_attention){.scale = 1, .masked = 1}, NULL, out); /* none hidden */
    assert_floats(out, (const float[]){12, 14, -3}, 3);
}

/* One query a sequence stands at its place: a causal step shows it the keys up to there. */
static void attention_of_one_row(void **state) {
    float out[2];
    (void)state;
    run_attention((oc_step_attention){.scale = 1, .causal = 1, .query_rows = 1}, NULL, out);
    assert_floats(out, (const float[]){8, -3}, 2);
    run_attention((oc_step_attention){.scale = 1, .causal = 1, .query_rows = 2}, NULL, out);
    assert_floats(out, (const float[]){14, -3}, 2);
}

/* Heads own their columns; codes of q, k and v mean code * scale. */
static void attention_of_heads_and_codes(void **state) {
    const uint8_t q[] = {0x00, 0x38, 0x00, 0x38}; /* 0, 1 | 0, 1 */
    const uint8_t k[] = {0x38, 0x7e, 0x38, 0x00}; /* second head: 448 against 0 */
    const uint8_t v[] = {0x38, 0x38, 0x40, 0x40}; /* 1, 1 | 2, 2 */
    const int32_t starts[] = {0, 2};
    float out[4];
    oc_run run = {.rows[OC_ROWS_IMAGE_TOKENS] = 2,
                  .rows[OC_ROWS_IMAGES] = 1,
                  .starts[OC_ROWS_IMAGE_TOKENS] = starts};
    oc_step step = {.kind = OC_STEP_ATTENTION, .keys = OC_ROWS_IMAGE_TOKENS};
    (void)state;
    step.rows = OC_ROWS_IMAGE_TOKENS;
    step.u.attention = (oc_step_attention){.q = codes(q, 2, 1),
                                           .k = codes(k, 2, 1),
                                           .v = codes(v, 2, 0.5f),
                                           .out = floats(out, 2),
                                           .heads = 2,
                                           .head_dim = 1,
                                           .scale = 1};
    run_step(&step, &run);
    assert_floats(out, (const float[]){0.75f, 0.5f, 0.75f, 0.5f}, 4);
}

/* -- entry
 * ------------------------------------------------------------------------------------------ */

/* Columns run over channel, y, x; the class token's row is zero; a rest of the image is left out.
 */
static void patches_of_small_images(void **state) {
    float pixels[27], out[2 * 12], normalised[2 * 12];
    uint8_t bytes[27];
    const float mean[] = {0, 0.5f, 0}, std[] = {1, 0.5f, 2};
    oc_run run = {.rows[OC_ROWS_IMAGE_TOKENS] = 2, .rows[OC_ROWS_IMAGES] = 1, .pixels = pixels};
    oc_step step = {.kind = OC_STEP_PATCHES, .rows = OC_ROWS_IMAGE_TOKENS};
    (void)state;
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < 9; i++) { /* value: channel, then place in the 3x3 image */
            pixels[c * 9 + i] = (float)(c * 10 + i);
            bytes[i * 3 + c] = (uint8_t)(c * 10 + i);
        }
    }
    const float expected[] = {0, 0, 0, 0, 0,  0,  0,  0,  0,  0,  0,  0,
                              0, 1, 3, 4, 10, 11, 13, 14, 20, 21, 23, 24};
    step.u.patches = (oc_step_patches){.image_size = 3, .patch_size = 2, .out = floats(out, 12)};
    run_step(&step, &run);
    assert_floats(out, expected, 24);
    memset(out, 0xff, sizeof out);
    step.u.patches.from_bytes = 1;
    run.pixels = bytes;
    run_step(&step, &run);
    assert_floats(out, expected, 24);
    bytes[4] = 255; /* channel 1 of the second pixel */
    step.u.patches.mean = OC_HOST_FLOATS(mean, 3);
    step.u.patches.std = OC_HOST_FLOATS(std, 3);
    step.u.patches.out = floats(normalised, 12);
    run_step(&step, &run);
    assert_float_equal(normalised[12 + 1], (float)(1 / 255.0), 0);
    assert_float_equal(normalised[12 + 5], 1, 0);
    assert_float_equal(normalised[12 + 8], (float)(20 / 255.0 / 2), 0);
    assert_floats(normalised, expected, 12);
}

/* Second image: its own pixels, its own class row. */
static void patches_of_a_batch(void **state) {
    const float pixels[] = {1, 2, 3, 4, 5, 6}; /* two images of one pixel */
    float out[12];
    oc_run run = {.rows[OC_ROWS_IMAGE_TOKENS] = 4, .rows[OC_ROWS_IMAGES] = 2, .pixels = pixels};
    oc_step step = {.kind = OC_STEP_PATCHES, .rows = OC_ROWS_IMAGE_TOKENS};
    (void)state;
    step.u.patches = (oc_step_patches){.image_size = 1, .patch_size = 1, .out = floats(out, 3)};
    run_step(&step, &run);
    assert_floats(out, (const float[]){0, 0, 0, 1, 2, 3, 0, 0, 0, 4, 5, 6}, 12);
}

/* Rows of the table by id, plus those of the position. */
static void tokens_are_looked_up(void **state) {
    const uint16_t table[] = {0x3c00, 0x4000, 0x4200, 0x4400}; /* f16: 1, 2 | 3, 4 */
    const float position[] = {0.5f, 0.25f, 10, 20};
    const int32_t ids[] = {1, 0, 1}, positions[] = {0, 1, 0};
    float out[6];
    oc_run run = {.rows[OC_ROWS_TEXT_TOKENS] = 3, .ids = ids, .positions = positions};
    oc_step step = {.kind = OC_STEP_TOKENS, .rows = OC_ROWS_TEXT_TOKENS};
    (void)state;
    step.u.tokens = (oc_step_tokens){.position = OC_HOST_FLOATS(position, OC_COUNT(position)),
                                     .out = floats(out, 2)};
    run_packed(NULL, &step, &run, OCTAVO_F16, table, 2, 2);
    assert_floats(out, (const float[]){3.5f, 4.25f, 11, 22, 3.5f, 4.25f}, 6);
    step.u.tokens.position = NULL;
    run_packed(NULL, &step, &run, OCTAVO_F16, table, 2, 2);
    assert_floats(out, (const float[]){3, 4, 1, 2, 3, 4}, 6);
}

/* A row of each sequence, by its place or by the end of the text. */
static void rows_are_picked(void **state) {
    const float x[] = {10, 11, 20, 21, 22};
    const int32_t starts[] = {0, 2, 5}, ends[] = {0, 2};
    float out[2];
    oc_run run = {.rows[OC_ROWS_TEXT_TOKENS] = 5,
                  .rows[OC_ROWS_TEXTS] = 2,
                  .starts[OC_ROWS_TEXT_TOKENS] = starts,
                  .ends = ends};
    oc_step step = {.kind = OC_STEP_PICK, .rows = OC_ROWS_TEXTS, .keys = OC_ROWS_TEXT_TOKENS};
    (void)state;
    step.u.pick = (oc_step_pick){.x = floats(x, 1), .out = floats(out, 1), .row = 1};
    run_step(&step, &run);
    assert_floats(out, (const float[]){11, 21}, 2);
    step.u.pick.from_ends = 1;
    run_step(&step, &run);
    assert_floats(out, (const float[]){10, 22}, 2);
}

/* -- device ------------------------------------------------------------------------------------ */

/* The 16-bit tiers round floats that steps leave to each other, and nothing else. */
static void tiers_emulate_storage(void **state) {
    const float a[] = {1}, w[] = {1 + 0x1p-9f, 1 + 0x1p-12f};
    const float expected[][2] = {
        {1 + 0x1p-9f, 1 + 0x1p-12f}, {1 + 0x1p-9f, 1}, {1, 1}}; /* f32, f16, bf16 */
    static const char *const tiers[] = {NULL, "f16", "bf16"};
    float out[2];
    oc_run run = {.rows[OC_ROWS_IMAGES] = 1};
    (void)state;
    for (int i = 0; i < 3; i++) {
        oc_step step = {.kind = OC_STEP_GEMM, .rows = OC_ROWS_IMAGES};
        step.u.gemm = (oc_step_gemm){.a = floats(a, 1), .out = floats(out, 2)};
        run_packed(tiers[i], &step, &run, OCTAVO_F32, w, 2, 1);
        assert_floats(out, expected[i], 2);
        step.kind = OC_STEP_UNIT;
        step.u.unit = (oc_step_unit){.x = floats(&w[1], 1), .out = floats(out, 1)};
        run_packed(tiers[i], &step, &run, OCTAVO_F32, NULL, 0, 0);
        assert_float_equal(out[0], 1, 0);
        step.kind = OC_STEP_PICK; /* copies what is stored already */
        step.u.pick = (oc_step_pick){.x = floats(&w[1], 1), .out = floats(out, 1)};
        run.starts[OC_ROWS_IMAGE_TOKENS] = (const int32_t[]){0, 1};
        run.rows[OC_ROWS_IMAGE_TOKENS] = 1;
        run_packed(tiers[i], &step, &run, OCTAVO_F32, NULL, 0, 0);
        assert_float_equal(out[0], w[1], 0);
    }
}

/* What it cannot be asked for is refused with a sentence that names it. */
static void refuses_what_it_lacks(void **state) {
    octavo_error error = {0};
    oc_device_options options = {.tier = "f64", .threads = 1};
    oc_device *device = NULL;
    oc_constant *packed = NULL;
    oc_step step = {.kind = OC_STEP_COUNT};
    oc_matrix matrix = {.n = 1, .k = 0, .dtype = OCTAVO_F32, .read = read_rows};
    oc_plan_limits limits = {.rows_max = {1, 1, 1, 1}, .sequence_max = {1, 1, 1, 1}};
    oc_scratch scratch = {0};
    (void)state;
    assert_int_equal(REF->open(&options, &device, &error), OCTAVO_UNAVAILABLE);
    assert_non_null(strstr(error.message, "f64"));
    options.tier = "f32";
    assert_int_equal(REF->open(&options, &device, NULL), OCTAVO_OK);
    assert_int_equal(REF->constant_create(device, &matrix, &packed, NULL), OCTAVO_INVALID_ARGUMENT);
    matrix.k = 1;
    matrix.dtype = OCTAVO_I32;
    assert_int_equal(REF->constant_create(device, &matrix, &packed, NULL), OCTAVO_UNSUPPORTED);
    assert_int_equal(REF->choose(device, &step, &limits, &scratch, NULL), OCTAVO_UNSUPPORTED);
    assert_null(packed);
    REF->close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemm_follows_its_formula),
        cmocka_unit_test(gemm_reads_every_storage),
        cmocka_unit_test(gemm_sums_in_float64),
        cmocka_unit_test(gemm_keeps_rows_and_columns_apart),
        cmocka_unit_test(gemm_quantizes_its_result),
        cmocka_unit_test(gelu_has_its_values),
        cmocka_unit_test(pointwise_adds),
        cmocka_unit_test(norm_of_known_rows),
        cmocka_unit_test(quantizer_rounds_as_e4m3),
        cmocka_unit_test(unit_and_logits),
        cmocka_unit_test(attention_weighs_by_softmax),
        cmocka_unit_test(attention_heeds_masks),
        cmocka_unit_test(attention_of_one_row),
        cmocka_unit_test(attention_of_heads_and_codes),
        cmocka_unit_test(patches_of_small_images),
        cmocka_unit_test(patches_of_a_batch),
        cmocka_unit_test(tokens_are_looked_up),
        cmocka_unit_test(rows_are_picked),
        cmocka_unit_test(tiers_emulate_storage),
        cmocka_unit_test(refuses_what_it_lacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
