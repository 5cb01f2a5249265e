// links: test_support api
/* test_build.c - engines that are built: the same bytes every time, the precision that was asked
 * for, a report that says what is in them, sizes; killed or out of memory, they are not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>

#include "api/objects.h"
#include "base/json/json.h"
#include "engine/records/describe.h"
#include "num/metrics.h"
#include "num/rng.h"
#include "support/allocations.h"
#include "support/checkpoints.h"
#include "support/engines.h"

static char folder[OC_TEST_PATH];

static int make_folder(void **state) {
    (void)state;
    oc_test_folder(folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    oc_test_folder_remove(folder);
    return oc_test_engines_free(state);
}

#define OPTIONS(...)                                                                               \
    (&(octavo_build_options){.struct_size = sizeof(octavo_build_options), __VA_ARGS__})

/* Builds folder/NAME from a checkpoint; the report, if wanted, is to be freed. */
static const char *build(const char *checkpoint, const char *name,
                         const octavo_build_options *options, char **report) {
    octavo_error error;
    const char *path = oc_test_path(folder, name);
    if (octavo_build(checkpoint, path, options, report, &error) != OCTAVO_OK) {
        fail_msg("%s: %s", checkpoint, error.message);
    }
    return path;
}

static void expect_same_bytes(const char *a, const char *b) {
    size_t a_size, b_size;
    char *x = oc_test_read(a, &a_size), *y = oc_test_read(b, &b_size);
    assert_int_equal(a_size, b_size);
    assert_memory_equal(x, y, a_size);
    free(x);
    free(y);
}

/* -- the same bytes --------------------------------------------------------------------------- */

/* The same checkpoint gives the same bytes: again, with other threads, with whole-model canaries,
 * and given as a folder or as its file. */
static void builds_are_deterministic(void **state) {
    (void)state;
    static const char *const names[] = {"f32", "modelopt-fp8", "modelopt-fp8-mixed"};
    for (size_t i = 0; i < OC_COUNT(names); i++) {
        char checkpoint[OC_TEST_PATH];
        snprintf(checkpoint, sizeof checkpoint, "%s/tiny-clip/%s", TEST_DATA, names[i]);
        const char *one = build(checkpoint, "one", OPTIONS(.threads = 1), NULL);
        expect_same_bytes(one, build(checkpoint, "three", OPTIONS(.threads = 3), NULL));
        expect_same_bytes(one, build(checkpoint, "default", NULL, NULL));
        one = build(checkpoint, "one", OPTIONS(.threads = 1, .verify = 1), NULL);
        expect_same_bytes(one, build(checkpoint, "two", OPTIONS(.threads = 2, .verify = 1), NULL));
        /* a copy elsewhere, under the same name */
        const char *copy = oc_test_path(folder, names[i]);
        oc_test_checkpoint(names[i], copy);
        expect_same_bytes(one, build(copy, "copy", OPTIONS(.verify = 1), NULL));
    }
}

/* -- reports ---------------------------------------------------------------------------------- */

/* All of the text must be one JSON value, read strictly. */
static void expect_json(const char *text) {
    octavo_error error;
    oc_json json = {0};
    oc_error_clear(&error);
    oc_json_open(&json, text, strlen(text), 0, 0);
    if (oc_json_skip(&json, NULL, &error) != OCTAVO_OK ||
        oc_json_finish(&json, &error) != OCTAVO_OK) {
        fail_msg("%s\n%s", error.message, text);
    }
    oc_json_close(&json);
}

static void expect_parts(const char *text, const char *const *parts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strstr(text, parts[i]) == NULL) {
            fail_msg("no %s in\n%s", parts[i], text);
        }
    }
}

