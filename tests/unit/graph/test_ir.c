// links: api
/* test_ir.c - operations and their rules, graphs as text, and graphs that mean harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "api/source.h"
#include "base/limits.h"
#include "ir/type.h"
#include "support/graphs.h"

/* -- one graph with something of everything to put an operation behind ----------------------- */

#define TENSORS                                                                                    \
    "octavo graph 1\n"                                                                             \
    "tensor \"w\" F16[8,8]\n"                                                                      \
    "tensor \"v8\" F16[8]\n"                                                                       \
    "tensor \"s\" F32[]\n"                                                                         \
    "tensor \"w8\" F8_E4M3[8,8]\n"                                                                 \
    "tensor \"v3\" F32[3]\n"                                                                       \
    "tensor \"patch\" F16[8,3,4,4]\n"                                                              \
    "tensor \"pos\" F16[5,8]\n"                                                                    \
    "tensor \"table\" F16[10,8]\n"                                                                 \
    "tensor \"s8\" F32[8]\n"                                                                       \
    "tensor \"i3\" I32[3]\n"                                                                       \
    "tensor \"wide\" F16[65537,8]\n"                                                               \
    "tensor \"long\" F16[8193,8]\n"                                                                \
    "tensor \"vast\" F16[1048577,8]\n"
#define VALUES                                                                                     \
    "%0 = const tensor=0 : F16[8,8]\n"                                                             \
    "%1 = const tensor=1 : F16[8]\n"                                                               \
    "%2 = const tensor=2 : F32[]\n"                                                                \
    "%3 = const tensor=3 : F8_E4M3[8,8]\n"                                                         \
    "%4 = const tensor=4 : F32[3]\n"                                                               \
    "%5 = const tensor=5 : F16[8,3,4,4]\n"                                                         \
    "%6 = const tensor=6 : F16[5,8]\n"                                                             \
    "%7 = const tensor=7 : F16[10,8]\n"                                                            \
    "%8 = const tensor=8 : F32[8]\n"                                                               \
    "%9 = const tensor=9 : I32[3]\n"                                                               \
    "%10 = input : U8[images,8,8,3] \"pixels\"\n"                                                  \
    "%11 = input : I32[texts,tokens] \"input_ids\"\n"                                              \
    "%12 = input : I32[texts,tokens] \"attention_mask\"\n"                                         \
    "%13 = input : F16[images,5,8] \"x\"\n"                                                        \
    "%14 = input : F16[texts,tokens,8] \"t\"\n"                                                    \
    "%15 = input : F16[images,8] \"i\"\n"                                                          \
    "%16 = input : F16[texts,8] \"c\"\n"                                                           \
    "%17 = input : I32[texts] \"end\"\n"                                                           \
    "%18 = scaled %3 %2 alpha=1 : F8_E4M3[8,8]\n"                                                  \
    "%19 = quantize %13 %2 : F8_E4M3[images,5,8]\n"                                                \
    "%20 = input : F16[images,3,8,8] \"values\"\n"                                                 \
    "%21 = const tensor=10 : F16[65537,8]\n"                                                       \
    "%22 = const tensor=11 : F16[8193,8]\n"                                                        \
    "%23 = const tensor=12 : F16[1048577,8]\n"                                                     \
    "%24 = input : F16[images,8192,8] \"full\"\n"                                                  \
    "%25 = normalize_pixels %10 %4 %4 : F16[images,3,8,8]\n"                                       \
    "%26 = fold_pixels %5 %4 %4 : F32[8,3,4,4]\n"                                                  \
    "%27 = fold_pixels_bias %5 %4 %4 %1 : F32[8]\n"                                                \
    "%28 = preadd %1 %6 %27 : F32[5,8]\n"                                                          \
    "%29 = patch_embed %10 %26 %27 : F16[images,4,8]\n"                                            \
    "%30 = end_of_text %11 rule=0 eos=7 : I32[texts]\n"                                            \
    "%31 = columns %13 start=0 count=7 : F16[images,5,7]\n"                                        \
    "%32 = concat %18 %18 : F8_E4M3[16,8]\n"                                                       \
    "%33 = "

