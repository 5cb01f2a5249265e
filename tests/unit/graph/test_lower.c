// links: lower passes backends_ref ir num base
/* test_lower.c - lowering graphs of every sort: what is fused, what shares memory, what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "backends/ref/ref.h"
#include "base/size.h"
#include "base/sys/clock.h"
#include "lower/memory.h"
#include "num/metrics.h"
#include "passes/pipeline.h"
#include "support/graphs.h"
#include "support/null_backend.h"
#include "support/random_graph.h"

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { RANDOM_GRAPHS = 150, MANY_NODES = 8000 };
#else
enum { RANDOM_GRAPHS = 1500, MANY_NODES = 30000 };
#endif

/* -- random graphs, computed twice ----------------------------------------------------------- */

enum { IMAGES = 2, TEXTS = 3, TEXT_TOKENS = 12 };

static const oc_plan_limits limits = {
    .rows_max = {IMAGES * OC_RANDOM_TOKENS, IMAGES, TEXT_TOKENS, TEXTS},
    .sequence_max = {OC_RANDOM_TOKENS, 1, OC_RANDOM_POSITIONS, 1},
    .image_size = OC_RANDOM_SIDE};

/* The outputs of a graph, F32 [rows, columns] one behind the other. */
typedef struct results {
    float *values;
    size_t count, capacity;
} results;

static void append(results *r, oc_queue *queue, const oc_plan *plan, const oc_view *view,
                   int32_t rows) {
    size_t count = (size_t)rows * (size_t)view->columns;
    if (r->count + count > r->capacity) {
        r->capacity = (r->count + count) * 2;
        r->values = realloc(r->values, r->capacity * sizeof *r->values);
        assert_non_null(r->values);
    }
    assert_int_equal(
        oc_backend_ref.read(queue, plan, view, 0, NULL, rows, r->values + r->count, NULL),
        OCTAVO_OK);
    r->count += count;
}

static oc_traits fuse_nothing(const oc_device *device) {
    oc_traits traits = oc_backend_ref.traits(device);
    traits.fuses = 0;
    return traits;
}

/* Runs the graph on the referee, whose steps take in what they can, or nothing; the outputs called
 * v... of `wanted` are appended in its order. */
static octavo_status compute(const oc_graph *graph, const oc_graph *wanted, bool fused,
                             results *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    static const int32_t image_starts[] = {0, 5, 10}, text_starts[] = {0, 4, 5, 12};
    static const int32_t ids[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 3};
    static const int32_t places[] = {0, 1, 2, 3, 0, 0, 1, 2, 3, 4, 5, 6}, ends[] = {2, 0, 6};
    static const uint8_t mask[] = {1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1};
    static uint8_t pixels[IMAGES * OC_RANDOM_SIDE * OC_RANDOM_SIDE * 3];
    oc_weight_source source = {oc_random_read, (void *)wanted};
    oc_run run = {
        .rows = {IMAGES * OC_RANDOM_TOKENS, IMAGES, TEXT_TOKENS, TEXTS},
        .starts = {image_starts, NULL, text_starts, NULL},
        .pixels = pixels,
        .ids = ids,
        .positions = places,
        .ends = ends,
        .key_mask = mask,
    };
    oc_device *device = NULL;
    oc_weights *weights = NULL;
    oc_plan plan = {0};
    oc_queue *queue = NULL;
    oc_program *program = NULL;
    oc_ticket ticket;
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * 37);
    }
    static oc_backend unfused;
    OC_TRY(oc_backend_ref.open(&(oc_device_options){.threads = 1}, &device, error));
    if (!fused) {
        unfused = oc_backend_ref;
        unfused.traits = fuse_nothing;
        device->backend = &unfused;
    }
    OC_TRY(oc_weights_create(device, &source, &weights, error));
    OC_TRY(oc_plan_create(weights, graph, &limits, &plan, error));
    assert_int_equal(plan.input_count, 0);
    for (int32_t i = 0; !fused && i < plan.step_count; i++) {
        const oc_step_gemm *gemm = &plan.steps[i].u.gemm;
        assert_false(plan.steps[i].kind == OC_STEP_GEMM &&
                     (gemm->act != OC_ACT_NONE || gemm->residual.columns != 0 ||
                      oc_is_codes(gemm->out.dtype)));
    }
    OC_TRY(oc_backend_ref.queue_create(device, 1, oc_plan_bytes(&plan, 1), &queue, error));
    memset(oc_backend_ref.memory(queue), 0xff, oc_plan_bytes(&plan, 1)); /* NaN */
    OC_TRY(oc_backend_ref.compile(queue, &plan, &program, error));
    OC_TRY(oc_backend_ref.submit(queue, program, &run, 0, NULL, &ticket, error));
    for (int32_t w = 0; w < wanted->output_count; w++) {
        const char *name = wanted->nodes[wanted->outputs[w]].name;
        int32_t i = 0;
        while (i < plan.output_count && strcmp(plan.outputs[i].name, name) != 0) {
            i++;
        }
        assert_true(i < plan.output_count);
        append(out, queue, &plan, &plan.outputs[i].view, run.rows[plan.outputs[i].rows]);
    }
