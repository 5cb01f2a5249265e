// links: api
/* test_api_arguments.c - every function of octavo.h and tool.h, called with each pointer NULL in
 * turn and with negative counts: INVALID_ARGUMENT naming the argument, never a signal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/engines.h"

enum { ARGUMENTS = 7 };

/* -- what the calls are made with ----------------------------------------------------------------
 */

static octavo_engine *engine;
static octavo_session *session;
static const octavo_tool_sessions sessions = {&session, 1};
static octavo_model *model;
static uint8_t pixels[32 * 32 * 3];
static float embeds[64];
static int32_t ids[64], count;
static octavo_tool_eval eval_a, eval_b;
static const char *const words[] = {"bee"};

static octavo_argument input(void) {
    return (octavo_argument){
        .name = "pixels",
        .tensor = {.dtype = OCTAVO_U8, .rank = 4, .shape = {1, 32, 32, 3}, .data = pixels}};
}

static octavo_argument output(void) {
    return (octavo_argument){
        .name = "image_embeds",
        .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, 64}, .data = embeds}};
}

/* -- one call a function: argument `missing` is NULL ---------------------------------------------
 */

#define P(i, value) (missing == (i) ? NULL : (value))
#define CALL(name)  static octavo_status call_##name(int32_t missing, octavo_error *error)

CALL(build) {
    return octavo_build(P(0, "/nowhere"), P(1, "/nowhere/engine"), NULL, NULL, error);
}

CALL(engine_open) {
    octavo_engine *out = NULL;
    return octavo_engine_open(P(0, "/nowhere"), P(1, &out), error);
}

CALL(engine_open_memory) {
    octavo_engine *out = NULL;
    return octavo_engine_open_memory(P(0, pixels), sizeof pixels, NULL, P(1, &out), error);
}

CALL(tokenize) {
    return octavo_tokenize(P(0, engine), P(1, "bee"), 3, P(2, ids), P(3, &count), NULL, error);
}

CALL(preprocess_file) {
    return octavo_preprocess_file(P(0, engine), P(1, "/nowhere"), P(2, pixels), error);
}

CALL(preprocess) {
    return octavo_preprocess(P(0, engine), P(1, pixels), 4, P(2, pixels), error);
}

CALL(model_load) {
    octavo_model *out = NULL;
    octavo_status status = octavo_model_load(P(0, engine), NULL, P(1, &out), error);
    octavo_model_free(out);
    return status;
}

CALL(session_create) {
    octavo_session *out = NULL;
    octavo_status status = octavo_session_create(P(0, model), NULL, P(1, &out), error);
    octavo_session_free(out);
    return status;
}

CALL(session_run) {
    octavo_argument in = input(), out = output();
    return octavo_session_run(P(0, session), P(1, &in), 1, P(2, &out), 1, NULL, error);
}

CALL(session_submit) {
    octavo_argument in = input(), out = output();
    octavo_status status =
        octavo_session_submit(P(0, session), P(1, &in), 1, P(2, &out), 1, NULL, error);
    if (status == OCTAVO_OK) {
        octavo_error ignored;
        status = octavo_session_wait(session, 0, &ignored);
    }
    return status;
}

CALL(session_wait) {
    octavo_argument in = input(), out = output();
    octavo_status status = octavo_session_submit(session, &in, 1, &out, 1, NULL, error);
    octavo_error ignored;
    if (status == OCTAVO_OK) {
        status = octavo_session_wait(P(0, session), 0, error);
        if (status != OCTAVO_OK) {
            (void)!octavo_session_wait(session, 0, &ignored);
        }
    }
    return status;
}

CALL(session_check) {
    return octavo_session_check(P(0, session), error);
}

CALL(inspect) {
    char *json = NULL;
    return octavo_tool_inspect(P(0, "/nowhere"), 0, P(1, &json), error);
}

CALL(explain) {
    char *json = NULL;
    octavo_status status = octavo_tool_explain(P(0, session), P(1, &json), error);
    octavo_free(json);
    return status;
}

CALL(profile) {
    return octavo_tool_profile(P(0, session), 0, error);
}

CALL(doctor) {
    char *json = NULL;
    octavo_status status = octavo_tool_doctor(NULL, 1, P(0, &json), error);
    octavo_free(json);
    return status;
}

CALL(tensors_load) {
    octavo_tool_tensors out;
    return octavo_tool_tensors_load(P(0, "/nowhere"), P(1, &out), error);
}