/* What each operation accepts, with the type that it gives. */
static const char *const accepted[] = {
    "input : F32[texts,tokens,65536]",
    "const tensor=9 : I32[3]",
    "scaled %3 %8 alpha=0.125 : F8_E4M3[8,8]",
    "scaled %1 alpha=0.125 : F16[8]",
    "concat %18 %18 %18 : F8_E4M3[24,8]",
    "concat %1 %1 : F16[16]",
    "concat %0 : F16[8,8]",
    "fold_pixels %5 %4 %4 : F32[8,3,4,4]",
    "fold_pixels_bias %5 %4 %4 : F32[8]",
    "preadd %1 %6 : F32[5,8]",
    "normalize_pixels %10 %4 %4 : F16[images,3,8,8]",
    "patch_embed %20 %5 : F16[images,4,8]",
    "patch_embed %25 %5 %1 : F16[images,4,8]",
    "prepend %1 %29 : F16[images,5,8]",
    "embed_patches %10 %26 %28 : F16[images,5,8]",
    "embed_tokens %11 %7 : F16[texts,tokens,8]",
    "add_rows %14 %6 : F16[texts,tokens,8]",
    "add_rows %13 %6 : F16[images,5,8]",
    "end_of_text %11 rule=1 eos=0 : I32[texts]",
    "layer_norm %13 %1 %1 eps=1e-05 : F16[images,5,8]",
    "quantize %15 %2 : F8_E4M3[images,8]",
    "linear %19 %18 %1 : F16[images,5,8]",
    "linear %16 %18 : F16[texts,8]",
    "linear %13 %32 : F16[images,5,16]",
    "columns %19 start=1 count=7 : F8_E4M3[images,5,7]",
    "gelu %14 kind=2 : F16[texts,tokens,8]",
    "add %13 %13 : F16[images,5,8]",
    "attention %13 %13 %13 heads=4 causal=0 masked=0 rows=0 row=0 scale=0.5 : F16[images,5,8]",
    "attention %15 %13 %13 heads=1 causal=1 masked=0 rows=1 row=4 scale=1 : F16[images,8]",
    "attention %16 %14 %14 %12 %30 heads=2 causal=1 masked=1 rows=2 row=0 scale=1 : F16[texts,8]",
    "attention %16 %14 %14 %17 heads=2 causal=1 masked=0 rows=2 row=0 scale=1 : F16[texts,8]",
    "row_at %13 row=4 : F16[images,8]",
    "row_at %19 row=0 : F8_E4M3[images,8]",
    "row_at %14 %30 row=0 : F16[texts,8]",
    "l2_normalize %15 : F16[images,8]",
    "logits %15 %16 %2 : F16[images,texts]",
};