done:
    oc_backend_ref.program_free(program);
    oc_backend_ref.queue_free(queue);
    oc_plan_free(&plan);
    oc_weights_free(weights);
    oc_backend_ref.close(device);
    return status;
}

/* The same graph with every value of rows as an output: nothing can be fused, nothing shares memory
 * or is overwritten. */
static void copy_with_all_outputs(const oc_graph *graph, oc_graph *out) {
    oc_graph_init(out);
    assert_int_equal(oc_graph_copy(graph, out, NULL), OCTAVO_OK);
    for (oc_value v = 0; v < out->node_count; v++) {
        const oc_node *node = &out->nodes[v];
        if (node->op >= OC_OP_PREPEND && node->op != OC_OP_END_OF_TEXT &&
            node->type.dtype == OCTAVO_F16) {
            assert_int_equal(oc_graph_add_output(out, v, NULL), OCTAVO_OK);
        }
    }
}

/* Fusing, sharing memory and the passes change nothing but rounding: random graphs give what they
 * give when every step and every value stands alone. */
static void random_graphs_compute_the_same(void **state) {
    (void)state;
    int32_t compared = 0;
    for (int32_t i = 0; i < RANDOM_GRAPHS; i++) {
        bool quantize = i % 2 != 0;
        double limit = quantize ? 0.2 : 2e-4; /* a code that flips moves its value by 6 % */
        oc_graph graph, plain, passed;
        results want = {0}, got = {0}, saved = {0}, apart = {0};
        octavo_error error;
        oc_error_clear(&error);
        oc_graph_init(&graph);
        oc_graph_init(&passed);
        if (!oc_random_graph_make(&graph, 1000 + (uint64_t)i, 3 + i % 13, quantize)) {
            fail_msg("graph %d could not be made", i);
        }
        copy_with_all_outputs(&graph, &plain);
        assert_int_equal(oc_graph_copy(&graph, &passed, NULL), OCTAVO_OK);
        if (oc_pipeline_run(&passed, OC_SAVINGS_ALL, &error) != OCTAVO_OK) {
            fail_msg("graph %d: %s", i, error.message);
        }
        octavo_status status = compute(&plain, &graph, true, &want, &error);
        if (status == OCTAVO_UNSUPPORTED) { /* positions added to more than a token table */
            oc_error_clear(&error);
        } else {
            assert_int_equal(status, OCTAVO_OK);
            if (compute(&graph, &graph, true, &got, &error) != OCTAVO_OK ||
                compute(&passed, &graph, true, &saved, &error) != OCTAVO_OK ||
                compute(&graph, &graph, false, &apart, &error) != OCTAVO_OK) {
                fail_msg("graph %d: %s", i, error.message);
            }
            oc_metrics fused = {0}, all = {0};
            assert_int_equal(got.count, want.count);
            assert_int_equal(saved.count, want.count);
            assert_int_equal(apart.count, want.count);
            if (memcmp(apart.values, want.values, want.count * sizeof(float)) != 0) {
                fail_msg("graph %d: a device that fuses nothing gives other bits", i);
            }
            oc_metrics_add(&fused, got.values, want.values, want.count);
            oc_metrics_add(&all, saved.values, want.values, want.count);
            if (!(oc_metrics_relative_rms(&fused) < limit) ||
                !(oc_metrics_relative_rms(&all) < limit)) {
                char *text = oc_test_graph_text(&graph);
                print_error("%s\n", text);
                free(text);
                fail_msg("graph %d differs by %g when fused, by %g after the passes", i,
                         oc_metrics_relative_rms(&fused), oc_metrics_relative_rms(&all));
            }
            compared++;
        }
        free(want.values);
        free(got.values);
        free(saved.values);
        free(apart.values);
        oc_graph_free(&graph);
        oc_graph_free(&plain);
        oc_graph_free(&passed);
    }
    assert_true(compared > RANDOM_GRAPHS / 2);
}

