// links: test_support api
/* test_session.c - what runs promise: savings change nothing, company changes nothing, masks and
 * end-of-text rules mean what they mean, and running allocates nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>

#include "num/metrics.h"
#include "num/rng.h"
#include "passes/pipeline.h"
#include "support/allocations.h"
#include "support/engines.h"

/* A sanitized build compares fewer combinations. */
#define LIGHT (OC_UNDER_ASAN || OC_UNDER_TSAN)

/* -- inputs and outputs ---------------------------------------------------------------------- */

enum { ROWS = 6 };

/* Six images and six texts of an engine, made once from a seed. */
typedef struct inputs {
    int32_t size, length, dim;
    uint8_t *pixels;
    float *values;
    int64_t *ids;
} inputs;

/* Texts end behind 2, 3, 5, ... tokens; the fifth repeats the second. */
static void make_inputs(const octavo_engine *engine, int32_t eos, inputs *in) {
    const octavo_engine_info *info = octavo_engine_describe(engine);
    oc_rng rng;
    *in = (inputs){info->image_size, info->tokens_max, info->embed_dim, NULL, NULL, NULL};
    size_t image = (size_t)(in->size * in->size * 3);
    oc_rng_init(&rng, 7, 7);
    in->pixels = malloc(ROWS * image);
    in->values = malloc(ROWS * image * sizeof(float));
    in->ids = calloc((size_t)(ROWS * in->length), sizeof *in->ids);
    assert_true(in->pixels != NULL && in->values != NULL && in->ids != NULL);
    for (size_t i = 0; i < ROWS * image; i++) {
        in->pixels[i] = (uint8_t)oc_rng_below(&rng, 256);
        in->values[i] = (float)oc_rng_normal(&rng);
    }
    for (int32_t r = 0; r < ROWS; r++) {
        int64_t *row = in->ids + r * in->length;
        static const int32_t ends[ROWS] = {1, 2, 4, 7, 2, 11};
        for (int32_t t = 0; t < ends[r]; t++) {
            row[t] = (int64_t)oc_rng_below(&rng, 200) + 10;
        }
        row[ends[r]] = eos;
        if (r == 4) {
            memcpy(row, in->ids + in->length, (size_t)in->length * sizeof *row);
        }
    }
}

static void free_inputs(inputs *in) {
    free(in->pixels);
    free(in->values);
    free(in->ids);
}

/* The end token of the engines used here. */
static int32_t eos_of(const char *name) {
    octavo_tool_tensors reference;
    oc_test_reference(name, &reference);
    const octavo_tensor *ids = oc_test_tensor(&reference, "input_ids");
    const octavo_tensor *mask = oc_test_tensor(&reference, "attention_mask");
    int64_t length = ids->shape[1], last = 0;
    for (int64_t t = 0; t < length; t++) { /* the last one that the mask shows */
        last = ((int64_t *)mask->data)[t] != 0 ? ((int64_t *)ids->data)[t] : last;
    }
    octavo_tool_tensors_free(&reference);
    return (int32_t)last;
}

/* What one run yields. */
typedef struct outputs {
    float image[ROWS * 64], text[ROWS * 64], image_raw[ROWS * 64], text_raw[ROWS * 64];
    float logits[ROWS * ROWS];
} outputs;

static const size_t floats = sizeof(outputs) / sizeof(float);

/* Runs rows first .. first+count-1, in reverse order if asked, and puts them into *out where they
 * belong; logits are those of the run. */