/* What each rule refuses, with part of the sentence; the type at the end does not matter. */
static const struct {
    const char *line, *sentence;
} refused[] = {
    {"input : F16[5,8] \"n\"", "not the type of pixels, ids, places or rows"},
    {"input : F8_E4M3[images,8] \"n\"", "not the type of"},
    {"input : I32[images,5] \"n\"", "not the type of"},
    {"input : U8[images,2049,2049,3] \"n\"", "not the type of"},
    {"input : U8[texts,8,8,3] \"n\"", "not the type of"},
    {"input : F16[images,8193,8] \"n\"", "not the type of"},
    {"input : F16[images,tokens,8] \"n\"", "not the type of"},
    {"input : F16[texts,5,8] \"n\"", "not the type of"},
    {"input : F16[texts,tokens,65537] \"n\"", "not the type of"},
    {"input : F16[texts,tokens,texts] \"n\"", "not the type of"},
    {"input : F16[images] \"n\"", "not the type of"},
    {"input : F16[] \"n\"", "not the type of"},
    {"input : F16[images,8]", "an input needs a name"},
    {"const tensor=13 : I32[3]", "there is no tensor 13, the table has 13"},
    {"const tensor=-1 : I32[3]", "there is no tensor -1"},
    {"scaled %13 alpha=1 : F16[images,5,8]", "only constants are scaled"},
    {"scaled %18 alpha=1 : F16[8,8]", "only constants are scaled"},
    {"scaled %0 %2 alpha=1 : F16[8,8]", "a scale belongs to an F8_E4M3 matrix"},
    {"scaled %3 %4 alpha=1 : F8_E4M3[8,8]", "the scale must be F32, one value or one a row"},
    {"scaled %3 alpha=1 : F8_E4M3[8,8]", "an F8_E4M3 matrix needs its scale"},
    {"scaled %2 alpha=1 : F32[]", "needs its scale"},
    {"scaled %0 alpha=0 : F16[8,8]", "alpha is 0"},
    {"scaled %0 alpha=-1 : F16[8,8]", "alpha is -1"},
    {"scaled %0 alpha=1e+31 : F16[8,8]", "alpha is 1e+31"},
    {"concat %13 : F16[images,5,8]", "only vectors and matrices are joined"},
    {"concat %3 : F8_E4M3[8,8]", "part 0 is not a weight"},
    {"concat %0 %15 : F16[16,8]", "part 1 is not a weight"},
    {"concat %0 %1 : F16[16,8]", "part 1 does not match part 0"},
    {"concat %0 %18 : F16[16,8]", "part 1 does not match part 0"},
    {"fold_pixels %0 %4 %4 : F32[8,8]", "a patch weight is a float [width,3,patch,patch]"},
    {"fold_pixels %5 %1 %4 : F32[8,3,4,4]", "mean and std are float [3]"},
    {"fold_pixels %26 %4 %4 : F32[8,3,4,4]", "input 0 is not a constant"},
    {"fold_pixels %5 %4 : F32[8,3,4,4]", "2 inputs, it takes 3 to 3"},
    {"fold_pixels_bias %5 %4 %4 %4 : F32[8]", "the bias must have 8 entries"},
    {"preadd %13 %6 : F32[5,8]", "only constants are added beforehand"},
    {"preadd %1 %1 : F32[8]", "positions are a float matrix"},
    {"preadd %4 %6 : F32[5,8]", "the class row must be as wide"},
    {"preadd %1 %6 %4 : F32[5,8]", "a bias must be as wide"},
    {"normalize_pixels %20 %4 %4 : F16[images,3,8,8]", "pixels are U8 [images,S,S,3]"},
    {"normalize_pixels %10 %8 %4 : F16[images,3,8,8]", "mean and std are float [3]"},
    {"patch_embed %10 %0 : F16[images,4,8]", "a patch weight is a float"},
    {"patch_embed %13 %5 : F16[images,4,8]", "an image of 0 pixels a side and patches of 4"},
    {"patch_embed %10 %5 %4 : F16[images,4,8]", "the bias must have 8 entries"},
    {"prepend %1 %14 : F16[images,5,8]", "x is float [images,P,D]"},
    {"prepend %4 %13 : F16[images,6,8]", "the row must have 8 entries"},
    {"prepend %1 %24 : F16[images,8193,8]", "F16[images,8193,8] is beyond the limits"},
    {"embed_patches %10 %26 %7 : F16[images,5,8]", "the table must be [5,8]"},
    {"embed_patches %10 %18 %6 : F16[images,5,8]", "a patch weight is a float"},
    {"embed_tokens %17 %7 : F16[texts,tokens,8]", "ids are I32 [texts,tokens]"},
    {"embed_tokens %11 %1 : F16[texts,tokens,8]", "the table is a constant float matrix"},
    {"embed_tokens %11 %23 : F16[texts,tokens,8]", "of up to 1048576 rows"},
    {"add_rows %15 %6 : F16[images,8]", "x is [B,T,D]"},
    {"add_rows %24 %7 : F16[images,8192,8]", "the table is too short"},
    {"add_rows %31 %6 : F16[images,5,7]", "of another width"},
    {"add_rows %14 %22 : F16[texts,tokens,8]", "too long"},
    {"end_of_text %17 rule=0 eos=1 : I32[texts]", "ids are I32 [texts,tokens]"},
    {"end_of_text %11 rule=2 eos=1 : I32[texts]", "rule 2 is not known"},
    {"layer_norm %19 %1 %1 eps=1e-05 : F16[images,5,8]", "x is float rows"},
    {"layer_norm %0 %1 %1 eps=1e-05 : F16[8,8]", "x is float rows"},
    {"layer_norm %13 %4 %1 eps=1e-05 : F16[images,5,8]", "gamma and beta must have 8 entries"},
    {"layer_norm %13 %1 %1 eps=0 : F16[images,5,8]", "eps is 0"},
    {"layer_norm %13 %1 %1 eps=1 : F16[images,5,8]", "eps is 1"},
    {"quantize %19 %2 : F8_E4M3[images,5,8]", "x is float rows"},
    {"quantize %13 %8 : F8_E4M3[images,5,8]", "the scale is one constant F32 value"},
    {"linear %0 %0 : F16[8,8]", "x is float or F8_E4M3 rows"},
    {"linear %13 %3 : F16[images,5,8]", "lacks its scale"},
    {"linear %13 %15 : F16[images,5,8]", "weight or bias is not a constant"},
    {"linear %13 %1 : F16[images,5,8]", "the weight must be [N,8]"},
    {"linear %31 %0 : F16[images,5,8]", "the weight must be [N,7]"},
    {"linear %19 %0 : F16[images,5,8]", "quantized rows meet a weight that is not"},
    {"linear %13 %0 %4 : F16[images,5,8]", "the bias must have 8 entries"},
    {"linear %13 %21 : F16[images,5,65537]", "F16[images,5,65537] is beyond the limits"},
    {"columns %13 start=-1 count=1 : F16[images,5,1]", "columns -1 and 1 more do not fit"},
    {"columns %13 start=0 count=0 : F16[images,5,1]", "do not fit"},
    {"columns %13 start=4 count=5 : F16[images,5,5]", "columns 4 and 5 more do not fit"},
    {"columns %13 start=9000000000000000000 count=900000000000000000 : F16[images,5,5]",
     "do not fit"},
    {"columns %0 start=0 count=1 : F16[8,1]", "do not fit"},
    {"gelu %19 kind=0 : F16[images,5,8]", "x is float rows"},
    {"gelu %13 kind=3 : F16[images,5,8]", "kind 3 is not known"},
    {"add %13 %14 : F16[images,5,8]", "both sides must be float rows of one shape"},
    {"add %19 %19 : F16[images,5,8]", "both sides must be float rows"},
    {"attention %13 %13 %14 heads=1 causal=0 masked=0 rows=0 row=0 scale=1 : F16[images,5,8]",
     "k and v are float [B,T,D]"},
    {"attention %13 %15 %15 heads=1 causal=0 masked=0 rows=0 row=0 scale=1 : F16[images,5,8]",
     "k and v are float [B,T,D]"},
    {"attention %13 %13 %13 heads=1 causal=2 masked=0 rows=0 row=0 scale=1 : F16[images,5,8]",
     "an attribute is out of range"},
    {"attention %13 %13 %13 heads=1 causal=0 masked=0 rows=3 row=0 scale=1 : F16[images,5,8]",
     "an attribute is out of range"},
    {"attention %15 %13 %13 heads=1 causal=0 masked=0 rows=0 row=0 scale=1 : F16[images,5,8]",
     "q does not match k"},
    {"attention %13 %13 %13 heads=1 causal=0 masked=0 rows=1 row=0 scale=1 : F16[images,5,8]",
     "q does not match k"},
    {"attention %16 %13 %13 heads=1 causal=0 masked=0 rows=1 row=0 scale=1 : F16[texts,8]",
     "q does not match k"},
    {"attention %13 %13 %13 heads=3 causal=0 masked=0 rows=0 row=0 scale=1 : F16[images,5,8]",
     "3 heads do not divide a width of 8"},
    {"attention %13 %13 %13 heads=0 causal=0 masked=0 rows=0 row=0 scale=1 : F16[images,5,8]",
     "0 heads do not divide"},
    {"attention %13 %13 %13 heads=1 causal=0 masked=0 rows=0 row=0 scale=0 : F16[images,5,8]",
     "scale is 0"},
    {"attention %13 %13 %13 heads=1 causal=0 masked=1 rows=0 row=0 scale=1 : F16[images,5,8]",
     "3 inputs, the attributes want 4"},
    {"attention %15 %13 %13 heads=1 causal=0 masked=0 rows=1 row=5 scale=1 : F16[images,8]",
     "there is no row 5"},
    {"attention %16 %14 %14 heads=1 causal=0 masked=0 rows=1 row=1 scale=1 : F16[texts,8]",
     "there is no row 1"},
    {"attention %13 %13 %13 heads=1 causal=0 masked=0 rows=0 row=1 scale=1 : F16[images,5,8]",
     "there is no row 1"},
    {"attention %13 %13 %13 %12 heads=1 causal=0 masked=1 rows=0 row=0 scale=1 : F16[images,5,8]",
     "the mask is I32 [texts,tokens]"},
    {"attention %14 %14 %14 %17 heads=1 causal=0 masked=1 rows=0 row=0 scale=1 : "
     "F16[texts,tokens,8]",
     "the mask is I32 [texts,tokens]"},
    {"attention %15 %13 %13 %17 heads=1 causal=0 masked=0 rows=2 row=0 scale=1 : F16[images,8]",
     "the row index is I32 [texts]"},
    {"attention %16 %14 %14 %12 heads=1 causal=0 masked=0 rows=2 row=0 scale=1 : F16[texts,8]",
     "the row index is I32 [texts]"},
    {"row_at %15 row=0 : F16[images,8]", "x is [B,T,D]"},
    {"row_at %13 row=5 : F16[images,8]", "there is no row 5"},
    {"row_at %13 row=-1 : F16[images,8]", "there is no row -1"},
    {"row_at %14 row=1 : F16[texts,8]", "there is no row 1"},
    {"row_at %13 %17 row=0 : F16[images,8]", "the index is I32 [texts]"},
    {"row_at %14 %30 row=1 : F16[texts,8]", "there is no row 1"},
    {"l2_normalize %13 : F16[images,5,8]", "x is [B,D]"},
    {"logits %16 %15 %2 : F16[images,texts]", "the sides are float [images,D] and [texts,D]"},
    {"logits %15 %15 %2 : F16[images,texts]", "the sides are"},
    {"logits %15 %16 %1 : F16[images,texts]", "logit_scale is one constant float"},
    /* what holds of every operation */
    {"gelu %33 kind=0 : F16[images,5,8]", "input %33 is not to be had"},
    {"gelu %13 %13 kind=0 : F16[images,5,8]", "2 inputs, it takes 1 to 1"},
    {"concat : F16[8]", "0 inputs, it takes 1 to 4"},
    {"gelu %13 kind=0 : F16[images,4,8]", "is said to be F16[images,4,8], its operation gives"},
    {"gelu %13 kind=0 : F16[images,5,8] \"x\"", "two graph values are called x"},
};

