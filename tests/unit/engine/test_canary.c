// links: test_support api
/* test_canary.c - an engine proves itself: damaged weights, lying kernels and canaries that mean
 * harm are found out when a session is made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "api/backends.h"
#include "api/canary/make.h"
#include "api/objects.h"
#include "base/limits.h"
#include "device/host.h"
#include "support/allocations.h"
#include "support/engine_reseal.h"
#include "support/engines.h"

/* -- damage ---------------------------------------------------------------------------------- */

/* A copy of engine `name` in which `bytes` at `offset` of a tensor are XORed, its checksums made
 * right again; returns its path. */
static const char *damage(const char *name, const char *tensor, size_t at, uint8_t flip) {
    octavo_engine *engine = oc_test_engine(name);
    int32_t index = oc_engine_tensor_find(engine->file, tensor);
    size_t size;
    char *bytes = oc_test_read(oc_test_engine_path(name), &size);
    const char *path = oc_test_path(oc_test_engine_folder, "damaged");
    if (index < 0) {
        fail_msg("no tensor is called %s", tensor);
    }
    const oc_format_front *front = oc_engine_file_front(engine->file);
    uint64_t weights = 0;
    for (uint32_t i = 0; i < front->header.section_count; i++) {
        weights =
            front->sections[i].type == OC_SECTION_WEIGHTS ? front->sections[i].offset : weights;
    }
    bytes[weights + oc_engine_tensor_at(engine->file, index)->offset + at] ^= (char)flip;
    engine_reseal((uint8_t *)bytes, size);
    oc_test_write(path, bytes, size);
    free(bytes);
    return path;
}

static octavo_status try(const char *path, oc_test_device device, int32_t towers,
                         octavo_error *error) {
    octavo_engine *engine = NULL;
    octavo_session *session = NULL;
    oc_test_options options = {.device = device.device, .tier = device.tier, .towers = towers};
    if (octavo_engine_open(path, &engine, error) != OCTAVO_OK) {
        fail_msg("%s", error->message);
    }
    octavo_status status = oc_test_open(engine, &options, &session, error);
    octavo_session_free(session);
    octavo_engine_free(engine);
    return status;
}

/* A weight or a scale that became another one, with all checksums right, is found by the layer's
 * canary on every device; the sentence says by how much; the other tower is not to blame. */
static void damaged_weights_are_found(void **state) {
    (void)state;
    static const struct {
        const char *engine, *tensor;
        size_t byte;
        uint8_t flip;
        const char *value;
        int32_t other_tower;
    } cases[] = {
        /* the top bit of an exponent */
        {"f32", "vision_model.encoder.layers.0.mlp.fc1.weight", 403, 0x40, "vision.hidden.1",
         OCTAVO_TEXT},
        {"f16", "text_model.encoder.layers.1.self_attn.v_proj.weight", 101, 0x40,
         "text.layers.1.attended", OCTAVO_IMAGE},
        {"bf16", "vision_model.encoder.layers.1.layer_norm2.weight", 7, 0x40, "vision.hidden.2",
         OCTAVO_TEXT},
        /* scales */
        {"modelopt-fp8", "text_model.encoder.layers.0.mlp.fc2.weight_scale", 2, 0x80,
         "text.hidden.1", OCTAVO_IMAGE},
        {"modelopt-fp8", "vision_model.encoder.layers.1.self_attn.v_proj.weight_scale", 2, 0x80,
         "vision.layers.1.attended", OCTAVO_TEXT},
        {"modelopt-fp8", "vision_model.encoder.layers.0.self_attn.out_proj.input_scale", 3, 0x10,
         "vision.layers.0.attended", OCTAVO_TEXT},
    };
    oc_test_device devices[OC_TEST_DEVICES];
    int32_t count = oc_test_devices(devices);
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        const char *path = damage(cases[i].engine, cases[i].tensor, cases[i].byte, cases[i].flip);
        for (int32_t d = 0; d < count; d++) {
            octavo_error error;
            octavo_status status = try(path, devices[d], 0, &error);
            char start[96];
            snprintf(start, sizeof start, "the canary of %s deviates by ", cases[i].value);
            if (status != OCTAVO_CORRUPT || error.cause != OCTAVO_CAUSE_CANARY ||
                strstr(error.message, start) != error.message) {
                fail_msg("%s in %s on %s: %d, %s", cases[i].tensor, cases[i].engine,
                         devices[d].label, status, error.message);
            }
            assert_non_null(strstr(error.message, "its limit is"));
            assert_non_null(strstr(error.message, devices[d].device));
            assert_string_equal(error.path, path);
            assert_int_equal(try(path, devices[d], cases[i].other_tower, &error), OCTAVO_OK);
            assert_int_equal(error.status, OCTAVO_OK);
        }
    }
}