/* -- plans that nobody runs ------------------------------------------------------------------ */

static octavo_status lower(const oc_graph *graph, const oc_plan_limits *within, size_t read_most,
                           oc_plan *plan, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    static oc_null_device device;
    oc_null_source ones = {graph, read_most};
    oc_weight_source source = {oc_null_read, &ones};
    oc_weights *weights = NULL;
    oc_error_clear(error);
    oc_null_device_init(&device);
    OC_TRY(oc_weights_create(&device.base, &source, &weights, error));
    OC_TRY(oc_plan_create(weights, graph, within, plan, error));
done:
    oc_weights_free(weights);
    assert_int_equal(device.packed, device.unpacked);
    return status;
}

/* Every view of a plan lies in its arena, whatever the graph. */
static void views_stay_in_the_arena(void **state) {
    (void)state;
    for (int32_t i = 0; i < RANDOM_GRAPHS; i++) {
        oc_graph graph;
        oc_plan plan;
        octavo_error error;
        oc_graph_init(&graph);
        assert_true(oc_random_graph_make(&graph, 50000 + (uint64_t)i, 30, true));
        if (i % 2 == 0) {
            assert_int_equal(oc_pipeline_run(&graph, OC_SAVINGS_ALL, NULL), OCTAVO_OK);
        }
        for (int32_t t = 0; t < graph.tensor_count; t++) {
            graph.tensors[t].source = (uint64_t)t; /* the passes have renumbered tensors */
        }
        octavo_status status = lower(&graph, &limits, 1 << 20, &plan, &error);
        if (status == OCTAVO_OK) {
            const char *wrong = oc_null_check_plan(&plan, &limits);
            if (wrong != NULL) {
                fail_msg("graph %d: %s", i, wrong);
            }
            oc_plan_free(&plan);
        } else {
            if (status != OCTAVO_UNSUPPORTED) {
                fail_msg("graph %d: %s", i, error.message);
            }
        }
        oc_graph_free(&graph);
    }
}

#define IMAGES_IN                                                                                  \
    "octavo graph 1\n"                                                                             \
    "tensor \"m\" F32[3]\n"                                                                        \
    "tensor \"w\" F16[6,3,4,4]\n"                                                                  \
    "tensor \"c\" F16[6]\n"                                                                        \
    "tensor \"q\" F8_E4M3[6,6]\n"                                                                  \
    "tensor \"s\" F32[]\n"                                                                         \
    "%0 = input : U8[images,8,8,3] \"pixels\"\n"                                                   \
    "%1 = const tensor=0 : F32[3]\n"                                                               \
    "%2 = normalize_pixels %0 %1 %1 : F16[images,3,8,8] \"pixel_values\"\n"                        \
    "%3 = const tensor=1 : F16[6,3,4,4] \"weight\"\n"                                              \
    "%4 = patch_embed %2 %3 : F16[images,4,6] \"patches\"\n"                                       \
    "%5 = const tensor=2 : F16[6]\n"                                                               \
    "%6 = prepend %5 %4 : F16[images,5,6] \"x\"\n"                                                 \
    "%7 = input : F16[images,4,6] \"rows\"\n"                                                      \
    "%8 = input : F16[texts,tokens,6] \"text\"\n"                                                  \
    "%9 = const tensor=4 : F32[]\n"                                                                \
    "%10 = "