static octavo_status parse(const char *text, oc_graph *graph, octavo_error *error) {
    oc_graph_init(graph);
    oc_error_clear(error);
    return oc_graph_parse(text, strlen(text), graph, error);
}

/* Every rule accepts what it should, and gives the type that it should. */
static void rules_accept(void **state) {
    (void)state;
    bool seen[OC_OP_COUNT] = {false};
    for (size_t i = 0; i < OC_COUNT(accepted); i++) {
        char text[8192];
        oc_graph graph;
        snprintf(text, sizeof text, "%s%s \"out\"\noutput %%33\n", TENSORS VALUES, accepted[i]);
        oc_test_graph(text, &graph);
        seen[graph.nodes[33].op] = true;
        oc_graph_free(&graph);
    }
    for (int32_t op = 0; op < OC_OP_COUNT; op++) {
        assert_true(seen[op]);
    }
}

/* Every rule refuses what it should, and says why. */
static void rules_refuse(void **state) {
    (void)state;
    for (size_t i = 0; i < OC_COUNT(refused); i++) {
        char text[8192];
        oc_graph graph;
        octavo_error error;
        snprintf(text, sizeof text, "%s%s\n", TENSORS VALUES, refused[i].line);
        octavo_status status = parse(text, &graph, &error);
        if (status != OCTAVO_CORRUPT || strstr(error.message, refused[i].sentence) == NULL) {
            fail_msg("%s: %d, %s", refused[i].line, status, error.message);
        }
        oc_graph_free(&graph);
    }
}