/* An activation scale that is no ordinary number is refused by name before anything runs. */
static void damaged_scales_are_named(void **state) {
    (void)state;
    octavo_error error;
    const char *path =
        damage("modelopt-fp8", "vision_model.encoder.layers.0.mlp.fc1.input_scale", 3, 0x80);
    assert_int_equal(try(path, (oc_test_device){"cpu", NULL, ""}, 0, &error), OCTAVO_CORRUPT);
    assert_int_equal(error.cause, OCTAVO_CAUSE_NONE);
    assert_non_null(strstr(error.message, "vision_model.encoder.layers.0.mlp.fc1.input_scale is "));
    assert_non_null(strstr(error.message, "must be a positive normal number"));
}

/* Whole-model canaries are looked at by --verify alone; here the embedding that one expects is
 * another. */
static void whole_models_are_verified(void **state) {
    (void)state;
    octavo_build_options options = {.struct_size = sizeof options, .verify = 1};
    char *report = NULL, *json = NULL;
    octavo_error error;
    size_t size;
    const char *path = oc_test_path(oc_test_engine_folder, "verified.octavo");
    if (octavo_build(TEST_DATA "/tiny-clip/modelopt-fp8", path, &options, &report, &error) !=
        OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    assert_non_null(strstr(report, "\"part\": 15"));
    assert_non_null(strstr(report, "\"model\": 4"));
    octavo_free(report);
    if (octavo_tool_inspect(path, OCTAVO_INSPECT_VERIFY, &json, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    assert_non_null(strstr(json, "\"verified\": true"));
    octavo_free(json);
    octavo_engine *engine = NULL;
    assert_int_equal(octavo_engine_open(path, &engine, &error), OCTAVO_OK);
    const oc_canary *last = &engine->canaries[engine->canary_count - 1];
    char *bytes = oc_test_read(path, &size);
    char *at = memmem(bytes, size, last->expected.data, 64 * sizeof(float));
    assert_int_equal(last->kind, OC_CANARY_MODEL);
    assert_non_null(at);
    at[3] ^= 0x40;
    octavo_engine_free(engine);
    engine_reseal((uint8_t *)bytes, size);
    oc_test_write(path, bytes, size);
    free(bytes);
    assert_int_equal(try(path, (oc_test_device){"cpu", NULL, ""}, 0, &error), OCTAVO_OK);
    assert_int_equal(octavo_tool_inspect(path, OCTAVO_INSPECT_VERIFY, &json, &error),
                     OCTAVO_CORRUPT);
    assert_int_equal(error.cause, OCTAVO_CAUSE_CANARY);
    assert_non_null(strstr(error.message, "the whole-model canary of text_embeds deviates by"));
    assert_null(json);
}

/* -- devices that lie ------------------------------------------------------------------------ */

static struct {
    const oc_backend *honest;
    oc_step_kind kind;  /* whose output is wrong */
    int32_t query_rows; /* of attention alone: 1: of a row, 2: of the ends; 0: of anything */
    float factor, offset;
    oc_session *again; /* is checked once more from inside a run */
    octavo_status again_status;
} lie;

/* A plan's steps, each compiled alone so that the lie can be told between them. */
typedef struct lying_program {
    int32_t count;
    oc_plan *plans;
    oc_program **programs;
    oc_step *steps; /* with addresses */
} lying_program;

static void free_lying(oc_program *program) {
    lying_program *p = (lying_program *)(void *)program;
    for (int32_t i = 0; p != NULL && i < p->count; i++) {
        lie.honest->program_free(p->programs[i]);
    }
    if (p != NULL) {
        free(p->plans);
        free(p->programs);
        free(p->steps);
        free(p);
    }
}

static octavo_status compile_lying(oc_queue *queue, const oc_plan *plan, oc_program **out,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    lying_program *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->plans = calloc((size_t)plan->step_count, sizeof *p->plans);
    p->programs = calloc((size_t)plan->step_count, sizeof(oc_program *));
    assert_true(p->plans != NULL && p->programs != NULL);
    OC_TRY(oc_host_steps(plan, lie.honest->memory(queue), &p->steps, error));
    for (; p->count < plan->step_count; p->count++) {
        p->plans[p->count] = *plan;
        p->plans[p->count].steps = &plan->steps[p->count];
        p->plans[p->count].step_count = 1;
        OC_TRY(lie.honest->compile(queue, &p->plans[p->count], &p->programs[p->count], error));
    }
    *out = (oc_program *)(void *)p;
    p = NULL;
done:
    free_lying((oc_program *)(void *)p);
    return status;
}

static octavo_status submit_lying(oc_queue *queue, oc_program *program, const oc_run *run,
                                  uint32_t report, oc_step_report *reports, oc_ticket *ticket,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const lying_program *p = (const lying_program *)(const void *)program;
    (void)report;
    (void)reports;
    if (lie.again != NULL) {
        lie.again_status = oc_session_check(lie.again, NULL);
    }
    for (int32_t i = 0; i < p->count; i++) {
        const oc_step *step = &p->steps[i];
        const oc_view *out = step->kind == OC_STEP_GEMM        ? &step->u.gemm.out
                             : step->kind == OC_STEP_ATTENTION ? &step->u.attention.out
                                                               : &step->u.norm.out;
        bool told = step->kind == lie.kind &&
                    (lie.query_rows == 0 || step->u.attention.query_rows == lie.query_rows);
        OC_TRY(lie.honest->submit(queue, p->programs[i], run, 0, NULL, ticket, error));
        for (int32_t r = 0; told && r < run->rows[step->rows]; r++) {
            if (oc_is_codes(out->dtype)) {
                ((uint8_t *)out->data)[r * out->stride] ^= lie.offset != 0 ? 0x40 : 0;
            } else {
                float *value = (float *)out->data + r * out->stride;
                *value = *value * lie.factor + lie.offset;
            }
        }
    }
done:
    return status;
}

static oc_backend liar;

/* A device of the honest backend whose steps are run by the liar. */
static octavo_status open_lying(const oc_device_options *options, oc_device **out,
                                octavo_error *error) {
    octavo_status status = lie.honest->open(options, out, error);
    if (status == OCTAVO_OK) {
        (*out)->backend = &liar;
    }
    return status;
}

static octavo_status make_lying(const octavo_engine *engine, oc_test_device device,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_model_options options = {.tier = device.tier,
                                .threads = 1,
                                .savings = OC_SAVINGS_ALL,
                                .canaries = engine->canaries,
                                .canary_count = engine->canary_count};
    oc_weight_source source = oc_engine_source(engine);
    oc_model *model = NULL;
    oc_error_clear(error);
    OC_TRY(oc_backend_by_name(device.device, &lie.honest, error));
    liar = *lie.honest;
    liar.open = open_lying;
    liar.compile = compile_lying;
    liar.program_free = free_lying;
    liar.submit = submit_lying;
    options.backend = &liar;
    OC_TRY(oc_model_load(&engine->graph, &source, &options, &model, error));
done:
    oc_model_release(model);
    return status;
}

/* A kernel that is wrong in one column, by noise, by NaN, or by one code, is found out on every
 * device, in FP8 and in plain engines, in layers that are computed whole and in those of one row.
 */
static void lying_kernels_are_found(void **state) {
    (void)state;
    static const char *const engines[] = {"f32", "modelopt-fp8"};
    static const struct {
        oc_step_kind kind;
        int32_t query_rows;
    } steps[] = {{OC_STEP_GEMM, 0},
                 {OC_STEP_ATTENTION, 0},
                 {OC_STEP_ATTENTION, 1},
                 {OC_STEP_ATTENTION, 2},
                 {OC_STEP_NORM, 0}};
    static const float lies[][2] = {{1, 3}, {-1, 1}, {NAN, 1}, {1, INFINITY}};
    oc_test_device devices[OC_TEST_DEVICES];
    int32_t count = oc_test_devices(devices);
    for (size_t e = 0; e < OC_COUNT(engines); e++) {
        octavo_engine *engine = oc_test_engine(engines[e]);
        for (int32_t d = 0; d < count; d++) {
            octavo_error error;
            lie.kind = OC_STEP_COUNT;
            if (make_lying(engine, devices[d], &error) != OCTAVO_OK) {
                fail_msg("honest: %s", error.message);
            }
            for (size_t k = 0; k < OC_COUNT(steps); k++) {
                for (size_t i = 0; i < OC_COUNT(lies); i++) {
                    lie.kind = steps[k].kind;
                    lie.query_rows = steps[k].query_rows;
                    lie.factor = lies[i][0];
                    lie.offset = lies[i][1];
                    octavo_status status = make_lying(engine, devices[d], &error);
                    if (status != OCTAVO_CORRUPT || error.cause != OCTAVO_CAUSE_CANARY) {
                        fail_msg("%s on %s: step %zu, lie %zu: %d, %s", engines[e],
                                 devices[d].label, k, i, status, error.message);
                    }
                }
            }
        }
    }
}

/* -- canaries that mean harm ----------------------------------------------------------------- */

static octavo_status run_list(const octavo_engine *engine, const oc_canary *canaries, int32_t count,
                              octavo_error *error) {
    oc_weight_source source = oc_engine_source(engine);
    oc_model_options options = {.backend = &oc_backend_cpu,
                                .threads = 1,
                                .savings = OC_SAVINGS_ALL,
                                .canaries = canaries,
                                .canary_count = count};
    oc_model *model = NULL;
    oc_error_clear(error);
    octavo_status status = oc_model_load(&engine->graph, &source, &options, &model, error);
    oc_model_release(model);
    return status;
}

/* A part of one sequence, of which one row is kept. */
static octavo_status run_one(const octavo_engine *engine, const char *input, const char *output,
                             int32_t tower, int32_t rows, int32_t place, int32_t columns,
                             octavo_error *error) {
    static float zeros[1 << 17];
    oc_canary_sequence sequence = {.length = rows};
    oc_canary_kept kept = {0, place};
    oc_canary canary = {
        .kind = OC_CANARY_PART,
        .tower = tower,
        .input = input,
        .output = output,
        .limits = {1e9f, 1e9f},
        .sequence_count = 1,
        .kept_count = 1,
        .sequences = &sequence,
        .kept = &kept,
        .expected = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, columns}, .data = zeros}};
    return run_list(engine, &canary, 1, error);
}

/* A canary between values that are no part of a tower is refused, whatever it would read or write.
 */
static void odd_canaries_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *input, *output;
        int32_t rows, columns;
    } cases[] = {
        {"vision.hidden.0", "vision.hidden.1", 4, 127},
        {"vision.hidden.0", "vision.hidden.1", 4, 129},
        {"vision.hidden.0", "vision.layers.0.fc1", 4, 128},
        {"vision.hidden.0", "image_embeds", 4, 128},
        {"vision.hidden.1", "vision.hidden.0", 4, 128}, /* backwards */
        {"vision.hidden.0", "text.hidden.1", 4, 96},    /* across */
        {"text.hidden.0", "vision.hidden.1", 4, 128},
        {"pixels", "vision.hidden.0", 16, 128}, /* part of a picture */
        {"pixel_values", "vision.hidden.0", 4, 128},
        {"input_ids", "text.hidden.1", 4, 95},
        {"input_ids", "vision.hidden.1", 4, 128},
        {"image_embeds", "logits_per_image", 1, 1 << 17},
        {"image_embeds_raw", "image_embeds", 1, 64},
        {"text.end", "text_embeds", 1, 64},
        {"attention_mask", "text.hidden.1", 4, 96},
        {"vision.hidden.7", "vision.hidden.1", 4, 128},
        {"vision.hidden.0", "vision.hidden.7", 4, 128},
    };
    octavo_engine *engine = oc_test_engine("modelopt-fp8");
    octavo_error error;
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        for (int32_t tower = OCTAVO_IMAGE; tower <= OCTAVO_TEXT; tower++) {
            octavo_status status = run_one(engine, cases[i].input, cases[i].output, tower,
                                           cases[i].rows, 0, cases[i].columns, &error);
            if (status != OCTAVO_CORRUPT && status != OCTAVO_UNSUPPORTED) {
                fail_msg("%s to %s: %d, %s", cases[i].input, cases[i].output, status,
                         error.message);
            }
            assert_int_equal(error.cause, OCTAVO_CAUSE_NONE);
            assert_true(error.message[0] != '\0');
        }
    }
    assert_int_equal(run_list(engine, engine->canaries, OC_LIMIT_CANARIES + 1, &error),
                     OCTAVO_UNSUPPORTED);
    assert_non_null(strstr(error.message, "the limit is 2048"));
}