/* What no step can do, and what does not fit the run, is refused in a sentence. */
static void refuses(void **state) {
    (void)state;
    static const struct {
        const char *line, *output, *sentence;
        octavo_status status;
    } cases[] = {
        {"gelu %4 kind=0 : F16[images,4,6] \"y\"", "%10",
         "gelu of a patch_embed is not something a step can do", OCTAVO_UNSUPPORTED},
        {"prepend %5 %7 : F16[images,5,6] \"y\"", "%10",
         "prepend of a input is not something a step can do", OCTAVO_UNSUPPORTED},
        {"gelu %6 kind=0 : F16[images,5,6] \"y\"", "%3",
         "weight is not an activation that can be an output", OCTAVO_UNSUPPORTED},
        {"gelu %6 kind=0 : F16[images,5,6] \"y\"", "%2", "pixel_values is not an activation",
         OCTAVO_UNSUPPORTED},
        {"gelu %6 kind=0 : F16[images,5,6] \"y\"", "%4", "patches is not an activation",
         OCTAVO_UNSUPPORTED},
        {"quantize %6 %9 : F8_E4M3[images,5,6] \"y\"", "%10", "y is not an activation",
         OCTAVO_UNSUPPORTED},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        char text[4096];
        oc_graph graph;
        oc_plan plan;
        octavo_error error;
        snprintf(text, sizeof text, "%s%s\noutput %s\n", IMAGES_IN, cases[i].line, cases[i].output);
        oc_test_graph(text, &graph);
        octavo_status status = lower(&graph, &limits, 1 << 20, &plan, &error);
        if (status != cases[i].status || strstr(error.message, cases[i].sentence) == NULL) {
            fail_msg("%s: %d, %s", cases[i].line, status, error.message);
        }
        oc_graph_free(&graph);
    }
}

/* Positions that are added to anything but a token table have no step. */
static void refuses_positions_elsewhere(void **state) {
    (void)state;
    oc_graph graph;
    oc_plan plan;
    octavo_error error;
    oc_test_graph("octavo graph 1\n"
                  "tensor \"p\" F16[7,6]\n"
                  "%0 = input : F16[texts,tokens,6] \"x\"\n"
                  "%1 = const tensor=0 : F16[7,6]\n"
                  "%2 = add_rows %0 %1 : F16[texts,tokens,6] \"y\"\n"
                  "output %2\n",
                  &graph);
    assert_int_equal(lower(&graph, &limits, 1 << 20, &plan, &error), OCTAVO_UNSUPPORTED);
    assert_non_null(strstr(error.message, "y: positions of a text are added to a token table"));
    oc_graph_free(&graph);
}

/* Images of another size than the run's, or of another number of patches, are refused: their rows
 * would not lie where the run says. */
static void refuses_other_images(void **state) {
    (void)state;
    oc_graph graph;
    oc_plan plan;
    octavo_error error;
    oc_plan_limits other = limits;
    oc_test_graph(IMAGES_IN "gelu %6 kind=0 : F16[images,5,6] \"y\"\noutput %10\n", &graph);
    assert_int_equal(lower(&graph, &limits, 1 << 20, &plan, &error), OCTAVO_OK);
    assert_true(plan.takes_pixels && !plan.takes_values && !plan.takes_ids);
    assert_int_equal(plan.input_count, 2); /* rows and text, which nobody reads */
    oc_plan_free(&plan);
    other.image_size = 12;
    assert_int_equal(lower(&graph, &other, 1 << 20, &plan, &error), OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "5 tokens of images of 8 pixels a side, here images have "
                                          "5 tokens and 12 pixels"));
    other = limits;
    other.sequence_max[OC_ROWS_IMAGE_TOKENS] = 4;
    assert_int_equal(lower(&graph, &other, 1 << 20, &plan, &error), OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "here images have 4 tokens and 8 pixels"));
    oc_graph_free(&graph);
    oc_test_graph("octavo graph 1\n"
                  "%0 = input : F16[images,4,6] \"rows\"\n"
                  "%1 = row_at %0 row=3 : F16[images,6] \"y\"\n"
                  "output %1\n",
                  &graph);
    other.sequence_max[OC_ROWS_IMAGE_TOKENS] = 3;
    assert_int_equal(lower(&graph, &other, 1 << 20, &plan, &error), OCTAVO_CORRUPT);
    assert_non_null(strstr(error.message, "row 3 is picked of sequences of 3"));
    oc_graph_free(&graph);
}