/* The table says of each operation what ops.def says, and finds it by name and by nothing else. */
static void operations_have_names(void **state) {
    (void)state;
    static const struct {
        oc_op op;
        const char *name;
        int32_t ints, floats;
    } some[] = {{OC_OP_INPUT, "input", 0, 0},
                {OC_OP_SCALED, "scaled", 0, 1},
                {OC_OP_ATTENTION, "attention", 5, 1},
                {OC_OP_COLUMNS, "columns", 2, 0},
                {OC_OP_LOGITS, "logits", 0, 0}};
    for (int32_t op = 0; op < OC_OP_COUNT; op++) {
        oc_op_info info = oc_op_describe((oc_op)op);
        assert_int_equal(oc_op_find(info.name, strlen(info.name)), op);
        assert_int_equal(oc_op_find(info.name, strlen(info.name) - 1), OC_OP_COUNT);
        assert_true(info.inputs_min <= info.inputs_max && info.inputs_max <= OC_INPUTS_MAX);
        assert_true(info.int_count <= OC_INTS_MAX && info.float_count <= OC_FLOATS_MAX);
    }
    for (size_t i = 0; i < OC_COUNT(some); i++) {
        oc_op_info info = oc_op_describe(some[i].op);
        assert_string_equal(info.name, some[i].name);
        assert_int_equal(info.int_count, some[i].ints);
        assert_int_equal(info.float_count, some[i].floats);
    }
    assert_int_equal(oc_dtype_bytes(OCTAVO_BF16), 2);
    assert_int_equal(oc_dtype_bytes((octavo_dtype)99), 0);
    assert_string_equal(oc_dtype_name(OCTAVO_F8_E4M3), "F8_E4M3");
    assert_string_equal(oc_dtype_name((octavo_dtype)99), "?");
    assert_int_equal(oc_dtype_find("F8_E4M3", 7), OCTAVO_F8_E4M3);
    assert_int_equal(oc_dtype_find("F8", 2), 0);
}