CALL(tensors_save) {
    octavo_argument item = output();
    return octavo_tool_tensors_save(P(0, "/nowhere/x"), P(1, &item), 1, error);
}

CALL(find_images) {
    octavo_tool_list list = {0};
    int32_t others = 0;
    octavo_status status =
        octavo_tool_find_images(P(0, "/nowhere"), P(1, &list), P(2, &others), error);
    octavo_tool_list_free(&list);
    return status;
}

CALL(read_texts) {
    octavo_tool_list list = {0};
    octavo_status status = octavo_tool_read_texts(P(0, "/nowhere"), 0, P(1, &list), error);
    octavo_tool_list_free(&list);
    return status;
}

CALL(embed_images) {
    int32_t items[1], rows;
    return octavo_tool_embed_images(P(0, engine), P(1, &sessions), P(2, words), 1, NULL,
                                    P(3, embeds), P(4, items), P(5, &rows), error);
}

CALL(embed_texts) {
    return octavo_tool_embed_texts(P(0, engine), P(1, &sessions), P(2, words), 1, NULL,
                                   P(3, embeds), error);
}

CALL(check_templates) {
    return octavo_tool_check_templates(P(0, words), 1, error);
}

CALL(classes_create) {
    octavo_tool_classes *out = NULL;
    octavo_status status = octavo_tool_classes_create(P(0, engine), P(1, session), P(2, words), 1,
                                                      P(3, words), 1, NULL, P(4, &out), error);
    octavo_tool_classes_free(out);
    return status;
}

CALL(eval_run) {
    return octavo_tool_eval_run(P(0, engine), P(1, &sessions), P(2, "/nowhere"), NULL, NULL,
                                P(3, &eval_a), error);
}

CALL(eval_compare) {
    octavo_tool_eval_delta delta;
    return octavo_tool_eval_compare(P(0, &eval_a), P(1, &eval_b), P(2, &delta), error);
}

CALL(quantize) {
    static const octavo_tool_quantize_options options;
    return octavo_tool_quantize(P(0, "/nowhere"), P(1, "/nowhere/out"), P(2, &options), NULL,
                                error);
}

CALL(widen) {
    return octavo_tool_widen(P(0, "/nowhere"), P(1, "/nowhere/out"), OCTAVO_PRECISION_F16, NULL,
                             NULL, P(2, &count), error);
}

CALL(preset) {
    return octavo_tool_preset(P(0, "ViT-B-32"), P(1, "/nowhere/out"), error);
}

static const struct {
    const char *name;
    octavo_status (*call)(int32_t missing, octavo_error *error);
    const char *arguments[ARGUMENTS]; /* those that may not be NULL, in order; then NULL */
} functions[] = {
    {"octavo_build", call_build, {"checkpoint", "engine"}},
    {"octavo_engine_open", call_engine_open, {"path", "out"}},
    {"octavo_engine_open_memory", call_engine_open_memory, {"data", "out"}},
    {"octavo_tokenize", call_tokenize, {"engine", "text", "ids", "count"}},
    {"octavo_preprocess_file", call_preprocess_file, {"engine", "path", "pixels"}},
    {"octavo_preprocess", call_preprocess, {"engine", "data", "pixels"}},
    {"octavo_model_load", call_model_load, {"engine", "out"}},
    {"octavo_session_create", call_session_create, {"model", "out"}},
    {"octavo_session_run", call_session_run, {"session", "inputs", "outputs"}},
    {"octavo_session_submit", call_session_submit, {"session", "inputs", "outputs"}},
    {"octavo_session_wait", call_session_wait, {"session"}},
    {"octavo_session_check", call_session_check, {"session"}},
    {"octavo_tool_inspect", call_inspect, {"path", "out"}},
    {"octavo_tool_explain", call_explain, {"session", "out"}},
    {"octavo_tool_profile", call_profile, {"session"}},
    {"octavo_tool_doctor", call_doctor, {"out"}},
    {"octavo_tool_tensors_load", call_tensors_load, {"path", "out"}},
    {"octavo_tool_tensors_save", call_tensors_save, {"path", "items"}},
    {"octavo_tool_find_images", call_find_images, {"folder", "out", "others"}},
    {"octavo_tool_read_texts", call_read_texts, {"path", "out"}},
    {"octavo_tool_embed_images",
     call_embed_images,
     {"engine", "sessions", "paths", "out", "items", "rows"}},
    {"octavo_tool_embed_texts", call_embed_texts, {"engine", "sessions", "texts", "out"}},
    {"octavo_tool_check_templates", call_check_templates, {"templates"}},
    {"octavo_tool_classes_create",
     call_classes_create,
     {"engine", "session", "labels", "templates", "out"}},
    {"octavo_tool_eval_run", call_eval_run, {"engine", "sessions", "data", "out"}},
    {"octavo_tool_eval_compare", call_eval_compare, {"a", "b", "out"}},
    {"octavo_tool_quantize", call_quantize, {"checkpoint", "out", "options"}},
    {"octavo_tool_widen", call_widen, {"checkpoint", "out", "modules"}},
    {"octavo_tool_preset", call_preset, {"name", "folder"}},
};

