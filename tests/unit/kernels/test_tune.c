// links: test_support api runtime backends_cuda engine device base
/* Ways of doing a step, and tuning: names tell ways apart, a measured choice is followed where the
 * device knows it and passed over where it does not, octavo tune keeps the fastest, and nothing
 * that an engine says makes a kernel that the device does not list.  A fake driver stands in for
 * the card. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>

#include "api/objects.h"
#include "backends/cuda/compiler.h"
#include "backends/cuda/cuda.h"
#include "backends/cuda/kernels/attention/attention_variant.h"
#include "backends/cuda/kernels/gemm/gemm_wgmma.h"
#include "engine/writer.h"
#include "runtime/tune/tune.h"
#include "support/cuda/fake_driver.h"
#include "support/engines.h"

enum { PROCESSORS = 132, FASTEST = 3 };

static char folder[OC_TEST_PATH];

/* -- names ---------------------------------------------------------------------------------- */

static void names_say_numbers(void **state) {
    (void)state;
    const oc_named list[] = {{"N", 3072}, {"ACT", 0}, {"LOW", -5}};
    char text[64], cut[8];
    assert_int_equal(oc_named_text(list, 3, text, sizeof text), strlen("N=3072 ACT=0 LOW=-5"));
    assert_string_equal(text, "N=3072 ACT=0 LOW=-5");
    assert_int_equal(oc_named_text(list, 3, cut, sizeof cut), strlen(text));
    assert_string_equal(cut, "N=3072 ");
    assert_true(oc_named_is(list, 3, text));
    static const char *const others[] = {"",
                                         "N=3072",
                                         "N=3072 ACT=0",
                                         "N=3072 ACT=0 LOW=5",
                                         "N=3072 ACT=0 LOW=-5 ",
                                         "N=3072 ACT=0 LOW=-51",
                                         "N=3072  ACT=0 LOW=-5",
                                         "N=3072 ACT= LOW=-5",
                                         "M=3072 ACT=0 LOW=-5",
                                         "N=99999999999999999999 ACT=0 LOW=-5",
                                         "N3072 ACT=0 LOW=-5"};
    for (size_t i = 0; i < OC_COUNT(others); i++) {
        assert_false(oc_named_is(list, 3, others[i]));
    }
}

/* A name that two variants had could choose the wrong one's time. */
static void variants_have_names_of_their_own(void **state) {
    (void)state;
    const oc_gemm_variant *a, *b;
    oc_named names[OC_GEMM_NAMES_MAX];
    char text[OC_TACTIC_NAME];
    for (int32_t i = 0; (a = oc_gemm_candidate(i)) != NULL; i++) {
        assert_true(oc_named_text(names, oc_gemm_variant_names(a, names), text, sizeof text) <
                    sizeof text);
        for (int32_t j = 0; (b = oc_gemm_candidate(j)) != NULL; j++) {
            assert_int_equal(oc_named_is(names, oc_gemm_variant_names(b, names), text), i == j);
        }
    }
    assert_null(oc_gemm_candidate(-1));
    for (int32_t length = 1; length < 1300; length += 7) {
        oc_attention_variant list[OC_ATTENTION_VARIANTS];
        oc_attention_shape shape = {.sequences = 8,
                                    .length = length,
                                    .longest = length,
                                    .heads = 16,
                                    .head_dim = 64,
                                    .one_buffer = true,
                                    .processors = PROCESSORS};
        int32_t count = oc_attention_variants(&shape, list);
        assert_true(count > 0 && count <= OC_ATTENTION_VARIANTS);
        for (int32_t i = 0; i < count; i++) {
            /* what decides the order of additions is the same in all */
            assert_int_equal(list[i].kind, list[0].kind);
            assert_int_equal(list[i].blocks, list[0].blocks);
            assert_int_equal(list[i].keys, list[0].keys);
            assert_int_equal(list[i].keys_a, list[0].keys_a);
            assert_int_equal(list[i].keys_b, list[0].keys_b);
            assert_int_equal(list[i].tail, list[0].tail);
            oc_named_text(names, oc_attention_variant_names(&list[i], names), text, sizeof text);
            for (int32_t j = 0; j < count; j++) {
                int32_t named = oc_attention_variant_names(&list[j], names);
                assert_int_equal(oc_named_is(names, named, text), i == j);
            }
        }
    }
}