static float scale_read; /* what every tensor of rank 0 is */

static octavo_status read_scale(void *context, uint64_t source, int64_t first, int64_t count,
                                void *dst, octavo_error *error) {
    const oc_graph *graph = context;
    if (graph->tensors[source].rank == 0) {
        memcpy(dst, &scale_read, sizeof scale_read);
        return OCTAVO_OK;
    }
    oc_null_source ones = {graph, 1 << 20};
    return oc_null_read(&ones, source, first, count, dst, error);
}

/* An activation scale that divides into nonsense is refused by name, fused or not. */
static void refuses_bad_scales(void **state) {
    (void)state;
    static const float scales[] = {0.0f, -1.0f, NAN, INFINITY, 1e-40f};
    static const char *const ends[] = {
        "quantize %6 %9 : F8_E4M3[images,5,6]\n",
        "gelu %6 kind=0 : F16[images,5,6]\n"
        "%11 = quantize %10 %9 : F8_E4M3[images,5,6]\n",
    };
    for (size_t e = 0; e < OC_COUNT(ends); e++) {
        for (size_t i = 0; i < OC_COUNT(scales); i++) {
            char text[4096];
            oc_graph graph;
            oc_plan plan;
            octavo_error error;
            oc_null_device device;
            oc_weights *weights = NULL;
            snprintf(text, sizeof text, "%s%s%%%zu = row_at %%%zu row=0 : F8_E4M3[images,6]\n",
                     IMAGES_IN, ends[e], 11 + e, 10 + e);
            oc_test_graph(text, &graph);
            oc_weight_source source = {read_scale, &graph};
            oc_null_device_init(&device);
            oc_error_clear(&error);
            scale_read = scales[i];
            assert_int_equal(oc_weights_create(&device.base, &source, &weights, NULL), OCTAVO_OK);
            assert_int_equal(oc_plan_create(weights, &graph, &limits, &plan, &error),
                             OCTAVO_CORRUPT);
            assert_non_null(strstr(error.message, "activation scale s is"));
            oc_weights_free(weights);
            oc_graph_free(&graph);
        }
    }
}

/* A weight that two operations use is read and packed once, however it is used. */
static void packs_a_weight_once(void **state) {
    (void)state;
    oc_graph graph;
    oc_plan plan[2];
    octavo_error error;
    oc_null_device device;
    oc_weights *weights = NULL;
    oc_test_graph("octavo graph 1\n"
                  "tensor \"w\" F16[6,6]\n"
                  "%0 = input : F16[texts,6] \"x\"\n"
                  "%1 = const tensor=0 : F16[6,6]\n"
                  "%2 = linear %0 %1 : F16[texts,6]\n"
                  "%3 = const tensor=0 : F16[6,6]\n"
                  "%4 = linear %2 %3 : F16[texts,6] \"y\"\n"
                  "%5 = scaled %1 alpha=2 : F16[6,6]\n"
                  "%6 = linear %4 %5 : F16[texts,6] \"z\"\n"
                  "output %4\n"
                  "output %6\n",
                  &graph);
    oc_null_source ones = {&graph, 1 << 20};
    oc_weight_source source = {oc_null_read, &ones};
    oc_null_device_init(&device);
    oc_error_clear(&error);
    assert_int_equal(oc_weights_create(&device.base, &source, &weights, NULL), OCTAVO_OK);
    for (int32_t i = 0; i < 2; i++) {
        assert_int_equal(oc_plan_create(weights, &graph, &limits, &plan[i], &error), OCTAVO_OK);
        assert_int_equal(device.packed, 2); /* w, and w times 2 */
        assert_ptr_equal(plan[i].steps[0].u.gemm.weight, plan[i].steps[1].u.gemm.weight);
        assert_null(plan[i].steps[0].u.gemm.column_scale);
        assert_true(oc_floats(plan[i].steps[2].u.gemm.column_scale)[5] == 2.0f);
    }
    assert_true(oc_weights_bytes(weights) > 0);
    oc_plan_free(&plan[0]);
    oc_plan_free(&plan[1]);
    oc_weights_free(weights);
    assert_int_equal(device.unpacked, 2);
    oc_graph_free(&graph);
}