/* Every function names the pointer that is NULL, and does without an octavo_error. */
static void null_pointers_are_named(void **state) {
    (void)state;
    for (size_t f = 0; f < OC_COUNT(functions); f++) {
        for (int32_t i = 0; functions[f].arguments[i] != NULL; i++) {
            octavo_error error;
            char want[96];
            snprintf(want, sizeof want, "%s is NULL", functions[f].arguments[i]);
            octavo_status status = functions[f].call(i, &error);
            if (status != OCTAVO_INVALID_ARGUMENT || strcmp(error.message, want) != 0) {
                fail_msg("%s without %s: %d, %s", functions[f].name, functions[f].arguments[i],
                         status, status == OCTAVO_OK ? "" : error.message);
            }
            assert_int_equal(error.status, status);
            assert_int_equal(functions[f].call(i, NULL), OCTAVO_INVALID_ARGUMENT);
        }
        functions[f].call(-1, NULL); /* no error wanted, whatever it is */
    }
}

/* What cannot fail takes NULL and gives nothing. */
static void nothing_gives_nothing(void **state) {
    (void)state;
    float score = 7;
    octavo_engine_free(NULL);
    octavo_model_free(NULL);
    octavo_session_free(NULL);
    octavo_free(NULL);
    octavo_tool_tensors_free(NULL);
    octavo_tool_classes_free(NULL);
    octavo_tool_eval_free(NULL);
    octavo_tool_classes_score(NULL, embeds, &score);
    assert_true(score == 7);
    assert_null(octavo_engine_describe(NULL));
    assert_null(octavo_model_describe(NULL));
    assert_null(octavo_session_describe(NULL));
    assert_null(octavo_session_binding(NULL, 0));
    assert_int_equal(octavo_session_binding_count(NULL), 0);
    assert_null(octavo_session_binding(session, -1));
    assert_null(octavo_session_binding(session, octavo_session_binding_count(session)));
    assert_int_equal(octavo_error_http(NULL), 200);
    assert_null(octavo_tool_classes_embeds(NULL));
    assert_true(octavo_tool_flop(NULL, OCTAVO_IMAGE, 1, 1) == 0);
    assert_true(octavo_tool_peak_gflops(NULL) == 0);
    assert_int_equal(octavo_tool_session_bytes(NULL), 0);
    octavo_tool_times times = octavo_tool_run_times(NULL);
    assert_true(times.to_device == -1 && times.device == -1 && times.from_device == -1);
    octavo_tool_ceilings ceilings;
    assert_int_equal(octavo_tool_measure_ceilings(NULL, &ceilings, NULL), OCTAVO_INVALID_ARGUMENT);
    assert_true(ceilings.f8_flops == 0 && ceilings.bytes_per_s == 0);
    octavo_tool_card_state card;
    assert_int_equal(octavo_tool_card(NULL, &card, NULL), OCTAVO_INVALID_ARGUMENT);
    assert_true(card.sm_mhz == -1 && card.watts == -1 && card.throttled == 0);
    assert_int_equal(octavo_tool_card(session, &card, NULL), OCTAVO_UNAVAILABLE); /* no GPU */
    octavo_tool_list_free(NULL);
}

/* -- numbers that no count can be
 * ------------------------------------------------------------------ */

static octavo_status less_inputs(octavo_error *error) {
    octavo_argument in = input(), out = output();
    return octavo_session_run(session, &in, -1, &out, 1, NULL, error);
}

static octavo_status less_outputs(octavo_error *error) {
    octavo_argument in = input(), out = output();
    return octavo_session_run(session, &in, 1, &out, INT32_MIN, NULL, error);
}

