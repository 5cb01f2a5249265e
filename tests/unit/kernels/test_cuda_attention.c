// links: backends_cuda base
/* Which CUDA attention kernel a shape gets; no GPU is needed to decide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backends/cuda/kernels/attention/attention_variant.h"

static oc_attention_shape image(int32_t sequences, int32_t length) {
    return (oc_attention_shape){.sequences = sequences,
                                .length = length,
                                .longest = length,
                                .heads = 16,
                                .head_dim = 64,
                                .one_buffer = true,
                                .wgmma = true,
                                .processors = 132};
}

static void a_tower_of_images_takes_warpgroups(void **state) {
    (void)state;
    static const int32_t lengths[] = {50, 197, 257, 512, 577, 650};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        oc_attention_shape shape = image(128, lengths[i]);
        oc_attention_variant v;
        assert_true(oc_attention_choose(&shape, &v));
        assert_int_equal(v.kind, OC_ATTENTION_WGMMA);
        assert_true(v.blocks * (v.keys_a + v.keys_b) >= lengths[i]);
        assert_true(v.boxes * v.box >= lengths[i] && v.box <= 256);
        assert_true(v.groups * v.tiles * 64 >= lengths[i]);
        assert_true(v.shared_bytes <= 232448);
    }
}

/* What sums are made of must not depend on the plan. */
static void the_plan_does_not_change_bits(void **state) {
    (void)state;
    static const int32_t longest[] = {16, 50, 77, 96, 130, 197, 257, 300, 577, 1500, 4096};
    for (int32_t flags = 0; flags < 8; flags++) {
        for (size_t i = 0; i < sizeof longest / sizeof *longest; i++) {
            oc_attention_variant first = {0};
            for (int32_t sequences = 1; sequences <= 256; sequences *= 2) {
                for (int32_t length = 1; length <= longest[i]; length = length * 2 + 1) {
                    oc_attention_shape shape = image(sequences, length);
                    oc_attention_variant v;
                    shape.longest = longest[i];
                    shape.causal = flags & 1, shape.masked = flags & 2;
                    shape.query_rows = flags & 4 ? 1 : 0;
                    assert_true(oc_attention_choose(&shape, &v));
                    first = sequences == 1 && length == 1 ? v : first;
                    assert_int_equal(v.kind, first.kind);
                    assert_int_equal(v.blocks, first.blocks);
                    assert_int_equal(v.keys, first.keys);
                    assert_int_equal(v.keys_a + v.keys_b, first.keys_a + first.keys_b);
                    assert_int_equal(v.tail, first.tail);
                    if (v.kind == OC_ATTENTION_ROW) {
                        assert_int_equal(v.warps, first.warps);
                    }
                    assert_true(v.shared_bytes <= 232448 && v.threads <= 1024);
                }
            }
        }
    }
}

/* Without wgmma, warps do all of it, in the memory that the smallest of cards gives a block. */
static void other_cards_take_warps(void **state) {
    (void)state;
    static const int32_t lengths[] = {1, 50, 77, 80, 96, 97, 257, 577, 4096};
    for (int32_t dim = 16; dim <= 128; dim += 16) {
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            oc_attention_shape shape = image(128, lengths[i]);
            oc_attention_variant v;
            shape.wgmma = false, shape.head_dim = dim;
            assert_true(oc_attention_choose(&shape, &v));
            assert_int_equal(v.kind, OC_ATTENTION_MMA);
            assert_true(v.shared_bytes <= 101376);
        }
    }
}

static void odd_heads_take_warps_or_nothing(void **state) {
    (void)state;
    oc_attention_shape shape = image(4, 100);
    oc_attention_variant v;
    static const int32_t dims[] = {32, 64, 80, 96, 128};
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++) {
        shape.head_dim = dims[i], shape.masked = true;
        assert_true(oc_attention_choose(&shape, &v));
        assert_int_equal(v.kind, OC_ATTENTION_MMA);
    }
    shape.head_dim = 72;
    assert_false(oc_attention_choose(&shape, &v));
    shape.head_dim = 144;
    assert_false(oc_attention_choose(&shape, &v));
}

static void defines_name_every_parameter(void **state) {
    (void)state;
    oc_attention_shape shape = image(128, 257);
    oc_attention_variant v;
    char text[1024];
    assert_true(oc_attention_choose(&shape, &v));
    int length = oc_attention_defines(&v, text, sizeof text);
    assert_true(length > 0 && (size_t)length < sizeof text);
    assert_non_null(strstr(text, "#define KEYS_A 128\n#define KEYS_B 136\n#define BLOCKS 1\n"));
    assert_non_null(strstr(text, "#define TAIL 1\n#define TAIL_OWN 1\n#define OUT_F16 0\n"));
    assert_string_equal(oc_attention_name(v.kind), "attention_wgmma");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tower_of_images_takes_warpgroups),
        cmocka_unit_test(the_plan_does_not_change_bits),
        cmocka_unit_test(other_cards_take_warps),
        cmocka_unit_test(odd_heads_take_warps_or_nothing),
        cmocka_unit_test(defines_name_every_parameter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