/* The build report is valid JSON and says what went in, what came out and what was done to it. */
static void reports_are_complete(void **state) {
    (void)state;
    static const char *const parts[] = {"\"checkpoint\": ",
                                        "\"engine\": ",
                                        "\"name\": \"modelopt-fp8\"",
                                        "\"producer\": \"modelopt 0.47.0\"",
                                        "\"precision\": \"FP8 (E4M3, per tensor, static)\"",
                                        "\"seconds\": ",
                                        "\"checkpoint_bytes\": ",
                                        "\"tensor_bytes\": ",
                                        "\"engine_bytes\": ",
                                        "\"towers\": ",
                                        "\"name\": \"image\"",
                                        "\"name\": \"text\"",
                                        "\"layers\": 2",
                                        "\"operands\": ",
                                        "\"weight\": \"F8_E4M3\"",
                                        "\"acts\": \"F8_E4M3\"",
                                        "\"modules\": 12",
                                        "\"widened\": []",
                                        "\"unmerged\": 0",
                                        "\"notices\": ",
                                        "\"part\": 15",
                                        "\"model\": 0",
                                        "\"sections\": ",
                                        "\"WEIGHTS\"",
                                        "\"CANARIES\"",
                                        "\"TOKENIZER\"",
                                        "\"PROCESSOR\""};
    char *report = NULL;
    (void)build(TEST_DATA "/tiny-clip/modelopt-fp8", "e", NULL, &report);
    expect_json(report);
    expect_parts(report, parts, OC_COUNT(parts));
    octavo_free(report);
}

/* What the tools say of an engine and of a session is valid JSON too. */
static void looking_gives_json(void **state) {
    (void)state;
    static const char *const of_engine[] = {"\"towers\"",
                                            "\"patch\": 8",
                                            "\"vocabulary\": 1024",
                                            "\"end_of_text\": \"first end token\"",
                                            "\"canaries\"",
                                            "octavo graph 1\\n",
                                            "\"text_projection.weight\"",
                                            "\"verified\": true",
                                            "\"calibration\": null",
                                            "\"card\": null"};
    static const char *const of_session[] = {
        "\"device\": \"cpu\"", "\"canary_share\"",    "\"savings\"",
        "\"merge-qkv\"",       "\"programs\"",        "\"image (values)\"",
        "\"seconds\"",         "vision.layers.0.qkv", "\"logits\""};
    octavo_engine *engine = oc_test_engine("modelopt-fp8");
    octavo_session *session =
        oc_test_session(engine, (oc_test_device){"cpu", NULL, "cpu"}, (oc_test_options){0});
    char *json = NULL;
    octavo_error error;
    memset(&error, 0xff, sizeof error); /* as it comes from a caller's stack */
    assert_int_equal(
        octavo_tool_inspect(oc_test_engine_path("modelopt-fp8"),
                            OCTAVO_INSPECT_VERIFY | OCTAVO_INSPECT_GRAPH | OCTAVO_INSPECT_TENSORS,
                            &json, &error),
        OCTAVO_OK);
    expect_json(json);
    expect_parts(json, of_engine, OC_COUNT(of_engine));
    octavo_free(json);
    memset(&error, 0xff, sizeof error);
    assert_int_equal(octavo_tool_profile(session, 1, &error), OCTAVO_OK);
    memset(&error, 0xff, sizeof error);
    assert_int_equal(octavo_tool_explain(session, &json, &error), OCTAVO_OK);
    expect_json(json);
    expect_parts(json, of_session, OC_COUNT(of_session));
    octavo_free(json);
    assert_true(octavo_tool_flop(session, OCTAVO_IMAGE, 2, 0) ==
                2 * octavo_tool_flop(session, OCTAVO_IMAGE, 1, 0));
    assert_true(octavo_tool_flop(session, OCTAVO_TEXT, 1, 32) >
                octavo_tool_flop(session, OCTAVO_TEXT, 1, 16));
    assert_true(octavo_tool_session_bytes(session) > 400000);
    octavo_session_free(session);
    memset(&error, 0xff, sizeof error);
    assert_int_equal(octavo_tool_doctor(NULL, 0, &json, &error), OCTAVO_OK);
    expect_json(json);
    octavo_free(json);
}