static void run_rows(octavo_session *session, const inputs *in, int32_t first, int32_t count,
                     bool reverse, int32_t length, outputs *out) {
    int64_t image = (int64_t)in->size * in->size * 3;
    uint8_t *pixels = malloc((size_t)(count * image));
    int64_t *ids = malloc((size_t)(count * length) * sizeof *ids);
    outputs *part = calloc(1, sizeof *part);
    assert_true(pixels != NULL && ids != NULL && part != NULL);
    for (int32_t r = 0; r < count; r++) {
        int32_t from = first + (reverse ? count - 1 - r : r);
        memcpy(pixels + r * image, in->pixels + from * image, (size_t)image);
        memcpy(ids + r * length, in->ids + from * in->length, (size_t)length * sizeof *ids);
    }
    octavo_argument give[] = {
        {.name = "pixels",
         .tensor = {.dtype = OCTAVO_U8,
                    .rank = 4,
                    .shape = {count, in->size, in->size, 3},
                    .data = pixels}},
        {.name = "input_ids",
         .tensor = {.dtype = OCTAVO_I64, .rank = 2, .shape = {count, length}, .data = ids}}};
    octavo_argument take[] = {
        {.name = "image_embeds",
         .tensor =
             {.dtype = OCTAVO_F32, .rank = 2, .shape = {count, in->dim}, .data = part->image}},
        {.name = "text_embeds",
         .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {count, in->dim}, .data = part->text}},
        {.name = "image_embeds_raw",
         .tensor =
             {.dtype = OCTAVO_F32, .rank = 2, .shape = {count, in->dim}, .data = part->image_raw}},
        {.name = "text_embeds_raw",
         .tensor =
             {.dtype = OCTAVO_F32, .rank = 2, .shape = {count, in->dim}, .data = part->text_raw}},
        {.name = "logits_per_image",
         .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {count, count}, .data = part->logits}},
    };
    oc_test_run(session, give, 2, take, 5);
    for (int32_t r = 0; r < count; r++) {
        int32_t to = first + (reverse ? count - 1 - r : r);
        size_t bytes = (size_t)in->dim * sizeof(float);
        memcpy(out->image + to * in->dim, part->image + r * in->dim, bytes);
        memcpy(out->text + to * in->dim, part->text + r * in->dim, bytes);
        memcpy(out->image_raw + to * in->dim, part->image_raw + r * in->dim, bytes);
        memcpy(out->text_raw + to * in->dim, part->text_raw + r * in->dim, bytes);
        for (int32_t t = 0; t < count; t++) {
            int32_t column = first + (reverse ? count - 1 - t : t);
            out->logits[to * ROWS + column] = part->logits[r * count + t];
        }
    }
    free(part);
    free(pixels);
    free(ids);
}

/* All six rows at once. */
static outputs run_all(octavo_session *session, const inputs *in) {
    outputs out = {0};
    run_rows(session, in, 0, ROWS, false, in->length, &out);
    return out;
}

static double relative_rms(const float *a, const float *b, size_t count) {
    oc_metrics metrics = {0};
    oc_metrics_add(&metrics, a, b, count);
    return oc_metrics_relative_rms(&metrics);
}

/* -- savings --------------------------------------------------------------------------------- */

/* Each saving, switched off alone, changes the outputs of an unquantized engine by rounding at
 * most; not at all where it only leaves work out, or multiplies with a power of two. */
static void savings_change_nothing(void **state) {
    (void)state;
    static const char *const names[] = {"f32", "f16", "bf16", "geometry-f32", "legacy-eos-f32"};
    oc_test_device devices[OC_TEST_DEVICES];
    int32_t device_count = oc_test_devices(devices);
    for (size_t n = 0; n < (LIGHT ? 1 : OC_COUNT(names)); n++) {
        octavo_engine *engine = oc_test_engine(names[n]);
        inputs in;
        make_inputs(engine, eos_of(names[n]), &in);
        for (int32_t d = 0; d < device_count; d++) {
            octavo_session *session =
                oc_test_session(engine, devices[d], (oc_test_options){.batch_max = ROWS});
            outputs all = run_all(session, &in);
            octavo_session_free(session);
            for (int32_t s = 0; s < OC_SAVING_COUNT; s++) {
                const char *name = oc_saving_name(s);
                session = oc_test_session(
                    engine, devices[d],
                    (oc_test_options){.batch_max = ROWS, .disable = name, .threads = 1});
                outputs without = run_all(session, &in);
                octavo_session_free(session);
                double change = relative_rms((float *)&without, (float *)&all, floats);
                bool exact = strcmp(name, "cut-text") == 0 || strcmp(name, "dedup-text") == 0 ||
                             strcmp(name, "tuned") == 0;
                if (!(change <= (exact ? 0 : 2e-6))) {
                    fail_msg("%s on %s: without %s the outputs differ by %g", names[n],
                             devices[d].label, name, change);
                }
                if (strcmp(name, "fold-scale") == 0 && n < 3) { /* the image tower's heads are 64 */
                    assert_memory_equal(without.image, all.image, sizeof all.image);
                    assert_true(change > 0); /* the text tower's are 32 */
                }
            }
        }
        free_inputs(&in);
    }
}