/* A canary of more rows than an image has tokens, or a text places, is refused before memory is
 * asked for; one of just so many is run. */
static void long_canaries_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *input, *output, *message;
        int32_t tower, columns, most;
    } cases[] = {
        {"vision.hidden.0", "vision.hidden.1",
         "the canary of vision.hidden.1 has 4000 rows, the graph allows 17", OCTAVO_IMAGE, 128, 17},
        {"text.hidden.1", "text.layers.1.attended",
         "the canary of text.layers.1.attended has 4000 rows, the graph allows 32", OCTAVO_TEXT, 96,
         32},
    };
    octavo_engine *engine = oc_test_engine("modelopt-fp8");
    octavo_error error;
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        assert_int_equal(run_one(engine, cases[i].input, cases[i].output, cases[i].tower, 4000, 0,
                                 cases[i].columns, &error),
                         OCTAVO_CORRUPT);
        assert_string_equal(error.message, cases[i].message);
        assert_int_equal(error.cause, OCTAVO_CAUSE_NONE);
        for (int32_t rows = cases[i].most; rows <= cases[i].most + 1; rows++) {
            octavo_status status = run_one(engine, cases[i].input, cases[i].output, cases[i].tower,
                                           rows, rows - 1, cases[i].columns, &error);
            assert_int_equal(status, OCTAVO_CORRUPT); /* zeros are the wrong answer */
            assert_int_equal(error.cause == OCTAVO_CAUSE_CANARY, rows == cases[i].most);
        }
    }
}