/* Every function of the tools fills an error that was never cleared. */
static void errors_are_filled_anew(void **state) {
    (void)state;
    octavo_tool_tensors tensors;
    octavo_error error;
    char *json = NULL;
    const char *none = oc_test_path(folder, "none");
    memset(&error, 0xff, sizeof error);
    assert_int_equal(octavo_tool_tensors_load(none, &tensors, &error), OCTAVO_NOT_FOUND);
    assert_int_equal(error.status, OCTAVO_NOT_FOUND);
    assert_string_equal(error.path, none);
    memset(&error, 0xff, sizeof error);
    assert_int_equal(octavo_tool_inspect(none, 0, &json, &error), OCTAVO_NOT_FOUND);
    assert_int_equal(error.status, OCTAVO_NOT_FOUND);
    memset(&error, 0xff, sizeof error);
    assert_int_equal(octavo_tool_preset("ViT-Z", none, &error), OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "there is no preset called 'ViT-Z'; there are ViT-B-32"));
}

/* -- precisions ------------------------------------------------------------------------------- */

static void facts_of(const char *path, oc_engine_facts *facts) {
    oc_engine_file *file = NULL;
    assert_int_equal(oc_engine_file_open(path, &file, NULL), OCTAVO_OK);
    oc_engine_describe(file, facts);
    oc_engine_file_close(file);
}

/* How many tensors of a dtype the engine has. */
static int32_t tensors_of(const char *path, octavo_dtype dtype) {
    oc_engine_facts facts;
    facts_of(path, &facts);
    for (int32_t i = 0; i < facts.dtype_count; i++) {
        if (facts.dtypes[i].dtype == dtype) {
            return facts.dtypes[i].tensors;
        }
    }
    return 0;
}

static void embed_pixels(const char *path, float out[64]) {
    octavo_engine *engine = NULL;
    octavo_error error;
    static uint8_t pixels[32 * 32 * 3];
    oc_rng rng;
    oc_rng_init(&rng, 3, 3);
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)oc_rng_below(&rng, 256);
    }
    assert_int_equal(octavo_engine_open(path, &engine, &error), OCTAVO_OK);
    octavo_session *session =
        oc_test_session(engine, (oc_test_device){"ref", NULL, "ref"}, (oc_test_options){0});
    octavo_argument in = {
        .name = "pixels",
        .tensor = {.dtype = OCTAVO_U8, .rank = 4, .shape = {1, 32, 32, 3}, .data = pixels}};
    octavo_argument to = {
        .name = "image_embeds",
        .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {1, 64}, .data = out}};
    oc_test_run(session, &in, 1, &to, 1);
    octavo_session_free(session);
    octavo_engine_free(engine);
}

static double cosine_loss(const float *a, const float *b) {
    oc_metrics metrics = {0};
    oc_metrics_add(&metrics, a, b, 64);
    return 1 - oc_metrics_cosine(&metrics);
}

/* F16 and BF16 widen every FP8 weight and quantize no activation; what comes out is near the FP8
 * engine's, and the F16 and BF16 engines are nearer to each other. */