/* Every saving off at once, and on an FP8 engine too: there codes flip, so the distance is that of
 * rounding noise, far below that of quantization. */
static void no_savings_at_all(void **state) {
    (void)state;
    static const char *const names[] = {"f32", "modelopt-fp8"};
    static const double limits[] = {4e-6, 5e-2};
    oc_test_device devices[OC_TEST_DEVICES];
    int32_t device_count = oc_test_devices(devices);
    for (size_t n = 0; n < OC_COUNT(names); n++) {
        octavo_engine *engine = oc_test_engine(names[n]);
        inputs in;
        make_inputs(engine, eos_of(names[n]), &in);
        for (int32_t d = 0; d < device_count; d++) {
            static const char *const everything =
                "last-row,fold-scale,merge-qkv,fold-pixels,preadd,cut-text,dedup-text";
            octavo_session *with =
                oc_test_session(engine, devices[d], (oc_test_options){.batch_max = ROWS});
            octavo_session *without = oc_test_session(
                engine, devices[d], (oc_test_options){.batch_max = ROWS, .disable = everything});
            outputs a = run_all(with, &in), b = run_all(without, &in);
            double change = relative_rms((float *)&b, (float *)&a, floats);
            if (!(change <= limits[n])) {
                fail_msg("%s on %s: without savings the outputs differ by %g", names[n],
                         devices[d].label, change);
            }
            octavo_session_free(with);
            octavo_session_free(without);
        }
        free_inputs(&in);
    }
}

/* -- company --------------------------------------------------------------------------------- */

/* An input's bits do not depend on the rest of the batch, on its place in it, on what the session
 * was made for, on the padding of its row, or on the number of threads. */
static void company_changes_no_bit(void **state) {
    (void)state;
    static const char *const names[] = {"f32", "modelopt-fp8", "f16", "bf16",
                                        "geometry-modelopt-fp8"};
    oc_test_device devices[OC_TEST_DEVICES];
    int32_t device_count = oc_test_devices(devices);
    for (size_t n = 0; n < (LIGHT ? 2 : OC_COUNT(names)); n++) {
        octavo_engine *engine = oc_test_engine(names[n]);
        inputs in;
        make_inputs(engine, eos_of(names[n]), &in);
        for (int32_t d = 0; d < device_count; d++) {
            outputs alone = {0};
            octavo_session *session = oc_test_session(
                engine, devices[d], (oc_test_options){.batch_max = 1, .threads = 1});
            for (int32_t r = 0; r < ROWS; r++) {
                run_rows(session, &in, r, 1, false, in.length, &alone);
            }
            octavo_session_free(session);
            for (int32_t threads = 1; threads <= 3; threads++) {
                for (int32_t batch = 2; batch <= 2 * ROWS; batch += batch < ROWS ? 1 : ROWS) {
                    outputs together = {0};
                    if (LIGHT && batch != 4 && batch != ROWS) {
                        continue;
                    }
                    session = oc_test_session(
                        engine, devices[d],
                        (oc_test_options){.batch_max = batch,
                                          .threads = threads,
                                          .tokens_max = batch % 2 == 0 ? 0 : 12 * batch});
                    for (int32_t first = 0; first < ROWS; first += batch) {
                        int32_t count = ROWS - first < batch ? ROWS - first : batch;
                        run_rows(session, &in, first, count, batch % 2 == 0,
                                 batch % 3 == 0 ? 12 : in.length, &together);
                    }
                    octavo_session_free(session);
                    if (batch < ROWS) { /* logits are of one run's images and texts */
                        memcpy(together.logits, alone.logits, sizeof alone.logits);
                    }
                    for (int32_t i = 0; i < ROWS; i++) {
                        alone.logits[i * ROWS + i] = together.logits[i * ROWS + i];
                    }
                    if (memcmp(&together, &alone, offsetof(outputs, logits)) != 0) {
                        fail_msg("%s on %s: bits change in batches of %d with %d threads", names[n],
                                 devices[d].label, batch, threads);
                    }
                }
            }
        }
        free_inputs(&in);
    }
}