/* -- sessions that check themselves ----------------------------------------------------------- */

/* A session finds on request that its device lies, again and again, and runs on when it is honest
 * once more; it allocates nothing, is refused while the session runs, and a session of one row has
 * the memory that a check needs. */
static void sessions_check_themselves(void **state) {
    (void)state;
    octavo_engine *engine = oc_test_engine("modelopt-fp8");
    oc_weight_source source = oc_engine_source(engine);
    oc_model_options load = {.backend = &liar,
                             .threads = 1,
                             .savings = OC_SAVINGS_ALL,
                             .canaries = engine->canaries,
                             .canary_count = engine->canary_count};
    for (int32_t towers = OCTAVO_IMAGE; towers <= (OCTAVO_IMAGE | OCTAVO_TEXT); towers++) {
        oc_session_options options = {
            .towers = towers, .batch_max = 1, .tokens_max = 1, .threads = 1};
        oc_model *model = NULL;
        oc_session *session = NULL;
        octavo_error error;
        lie.honest = &oc_backend_cpu;
        lie.kind = OC_STEP_COUNT;
        liar = *lie.honest;
        liar.open = open_lying;
        liar.compile = compile_lying;
        liar.program_free = free_lying;
        liar.submit = submit_lying;
        if (oc_model_load(&engine->graph, &source, &load, &model, &error) != OCTAVO_OK ||
            oc_session_create(model, &options, &session, &error) != OCTAVO_OK) {
            fail_msg("%s", error.message);
        }
        for (int32_t i = 0; i < 6; i++) {
            lie.kind = i % 2 == 0 ? OC_STEP_COUNT : OC_STEP_ATTENTION;
            lie.query_rows = 0;
            lie.factor = 1;
            lie.offset = 1;
            oc_error_clear(&error);
            int64_t before = oc_allocations();
            octavo_status status = oc_session_check(session, &error);
            assert_int_equal(oc_allocations(), before);
            assert_int_equal(status, i % 2 == 0 ? OCTAVO_OK : OCTAVO_CORRUPT);
            assert_int_equal(i % 2 == 1, error.cause == OCTAVO_CAUSE_CANARY);
        }
        lie.kind = OC_STEP_COUNT;
        lie.again = session;
        assert_int_equal(oc_session_check(session, &error), OCTAVO_OK);
        assert_int_equal(lie.again_status, OCTAVO_BAD_STATE);
        lie.again = NULL;
        oc_session_free(session);
        oc_model_release(model);
    }
}

