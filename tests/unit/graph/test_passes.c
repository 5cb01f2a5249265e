// links: api
/* test_passes.c - each exact saving: what the graph looks like before and after, and what a pass
 * leaves alone.  That nothing but rounding changes is test_lower's and test_session's affair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "api/source.h"
#include "passes/pipeline.h"
#include "support/graphs.h"

/* -- graphs ---------------------------------------------------------------------------------- */

/* The graph of a checkpoint under tests/data/tiny-clip. */
static void load(const char *folder, oc_graph *out) {
    char path[512];
    oc_source source;
    octavo_error error;
    oc_error_clear(&error);
    snprintf(path, sizeof path, TEST_DATA "/tiny-clip/%s", folder);
    if (oc_source_open(path, OCTAVO_AS_CHECKPOINT, NULL, &source, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    oc_graph_init(out);
    assert_int_equal(oc_graph_copy(&source.recipe.graph, out, NULL), OCTAVO_OK);
    oc_source_close(&source);
}

typedef octavo_status (*pass)(oc_graph *graph, octavo_error *error);

/* Runs it; what comes out must verify, keep its outputs' names and types, and not change when the
 * pass is run again. */
static void apply(pass run, oc_graph *graph) {
    octavo_error error;
    char names[8][64], *once, *twice;
    oc_type types[8];
    oc_error_clear(&error);
    assert_true(graph->output_count <= 8);
    for (int32_t i = 0; i < graph->output_count; i++) {
        const oc_node *node = &graph->nodes[graph->outputs[i]];
        snprintf(names[i], sizeof names[i], "%s", node->name);
        types[i] = node->type;
    }
    if (run(graph, &error) != OCTAVO_OK || oc_verify(graph, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    for (int32_t i = 0; i < graph->output_count; i++) {
        const oc_node *node = &graph->nodes[graph->outputs[i]];
        assert_string_equal(node->name, names[i]);
        assert_memory_equal(&node->type, &types[i], sizeof types[i]);
    }
    once = oc_test_graph_text(graph);
    assert_int_equal(run(graph, &error), OCTAVO_OK);
    twice = oc_test_graph_text(graph);
    assert_string_equal(once, twice);
    free(once);
    free(twice);
}

/* The pass finds nothing to do in this graph. */
static void leaves_alone(pass run, const char *text) {
    oc_graph graph;
    char *before, *after;
    oc_test_graph(text, &graph);
    before = oc_test_graph_text(&graph);
    apply(run, &graph);
    after = oc_test_graph_text(&graph);
    assert_string_equal(before, after);
    free(before);
    free(after);
    oc_graph_free(&graph);
}

/* Text without what no output needs, as the passes leave it. */
static char *compacted(const char *text) {
    oc_graph graph, small;
    char *out;
    oc_test_graph(text, &graph);
    oc_graph_init(&small);
    assert_int_equal(oc_graph_compact(&graph, &small, NULL, NULL), OCTAVO_OK);
    out = oc_test_graph_text(&small);
    oc_graph_free(&small);
    oc_graph_free(&graph);
    return out;
}

static void each_leaves_alone(pass run, const char *const *texts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char *text = compacted(texts[i]);
        leaves_alone(run, text);
        free(text);
    }
}

/* -- last-row -------------------------------------------------------------------------------- */

/* Of the last layer of both towers, only K and V and what they come from stay whole; all that is
 * behind works on the row that is read. */
static void last_row_reaches_the_attention(void **state) {
    (void)state;
    oc_graph graph;
    load("modelopt-fp8", &graph);
    int32_t picks = oc_test_count(&graph, OC_OP_ROW_AT);
    assert_int_equal(picks, 2);
    apply(oc_pass_last_row, &graph);
    static const char *const whole[] = {"layers.1.layer_norm1", "layers.1.k", "layers.1.v",
                                        "layers.0.fc2", "hidden.1"};
    static const char *const one_row[] = {
        "layers.1.q",        "layers.1.attention",   "layers.1.out",
        "layers.1.attended", "layers.1.layer_norm2", "layers.1.fc1",
        "layers.1.gelu",     "layers.1.fc2",         "hidden.2"};
    for (int32_t tower = 0; tower < 2; tower++) {
        char name[64];
        for (size_t i = 0; i < OC_COUNT(whole); i++) {
            snprintf(name, sizeof name, "%s.%s", tower == 0 ? "vision" : "text", whole[i]);
            assert_int_equal(oc_test_node(&graph, name)->type.rank, 3);
        }
        for (size_t i = 0; i < OC_COUNT(one_row); i++) {
            snprintf(name, sizeof name, "%s.%s", tower == 0 ? "vision" : "text", one_row[i]);
            assert_int_equal(oc_test_node(&graph, name)->type.rank, 2);
        }
        snprintf(name, sizeof name, "%s.layers.1.attention", tower == 0 ? "vision" : "text");
        const oc_node *attention = oc_test_node(&graph, name);
        assert_int_equal(attention->i[3], tower == 0 ? 1 : 2);
        assert_int_equal(attention->i[4], 0);
        if (tower == 1) {
            assert_int_equal(oc_test_input(&graph, attention, 4)->op, OC_OP_END_OF_TEXT);
        }
    }
    /* q's quantizer is split off; the residual's row and q's are the two picks of each tower */
    assert_int_equal(oc_test_count(&graph, OC_OP_ROW_AT), 4);
    const oc_node *q = oc_test_node(&graph, "vision.layers.1.q");
    assert_int_equal(oc_test_input(&graph, q, 0)->op, OC_OP_ROW_AT);
    oc_graph_free(&graph);
}

#define ROWS                                                                                       \
    "octavo graph 1\n"                                                                             \
    "tensor \"w\" F16[8,8]\n"                                                                      \
    "tensor \"s\" F32[]\n"                                                                         \
    "%0 = const tensor=0 : F16[8,8]\n"                                                             \
    "%1 = const tensor=1 : F32[]\n"                                                                \
    "%2 = input : F16[images,5,8] \"x\"\n"                                                         \
    "%3 = gelu %2 kind=0 : F16[images,5,8] \"g\"\n"

static void expect_last_row(const char *text, int32_t picks, const char *moved, bool is_moved) {
    oc_graph graph;
    oc_test_graph(text, &graph);
    apply(oc_pass_last_row, &graph);
    assert_int_equal(oc_test_count(&graph, OC_OP_ROW_AT), picks);
    assert_int_equal(oc_test_node(&graph, moved)->type.rank, is_moved ? 2 : 3);
    oc_graph_free(&graph);
}

/* A value that anyone reads whole, or of which two different rows are read, stays whole. */
static void last_row_spares_what_is_read_whole(void **state) {
    (void)state;
    expect_last_row(ROWS "%4 = row_at %3 row=1 : F16[images,8] \"p\"\noutput %4\n", 1, "p", true);
    expect_last_row(ROWS "%4 = row_at %3 row=1 : F16[images,8] \"p\"\noutput %4\noutput %3\n", 1,
                    "g", false);
    expect_last_row(ROWS "%4 = row_at %3 row=1 : F16[images,8] \"p\"\n"
                         "%5 = row_at %3 row=2 : F16[images,8] \"q\"\noutput %4\noutput %5\n",
                    2, "g", false);
    /* two names for one row need two nodes */
    expect_last_row(ROWS "%4 = row_at %3 row=1 : F16[images,8] \"p\"\n"
                         "%5 = row_at %3 row=1 : F16[images,8] \"q\"\noutput %4\noutput %5\n",
                    2, "g", false);
    /* equal picks without names are one */
    expect_last_row(ROWS "%4 = row_at %3 row=1 : F16[images,8]\n"
                         "%5 = row_at %3 row=1 : F16[images,8]\n"
                         "%6 = add %4 %5 : F16[images,8] \"a\"\noutput %6\n",
                    1, "g", true);
    /* every key is read of q's own input */
    expect_last_row(ROWS "%4 = attention %3 %3 %3 heads=2 causal=0 masked=0 rows=0 row=0 scale=1 : "
                         "F16[images,5,8] \"t\"\n"
                         "%5 = row_at %4 row=3 : F16[images,8]\n"
                         "%6 = gelu %5 kind=0 : F16[images,8] \"y\"\noutput %6\n",
                    1, "g", false);
    /* the index is not there yet where the value is made */
    expect_last_row("octavo graph 1\n"
                    "%0 = input : F16[texts,tokens,8] \"x\"\n"
                    "%1 = input : I32[texts,tokens] \"ids\"\n"
                    "%2 = gelu %0 kind=0 : F16[texts,tokens,8] \"g\"\n"
                    "%3 = end_of_text %1 rule=1 eos=0 : I32[texts]\n"
                    "%4 = row_at %2 %3 row=0 : F16[texts,8] \"p\"\noutput %4\n",
                    1, "g", false);
    static const char *const none[] = {
        ROWS "output %3\n",
        /* no operation of rows in between */
        ROWS "%4 = row_at %2 row=1 : F16[images,8] \"p\"\noutput %4\n",
    };
    each_leaves_alone(oc_pass_last_row, none, OC_COUNT(none));
}

/* -- fold-scale ------------------------------------------------------------------------------ */

/* Q's weights and bias take the scale; K's and V's do not; FP8 weights take it beside their own. */
static void fold_scale_goes_into_q(void **state) {
    (void)state;
    static const char *const folders[] = {"f32", "modelopt-fp8"};
    for (size_t i = 0; i < OC_COUNT(folders); i++) {
        oc_graph graph;
        load(folders[i], &graph);
        float scale = oc_test_node(&graph, "text.layers.0.attention")->f[0];
        assert_float_equal(scale, 1 / sqrtf(32), 1e-9f);
        apply(oc_pass_fold_scale, &graph);
        const oc_node *attention = oc_test_node(&graph, "text.layers.0.attention");
        const oc_node *q = oc_test_input(&graph, attention, 0);
        assert_true(attention->f[0] == 1.0f);
        assert_string_equal(q->name, "text.layers.0.q");
        for (int32_t j = 1; j <= 2; j++) {
            const oc_node *weight = oc_test_input(&graph, q, j);
            assert_int_equal(weight->op, OC_OP_SCALED);
            assert_true(weight->f[0] == scale);
            assert_int_equal(weight->input_count, i == 1 && j == 1 ? 2 : 1);
        }
        for (int32_t j = 1; j <= 2; j++) {
            const oc_node *other = oc_test_input(&graph, attention, j);
            const oc_node *weight = oc_test_input(&graph, other, 1);
            assert_true(weight->op == OC_OP_CONST || weight->f[0] == 1.0f);
            assert_int_equal(oc_test_input(&graph, other, 2)->op, OC_OP_CONST);
        }
        oc_graph_free(&graph);
    }
}

#define Q_AND_CO                                                                                   \
    "octavo graph 1\n"                                                                             \
    "tensor \"w\" F16[8,8]\n"                                                                      \
    "tensor \"f\" F8_E4M3[8,8]\n"                                                                  \
    "tensor \"s\" F32[]\n"                                                                         \
    "tensor \"h\" F16[4,8]\n"                                                                      \
    "tensor \"b\" F16[8]\n"                                                                        \
    "%0 = const tensor=0 : F16[8,8]\n"                                                             \
    "%1 = const tensor=1 : F8_E4M3[8,8]\n"                                                         \
    "%2 = const tensor=2 : F32[]\n"                                                                \
    "%3 = scaled %1 %2 alpha=1 : F8_E4M3[8,8]\n"                                                   \
    "%4 = const tensor=3 : F16[4,8]\n"                                                             \
    "%5 = const tensor=4 : F16[8]\n"                                                               \
    "%6 = input : F16[images,5,8] \"x\"\n"                                                         \
    "%7 = input : F16[images,5,8] \"y\"\n"                                                         \
    "%8 = linear %6 %0 : F16[images,5,8] \"k\"\n"                                                  \
    "%9 = linear %6 %0 : F16[images,5,8] \"v\"\n"
#define ATTEND "heads=2 causal=0 masked=0 rows=0 row=0 scale=0.5 : F16[images,5,8] \"a\"\n"

/* Where another reader, a quantizer or anything else is between q's weights and the attention, or
 * the weights cannot take a scale, the scale stays. */
static void fold_scale_spares_others(void **state) {
    (void)state;
    static const char *const texts[] = {
        /* a quantizer in between would round other values: here q is what an FP8 layer made of it
         */
        Q_AND_CO "%10 = linear %6 %0 : F16[images,5,8]\n"
                 "%11 = quantize %10 %2 : F8_E4M3[images,5,8]\n"
                 "%12 = columns %10 start=0 count=8 : F16[images,5,8]\n"
                 "%13 = attention %12 %8 %9 " ATTEND "%14 = linear %11 %3 : F16[images,5,8] \"z\"\n"
                 "output %13\noutput %14\n",
        /* a norm */
        Q_AND_CO "%10 = linear %6 %0 : F16[images,5,8]\n"
                 "%11 = layer_norm %10 %5 %5 eps=1e-05 : F16[images,5,8]\n"
                 "%12 = attention %11 %8 %9 " ATTEND "output %12\n",
        /* q is an output as well */
        Q_AND_CO "%10 = linear %6 %0 : F16[images,5,8] \"q\"\n"
                 "%11 = attention %10 %8 %9 " ATTEND "output %11\noutput %10\n",
        /* q is k as well */
        Q_AND_CO "%10 = attention %8 %8 %9 " ATTEND "output %10\n",
        /* q is no product */
        Q_AND_CO "%10 = attention %6 %8 %9 " ATTEND "output %10\n",
        /* the weights are joined ones */
        Q_AND_CO "%10 = concat %4 %4 : F16[8,8]\n"
                 "%11 = linear %6 %10 : F16[images,5,8] \"q\"\n"
                 "%12 = attention %11 %8 %9 " ATTEND "output %12\n",
        /* the product of both scales leaves the range */
        Q_AND_CO "%10 = scaled %0 alpha=1e-30 : F16[8,8]\n"
                 "%11 = linear %6 %10 : F16[images,5,8] \"q\"\n"
                 "%12 = attention %11 %8 %9 " ATTEND "output %12\n",
        /* there is nothing to fold */
        Q_AND_CO "%10 = linear %6 %0 : F16[images,5,8] \"q\"\n"
                 "%11 = attention %10 %8 %9 heads=2 causal=0 masked=0 rows=0 row=0 scale=1 : "
                 "F16[images,5,8] \"a\"\noutput %11\n",
    };
    each_leaves_alone(oc_pass_fold_scale, texts, OC_COUNT(texts));
}

/* -- merge-qkv ------------------------------------------------------------------------------- */

/* Q, K and V of one quantized input become one product with three weight scales, cut in columns. */
static void merge_makes_one_product(void **state) {
    (void)state;
    static const char *const folders[] = {"f16", "modelopt-fp8"};
    for (size_t i = 0; i < OC_COUNT(folders); i++) {
        oc_graph graph;
        load(folders[i], &graph);
        int32_t linears = oc_test_count(&graph, OC_OP_LINEAR);
        apply(oc_pass_merge_qkv, &graph);
        assert_int_equal(oc_test_count(&graph, OC_OP_LINEAR), linears - 2 * 4);
        assert_int_equal(oc_test_count(&graph, OC_OP_COLUMNS), 3 * 4);
        const oc_node *merged = oc_test_node(&graph, "vision.layers.0.qkv");
        assert_int_equal(merged->type.dims[2], 3 * 128); /* and no column more */
        for (int32_t j = 1; j <= 2; j++) {
            const oc_node *weight = oc_test_input(&graph, merged, j);
            assert_int_equal(weight->op, OC_OP_CONCAT);
            assert_int_equal(weight->input_count, 3);
            assert_int_equal(weight->type.dims[0], 3 * 128);
            if (i == 1 && j == 1) { /* each with its own scale */
                assert_true(oc_test_input(&graph, weight, 0)->inputs[1] !=
                            oc_test_input(&graph, weight, 1)->inputs[1]);
            }
        }
        const oc_node *attention = oc_test_node(&graph, "vision.layers.0.attention");
        for (int32_t j = 0; j < 3; j++) {
            const oc_node *columns = oc_test_input(&graph, attention, j);
            assert_int_equal(columns->op, OC_OP_COLUMNS);
            assert_int_equal(columns->i[0], j * 128);
            assert_int_equal(columns->i[1], 128);
            assert_ptr_equal(oc_test_input(&graph, columns, 0), merged);
        }
        oc_graph_free(&graph);
    }
}

/* Behind last-row, K and V are merged and Q, on its one row, is not. */
static void merge_takes_two_in_the_last_layer(void **state) {
    (void)state;
    oc_graph graph;
    load("modelopt-fp8", &graph);
    apply(oc_pass_last_row, &graph);
    apply(oc_pass_merge_qkv, &graph);
    assert_int_equal(oc_test_node(&graph, "vision.layers.0.qkv")->type.dims[2], 3 * 128);
    assert_int_equal(oc_test_node(&graph, "vision.layers.1.kv")->type.dims[2], 2 * 128);
    assert_int_equal(oc_test_node(&graph, "vision.layers.1.q")->op, OC_OP_LINEAR);
    oc_graph_free(&graph);
}

/* Different activation scales are different inputs: Q stays apart where K's and V's agree, and
 * nothing is merged where those do not. */
static void merge_wants_equal_scales(void **state) {
    (void)state;
    size_t bytes;
    char *text = NULL;
    oc_graph graph;
    FILE *file = fopen(TEST_DATA "/corpus/graph/scales_differ", "rb");
    assert_non_null(file);
    text = calloc(1, 1 << 16);
    assert_non_null(text);
    bytes = fread(text, 1, (1 << 16) - 1, file);
    fclose(file);
    assert_true(bytes > 0);
    oc_test_graph(text, &graph); /* its k and v share one quantizer, its q has another */
    apply(oc_pass_merge_qkv, &graph);
    assert_int_equal(oc_test_node(&graph, "vision.layers.0.kv")->type.dims[2], 2 * 4);
    assert_int_equal(oc_test_node(&graph, "vision.layers.0.q")->op, OC_OP_LINEAR);
    oc_graph_free(&graph);
    free(text);
}

static void merge_spares_others(void **state) {
    (void)state;
    static const char *const texts[] = {
        /* k and v of different inputs, q on k's */
        Q_AND_CO "%10 = linear %7 %0 : F16[images,5,8]\n"
                 "%11 = linear %6 %0 : F16[images,5,8]\n"
                 "%12 = attention %11 %8 %10 " ATTEND "output %12\n",
        /* one of them is read elsewhere */
        Q_AND_CO "%10 = attention %6 %8 %9 " ATTEND "output %10\noutput %8\n",
        /* k is v */
        Q_AND_CO "%10 = attention %6 %8 %8 " ATTEND "output %10\n",
        /* weights of two types */
        Q_AND_CO "%10 = linear %6 %3 : F16[images,5,8]\n"
                 "%11 = attention %6 %8 %10 " ATTEND "output %11\n",
        /* one has a bias */
        Q_AND_CO "%10 = linear %6 %0 %5 : F16[images,5,8]\n"
                 "%11 = attention %6 %8 %10 " ATTEND "output %11\n",
        /* joined already */
        Q_AND_CO "%10 = concat %4 %4 : F16[8,8]\n"
                 "%11 = linear %6 %10 : F16[images,5,8]\n"
                 "%12 = attention %6 %8 %11 " ATTEND "output %12\n",
    };
    each_leaves_alone(oc_pass_merge_qkv, texts, OC_COUNT(texts));
}

/* The merged product's name is left out where something is called so already. */
static void merge_does_not_take_names(void **state) {
    (void)state;
    oc_graph graph;
    oc_test_graph(Q_AND_CO "%10 = attention %6 %8 %9 " ATTEND
                           "%11 = gelu %10 kind=0 : F16[images,5,8] \"kv\"\noutput %11\n",
                  &graph);
    apply(oc_pass_merge_qkv, &graph);
    assert_int_equal(oc_test_count(&graph, OC_OP_CONCAT), 1);
    assert_int_equal(oc_test_node(&graph, "kv")->op, OC_OP_GELU);
    oc_graph_free(&graph);
}

/* -- fold-pixels and preadd ------------------------------------------------------------------ */

/* Bytes go straight into the patch product; a graph that begins at pixel_values is left alone. */
static void fold_pixels_takes_bytes(void **state) {
    (void)state;
    oc_graph graph, part;
    const char *values = "pixel_values", *embeds = "image_embeds";
    load("f16", &graph);
    apply(oc_pass_fold_pixels, &graph);
    const oc_node *embed = oc_test_node(&graph, "vision.patch_embedding");
    assert_string_equal(oc_test_input(&graph, embed, 0)->name, "pixels");
    assert_int_equal(oc_test_input(&graph, embed, 1)->op, OC_OP_FOLD_PIXELS);
    assert_int_equal(oc_test_input(&graph, embed, 2)->op, OC_OP_FOLD_PIXELS_BIAS);
    assert_int_equal(oc_test_count(&graph, OC_OP_NORMALIZE_PIXELS), 0);
    oc_graph_free(&graph);
    load("f16", &graph);
    oc_graph_init(&part);
    assert_int_equal(oc_pass_select(&graph, &values, 1, &embeds, 1, &part, NULL), OCTAVO_OK);
    apply(oc_pass_fold_pixels, &part);
    assert_int_equal(oc_test_count(&part, OC_OP_FOLD_PIXELS), 0);
    assert_int_equal(oc_test_node(&part, values)->op, OC_OP_INPUT);
    oc_graph_free(&part);
    oc_graph_free(&graph);
}

#define PATCHES                                                                                    \
    "octavo graph 1\n"                                                                             \
    "tensor \"m\" F32[3]\n"                                                                        \
    "tensor \"w\" F16[6,3,4,4]\n"                                                                  \
    "tensor \"c\" F16[6]\n"                                                                        \
    "tensor \"p\" F16[5,6]\n"                                                                      \
    "tensor \"l\" F16[9,6]\n"                                                                      \
    "%0 = input : U8[images,8,8,3] \"pixels\"\n"                                                   \
    "%1 = const tensor=0 : F32[3]\n"                                                               \
    "%2 = normalize_pixels %0 %1 %1 : F16[images,3,8,8] \"pixel_values\"\n"                        \
    "%3 = const tensor=1 : F16[6,3,4,4]\n"                                                         \
    "%4 = const tensor=2 : F16[6]\n"                                                               \
    "%5 = const tensor=3 : F16[5,6]\n"                                                             \
    "%6 = const tensor=4 : F16[9,6]\n"

/* The patch bias, the class token and the positions become one table; without a bias two do. */
static void preadd_makes_one_table(void **state) {
    (void)state;
    static const char *const biases[] = {" ", " %4 "};
    for (size_t i = 0; i < OC_COUNT(biases); i++) {
        char text[2048];
        oc_graph graph;
        snprintf(text, sizeof text,
                 "%s%%7 = patch_embed %%2 %%3%s: F16[images,4,6]\n"
                 "%%8 = prepend %%4 %%7 : F16[images,5,6]\n"
                 "%%9 = add_rows %%8 %%5 : F16[images,5,6] \"y\"\noutput %%9\n",
                 PATCHES, biases[i]);
        oc_test_graph(text, &graph);
        apply(oc_pass_preadd, &graph);
        const oc_node *whole = oc_test_node(&graph, "y");
        assert_int_equal(whole->op, OC_OP_EMBED_PATCHES);
        assert_int_equal(oc_test_input(&graph, whole, 2)->op, OC_OP_PREADD);
        assert_int_equal(oc_test_input(&graph, whole, 2)->input_count, 2 + i);
        assert_int_equal(oc_test_count(&graph, OC_OP_PREPEND), 0);
        assert_int_equal(oc_test_count(&graph, OC_OP_ADD_ROWS), 0);
        oc_graph_free(&graph);
    }
}

static void preadd_spares_others(void **state) {
    (void)state;
    static const char *const texts[] = {
        /* the rows are read without positions too */
        PATCHES "%7 = patch_embed %2 %3 : F16[images,4,6]\n"
                "%8 = prepend %4 %7 : F16[images,5,6] \"r\"\n"
                "%9 = add_rows %8 %5 : F16[images,5,6] \"y\"\noutput %9\noutput %8\n",
        /* a table with rows to spare */
        PATCHES "%7 = patch_embed %2 %3 : F16[images,4,6]\n"
                "%8 = prepend %4 %7 : F16[images,5,6]\n"
                "%9 = add_rows %8 %6 : F16[images,5,6] \"y\"\noutput %9\n",
        /* something in between */
        PATCHES "%7 = patch_embed %2 %3 : F16[images,4,6]\n"
                "%8 = prepend %4 %7 : F16[images,5,6]\n"
                "%9 = gelu %8 kind=0 : F16[images,5,6]\n"
                "%10 = add_rows %9 %5 : F16[images,5,6] \"y\"\noutput %10\n",
    };
    static const char *const folded[] = {
        /* folded already */
        PATCHES "%7 = fold_pixels %3 %1 %1 : F32[6,3,4,4]\n"
                "%8 = patch_embed %2 %7 : F16[images,4,6]\n"
                "%9 = prepend %4 %8 : F16[images,5,6] \"y\"\noutput %9\n",
        PATCHES "%7 = fold_pixels_bias %3 %1 %1 : F32[6]\n"
                "%8 = patch_embed %2 %3 %7 : F16[images,4,6]\n"
                "%9 = prepend %4 %8 : F16[images,5,6] \"y\"\noutput %9\n",
    };
    each_leaves_alone(oc_pass_preadd, texts, OC_COUNT(texts));
    each_leaves_alone(oc_pass_fold_pixels, folded, OC_COUNT(folded));
}

/* -- select and the pipeline ----------------------------------------------------------------- */

/* A graph can be entered and left at any value that a run could give or take. */
static void selects_a_part(void **state) {
    (void)state;
    oc_graph whole, graph, rest;
    octavo_error error;
    const char *from = "vision.hidden.0", *to[] = {"vision.hidden.1", "vision.layers.0.q"};
    const char *absent = "vision.hidden.99", *ids = "vision.layers.0.k";
    load("modelopt-fp8", &whole);
    oc_graph_init(&graph);
    oc_graph_init(&rest);
    assert_int_equal(oc_pass_select(&whole, &from, 1, to, 2, &graph, NULL), OCTAVO_OK);
    assert_int_equal(oc_verify(&graph, NULL), OCTAVO_OK);
    assert_int_equal(graph.output_count, 2);
    assert_string_equal(graph.nodes[graph.outputs[1]].name, to[1]);
    assert_int_equal(oc_test_count(&graph, OC_OP_INPUT), 1);
    assert_int_equal(oc_test_node(&graph, from)->op, OC_OP_INPUT);
    assert_int_equal(oc_graph_find(&graph, "vision.layers.1.q"), -1);
    assert_int_equal(oc_graph_find(&graph, "pixels"), -1);
    assert_int_equal(oc_pass_select(&graph, NULL, 0, &ids, 1, &rest, NULL), OCTAVO_OK);
    oc_graph_free(&rest);
    oc_error_clear(&error);
    assert_int_equal(oc_pass_select(&graph, NULL, 0, &absent, 1, &rest, &error), OCTAVO_NOT_FOUND);
    assert_non_null(strstr(error.message, "no value called vision.hidden.99"));
    oc_error_clear(&error);
    assert_int_equal(oc_pass_select(&graph, &absent, 1, &ids, 1, &rest, &error), OCTAVO_NOT_FOUND);
    oc_graph_free(&rest);
    oc_graph_free(&graph);
    oc_graph_free(&whole);
}

/* All passes together, on every checkpoint, leave nothing of what each removes. */
static void pipeline_leaves_nothing_over(void **state) {
    (void)state;
    static const char *const folders[] = {"f32", "modelopt-fp8", "modelopt-fp8-mixed",
                                          "geometry-modelopt-fp8", "legacy-eos-f32"};
    for (size_t i = 0; i < OC_COUNT(folders); i++) {
        oc_graph graph;
        octavo_error error;
        oc_error_clear(&error);
        load(folders[i], &graph);
        if (oc_pipeline_run(&graph, OC_SAVINGS_ALL, &error) != OCTAVO_OK) {
            fail_msg("%s", error.message);
        }
        assert_int_equal(oc_test_count(&graph, OC_OP_NORMALIZE_PIXELS), 0);
        assert_int_equal(oc_test_count(&graph, OC_OP_PATCH_EMBED), 0);
        assert_int_equal(oc_test_count(&graph, OC_OP_PREPEND), 0);
        for (oc_value v = 0; v < graph.node_count; v++) {
            assert_true(graph.nodes[v].op != OC_OP_ATTENTION || graph.nodes[v].f[0] == 1.0f);
        }
        oc_graph_free(&graph);
    }
}

/* With nothing switched on the graph is as it was; a graph that does not verify is refused. */
static void pipeline_verifies(void **state) {
    (void)state;
    oc_graph graph;
    octavo_error error;
    load("modelopt-fp8", &graph);
    char *before = oc_test_graph_text(&graph);
    assert_int_equal(oc_pipeline_run(&graph, 0, NULL), OCTAVO_OK);
    char *after = oc_test_graph_text(&graph);
    assert_string_equal(before, after);
    free(before);
    free(after);
    graph.nodes[graph.node_count - 1].type.dims[0] = 7;
    oc_error_clear(&error);
    assert_int_equal(oc_pipeline_run(&graph, OC_SAVINGS_ALL, &error), OCTAVO_CORRUPT);
    oc_graph_free(&graph);
}

/* Savings have names; a list switches off just those, and an unknown name is answered with all. */
static void savings_have_names(void **state) {
    (void)state;
    oc_savings savings;
    octavo_error error;
    static const char *const wrong[] = {"lastrow", "last-row,,preadd", " last-row", "last-row,x",
                                        ","};
    oc_error_clear(&error);
    assert_int_equal(oc_savings_parse(NULL, &savings, &error), OCTAVO_OK);
    assert_int_equal(savings, OC_SAVINGS_ALL);
    assert_int_equal(oc_savings_parse("", &savings, &error), OCTAVO_OK);
    assert_int_equal(savings, OC_SAVINGS_ALL);
    assert_int_equal(oc_savings_parse("cut-text,last-row,cut-text", &savings, &error), OCTAVO_OK);
    assert_int_equal(savings, OC_SAVINGS_ALL & ~(OC_SAVING(CUT_TEXT) | OC_SAVING(LAST_ROW)));
    for (int32_t i = 0; i < OC_SAVING_COUNT; i++) {
        assert_int_equal(oc_savings_parse(oc_saving_name(i), &savings, &error), OCTAVO_OK);
        assert_int_equal(savings, OC_SAVINGS_ALL & ~(1u << i));
        assert_true(strlen(oc_saving_text(i)) > 20);
    }
    for (size_t i = 0; i < OC_COUNT(wrong); i++) {
        oc_error_clear(&error);
        assert_int_equal(oc_savings_parse(wrong[i], &savings, &error), OCTAVO_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "there are last-row, fold-scale, merge-qkv, "
                                              "fold-pixels, preadd, cut-text, dedup-text, tuned"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_row_reaches_the_attention),
        cmocka_unit_test(last_row_spares_what_is_read_whole),
        cmocka_unit_test(fold_scale_goes_into_q),
        cmocka_unit_test(fold_scale_spares_others),
        cmocka_unit_test(merge_makes_one_product),
        cmocka_unit_test(merge_takes_two_in_the_last_layer),
        cmocka_unit_test(merge_wants_equal_scales),
        cmocka_unit_test(merge_spares_others),
        cmocka_unit_test(merge_does_not_take_names),
        cmocka_unit_test(fold_pixels_takes_bytes),
        cmocka_unit_test(preadd_makes_one_table),
        cmocka_unit_test(preadd_spares_others),
        cmocka_unit_test(selects_a_part),
        cmocka_unit_test(pipeline_leaves_nothing_over),
        cmocka_unit_test(pipeline_verifies),
        cmocka_unit_test(savings_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