static void precisions_widen(void **state) {
    (void)state;
    const char *checkpoint = TEST_DATA "/tiny-clip/modelopt-fp8";
    char *report = NULL;
    float fp8[64], f16[64], bf16[64];
    const char *path = build(checkpoint, "fp8", NULL, NULL);
    assert_int_equal(tensors_of(path, OCTAVO_F8_E4M3), 24);
    embed_pixels(path, fp8);
    path = build(checkpoint, "f16", OPTIONS(.precision = OCTAVO_PRECISION_F16), &report);
    expect_json(report);
    assert_non_null(strstr(report, "\"precision\": \"F16\""));
    assert_non_null(strstr(report, "widened by --precision"));
    octavo_free(report);
    assert_int_equal(tensors_of(path, OCTAVO_F8_E4M3), 0);
    assert_int_equal(tensors_of(path, OCTAVO_BF16), 0);
    embed_pixels(path, f16);
    path = build(checkpoint, "bf16", OPTIONS(.precision = OCTAVO_PRECISION_BF16), NULL);
    assert_int_equal(tensors_of(path, OCTAVO_F8_E4M3), 0);
    assert_true(tensors_of(path, OCTAVO_BF16) >= 24);
    embed_pixels(path, bf16);
    assert_true(cosine_loss(fp8, f16) > 1e-5 && cosine_loss(fp8, f16) < 2e-2);
    assert_true(cosine_loss(f16, bf16) < cosine_loss(fp8, f16));
    /* an unquantized checkpoint is narrowed */
    path = build(TEST_DATA "/tiny-clip/f32", "narrow", OPTIONS(.precision = OCTAVO_PRECISION_F16),
                 NULL);
    embed_pixels(path, f16);
    path = build(TEST_DATA "/tiny-clip/f32", "wide", NULL, NULL);
    embed_pixels(path, fp8);
    assert_true(cosine_loss(fp8, f16) > 0 && cosine_loss(fp8, f16) < 1e-5);
}

/* Kept modules are F16, reported as widened, and no others are. */
static void kept_modules_are_wide(void **state) {
    (void)state;
    char *report = NULL;
    const char *path =
        build(TEST_DATA "/tiny-clip/modelopt-fp8", "kept",
              OPTIONS(.keep = "vision_model.encoder.layers.0.*=f16,*.mlp.fc2=f16"), &report);
    assert_int_equal(tensors_of(path, OCTAVO_F8_E4M3), 24 - 6 - 3);
    expect_json(report);
    static const char *const parts[] = {
        "\"module\": \"vision_model.encoder.layers.0.self_attn.q_proj\"",
        "\"module\": \"text_model.encoder.layers.1.mlp.fc2\"", "widened by --keep",
        "\"precision\": \"FP8 (E4M3, per tensor, static), some layers F16\""};
    expect_parts(report, parts, OC_COUNT(parts));
    assert_null(strstr(report, "\"module\": \"text_model.encoder.layers.1.mlp.fc1\""));
    octavo_free(report);
    /* also where the first layers are the only ones */
    build(TEST_DATA "/tiny-clip/modelopt-fp8", "kept",
          OPTIONS(.keep = "vision_model.encoder.layers.0.*=f16"), &report);
    assert_non_null(strstr(report, "static), some layers F16\""));
    octavo_free(report);
}

/* -- sizes ------------------------------------------------------------------------------------ */

/* Weights, their table and the graph are within 2 % of the checkpoint's tensors, everything else
 * within 1 MB and 1 %; graphs and tables, which do not shrink with the model, count for little. */
static void engines_are_small(void **state) {
    (void)state;
    static const char *const checkpoints[] = {PROJECT_DIR "/models/clip-mini-fp8",
                                              TEST_DATA "/tiny-clip/modelopt-fp8",
                                              TEST_DATA "/tiny-clip/f16"};
    for (size_t i = 0; i < OC_COUNT(checkpoints); i++) {
        oc_engine_facts facts;
        char *report = NULL;
        long long tensor_bytes = 0;
        const char *path = build(checkpoints[i], "size", NULL, &report);
        const char *at = strstr(report, "\"checkpoint_bytes\": ");
        assert_non_null(at);
        assert_int_equal(sscanf(at, "\"checkpoint_bytes\": %lld", &tensor_bytes), 1);
        octavo_free(report);
        facts_of(path, &facts);
        uint64_t tensors = (uint64_t)tensor_bytes, model = facts.model_bytes;
        for (int32_t s = 0; s < facts.section_count; s++) {
            if (facts.sections[s].type == OC_SECTION_GRAPH ||
                facts.sections[s].type == OC_SECTION_TENSORS) {
                assert_true(facts.sections[s].bytes < 65536);
                model -= i == 0 ? 0 : facts.sections[s].bytes;
            }
        }
        assert_true(model <= tensors + tensors / 50);
        assert_true(facts.record_bytes <= (1 << 20) + tensors / 100);
    }
}