/* Logits are the scaled products of the embeddings, asked for or not. */
static void logits_are_products(void **state) {
    (void)state;
    octavo_engine *engine = oc_test_engine("f32");
    float scale = octavo_engine_describe(engine)->logit_scale, logits[ROWS * ROWS];
    oc_test_device devices[OC_TEST_DEVICES];
    int32_t device_count = oc_test_devices(devices);
    inputs in;
    make_inputs(engine, eos_of("f32"), &in);
    for (int32_t d = 0; d < device_count; d++) {
        octavo_session *session =
            oc_test_session(engine, devices[d], (oc_test_options){.batch_max = ROWS});
        outputs all = run_all(session, &in);
        for (int32_t i = 0; i < ROWS; i++) {
            for (int32_t t = 0; t < ROWS; t++) {
                double sum = 0;
                for (int32_t k = 0; k < in.dim; k++) {
                    sum += (double)all.image[i * in.dim + k] * (double)all.text[t * in.dim + k];
                }
                assert_float_equal(all.logits[i * ROWS + t], (float)sum * scale, 1e-5f * scale);
            }
        }
        octavo_argument give[] = {
            {.name = "pixels",
             .tensor = {.dtype = OCTAVO_U8,
                        .rank = 4,
                        .shape = {2, in.size, in.size, 3},
                        .data = in.pixels}},
            {.name = "input_ids",
             .tensor = {
                 .dtype = OCTAVO_I64, .rank = 2, .shape = {ROWS, in.length}, .data = in.ids}}};
        octavo_argument take = {
            .name = "logits_per_image",
            .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {2, ROWS}, .data = logits}};
        oc_test_run(session, give, 2, &take, 1); /* fewer images than texts, nothing else asked */
        assert_memory_equal(logits, all.logits, 2 * ROWS * sizeof(float));
        octavo_session_free(session);
    }
    free_inputs(&in);
}

/* -- running twice, in two places at once ---------------------------------------------------- */

