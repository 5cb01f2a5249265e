// links: test_support api
/* test_parity.c - engines against what the framework computes of the same checkpoint: transformers
 * in float32 for 16 and 32 bit, the producer's fake quantization for FP8.  Every hidden layer is
 * compared at the positions that the mask shows, on the referee and on every CPU tier. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "api/backends.h"
#include "api/objects.h"
#include "num/metrics.h"
#include "runtime/part.h"
#include "support/allocations.h"
#include "support/engines.h"
#include "support/tolerances.h"

static const char *const plain[] = {
    "f32", "f16", "bf16", "quick-gelu-f32", "geometry-f32", "legacy-eos-f32", "extra-tokens-f32"};
static const char *const fp8[] = {
    "modelopt-fp8",           "modelopt-fp8-mixed",          "quick-gelu-modelopt-fp8",
    "geometry-modelopt-fp8",  "legacy-eos-modelopt-fp8",     "extra-tokens-modelopt-fp8",
    "compressed-tensors-fp8", "compressed-tensors-fp8-mixed"};

/* -- whole models ---------------------------------------------------------------------------- */

/* Where a tensor of the reference has a value to compare: hidden states of a text only where the
 * mask shows the token. */
static bool is_shown(const octavo_tensor *mask, const char *name, int64_t row, int64_t token) {
    return strncmp(name, "text.hidden.", 12) != 0 ||
           ((const int64_t *)mask->data)[row * mask->shape[1] + token] != 0;
}

typedef struct distance {
    double cosine; /* the smallest of any row */
    double rms;    /* the largest of any tensor */
    char tensor[40];
} distance;

/* `got` [batch, ...] against `want`, which may have fewer rows. */
static void compare(const char *name, const octavo_tensor *want, const float *got,
                    const octavo_tensor *mask, distance *out) {
    int64_t columns = want->shape[want->rank - 1];
    int64_t tokens = want->rank == 3 ? want->shape[1] : 1;
    oc_metrics all = {0};
    for (int64_t r = 0; r < want->shape[0]; r++) {
        oc_metrics row = {0};
        for (int64_t t = 0; t < tokens; t++) {
            int64_t at = (r * tokens + t) * columns;
            if (is_shown(mask, name, r, t)) {
                oc_metrics_add(&row, got + at, (float *)want->data + at, (size_t)columns);
                oc_metrics_add(&all, got + at, (float *)want->data + at, (size_t)columns);
            }
        }
        double cosine = oc_metrics_cosine(&row);
        out->cosine = cosine < out->cosine ? cosine : out->cosine;
    }
    double rms = oc_metrics_relative_rms(&all);
    if (!(rms <= out->rms)) {
        out->rms = rms;
        snprintf(out->tensor, sizeof out->tensor, "%s", name);
    }
}