static octavo_status read_numbers(void *context, uint64_t source, int64_t first, int64_t count,
                                  void *dst, octavo_error *error) {
    const oc_tensor *tensor = &((const oc_graph *)context)->tensors[source];
    if (tensor->dtype != OCTAVO_F32) {
        oc_null_source ones = {context, 1 << 20};
        return oc_null_read(&ones, source, first, count, dst, error);
    }
    for (int32_t i = 0; i < (tensor->rank == 0 ? 1 : tensor->shape[0]); i++) {
        ((float *)dst)[i] = (float)(10 * source + (uint64_t)i);
    }
    return OCTAVO_OK;
}

/* Each column has the scale of its own channel, of its own part, times the part's factor. */
static void scales_each_channel(void **state) {
    (void)state;
    static const float expected[6] = {60, 63, 66, 69, 30, 30};
    oc_graph graph;
    oc_plan plan;
    octavo_error error;
    oc_null_device device;
    oc_weights *weights = NULL;
    oc_test_graph("octavo graph 1\n"
                  "tensor \"a\" F8_E4M3[4,6]\n"
                  "tensor \"b\" F8_E4M3[2,6]\n"
                  "tensor \"a_scale\" F32[4]\n"
                  "tensor \"b_scale\" F32[]\n"
                  "%0 = input : F16[texts,6] \"x\"\n"
                  "%1 = const tensor=0 : F8_E4M3[4,6]\n"
                  "%2 = const tensor=2 : F32[4]\n"
                  "%3 = scaled %1 %2 alpha=3 : F8_E4M3[4,6]\n"
                  "%4 = const tensor=1 : F8_E4M3[2,6]\n"
                  "%5 = const tensor=3 : F32[]\n"
                  "%6 = scaled %4 %5 alpha=1 : F8_E4M3[2,6]\n"
                  "%7 = concat %3 %6 : F8_E4M3[6,6]\n"
                  "%8 = linear %0 %7 : F16[texts,6] \"y\"\n"
                  "output %8\n",
                  &graph);
    oc_weight_source source = {read_numbers, &graph};
    oc_null_device_init(&device);
    oc_error_clear(&error);
    assert_int_equal(oc_weights_create(&device.base, &source, &weights, NULL), OCTAVO_OK);
    assert_int_equal(oc_plan_create(weights, &graph, &limits, &plan, &error), OCTAVO_OK);
    const float *scales = oc_floats(plan.steps[0].u.gemm.column_scale);
    assert_non_null(scales);
    for (int i = 0; i < 6; i++) {
        assert_float_equal(scales[i], expected[i], 0);
    }
    oc_plan_free(&plan);
    oc_weights_free(weights);
    oc_graph_free(&graph);
}

/* A weight with another factor, or behind activations of another scale, has other column scales. */
static void scales_are_not_mixed_up(void **state) {
    (void)state;
    static const float expected[] = {200, 300, 600};
    oc_graph graph;
    oc_plan plan;
    octavo_error error;
    oc_null_device device;
    oc_weights *weights = NULL;
    int32_t products = 0;
    oc_test_graph("octavo graph 1\n"
                  "tensor \"w\" F8_E4M3[6,6]\n"
                  "tensor \"w_scale\" F32[]\n"
                  "tensor \"x_scale\" F32[]\n"
                  "tensor \"y_scale\" F32[]\n"
                  "%0 = input : F16[texts,6] \"x\"\n"
                  "%1 = const tensor=0 : F8_E4M3[6,6]\n"
                  "%2 = const tensor=1 : F32[]\n"
                  "%3 = scaled %1 %2 alpha=1 : F8_E4M3[6,6]\n"
                  "%4 = scaled %1 %2 alpha=2 : F8_E4M3[6,6]\n"
                  "%5 = const tensor=2 : F32[]\n"
                  "%6 = const tensor=3 : F32[]\n"
                  "%7 = quantize %0 %5 : F8_E4M3[texts,6]\n"
                  "%8 = quantize %0 %6 : F8_E4M3[texts,6]\n"
                  "%9 = linear %7 %3 : F16[texts,6] \"a\"\n"
                  "%10 = linear %8 %3 : F16[texts,6] \"b\"\n"
                  "%11 = linear %8 %4 : F16[texts,6] \"c\"\n"
                  "output %9\n"
                  "output %10\n"
                  "output %11\n",
                  &graph);
    oc_weight_source source = {read_numbers, &graph};
    oc_null_device_init(&device);
    oc_error_clear(&error);
    assert_int_equal(oc_weights_create(&device.base, &source, &weights, NULL), OCTAVO_OK);
    assert_int_equal(oc_plan_create(weights, &graph, &limits, &plan, &error), OCTAVO_OK);
    for (int32_t i = 0; i < plan.step_count; i++) {
        if (plan.steps[i].kind == OC_STEP_GEMM) {
            const float *scales = oc_floats(plan.steps[i].u.gemm.column_scale);
            assert_true(products < 3 && scales != NULL);
            assert_float_equal(scales[5], expected[products++], 0);
        }
    }
    assert_int_equal(products, 3);
    oc_plan_free(&plan);
    oc_weights_free(weights);
    oc_graph_free(&graph);
}