/* Runs allocate nothing: of bytes, of values, of texts of every length, masked, with logits. */
static void runs_allocate_nothing(void **state) {
    (void)state;
    static const char *const names[] = {"f32", "modelopt-fp8"};
    oc_test_device devices[OC_TEST_DEVICES];
    int32_t device_count = oc_test_devices(devices);
    for (size_t n = 0; n < OC_COUNT(names); n++) {
        octavo_engine *engine = oc_test_engine(names[n]);
        inputs in;
        int32_t mask[ROWS * 64];
        static float image[ROWS * 64], text[ROWS * 64], logits[ROWS * ROWS],
            hidden[ROWS * 64 * 256];
        make_inputs(engine, eos_of(names[n]), &in);
        for (int32_t i = 0; i < ROWS * in.length; i++) {
            mask[i] = i % 3 != 1;
        }
        for (int32_t d = 0; d < device_count; d++) {
            octavo_session *session = oc_test_session(
                engine, devices[d],
                (oc_test_options){.batch_max = ROWS, .threads = 2, .flags = OCTAVO_KEEP_HIDDEN});
            octavo_argument give[] = {
                {.name = "pixels",
                 .tensor = {.dtype = OCTAVO_U8,
                            .rank = 4,
                            .shape = {ROWS, in.size, in.size, 3},
                            .data = in.pixels}},
                {.name = "input_ids",
                 .tensor =
                     {.dtype = OCTAVO_I64, .rank = 2, .shape = {ROWS, in.length}, .data = in.ids}},
                {.name = "attention_mask",
                 .tensor = {
                     .dtype = OCTAVO_I32, .rank = 2, .shape = {ROWS, in.length}, .data = mask}}};
            octavo_argument values = {.name = "pixel_values",
                                      .tensor = {.dtype = OCTAVO_F32,
                                                 .rank = 4,
                                                 .shape = {ROWS, 3, in.size, in.size},
                                                 .data = in.values}};
            octavo_argument take[] = {
                {.name = "image_embeds",
                 .tensor =
                     {.dtype = OCTAVO_F32, .rank = 2, .shape = {ROWS, in.dim}, .data = image}},
                {.name = "text_embeds",
                 .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {ROWS, in.dim}, .data = text}},
                {.name = "logits_per_image",
                 .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {ROWS, ROWS}, .data = logits}},
                {.name = "text.hidden.1",
                 .tensor = {.dtype = OCTAVO_F32,
                            .rank = 3,
                            .shape = {ROWS, in.length, 96},
                            .data = hidden}}};
            int64_t before = oc_allocations();
            for (int32_t run = 0; run < 5; run++) {
                assert_int_equal(octavo_session_run(session, give, 3, take, 4, NULL, NULL),
                                 OCTAVO_OK);
                assert_int_equal(octavo_session_run(session, &give[1], 1, &take[1], 1, NULL, NULL),
                                 OCTAVO_OK);
                assert_int_equal(octavo_session_run(session, &values, 1, take, 1, NULL, NULL),
                                 OCTAVO_OK);
                /* refusing allocates nothing either */
                assert_int_equal(octavo_session_run(session, &values, 1, take, 4, NULL, NULL),
                                 OCTAVO_INVALID_ARGUMENT);
            }
            assert_int_equal(oc_allocations() - before, 0);
            octavo_session_free(session);
        }
        free_inputs(&in);
    }
}

typedef struct worker {
    octavo_engine *engine;
    const inputs *in;
    outputs out;
    bool same;
} worker;

/* Makes a session of its own and runs it over and over. */
static void *work(void *context) {
    worker *w = context;
    oc_test_options options = {.batch_max = ROWS, .threads = 2};
    octavo_session *session = NULL;
    w->same = true;
    for (int32_t i = 0; i < 2; i++) {
        if (oc_test_open(w->engine, &options, &session, NULL) != OCTAVO_OK) {
            w->same = false;
            break;
        }
        for (int32_t run = 0; run < 6; run++) {
            outputs out = run_all(session, w->in);
            w->same = w->same && memcmp(&out, &w->out, sizeof out) == 0;
        }
        octavo_session_free(session);
    }
    return NULL;
}

/* Sessions of one engine are made and run on three threads at once and do not see each other. */
static void sessions_run_side_by_side(void **state) {
    (void)state;
    octavo_engine *engine = oc_test_engine("modelopt-fp8");
    pthread_t threads[3];
    static worker workers[3];
    inputs in;
    make_inputs(engine, eos_of("modelopt-fp8"), &in);
    octavo_session *session = oc_test_session(engine, (oc_test_device){NULL, NULL, "default"},
                                              (oc_test_options){.batch_max = ROWS});
    for (int32_t i = 0; i < 3; i++) {
        workers[i] = (worker){.engine = engine, .in = &in, .out = run_all(session, &in)};
    }
    octavo_session_free(session);
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(workers[i].same);
    }
    free_inputs(&in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(savings_change_nothing), cmocka_unit_test(no_savings_at_all),
        cmocka_unit_test(company_changes_no_bit), cmocka_unit_test(logits_are_products),
        cmocka_unit_test(runs_allocate_nothing),  cmocka_unit_test(sessions_run_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, oc_test_engines_free);
}