static octavo_status less_time(octavo_error *error) {
    octavo_run_options options = {.struct_size = sizeof options, .timeout_us = -1};
    octavo_argument in = input(), out = output();
    return octavo_session_run(session, &in, 1, &out, 1, &options, error);
}

static octavo_status less_model_threads(octavo_error *error) {
    octavo_model_options options = {.struct_size = sizeof options, .threads = -1};
    octavo_model *out = NULL;
    return octavo_model_load(engine, &options, &out, error);
}

static octavo_status less_session(octavo_session_options options, octavo_error *error) {
    octavo_session *out = NULL;
    options.struct_size = sizeof options;
    return octavo_session_create(model, &options, &out, error);
}

static octavo_status less_batch(octavo_error *error) {
    return less_session((octavo_session_options){.batch_max = -1}, error);
}

static octavo_status less_tokens(octavo_error *error) {
    return less_session((octavo_session_options){.tokens_max = -1}, error);
}

static octavo_status less_session_threads(octavo_error *error) {
    return less_session((octavo_session_options){.threads = -1}, error);
}

static octavo_status less_build_threads(octavo_error *error) {
    octavo_build_options options = {.struct_size = sizeof options, .threads = -1};
    return octavo_build("/nowhere", "/nowhere/engine", &options, NULL, error);
}

static octavo_status less_items(octavo_error *error) {
    octavo_argument item = output();
    return octavo_tool_tensors_save("/nowhere/x", &item, -1, error);
}

static octavo_status less_labels(octavo_error *error) {
    octavo_tool_classes *out = NULL;
    return octavo_tool_classes_create(engine, session, words, -1, words, 1, NULL, &out, error);
}

static octavo_status less_templates(octavo_error *error) {
    octavo_tool_classes *out = NULL;
    return octavo_tool_classes_create(engine, session, words, 1, words, -1, NULL, &out, error);
}

static octavo_status less_images(octavo_error *error) {
    octavo_tool_quantize_options options = {.limit = -1};
    return octavo_tool_quantize("/nowhere", "/nowhere/out", &options, NULL, error);
}

static octavo_status less_quantize_threads(octavo_error *error) {
    octavo_tool_quantize_options options = {.threads = -1};
    return octavo_tool_quantize("/nowhere", "/nowhere/out", &options, NULL, error);
}

/* Counts and times below zero are refused with the number. */
static void negative_numbers_are_refused(void **state) {
    (void)state;
    static const struct {
        octavo_status (*call)(octavo_error *error);
        const char *part;
    } calls[] = {
        {less_inputs, "input_count is -1"},
        {less_outputs, "output_count is -2147483648"},
        {less_time, "timeout_us is -1"},
        {less_model_threads, "-1 threads"},
        {less_batch, "batch_max is -1"},
        {less_tokens, "tokens_max is -1"},
        {less_session_threads, "threads is -1"},
        {less_build_threads, "-1 threads"},
        {less_items, "count is -1"},
        {less_labels, "-1 labels"},
        {less_templates, "-1 templates"},
        {less_images, "-1 images"},
        {less_quantize_threads, "-1 threads"},
    };
    for (size_t i = 0; i < OC_COUNT(calls); i++) {
        octavo_error error;
        octavo_status status = calls[i].call(&error);
        if (status != OCTAVO_INVALID_ARGUMENT || strstr(error.message, calls[i].part) == NULL) {
            fail_msg("%s: %d, %s", calls[i].part, status, error.message);
        }
    }
    assert_true(octavo_tool_flop(session, OCTAVO_IMAGE, -1, 1) == 0);
    assert_true(octavo_tool_flop(session, OCTAVO_TEXT, 1, -1) == 0);
}

static int open_all(void **state) {
    (void)state;
    octavo_error error;
    octavo_model_options load = {.struct_size = sizeof load, .threads = 1};
    octavo_session_options options = {.struct_size = sizeof options, .threads = 1};
    engine = oc_test_engine("modelopt-fp8");
    if (octavo_model_load(engine, &load, &model, &error) != OCTAVO_OK ||
        octavo_session_create(model, &options, &session, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    return 0;
}

static int close_all(void **state) {
    octavo_session_free(session);
    octavo_model_free(model);
    return oc_test_engines_free(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_pointers_are_named),
        cmocka_unit_test(nothing_gives_nothing),
        cmocka_unit_test(negative_numbers_are_refused),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