/* -- memory ---------------------------------------------------------------------------------- */

/* Buffers that live at one time never share bytes; all begin at multiples of 64. */
static void buffers_do_not_collide(void **state) {
    (void)state;
    enum { BUFFERS = 60 };
    for (uint64_t seed = 0; seed < 300; seed++) {
        oc_plan_buffer buffers[BUFFERS];
        oc_rng rng;
        size_t total, sum = 0;
        oc_rng_init(&rng, seed, 1);
        for (int32_t i = 0; i < BUFFERS; i++) {
            int32_t first = (int32_t)oc_rng_below(&rng, 100);
            buffers[i] = (oc_plan_buffer){.bytes = 1 + oc_rng_below(&rng, 1000),
                                          .first = first,
                                          .last = first + (int32_t)oc_rng_below(&rng, 20)};
            sum += oc_round_up(buffers[i].bytes, 64);
        }
        assert_int_equal(oc_plan_memory(buffers, BUFFERS, &total, NULL), OCTAVO_OK);
        assert_true(total <= sum && total % 64 == 0);
        for (int32_t i = 0; i < BUFFERS; i++) {
            const oc_plan_buffer *a = &buffers[i];
            assert_true(a->offset % 64 == 0 && a->offset + a->bytes <= total);
            for (int32_t j = 0; j < i; j++) {
                const oc_plan_buffer *b = &buffers[j];
                assert_true(a->first > b->last || b->first > a->last ||
                            a->offset + a->bytes <= b->offset || b->offset + b->bytes <= a->offset);
            }
        }
    }
}

/* A gap between two that live on is used; what never lives at one time lies at one place. */
static void gaps_are_used(void **state) {
    (void)state;
    oc_plan_buffer buffers[] = {{.bytes = 640, .first = 0, .last = 9},
                                {.bytes = 576, .first = 0, .last = 1},
                                {.bytes = 512, .first = 0, .last = 9},
                                {.bytes = 320, .first = 2, .last = 9},
                                {.bytes = 256, .first = 2, .last = 9}};
    oc_plan_buffer apart[] = {{.bytes = 100, .first = 0, .last = 1},
                              {.bytes = 90, .first = 2, .last = 3},
                              {.bytes = 80, .first = 4, .last = 4}};
    size_t total;
    assert_int_equal(oc_plan_memory(buffers, 5, &total, NULL), OCTAVO_OK);
    assert_int_equal(total, 640 + 576 + 512);
    assert_int_equal(buffers[3].offset, 640);
    assert_int_equal(buffers[4].offset, 640 + 320);
    assert_int_equal(oc_plan_memory(apart, 3, &total, NULL), OCTAVO_OK);
    assert_int_equal(total, 128);
    assert_int_equal(oc_plan_memory(NULL, 0, &total, NULL), OCTAVO_OK);
    assert_int_equal(total, 0);
}

/* -- graphs as large as the limits ----------------------------------------------------------- */