/* -- text ------------------------------------------------------------------------------------ */

static void expect_round_trip(const oc_graph *graph) {
    char *text = oc_test_graph_text(graph), *again;
    oc_graph copy;
    oc_test_graph(text, &copy);
    again = oc_test_graph_text(&copy);
    assert_string_equal(text, again);
    for (oc_value v = 0; v < graph->node_count; v++) {
        const oc_node *a = &graph->nodes[v], *b = &copy.nodes[v];
        assert_int_equal(a->op, b->op);
        assert_true(oc_type_equal(&a->type, &b->type));
        assert_int_equal(a->input_count, b->input_count);
        assert_memory_equal(a->i, b->i, sizeof a->i);
        assert_memory_equal(a->f, b->f, sizeof a->f); /* to the bit */
        assert_string_equal(a->name, b->name);
    }
    free(again);
    free(text);
    oc_graph_free(&copy);
}

/* The graphs of real checkpoints, and of a hand-made one, come back from their text as they were,
 * floats to the bit. */
static void text_comes_back(void **state) {
    (void)state;
    static const char *const folders[] = {
        "f32",           "bf16", "modelopt-fp8", "modelopt-fp8-mixed", "geometry-modelopt-fp8",
        "legacy-eos-f32"};
    oc_graph graph;
    for (size_t i = 0; i < OC_COUNT(folders); i++) {
        char path[512];
        oc_source source;
        octavo_error error;
        oc_error_clear(&error);
        snprintf(path, sizeof path, TEST_DATA "/tiny-clip/%s", folders[i]);
        assert_int_equal(oc_source_open(path, OCTAVO_AS_CHECKPOINT, NULL, &source, &error),
                         OCTAVO_OK);
        expect_round_trip(&source.recipe.graph);
        oc_source_close(&source);
    }
    oc_test_graph(TENSORS VALUES "scaled %1 alpha=0.1 : F16[8] \"out\"\noutput %33\n", &graph);
    graph.nodes[33].f[0] = 0.123456789f; /* has no short decimal */
    expect_round_trip(&graph);
    oc_graph_free(&graph);
}

/* Only what print writes is read: every other spelling of the same graph is refused. */
static void text_has_one_spelling(void **state) {
    (void)state;
    static const char *const lines[] = {
        "gelu  %13 kind=0 : F16[images,5,8]",
        "gelu %13 kind=00 : F16[images,5,8]",
        "gelu %13 kind=-0 : F16[images,5,8]",
        "gelu %013 kind=0 : F16[images,5,8]",
        "gelu %13 kind=+0 : F16[images,5,8]",
        "gelu %13 kind=0: F16[images,5,8]",
        "gelu %13 kind=0 : F16[-1,5,8]",
        "gelu %13 kind=0 : F16[images, 5,8]",
        "gelu %13 kind=0 : f16[images,5,8]",
        "gelu %13 kind=0 : F16[images,5,8] \"\"",
        "gelu %13 kind=0 : F16[images,5,8] \"a",
        "gelu %13 kind=0 : F16[images,5,8] a",
        "gelu %13 kind=0 : F16[images,5,8]\r",
        "gelu %13 kind=0 : F16[images,5,8,]",
        "gelu %13 kind=0 : F16[images,5,8,1,1]",
        "gelu %13 kind=0 : F16[images,5,8] \"a\"b",
        "gelu %13 : F16[images,5,8]",
        "gelu %13 type=0 : F16[images,5,8]",
        "gelu %13 kind=0 kind=0 : F16[images,5]",
        "gelu kind=0 %13 : F16[images,5,8]",
        "gelu %13 kind=0.0 : F16[images,5,8]",
        "gelu %13 kind=1e0 : F16[images,5,8]",
        "gelu %13 kind=99999999999999999999 : F3",
        "Gelu %13 kind=0 : F16[images,5,8]",
        "scaled %1 alpha=1.0 : F16[8]",
        "scaled %1 alpha=0.10 : F16[8]",
        "scaled %1 alpha=1e0 : F16[8]",
        "scaled %1 alpha=.5 : F16[8]",
        "scaled %1 alpha=nan : F16[8]",
        "scaled %1 alpha=inf : F16[8]",
        "scaled %1 alpha=0x1p0 : F16[8]",
        "scaled %1 alpha=0.1000000000000001 : F16[8]",
        "scaled %1 alpha= : F16[8]",
        "scaled %1 alpha=1e400 : F16[8]",
    };
    for (size_t i = 0; i < OC_COUNT(lines); i++) {
        char text[8192];
        oc_graph graph;
        octavo_error error;
        snprintf(text, sizeof text, "%s%s\n", TENSORS VALUES, lines[i]);
        if (parse(text, &graph, &error) == OCTAVO_OK) {
            fail_msg("accepted: %s", lines[i]);
        }
        oc_graph_free(&graph);
    }
}