/* -- a device with measured choices ----------------------------------------------------------- */

enum { ROWS = 300, N = 1024, K = 512 };

static octavo_status read_zeros(void *source, int32_t first, int32_t count, void *rows,
                                octavo_error *error) {
    (void)source;
    (void)first;
    (void)error;
    memset(rows, 0, (size_t)count * K);
    return OCTAVO_OK;
}

typedef struct card {
    oc_device *device;
    oc_constant *weight;
    oc_step step;
    oc_plan_limits limits;
    oc_tactics tactics;
} card;

/* A product of codes, its kernel chosen. */
static void open_card(card *c, const oc_tuned *tuned) {
    const oc_backend *backend = &oc_backend_cuda;
    octavo_error error = {0};
    oc_device_options options = {.tuned = tuned};
    oc_matrix matrix = {.n = N,
                        .k = K,
                        .dtype = OCTAVO_F8_E4M3,
                        .use = OC_USE_FACTOR,
                        .acts_are_codes = 1,
                        .read = read_zeros};
    oc_scratch scratch = {0};
    assert_int_equal(backend->open(&options, &c->device, &error), OCTAVO_OK);
    assert_int_equal(backend->constant_create(c->device, &matrix, &c->weight, &error), OCTAVO_OK);
    c->limits = (oc_plan_limits){.rows_max = {[OC_ROWS_IMAGE_TOKENS] = ROWS}};
    c->step = (oc_step){.kind = OC_STEP_GEMM, .name = "product"};
    c->step.u.gemm = (oc_step_gemm){
        .a = {.columns = K, .dtype = OCTAVO_F8_E4M3, .scale = 1},
        .weight = c->weight,
        .out = {.columns = N, .dtype = OCTAVO_F16},
    };
    if (backend->choose(c->device, &c->step, &c->limits, &scratch, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    backend->tactics(c->device, &c->step, &c->limits, &c->tactics);
}

static void close_card(card *c) {
    c->device->backend->constant_free(c->device, c->weight);
    c->device->backend->close(c->device);
}

/* The device follows a choice that it knows, of its model, for its rows; the later of two; and
 * passes over all others. */
static void choices_are_followed_or_passed_over(void **state) {
    card c;
    (void)state;
    oc_fake_driver_begin();
    open_card(&c, NULL);
    assert_true(c.tactics.count > 5 && c.tactics.rows == ROWS);
    assert_null(c.tactics.tuned);
    for (int32_t i = 1; i < c.tactics.count; i++) {
        assert_true(c.tactics.items[i - 1].microseconds <= c.tactics.items[i].microseconds);
    }
    const int32_t expected = c.tactics.items[0].number;
    assert_int_equal(c.step.tactic, expected);
    assert_non_null(strstr(c.step.why, "about"));
    oc_tactics known = c.tactics;
    char model[256];
    snprintf(model, sizeof model, "%s", c.device->backend->traits(c.device).model);
    assert_string_equal(model, "a card of paper, sm_90a, 132 multiprocessors");
    close_card(&c);

    oc_tuned_choice choices[] = {
        {known.what, known.items[2].name, known.items[0].name, ROWS, 12.5, 13}, {0}};
    oc_tuned_run runs[] = {{model, "driver", "0.2.0", "2026-11-27", choices, 1}, {0}};
    oc_tuned tuned = {runs, 1};
    open_card(&c, &tuned);
    assert_int_equal(c.step.tactic, known.items[2].number);
    assert_non_null(strstr(c.step.why, "12.5 us when tuned"));
    assert_ptr_equal(c.tactics.tuned, &choices[0]);
    assert_ptr_equal(c.tactics.run, &runs[0]);
    assert_false(c.tactics.is_stale);
    close_card(&c);

    runs[1] = runs[0];
    choices[1] = choices[0];
    choices[1].best = known.items[4].name;
    runs[1].choices = &choices[1];
    tuned.count = 2;
    open_card(&c, &tuned);
    assert_int_equal(c.step.tactic, known.items[4].number);
    close_card(&c);
    tuned.count = 1;

    /* names of nothing, and of a variant that could be, but is not listed */
    static const char *const unknown[] = {
        "", "SWAP=0", "SWAP=0 WARPGROUPS_M=4294967296",
        ("SWAP=0 WARPGROUPS_M=4 WARPGROUPS_N=4 TILE_N=256 PIECE_N=256 IN_FLIGHT=9 TURN=1 "
         "A_REGISTERS=0 STAGES=99 CLUSTER_M=16 CLUSTER_N=16 ORDERED=0")};
    for (size_t i = 0; i < OC_COUNT(unknown); i++) {
        choices[0].best = unknown[i];
        open_card(&c, &tuned);
        assert_int_equal(c.step.tactic, expected);
        assert_true(c.tactics.is_stale);
        close_card(&c);
    }
    choices[0].best = known.items[2].name;
    choices[0].rows = ROWS + 1;
    open_card(&c, &tuned);
    assert_int_equal(c.step.tactic, expected);
    assert_false(c.tactics.is_stale);
    close_card(&c);
    choices[0].rows = ROWS;
    choices[0].what = "gemm_wgmma N=1024 K=512";
    open_card(&c, &tuned);
    assert_int_equal(c.step.tactic, expected);
    close_card(&c);
    choices[0].what = known.what;
    runs[0].model = "a card of paper, sm_90a, 114 multiprocessors";
    open_card(&c, &tuned);
    assert_int_equal(c.step.tactic, expected);
    close_card(&c);
    oc_fake_driver_end();
}

/* A variant that the kernel cannot have for this product is not taken, though it is listed for
 * others. */
static void refused_variants_are_not_listed(void **state) {
    (void)state;
    oc_gemm_product product = {.n = 64,
                               .k = 64,
                               .terms = 1,
                               .out = OC_GEMM_F32,
                               .residual = OC_GEMM_ABSENT,
                               .scale = 1,
                               .table = 1};
    const oc_gemm_variant *v;
    int32_t refused = 0;
    for (int32_t i = 0; (v = oc_gemm_candidate(i)) != NULL; i++) {
        refused += oc_gemm_refusal(&product, v) != NULL;
    }
    print_message("%d refused\n", refused);
    assert_true(refused > 0);
    v = oc_gemm_candidate(oc_gemm_choose(&product, 300, PROCESSORS, NULL));
    assert_null(oc_gemm_refusal(&product, v));
}

/* -- octavo tune ------------------------------------------------------------------------------ */

/* The engine of a checkpoint without canaries: the fake card would fail them. */
static const char *plain_engine(const char *name) {
    const char *from = oc_test_engine_path("modelopt-fp8"), *to = oc_test_path(folder, name);
    octavo_error error = {0};
    oc_engine_file *file = NULL;
    oc_engine_writer *writer = NULL;
    assert_int_equal(oc_engine_file_open(from, &file, &error), OCTAVO_OK);
    assert_int_equal(oc_engine_writer_create(to, &writer, &error), OCTAVO_OK);
    for (int32_t i = 0; i < oc_engine_tensor_count(file); i++) {
        const oc_engine_tensor *tensor = oc_engine_tensor_at(file, i);
        void *bytes = malloc(tensor->bytes);
        assert_int_equal(oc_engine_read_tensor(file, i, bytes, &error), OCTAVO_OK);
        assert_int_equal(oc_engine_writer_begin_tensor(writer, tensor->name, tensor->dtype,
                                                       tensor->rank, tensor->shape, &error),
                         OCTAVO_OK);
        assert_int_equal(oc_engine_writer_append(writer, bytes, tensor->bytes, &error), OCTAVO_OK);
        assert_int_equal(oc_engine_writer_end_tensor(writer, &error), OCTAVO_OK);
        free(bytes);
    }
    static const oc_section_type kept[] = {OC_SECTION_META, OC_SECTION_GRAPH, OC_SECTION_TOKENIZER,
                                           OC_SECTION_PROCESSOR};
    for (size_t i = 0; i < OC_COUNT(kept); i++) {
        size_t bytes;
        const void *section = oc_engine_section(file, kept[i], &bytes);
        assert_int_equal(oc_engine_writer_section(writer, kept[i], section, bytes, &error),
                         OCTAVO_OK);
    }
    assert_int_equal(oc_engine_writer_finish(writer, &error), OCTAVO_OK);
    oc_engine_writer_free(writer);
    oc_engine_file_close(file);
    return to;
}

static int32_t files_in_folder(void) {
    int32_t count = 0;
    DIR *at = opendir(folder);
    assert_non_null(at);
    for (const struct dirent *entry; (entry = readdir(at)) != NULL;) {
        count += strstr(entry->d_name, ".octavo") != NULL;
    }
    closedir(at);
    return count;
}

/* Of each choice the programs of the ways are made one after another. */
static float elapsed(int32_t graph) {
    int32_t way = (graph - 1) % OC_TUNE_TRIED;
    return way == FASTEST ? 1 : 2 + (float)way;
}

/* Nothing is worth a change: the device expected right, or nearly. */
static float nearly(int32_t graph) {
    int32_t way = (graph - 1) % OC_TUNE_TRIED;
    return way == FASTEST ? 1 : way == 0 ? 1.005f : 2;
}

static char *explain(const char *path, const char *disable) {
    octavo_engine *engine = NULL;
    octavo_session *session = NULL;
    octavo_error error = {0};
    oc_test_options options = {.device = "cuda", .disable = disable, .batch_max = 4, .threads = 1};
    char *text = NULL;
    assert_int_equal(octavo_engine_open(path, &engine, &error), OCTAVO_OK);
    if (oc_test_open(engine, &options, &session, &error) != OCTAVO_OK ||
        octavo_tool_explain(session, &text, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    octavo_session_free(session);
    octavo_engine_free(engine);
    return text;
}

static int32_t count_of(const char *text, const char *word) {
    int32_t count = 0;
    for (; (text = strstr(text, word)) != NULL; text++) {
        count++;
    }
    return count;
}

static const octavo_tool_tune_options quick = {
    .batches = "4", .device = "cuda", .seconds = 1e-6, .threads = 1};

/* The fastest is kept with the runner-up and followed from then on; --disable tuned does not. */
static void the_fastest_is_kept(void **state) {
    (void)state;
    const char *from = plain_engine("a.octavo"), *to = oc_test_path(folder, "b.octavo");
    octavo_error error = {0};
    char *report = NULL, tried[32];
    oc_fake_driver *fake = oc_fake_driver_begin();
    fake->elapsed = elapsed;
    if (octavo_tool_tune(from, to, &quick, &report, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(fake->wrong, 0);
    assert_int_equal(fake->alive, 0);
    assert_int_equal(fake->graphs % OC_TUNE_TRIED, 0);
    int32_t choices = fake->graphs / OC_TUNE_TRIED;
    snprintf(tried, sizeof tried, "\"tried\": %d", OC_TUNE_TRIED);
    assert_int_equal(count_of(report, tried), choices);
    octavo_free(report);

    octavo_engine *engine = NULL;
    assert_int_equal(octavo_engine_open(to, &engine, &error), OCTAVO_OK);
    assert_int_equal(engine->tuned.count, 1);
    assert_int_equal(engine->tuned.runs[0].count, choices);
    assert_int_equal(strlen(engine->tuned.runs[0].date), strlen("2026-11-27"));
    for (int32_t i = 0; i < choices; i++) {
        const oc_tuned_choice *choice = &engine->tuned.runs[0].choices[i];
        assert_true(choice->best_us > 0 && choice->best_us < choice->next_us);
        assert_string_not_equal(choice->best, choice->next);
    }
    octavo_engine_free(engine);

    fake->elapsed = NULL;
    char *before = explain(from, NULL), *after = explain(to, NULL), *without = explain(to, "tuned");
    assert_int_equal(count_of(before, "\"by\": \"tuning\""), 0);
    assert_true(count_of(before, "\"by\": \"model\"") > 5);
    assert_int_equal(count_of(after, "\"by\": \"model\""), 0);
    assert_int_equal(count_of(after, "\"by\": \"tuning\""), count_of(before, "\"by\": \"model\""));
    assert_int_equal(count_of(after, "\"next\""), count_of(after, "\"by\": \"tuning\""));
    assert_string_equal(before, without);
    octavo_free(before);
    octavo_free(after);
    octavo_free(without);

    /* in its own place, twice: what is the same replaces what was */
    fake = oc_fake_driver_begin();
    fake->elapsed = nearly;
    assert_int_equal(octavo_tool_tune(to, to, &quick, &report, &error), OCTAVO_OK);
    octavo_free(report);
    assert_int_equal(octavo_engine_open(to, &engine, &error), OCTAVO_OK);
    assert_int_equal(engine->tuned.count, 1);
    assert_int_equal(engine->tuned.runs[0].count, choices);
    octavo_engine_free(engine);
    fake->elapsed = NULL;
    after = explain(to, NULL);
    assert_int_equal(count_of(after, "\"by\": \"model\""), 0);
    octavo_free(after);
    assert_int_equal(files_in_folder(), 2);
    oc_fake_driver_end();
}

static int32_t stop(void *user, const char *what, uint64_t done, uint64_t total) {
    (void)total;
    return strcmp(what, user) == 0 || (done == 3 && strstr(what, user) != NULL);
}

/* Stopped while it measures or writes, or where a driver's call fails, it leaves the engine as it
 * was, and nothing beside it. */
static void what_is_interrupted_changes_nothing(void **state) {
    (void)state;
    const char *path = plain_engine("c.octavo"), *to = oc_test_path(folder, "never.octavo");
    octavo_error error = {0};
    int32_t files = files_in_folder(), failed = 0, sentences = 0;
    octavo_tool_tune_options options = quick;
    struct stat before, after;
    oc_fake_driver *fake = oc_fake_driver_begin();
    assert_int_equal(stat(path, &before), 0);
    options.progress = stop;
    static char *const places[] = {"layers", "writing", "packing weights"};
    for (size_t i = 0; i < OC_COUNT(places); i++) {
        options.progress_user = places[i];
        assert_int_equal(octavo_tool_tune(path, path, &options, NULL, &error), OCTAVO_CANCELLED);
        assert_int_equal(fake->alive, 0);
    }
    options = quick;
    options.batches = "1";
    for (int32_t at = 1, calls = INT32_MAX; at <= calls; at += 1 + at / 8) {
        fake = oc_fake_driver_begin();
        fake->fail_at = at;
        octavo_status status = octavo_tool_tune(path, to, &options, NULL, &error);
        calls = fake->calls < at ? 0 : calls; /* it never came to that call */
        if (status != OCTAVO_OK) {
            failed++;
            bool is_sentence = strstr(error.message, "NVIDIA driver ") != NULL ||
                               strstr(error.message, "does not tell how long it worked") != NULL;
            sentences += is_sentence;
            if (!is_sentence) {
                print_error("call %d, %s: %s\n", at, fake->failed, error.message);
            }
            assert_int_not_equal(access(to, F_OK), 0);
        } else {
            assert_int_equal(unlink(to), 0);
        }
        assert_int_equal(fake->alive, 0);
        assert_int_equal(fake->wrong, 0);
    }
    assert_true(failed > 20);
    assert_int_equal(sentences, failed);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(files_in_folder(), files);
    oc_fake_driver_end();
}

/* Devices that do each step in one way are told so; a card that does writes nothing. */
static void nothing_to_tune_is_said(void **state) {
    (void)state;
    const char *path = plain_engine("d.octavo"), *to = oc_test_path(folder, "e.octavo");
    octavo_error error = {0};
    char *report = NULL;
    octavo_tool_tune_options options = quick;
    static const char *const devices[] = {"cpu", "ref"};
    for (size_t i = 0; i < OC_COUNT(devices); i++) {
        options.device = devices[i];
        assert_int_equal(octavo_tool_tune(path, to, &options, NULL, &error),
                         OCTAVO_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "there is nothing to tune: device"));
    }
    options.device = NULL;
    options.batches = "0";
    assert_int_equal(octavo_tool_tune(path, to, &options, NULL, &error), OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "batches are whole numbers from 1"));
    oc_fake_driver *fake = oc_fake_driver_begin();
    fake->major = 8;
    options.batches = "1";
    assert_int_equal(octavo_tool_tune(path, to, &options, &report, &error), OCTAVO_OK);
    assert_non_null(strstr(report, "\"file\": null"));
    assert_int_not_equal(access(to, F_OK), 0);
    octavo_free(report);
    oc_fake_driver_end();
}

static octavo_status compile_never(const char *name, const char *defines, const char *architecture,
                                   void **image, size_t *bytes, octavo_error *error) {
    (void)name;
    (void)defines;
    (void)architecture;
    (void)image;
    (void)bytes;
    return oc_fail(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET, __FILE__, __LINE__, "no compiler");
}

/* A pack holds what a tuned card needs, and what cards need that were not tuned for. */
static void packs_hold_tuned_kernels(void **state) {
    (void)state;
    const char *from = plain_engine("f.octavo"), *to = oc_test_path(folder, "g.octavo");
    const char *pack = oc_test_path(folder, "g.kernels");
    octavo_error error = {0};
    oc_fake_driver *fake = oc_fake_driver_begin();
    fake->elapsed = elapsed;
    assert_int_equal(octavo_tool_tune(from, to, &quick, NULL, &error), OCTAVO_OK);
    octavo_tool_pack_options options = {.architectures = "sm_90a", .batches = "4", .threads = 1};
    if (octavo_tool_kernels_pack(to, pack, &options, NULL, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    oc_fake_driver_begin();
    oc_cuda_compiler_replace(compile_never);
    setenv("XDG_CACHE_HOME", oc_test_path(folder, "empty"), 1);
    setenv("OCTAVO_KERNELS", pack, 1);
    octavo_free(explain(to, NULL));
    octavo_free(explain(to, "tuned"));
    unsetenv("OCTAVO_KERNELS");
    setenv("XDG_CACHE_HOME", oc_test_path(folder, "cache"), 1);
    oc_fake_driver_end();
}

static int begin(void **state) {
    (void)state;
    oc_test_folder(folder);
    setenv("XDG_CACHE_HOME", oc_test_path(folder, "cache"), 1);
    return 0;
}

static int end(void **state) {
    oc_test_folder_remove(folder);
    return oc_test_engines_free(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_say_numbers),
        cmocka_unit_test(variants_have_names_of_their_own),
        cmocka_unit_test(choices_are_followed_or_passed_over),
        cmocka_unit_test(refused_variants_are_not_listed),
        cmocka_unit_test(the_fastest_is_kept),
        cmocka_unit_test(what_is_interrupted_changes_nothing),
        cmocka_unit_test(nothing_to_tune_is_said),
        cmocka_unit_test(packs_hold_tuned_kernels),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