/* Every real canary passes everywhere with room to spare, whatever savings are on, also where 16
 * bit are stored between operations; the share that was used is told. */
static void sound_engines_pass(void **state) {
    (void)state;
    static const char *const names[] = {"f32",
                                        "bf16",
                                        "legacy-eos-f32",
                                        "modelopt-fp8",
                                        "modelopt-fp8-mixed",
                                        "geometry-modelopt-fp8",
                                        "quick-gelu-modelopt-fp8",
                                        "extra-tokens-modelopt-fp8"};
    static const char *const disabled[] = {NULL, "last-row", "merge-qkv,fold-scale"};
    oc_test_device devices[OC_TEST_DEVICES + 2];
    int32_t count = oc_test_devices(devices);
    devices[count++] = (oc_test_device){"ref", "f16", "ref f16"};
    devices[count++] = (oc_test_device){"ref", "bf16", "ref bf16"};
    for (size_t n = 0; n < OC_COUNT(names); n++) {
        octavo_engine *engine = oc_test_engine(names[n]);
        assert_int_equal(engine->canary_count, 15);
        for (int32_t d = 0; d < count; d++) {
            for (size_t i = 0; i < OC_COUNT(disabled); i++) {
                octavo_session *session =
                    oc_test_session(engine, devices[d], (oc_test_options){.disable = disabled[i]});
                double share = session->model->info.canary_share;
                if (!(share >= 0 && share < 0.65)) {
                    fail_msg("%s on %s: %g of the limit is used up", names[n], devices[d].label,
                             share);
                }
                octavo_session_free(session);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_engines_pass),        cmocka_unit_test(damaged_weights_are_found),
        cmocka_unit_test(damaged_scales_are_named),  cmocka_unit_test(whole_models_are_verified),
        cmocka_unit_test(lying_kernels_are_found),   cmocka_unit_test(odd_canaries_are_refused),
        cmocka_unit_test(long_canaries_are_refused), cmocka_unit_test(sessions_check_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, oc_test_engines_free);
}