/* Tables and outputs that are wrong are refused by name and place. */
static void tables_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", "'octavo graph 1\n' expected"},
        {"octavo graph 2\n", "expected"},
        {"octavo graph 1\ntensor \"\" F16[8]\n", "the name of tensor 0 is not plain text"},
        {"octavo graph 1\ntensor \"a\\b\" F16[8]\n", "the name of tensor 0 is not plain text"},
        {"octavo graph 1\ntensor \"\xc3\xa9\" F16[8]\n", "the name of tensor 0 is not plain text"},
        {"octavo graph 1\ntensor \"a\" F16[0]\n", "tensor a: dimension 0 is 0"},
        {"octavo graph 1\ntensor \"a\" F16[2147483648]\n", "dimension 0 is 2147483648"},
        {"octavo graph 1\ntensor \"a\" F16[images]\n", "dimension 0 is -1"},
        {"octavo graph 1\ntensor \"a\" F32[2147483647,2147483647]\n", "dimension 1 is 2147483647"},
        {"octavo graph 1\ntensor \"a\" F64[8]\n", "a dtype expected"},
        {"octavo graph 1\n%1 = const tensor=0 : F16[8]\n", "%1 where %0 is due"},
        {"octavo graph 1\ntensor \"a\" F16[8]\n%0 = const tensor=0 : F16[8]\noutput %0\n",
         "does not exist or has no name"},
        {"octavo graph 1\noutput %0\n", "output %0 does not exist"},
        {"octavo graph 1\noutput %-1\n", "output %-1 does not exist"},
        {"octavo graph 1\nnonsense\n", "a tensor, a value or an output expected"},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        oc_graph graph;
        octavo_error error;
        octavo_status status = parse(cases[i].text, &graph, &error);
        char sentence[64]; /* messages are one line */
        snprintf(sentence, sizeof sentence, "%s", cases[i].sentence);
        for (char *at = sentence; *at != '\0'; at++) {
            *at = *at == '\n' ? '?' : *at;
        }
        if (status != OCTAVO_CORRUPT || strstr(error.message, sentence) == NULL) {
            fail_msg("case %zu: %d, %s", i, status, error.message);
        }
        oc_graph_free(&graph);
    }
}

/* -- damage ---------------------------------------------------------------------------------- */

/* Reads bytes; what is accepted must print as the same bytes. */
static bool survives(const char *text, size_t bytes) {
    oc_graph graph;
    octavo_error error;
    char *copy = malloc(bytes), *again = NULL; /* so that reading past the end is noticed */
    size_t again_bytes = 0;
    assert_non_null(copy);
    memcpy(copy, text, bytes);
    oc_graph_init(&graph);
    oc_error_clear(&error);
    bool read = oc_graph_parse(copy, bytes, &graph, &error) == OCTAVO_OK;
    if (read) {
        assert_int_equal(oc_graph_print(&graph, &again, &again_bytes, NULL), OCTAVO_OK);
        assert_int_equal(again_bytes, bytes);
        assert_memory_equal(again, copy, bytes);
    } else {
        assert_int_equal(error.status, OCTAVO_CORRUPT);
        assert_true(error.message[0] != '\0');
    }
    free(again);
    free(copy);
    oc_graph_free(&graph);
    return read;
}

