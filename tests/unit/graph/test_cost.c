// links: lower device base
/* test_cost.c - the least work of a step, against figures worked out by hand: what bench holds
 * against a device's limits must neither miss an operand nor count what nobody needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lower/cost.h"

static const int32_t starts[] = {0, 3, 7}; /* texts of 3 and 4 tokens */
static const int32_t ends[] = {2, 3};
static const oc_run run = {.rows = {[OC_ROWS_IMAGE_TOKENS] = 10,
                                    [OC_ROWS_IMAGES] = 2,
                                    [OC_ROWS_TEXT_TOKENS] = 7,
                                    [OC_ROWS_TEXTS] = 2},
                           .starts = {[OC_ROWS_TEXT_TOKENS] = starts},
                           .ends = ends};

static void expect(const oc_step *step, double flop, double bytes) {
    oc_cost cost = oc_step_cost(step, &run);
    assert_true(cost.flop == flop);
    assert_true(cost.bytes == bytes);
}

static void counts_products(void **state) {
    (void)state;
    oc_constant weight = {.dtype = OCTAVO_F8_E4M3, .bytes = 4 * 8};
    oc_constant bias = {.dtype = OCTAVO_F32, .bytes = 4 * 4};
    oc_step step = {.kind = OC_STEP_GEMM, .rows = OC_ROWS_IMAGE_TOKENS};
    step.u.gemm = (oc_step_gemm){.a = {.columns = 8, .dtype = OCTAVO_F8_E4M3},
                                 .weight = &weight,
                                 .bias = &bias,
                                 .residual = {.columns = 4, .dtype = OCTAVO_F16},
                                 .out = {.columns = 4, .dtype = OCTAVO_F16}};
    expect(&step, 2 * 10 * 8 * 4, 10 * 8 + 32 + 16 + 2 * (10 * 4 * 2));
    assert_int_equal(oc_step_operands(&step), OCTAVO_F8_E4M3);
}

/* Causal queries see themselves and what is before; a picked query what its place sees. */
static void counts_pairs(void **state) {
    (void)state;
    oc_view view = {.columns = 4, .dtype = OCTAVO_F16};
    oc_step step = {
        .kind = OC_STEP_ATTENTION, .rows = OC_ROWS_TEXT_TOKENS, .keys = OC_ROWS_TEXT_TOKENS};
    step.u.attention = (oc_step_attention){
        .q = view, .k = view, .v = view, .out = view, .heads = 2, .head_dim = 2};
    expect(&step, 4 * (9 + 16) * 4, 4 * (7 * 4 * 2));
    step.u.attention.causal = 1;
    expect(&step, 4 * (6 + 10) * 4, 4 * (7 * 4 * 2));
    step.rows = OC_ROWS_TEXTS;
    step.u.attention.query_rows = 2;
    expect(&step, 4 * (3 + 4) * 4, 2 * (2 * 4 * 2) + 2 * (7 * 4 * 2));
    step.u.attention.causal = 0;
    step.u.attention.query_rows = 1;
    expect(&step, 4 * (3 + 4) * 4, 2 * (2 * 4 * 2) + 2 * (7 * 4 * 2));
    assert_int_equal(oc_step_operands(&step), OCTAVO_F16);
}

static void counts_bytes(void **state) {
    (void)state;
    oc_constant table = {.dtype = OCTAVO_F16, .bytes = 1000 * 4 * 2};
    oc_constant places = {.dtype = OCTAVO_F32, .bytes = 77 * 4 * 4};
    oc_constant vector = {.dtype = OCTAVO_F32, .bytes = 4 * 4};
    oc_view halves = {.columns = 4, .dtype = OCTAVO_F16},
            floats = {.columns = 4, .dtype = OCTAVO_F32};
    oc_step step = {.kind = OC_STEP_TOKENS, .rows = OC_ROWS_TEXT_TOKENS};
    step.u.tokens = (oc_step_tokens){.table = &table, .position = &places, .out = halves};
    expect(&step, 0, 7 * (8 + 4 * 2 + 4 * 4 + 4 * 2)); /* the rows that are looked up alone */
    assert_int_equal(oc_step_operands(&step), OCTAVO_F16);
    step = (oc_step){.kind = OC_STEP_NORM, .rows = OC_ROWS_TEXT_TOKENS};
    step.u.norm = (oc_step_norm){.x = halves,
                                 .gamma = &vector,
                                 .beta = &vector,
                                 .out = {.columns = 4, .dtype = OCTAVO_F8_E4M3}};
    expect(&step, 0, 7 * (8 + 4) + 32);
    step = (oc_step){.kind = OC_STEP_PATCHES, .rows = OC_ROWS_IMAGE_TOKENS};
    step.u.patches = (oc_step_patches){.image_size = 6, .from_bytes = 1, .out = halves};
    expect(&step, 0, 2 * 6 * 6 * 3 + 10 * 8);
    step.u.patches.from_bytes = 0;
    expect(&step, 0, 2 * 6 * 6 * 3 * 4 + 10 * 8);
    step = (oc_step){.kind = OC_STEP_PICK, .rows = OC_ROWS_TEXTS, .keys = OC_ROWS_TEXT_TOKENS};
    step.u.pick = (oc_step_pick){.x = halves, .out = halves};
    expect(&step, 0, 2 * 2 * 8);
    step = (oc_step){.kind = OC_STEP_POINTWISE, .rows = OC_ROWS_TEXTS};
    step.u.pointwise =
        (oc_step_pointwise){.x = halves, .y = floats, .table = &vector, .out = halves};
    expect(&step, 0, 2 * (8 + 16 + 8) + 16);
    step = (oc_step){.kind = OC_STEP_UNIT, .rows = OC_ROWS_TEXTS};
    step.u.unit = (oc_step_unit){.x = halves, .out = floats};
    expect(&step, 0, 2 * (8 + 16));
    step = (oc_step){.kind = OC_STEP_LOGITS, .rows = OC_ROWS_IMAGES};
    step.u.logits = (oc_step_logits){.image = floats, .text = floats, .out = floats};
    expect(&step, 2 * 2 * 2 * 4, 2 * 16 + 2 * 16 + 2 * 2 * 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_products),
        cmocka_unit_test(counts_pairs),
        cmocka_unit_test(counts_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