/* Chains and fans of the given operation, from text to plan, with a pick at the end. */
static void expect_quick(oc_op op, bool fan, bool many_outputs) {
    oc_graph graph, copy;
    oc_random_graph r = {.graph = &graph, .end = -1, .mask = -1};
    oc_plan plan;
    octavo_error error;
    char *text;
    uint64_t start = oc_clock_ns();
    oc_graph_init(&graph);
    oc_rng_init(&r.rng, 1, 2);
    oc_node input = {.op = OC_OP_INPUT,
                     .type = {OCTAVO_F16, 3, {OC_DIM_IMAGES, OC_RANDOM_TOKENS, 4}},
                     .name = "x"};
    oc_value x = oc_random_add(&r, input), first = x;
    oc_value w = oc_random_constant(&r, OCTAVO_F16, 2, 4, 4, 0, 0);
    while (graph.node_count + 12 < MANY_NODES) {
        oc_value from = fan ? first : x;
        if (op == OC_OP_ATTENTION) {
            oc_node linear = {.op = OC_OP_LINEAR, .input_count = 2, .inputs = {from, w}};
            oc_value q = oc_random_add(&r, linear), k = oc_random_add(&r, linear);
            oc_value v = oc_random_add(&r, linear);
            x = oc_random_add(
                &r,
                (oc_node){.op = op, .input_count = 3, .inputs = {q, k, v}, .i = {2}, .f = {0.5f}});
        } else if (op == OC_OP_LINEAR) { /* each with a weight of its own */
            x = oc_random_linear(&r, from, 4);
        } else {
            x = oc_random_add(
                &r,
                (oc_node){.op = op, .input_count = op == OC_OP_ADD ? 2 : 1, .inputs = {from, x}});
        }
        if (many_outputs) {
            assert_int_equal(oc_graph_add_output(&graph, x, NULL), OCTAVO_OK);
        }
    }
    x = oc_random_add(&r, (oc_node){.op = OC_OP_ROW_AT, .input_count = 1, .inputs = {x}});
    assert_int_equal(oc_graph_add_output(&graph, x, NULL), OCTAVO_OK);
    assert_false(r.failed);
    text = oc_test_graph_text(&graph);
    oc_test_graph(text, &copy);
    oc_error_clear(&error);
    assert_int_equal(oc_pass_last_row(&copy, &error), OCTAVO_OK);
    if (op == OC_OP_GELU && !fan && !many_outputs) { /* all of it moved behind the pick */
        assert_int_equal(oc_test_node(&copy, "x")->type.rank, 3);
        assert_int_equal(copy.nodes[copy.outputs[0]].op, OC_OP_GELU);
        assert_int_equal(oc_test_count(&copy, OC_OP_ROW_AT), 1);
    }
    octavo_status status = oc_pipeline_run(&copy, OC_SAVINGS_ALL, &error);
    assert_true(status == OCTAVO_OK ||
                (status == OCTAVO_CORRUPT && strstr(error.message, "nodes, the limit") != NULL));
    assert_int_equal(lower(&graph, &limits, 1 << 20, &plan, &error), OCTAVO_OK);
    oc_plan_free(&plan);
    free(text);
    oc_graph_free(&copy);
    oc_graph_free(&graph);
    double seconds = (double)(oc_clock_ns() - start) * 1e-9;
    print_message("%s %s%s: %.2f s\n", oc_op_describe(op).name, fan ? "fan" : "chain",
                  many_outputs ? ", every value an output" : "", seconds);
    assert_true(seconds < 30); /* some tenths; minutes where a step is quadratic in the graph */
}

static void large_graphs_are_quick(void **state) {
    (void)state;
    expect_quick(OC_OP_GELU, false, false);
    expect_quick(OC_OP_GELU, true, true);
    expect_quick(OC_OP_ADD, false, false);
    expect_quick(OC_OP_ADD, true, true);
    expect_quick(OC_OP_ATTENTION, false, false);
    expect_quick(OC_OP_ATTENTION, true, true);
    expect_quick(OC_OP_LINEAR, false, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs_compute_the_same),
        cmocka_unit_test(views_stay_in_the_arena),
        cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_positions_elsewhere),
        cmocka_unit_test(refuses_other_images),
        cmocka_unit_test(refuses_bad_scales),
        cmocka_unit_test(packs_a_weight_once),
        cmocka_unit_test(scales_each_channel),
        cmocka_unit_test(scales_are_not_mixed_up),
        cmocka_unit_test(buffers_do_not_collide),
        cmocka_unit_test(gaps_are_used),
        cmocka_unit_test(large_graphs_are_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