/* A text that breaks off within a line is refused; one that loses whole lines is another graph. */
static void truncations_are_noticed(void **state) {
    (void)state;
    const char *text =
        TENSORS VALUES "layer_norm %13 %1 %1 eps=1e-05 : F16[images,5,8] \"y\"\noutput %33\n";
    size_t bytes = strlen(text);
    for (size_t length = 1; length <= bytes; length++) {
        assert_true(survives(text, length) == (text[length - 1] == '\n'));
    }
}

/* No single wrong byte makes the reader stumble, or read what print would write otherwise. */
static void mutations_are_survived(void **state) {
    (void)state;
    const char *text =
        TENSORS VALUES "layer_norm %13 %1 %1 eps=1e-05 : F16[images,5,8] \"y\"\noutput %33\n";
    static const char bytes_tried[] = "\0\n \"%-.09=[],|e\xff";
    size_t bytes = strlen(text), accepted_ones = 0;
    char *copy = strdup(text);
    for (size_t at = 0; at < bytes; at++) {
        for (size_t i = 0; i < sizeof bytes_tried - 1; i++) {
            copy[at] = bytes_tried[i];
            accepted_ones += survives(copy, bytes);
        }
        copy[at] = (char)(text[at] ^ 1);
        accepted_ones += survives(copy, bytes);
        copy[at] = text[at];
    }
    assert_true(accepted_ones > 100); /* names, for instance, may be any */
    free(copy);
}

/* A graph can be as large as the limits say, and no larger. */
static void limits_hold(void **state) {
    (void)state;
    oc_graph graph;
    octavo_error error;
    oc_value value = -1;
    char name[OC_LIMIT_TENSOR_NAME + 2];
    oc_node node = {.op = OC_OP_INPUT, .type = {OCTAVO_F16, 2, {OC_DIM_TEXTS, 8}}, .name = name};
    oc_graph_init(&graph);
    oc_error_clear(&error);
    memset(name, 'n', sizeof name);
    name[OC_LIMIT_TENSOR_NAME] = '\0';
    assert_int_equal(oc_graph_add(&graph, &node, &value, &error), OCTAVO_OK);
    assert_int_equal(oc_verify(&graph, &error), OCTAVO_OK);
    name[OC_LIMIT_TENSOR_NAME] = 'n';
    name[OC_LIMIT_TENSOR_NAME + 1] = '\0';
    assert_int_equal(oc_graph_add(&graph, &node, &value, &error), OCTAVO_OK);
    assert_int_equal(oc_verify(&graph, &error), OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "of up to 512 bytes"));
    oc_error_clear(&error);
    node.name = "";
    while (oc_graph_add(&graph, &node, &value, &error) == OCTAVO_OK) {
    }
    assert_int_equal(error.status, OCTAVO_CORRUPT);
    assert_int_equal(graph.node_count, OC_LIMIT_NODES);
    assert_non_null(strstr(error.message, "the limit is 32768"));
    oc_graph_free(&graph);
}

/* Compacting drops what no output needs and renumbers the rest; uses are counted with outputs. */
static void compacts(void **state) {
    (void)state;
    oc_graph graph, small;
    oc_value map[64];
    oc_test_graph(TENSORS VALUES "gelu %16 kind=0 : F16[texts,8] \"y\"\noutput %33\noutput %33\n",
                  &graph);
    oc_graph_init(&small);
    assert_int_equal(oc_graph_uses(&graph, 16), 1);
    assert_int_equal(oc_graph_uses(&graph, 33), 2);
    assert_int_equal(oc_graph_uses(&graph, 0), 0);
    assert_int_equal(oc_graph_compact(&graph, &small, map, NULL), OCTAVO_OK);
    assert_int_equal(small.node_count, 2);
    assert_int_equal(small.tensor_count, 0);
    assert_int_equal(map[16], 0);
    assert_int_equal(map[33], 1);
    assert_int_equal(map[0], -1);
    assert_int_equal(small.output_count, 2);
    assert_string_equal(oc_test_input(&small, oc_test_node(&small, "y"), 0)->name, "c");
    assert_int_equal(oc_graph_find(&small, "x"), -1);
    oc_graph_free(&small);
    oc_graph_free(&graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_accept),
        cmocka_unit_test(rules_refuse),
        cmocka_unit_test(operations_have_names),
        cmocka_unit_test(text_comes_back),
        cmocka_unit_test(text_has_one_spelling),
        cmocka_unit_test(tables_are_checked),
        cmocka_unit_test(truncations_are_noticed),
        cmocka_unit_test(mutations_are_survived),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(compacts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