/* -- kill -9 ---------------------------------------------------------------------------------- */

/* A process that is killed while it builds leaves the engine that was there, or none, or the new
 * one; never a part. */
static void killed_builds_leave_nothing_half(void **state) {
    (void)state;
    enum { KILLS = OC_UNDER_ASAN ? 12 : 40 };
    char path[OC_TEST_PATH];
    size_t size[2], now;
    int32_t before = 0, old = 0, new = 0;
    static const char *const checkpoints[2] = {TEST_DATA "/tiny-clip/quick-gelu-modelopt-fp8",
                                               TEST_DATA "/tiny-clip/modelopt-fp8"};
    char *whole[2];
    for (int32_t i = 0; i < 2; i++) {
        whole[i] = oc_test_read(build(checkpoints[i], i == 0 ? "a" : "b", NULL, NULL), &size[i]);
    }
    oc_rng rng;
    oc_rng_init(&rng, 11, 0);
    mkdir(oc_test_path(folder, "target"), 0755);
    snprintf(path, sizeof path, "%s", oc_test_path(folder, "target/e"));
    for (int32_t kill_number = 0; kill_number < KILLS; kill_number++) {
        int status;
        if (kill_number == KILLS / 2) { /* from now on there is an engine already */
            oc_test_write(path, whole[0], size[0]);
        } else if (kill_number < KILLS / 2) {
            unlink(path);
        }
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            for (;;) {
                (void)!octavo_build(checkpoints[1], path, NULL, NULL, NULL);
            }
        }
        usleep((useconds_t)oc_rng_below(&rng, OC_UNDER_ASAN ? 150000 : 18000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (access(path, F_OK) != 0) {
            before++;
            continue;
        }
        char *bytes = oc_test_read(path, &now);
        bool is_new = now == size[1] && memcmp(bytes, whole[1], now) == 0;
        bool is_old = now == size[0] && memcmp(bytes, whole[0], now) == 0;
        assert_true(is_new || (is_old && kill_number >= KILLS / 2));
        old += is_old;
        new += is_new;
        if (is_new && kill_number >= KILLS / 2) {
            oc_test_write(path, whole[0], size[0]);
        }
        free(bytes);
    }
    print_message("killed before: %d, with the old one there: %d, after: %d\n", before, old, new);
    assert_int_equal(before + old + new, KILLS);
    free(whole[0]);
    free(whole[1]);
}

/* -- out of memory ---------------------------------------------------------------------------- */

/* Whatever allocation is the first to fail, the call says EXHAUSTED and leaves nothing, neither
 * files nor memory. */
static void memory_runs_out(void **state) {
    (void)state;
    if (OC_UNDER_ASAN || OC_UNDER_TSAN) {
        print_message("SKIPPED: a sanitizer allocates\n");
        skip();
    }
    octavo_error error;
    const char *checkpoint = TEST_DATA "/tiny-clip/quick-gelu-modelopt-fp8";
    char path[OC_TEST_PATH], *report = NULL;
    octavo_engine *engine = NULL;
    octavo_session *session = NULL;
    octavo_build_options options = {.struct_size = sizeof options, .threads = 1};
    oc_test_options run = {.threads = 1};
    int64_t failed[3] = {0};
    snprintf(path, sizeof path, "%s", oc_test_path(folder, "memory"));
    octavo_status status = OCTAVO_EXHAUSTED;
    for (int64_t count = 0; status != OCTAVO_OK; count++) {
        int64_t alive = oc_allocations_alive();
        oc_allocations_fail_after(count, false);
        status = octavo_build(checkpoint, path, &options, &report, &error);
        oc_allocations_fail_after(-1, false);
        if (status != OCTAVO_OK) {
            if (status != OCTAVO_EXHAUSTED) {
                fail_msg("allocation %lld of a build: %d, %s", (long long)count, status,
                         error.message);
            }
            assert_null(report);
            assert_int_equal(oc_allocations_alive(), alive);
            failed[0]++;
        }
    }
    octavo_free(report);
    status = OCTAVO_EXHAUSTED;
    for (int64_t count = 0; status != OCTAVO_OK; count++) {
        int64_t alive = oc_allocations_alive();
        oc_allocations_fail_after(count, false);
        status = octavo_engine_open(path, &engine, &error);
        oc_allocations_fail_after(-1, false);
        if (status != OCTAVO_OK) {
            if (status != OCTAVO_EXHAUSTED || engine != NULL) {
                fail_msg("allocation %lld of opening: %d, %s", (long long)count, status,
                         error.message);
            }
            assert_int_equal(oc_allocations_alive(), alive);
            failed[1]++;
        }
    }
    status = OCTAVO_EXHAUSTED;
    for (int64_t count = 0; status != OCTAVO_OK; count++) {
        int64_t alive = oc_allocations_alive();
        oc_allocations_fail_after(count, false);
        status = oc_test_open(engine, &run, &session, &error);
        oc_allocations_fail_after(-1, false);
        if (status != OCTAVO_OK) {
            if (status != OCTAVO_EXHAUSTED || session != NULL) {
                fail_msg("allocation %lld of a session: %d, %s", (long long)count, status,
                         error.message);
            }
            assert_int_equal(oc_allocations_alive(), alive);
            failed[2]++;
        }
    }
    print_message("refused: %lld builds, %lld openings, %lld sessions\n", (long long)failed[0],
                  (long long)failed[1], (long long)failed[2]);
    assert_true(failed[0] > 50 && failed[1] > 20 && failed[2] > 100);
    octavo_session_free(session);
    octavo_engine_free(engine);
}

/* A single allocation that fails is not passed over: the build fails, or what it makes is whole
 * (the C library does without some). */
static void one_allocation_fails(void **state) {
    (void)state;
    if (OC_UNDER_ASAN || OC_UNDER_TSAN) {
        print_message("SKIPPED: a sanitizer allocates\n");
        skip();
    }
    const char *checkpoint = TEST_DATA "/tiny-clip/quick-gelu-modelopt-fp8";
    octavo_build_options options = {.struct_size = sizeof options, .threads = 1};
    octavo_error error;
    char *whole = NULL, *report = NULL, path[OC_TEST_PATH], sound[OC_TEST_PATH];
    snprintf(path, sizeof path, "%s", oc_test_path(folder, "once"));
    int64_t before = oc_allocations();
    snprintf(sound, sizeof sound, "%s", build(checkpoint, "sound", &options, &whole));
    int64_t all = oc_allocations() - before;
    for (int64_t count = 0; count < all; count++) {
        oc_allocations_fail_after(count, true);
        octavo_status status = octavo_build(checkpoint, path, &options, &report, &error);
        oc_allocations_fail_after(-1, false);
        if (status == OCTAVO_OK) {
            expect_same_bytes(path, sound);
            /* but for the times and the file's name, reports are equal */
            assert_string_equal(strstr(report, "\"towers\""), strstr(whole, "\"towers\""));
        } else if (status != OCTAVO_EXHAUSTED) {
            fail_msg("allocation %lld: %d, %s", (long long)count, status, error.message);
        }
        octavo_free(report);
    }
    octavo_free(whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_are_deterministic),
        cmocka_unit_test(reports_are_complete),
        cmocka_unit_test(looking_gives_json),
        cmocka_unit_test(errors_are_filled_anew),
        cmocka_unit_test(precisions_widen),
        cmocka_unit_test(kept_modules_are_wide),
        cmocka_unit_test(engines_are_small),
        cmocka_unit_test(killed_builds_leave_nothing_half),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(one_allocation_fails),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