/* Runs the reference's inputs, all rows at once, and compares every output that it has. */
static distance run_reference(octavo_engine *engine, const octavo_tool_tensors *reference,
                              oc_test_device device) {
    octavo_error error;
    distance out = {.cosine = 1};
    const octavo_tensor *mask = oc_test_tensor(reference, "attention_mask");
    int32_t batch = (int32_t)oc_test_tensor(reference, "input_ids")->shape[0];
    octavo_session *session = oc_test_session(
        engine, device, (oc_test_options){.batch_max = batch, .flags = OCTAVO_KEEP_HIDDEN});
    octavo_argument in[3] = {
        {.name = "pixel_values", .tensor = *oc_test_tensor(reference, "pixel_values")},
        {.name = "input_ids", .tensor = *oc_test_tensor(reference, "input_ids")},
        {.name = "attention_mask", .tensor = *mask}};
    octavo_argument *outputs =
        calloc((size_t)octavo_session_binding_count(session), sizeof *outputs);
    int32_t count = 0;
    assert_non_null(outputs);
    for (int32_t i = 0; i < octavo_session_binding_count(session); i++) {
        const octavo_binding *binding = octavo_session_binding(session, i);
        const octavo_tensor *want = oc_test_tensor(reference, binding->name);
        if (binding->is_output) {
            if (want == NULL) {
                fail_msg("the reference has no %s", binding->name);
            }
            octavo_argument *to = &outputs[count++];
            *to = (octavo_argument){.name = binding->name, .tensor = *want};
            to->tensor.shape[0] = batch; /* of hidden states it has the first rows only */
            to->tensor.data = malloc((size_t)oc_test_elements(&to->tensor) * sizeof(float));
            assert_non_null(to->tensor.data);
        }
    }
    if (octavo_session_run(session, in, 3, outputs, count, NULL, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    for (int32_t i = 0; i < count; i++) {
        compare(outputs[i].name, oc_test_tensor(reference, outputs[i].name), outputs[i].tensor.data,
                mask, &out);
        free(outputs[i].tensor.data);
    }
    free(outputs);
    octavo_session_free(session);
    return out;
}

static void expect_parity(const char *name, octavo_engine *engine,
                          const octavo_tool_tensors *reference, const char *kernel) {
    oc_test_device devices[OC_TEST_DEVICES];
    int32_t count = oc_test_devices(devices);
    double limit = oc_tolerance("end_to_end", kernel, "rel_rms");
    double loss = oc_tolerance("end_to_end", kernel, "cosine_loss");
    for (int32_t d = 0; d < count; d++) {
        distance far = run_reference(engine, reference, devices[d]);
        print_message("%-28s %-14s cosine %.7f, relative rms %.2g (%s)\n", name, devices[d].label,
                      far.cosine, far.rms, far.tensor);
        if (!(1 - far.cosine <= loss && far.rms <= limit)) {
            fail_msg("%s on %s: 1 - cosine is %g (at most %g), relative rms %g of %s (at most %g)",
                     name, devices[d].label, 1 - far.cosine, loss, far.rms, far.tensor, limit);
        }
    }
}

/* Unquantized engines give the framework's numbers: every output and every hidden layer. */
static void plain_engines_equal_the_framework(void **state) {
    (void)state;
    for (size_t i = 0; i < OC_COUNT(plain); i++) {
        octavo_tool_tensors reference;
        oc_test_reference(plain[i], &reference);
        expect_parity(plain[i], oc_test_engine(plain[i]), &reference, "f32");
        octavo_tool_tensors_free(&reference);
    }
}

/* FP8 engines end to end, loosely: rounding to 3 bits makes any two right implementations wander.
 */
static void fp8_engines_stay_near_the_framework(void **state) {
    (void)state;
    for (size_t i = 0; i < OC_COUNT(fp8); i++) {
        octavo_tool_tensors reference;
        oc_test_reference(fp8[i], &reference);
        expect_parity(fp8[i], oc_test_engine(fp8[i]), &reference, "fp8");
        octavo_tool_tensors_free(&reference);
    }
}

/* -- single layers --------------------------------------------------------------------------- */

/* Runs the graph from value `from`, set to given [rows, columns] as one sequence, to value `to`. */
static octavo_status run_between(const oc_graph *graph, oc_weights *weights, oc_savings savings,
                                 const char *from, const char *to, const float *given, int32_t rows,
                                 int32_t columns, float *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_device *device = oc_weights_device(weights);
    const oc_backend *backend = device->backend;
    int32_t starts[2] = {0, rows};
    oc_run run = {.rows = {rows, 1, rows, 1}};
    oc_part part = {
        .inputs = &from, .outputs = &to, .input_count = 1, .output_count = 1, .savings = savings};
    oc_plan_limits limits = {.rows_max = {rows, 1, rows, 1}, .sequence_max = {rows, 1, rows, 1}};
    oc_plan plan = {0};
    oc_queue *queue = NULL;
    oc_program *program = NULL;
    oc_ticket ticket;
    OC_TRY(oc_part_plan(graph, &part, weights, &limits, &plan, error));
    OC_TRY(backend->queue_create(device, 2, oc_plan_bytes(&plan, 2), &queue, error));
    OC_TRY(backend->compile(queue, &plan, &program, error));
    for (int32_t set = 0; set < OC_ROWS_COUNT; set++) {
        run.starts[set] = starts;
    }
    OC_TRY(backend->write(queue, &plan, &plan.inputs[0].view, 0, rows, given, error));
    OC_TRY(backend->submit(queue, program, &run, 0, NULL, &ticket, error));
    OC_TRY(backend->wait(queue, ticket, 0, error));
    OC_TRY(backend->read(queue, &plan, &plan.outputs[0].view, 0, NULL, rows, out, error));
    assert_int_equal(plan.inputs[0].view.columns, columns);
done:
    backend->program_free(program);
    backend->queue_free(queue);
    oc_plan_free(&plan);
    return status;
}

/* One layer of one sequence, fed with the reference's own hidden state. */
static double run_layer(const octavo_engine *engine, oc_weights *weights, oc_savings savings,
                        const octavo_tool_tensors *reference, const char *tower, int32_t layer,
                        int64_t row) {
    char from[32], to[32];
    octavo_error error;
    oc_metrics metrics = {0};
    snprintf(from, sizeof from, "%s.hidden.%d", tower, layer);
    snprintf(to, sizeof to, "%s.hidden.%d", tower, layer + 1);
    const octavo_tensor *given = oc_test_tensor(reference, from);
    const octavo_tensor *want = oc_test_tensor(reference, to);
    const octavo_tensor *mask = oc_test_tensor(reference, "attention_mask");
    int32_t tokens = (int32_t)given->shape[1], columns = (int32_t)given->shape[2];
    int64_t start = row * tokens * columns;
    while (
        !is_shown(mask, from, row, tokens - 1)) { /* padding is at the end, and attention causal */
        tokens--;
    }
    float *got = malloc((size_t)tokens * (size_t)columns * sizeof *got);
    assert_non_null(got);
    oc_error_clear(&error);
    if (run_between(&engine->graph, weights, savings, from, to, (float *)given->data + start,
                    tokens, columns, got, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    oc_metrics_add(&metrics, got, (float *)want->data + start, (size_t)tokens * (size_t)columns);
    free(got);
    return oc_metrics_relative_rms(&metrics);
}

static double run_layers(const char *name, const octavo_tool_tensors *reference,
                         oc_test_device device, oc_savings savings) {
    octavo_engine *engine = oc_test_engine(name);
    oc_weight_source source = oc_engine_source(engine);
    oc_device_options options = {.tier = device.tier, .threads = 2};
    oc_device *opened = NULL;
    oc_weights *weights = NULL;
    double worst = 0;
    const oc_backend *backend = NULL;
    assert_int_equal(oc_backend_by_name(device.device, &backend, NULL), OCTAVO_OK);
    assert_int_equal(backend->open(&options, &opened, NULL), OCTAVO_OK);
    assert_int_equal(oc_weights_create(opened, &source, &weights, NULL), OCTAVO_OK);
    for (int32_t tower = 0; tower < 2; tower++) {
        for (int32_t layer = 0; layer < 2; layer++) {
            for (int64_t row = 0; row < 2; row++) {
                double rms = run_layer(engine, weights, savings, reference,
                                       tower == 0 ? "vision" : "text", layer, row);
                worst = rms > worst ? rms : worst;
            }
        }
    }
    oc_weights_free(weights);
    opened->backend->close(opened);
    return worst;
}

/* Each layer of an FP8 engine, given what the reference's layer was given, gives what that gave, on
 * every device, with the savings and without; also where 16 bit are stored between operations. */
static void fp8_layers_equal_the_framework(void **state) {
    (void)state;
    oc_test_device devices[2 * OC_TEST_DEVICES];
    const char *limits[2 * OC_TEST_DEVICES] = {"f32"};
    int32_t tiers = oc_test_devices(devices), count = tiers;
    for (int32_t d = 1; d < tiers; d++) { /* each tier as it is, and with float32 products alone */
        bool portable = strcmp(devices[d].tier, "portable") == 0;
        limits[d] = portable ? "f32" : "i16";
        if (!portable) {
            oc_test_device *f32 = &devices[count];
            snprintf(f32->label, sizeof f32->label, "%s:f32", devices[d].tier);
            f32->device = "cpu";
            f32->tier = f32->label;
            limits[count++] = "f32";
        }
    }
    devices[count] = (oc_test_device){"ref", "f16", "ref f16"};
    limits[count++] = "16bit";
    for (size_t i = 0; i < OC_COUNT(fp8); i++) {
        octavo_tool_tensors reference;
        oc_test_reference(fp8[i], &reference);
        for (int32_t d = 0; d < count; d++) {
            double limit = oc_tolerance("layer", limits[d], "rel_rms");
            for (int32_t s = 0; s < 2; s++) {
                double worst =
                    run_layers(fp8[i], &reference, devices[d], s == 0 ? OC_SAVINGS_ALL : 0);
                print_message("%-28s %-14s a layer %.2g\n", fp8[i], devices[d].label, worst);
                if (!(worst <= limit)) {
                    fail_msg("%s on %s: a layer is %g from the reference, the limit is %g", fp8[i],
                             devices[d].label, worst, limit);
                }
            }
        }
        octavo_tool_tensors_free(&reference);
    }
}

/* -- clip-mini ------------------------------------------------------------------------------- */

/* The trained model, 10 layers deep, layer by layer; it lies beside the project or is skipped. */
static void clip_mini_equals_the_framework(void **state) {
    (void)state;
    const char *folder = PROJECT_DIR "/../shared/models/clip-mini";
    char file[OC_TEST_PATH];
    octavo_tool_tensors reference;
    octavo_engine *engine = NULL;
    octavo_error error;
    snprintf(file, sizeof file, "%s/reference.safetensors", folder);
    if (access(file, R_OK) != 0) {
        print_message("SKIPPED: there is no %s\n", file);
        skip();
    }
    if (octavo_tool_tensors_load(file, &reference, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    (void)oc_test_engine("f32"); /* so that the folder is there */
    const char *path = oc_test_path(oc_test_engine_folder, "clip-mini.octavo");
    if (octavo_build(folder, path, NULL, NULL, &error) != OCTAVO_OK ||
        octavo_engine_open(path, &engine, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    expect_parity("clip-mini", engine, &reference, "f32");
    octavo_engine_free(engine);
    octavo_tool_tensors_free(&reference);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_engines_equal_the_framework),
        cmocka_unit_test(fp8_layers_equal_the_framework),
        cmocka_unit_test(fp8_engines_stay_near_the_framework),
        cmocka_unit_test(clip_mini_equals_the_framework),
    };
    return cmocka_run_group_tests(tests, NULL, oc_test_engines_free);
}
