// links: test_support backends_cpu runtime
/* test_buckets.c - sessions on a device that wants plans of its own for runs of 1, 2 and 4: which
 * plan a run takes, and that nothing else tells them from sessions with one plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "backends/cpu/cpu.h"
#include "num/rng.h"
#include "runtime/session.h"
#include "support/allocations.h"
#include "support/files.h"
#include "support/graphs.h"
#include "support/random_graph.h"

/* Of the graph: 8 pixels a side, 5 tokens an image, 7 positions, embeddings of 3, width 4. */
enum { SIDE = 8, TOKENS = 5, POSITIONS = 7, DIM = 3, WIDTH = 4, END = 9, BATCH = 6 };

/* -- the device: the CPU, which says what it is given ------------------------------------------ */

enum { PROGRAMS_MAX = 256, LOG_MAX = 4 };

static const int32_t sizes[] = {1, 2, 4}, packed_sizes[] = {2, 3};

static struct {
    oc_backend backend;
    int32_t size_count;   /* of sizes, that the device asks for */
    int32_t packed_count; /* of packed_sizes */
    oc_program *programs[PROGRAMS_MAX];
    const oc_plan *plans[PROGRAMS_MAX];
    int32_t submits[PROGRAMS_MAX];
    int32_t count;
    const oc_plan *log[LOG_MAX]; /* what ran since forget() */
    int32_t logged;
} spy;

static octavo_status spy_open(const oc_device_options *options, oc_device **out,
                              octavo_error *error) {
    octavo_status status = oc_backend_cpu.open(options, out, error);
    if (status == OCTAVO_OK) {
        (*out)->backend = &spy.backend;
    }
    return status;
}

static oc_traits spy_traits(const oc_device *device) {
    oc_traits traits = oc_backend_cpu.traits(device);
    traits.buckets = sizes;
    traits.bucket_count = spy.size_count;
    traits.packed_buckets = packed_sizes;
    traits.packed_bucket_count = spy.packed_count;
    return traits;
}

static octavo_status spy_compile(oc_queue *queue, const oc_plan *plan, oc_program **out,
                                 octavo_error *error) {
    octavo_status status = oc_backend_cpu.compile(queue, plan, out, error);
    assert_true(spy.count < PROGRAMS_MAX);
    spy.programs[spy.count] = *out;
    spy.plans[spy.count] = plan;
    spy.submits[spy.count++] = 0;
    return status;
}

static octavo_status spy_submit(oc_queue *queue, oc_program *program, const oc_run *run,
                                uint32_t report, oc_step_report *reports, oc_ticket *ticket,
                                octavo_error *error) {
    int32_t i = spy.count - 1; /* the last of this address: others may be gone */
    while (i >= 0 && spy.programs[i] != program) {
        i--;
    }
    assert_true(i >= 0);
    for (int32_t rows = 0; rows < OC_ROWS_COUNT; rows++) {
        assert_true(run->rows[rows] <= spy.plans[i]->limits.rows_max[rows]);
    }
    spy.submits[i]++;
    spy.log[spy.logged++ % LOG_MAX] = spy.plans[i];
    return oc_backend_cpu.submit(queue, program, run, report, reports, ticket, error);
}

/* A device that asks for the first `size_count` sizes. */
static const oc_backend *spy_backend(int32_t size_count) {
    spy.backend = oc_backend_cpu;
    spy.backend.open = spy_open;
    spy.backend.traits = spy_traits;
    spy.backend.compile = spy_compile;
    spy.backend.submit = spy_submit;
    spy.size_count = size_count;
    spy.packed_count = spy.count = spy.logged = 0;
    return &spy.backend;
}

static int32_t submits_of(const oc_plan *plan) {
    for (int32_t i = 0; i < spy.count; i++) {
        if (spy.plans[i] == plan) {
            return spy.submits[i];
        }
    }
    fail_msg("a plan was not compiled");
    return -1;
}

/* -- sessions -----------------------------------------------------------------------------------
 */

static oc_graph graph;

static int read_graph(void **state) {
    (void)state;
    size_t bytes;
    char *text = oc_test_read(TEST_DATA "/corpus/graph/clip_f16", &bytes);
    oc_test_graph(text, &graph);
    free(text);
    return 0;
}

static int free_graph(void **state) {
    (void)state;
    oc_graph_free(&graph);
    return 0;
}

/* A session that alone holds its model. */
static oc_session *open_session(const oc_backend *backend, bool keep_hidden,
                                const oc_session_options *options) {
    octavo_error error;
    oc_model_options load = {
        .backend = backend, .threads = 1, .savings = OC_SAVINGS_ALL, .keep_hidden = keep_hidden};
    oc_weight_source source = {oc_random_read, &graph};
    oc_model *model = NULL;
    oc_session *session = NULL;
    oc_error_clear(&error);
    if (oc_model_load(&graph, &source, &load, &model, &error) != OCTAVO_OK ||
        oc_session_create(model, options, &session, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    oc_model_release(model);
    return session;
}

static oc_session *open_pair(bool keep_hidden, oc_session **plain) {
    oc_session_options options = {.batch_max = BATCH, .threads = 1};
    *plain = open_session(&oc_backend_cpu, keep_hidden, &options);
    return open_session(spy_backend((int32_t)OC_COUNT(sizes)), keep_hidden, &options);
}

/* -- runs ----------------------------------------------------------------------------------------
 */

typedef struct results {
    float image[BATCH * DIM], text[BATCH * DIM], logits[BATCH * BATCH];
    float image_hidden[BATCH * TOKENS * WIDTH], text_hidden[BATCH * POSITIONS * WIDTH];
} results;

typedef struct job {
    int32_t images, texts, length; /* length: of the rows of ids */
    bool values, hidden, logits;
    const int32_t *ids; /* [texts, length] */
} job;

static octavo_argument argument(const char *name, octavo_dtype dtype, int32_t rank, int64_t a,
                                int64_t b, int64_t c, int64_t d, const void *data) {
    return (octavo_argument){
        .name = name,
        .tensor = {
            .dtype = dtype, .rank = rank, .shape = {a, b, c, d}, .data = (void *)(uintptr_t)data}};
}

static void run(oc_session *session, const job *of, results *out) {
    static uint8_t pixels[BATCH * SIDE * SIDE * 3];
    static float values[BATCH * SIDE * SIDE * 3];
    octavo_argument in[2], outputs[5];
    octavo_error error;
    int32_t given = 0, asked = 0;
    oc_rng rng;
    oc_rng_init(&rng, 1, 2);
    for (size_t i = 0; i < OC_COUNT(pixels); i++) {
        pixels[i] = (uint8_t)oc_rng_below(&rng, 256);
        values[i] = (float)pixels[i] / 128.0f - 1.0f;
    }
    memset(out, 0, sizeof *out);
    if (of->images > 0) {
        in[given++] =
            of->values ? argument("pixel_values", OCTAVO_F32, 4, of->images, 3, SIDE, SIDE, values)
                       : argument("pixels", OCTAVO_U8, 4, of->images, SIDE, SIDE, 3, pixels);
        outputs[asked++] =
            argument("image_embeds", OCTAVO_F32, 2, of->images, DIM, 0, 0, out->image);
    }
    if (of->texts > 0) {
        in[given++] = argument("input_ids", OCTAVO_I32, 2, of->texts, of->length, 0, 0, of->ids);
        outputs[asked++] = argument("text_embeds", OCTAVO_F32, 2, of->texts, DIM, 0, 0, out->text);
    }
    if (of->logits) {
        outputs[asked++] =
            argument("logits_per_image", OCTAVO_F32, 2, of->images, of->texts, 0, 0, out->logits);
    }
    if (of->hidden && of->images > 0) {
        outputs[asked++] = argument("vision.hidden.1", OCTAVO_F32, 3, of->images, TOKENS, WIDTH, 0,
                                    out->image_hidden);
    }
    if (of->hidden && of->texts > 0) {
        outputs[asked++] = argument("text.hidden.1", OCTAVO_F32, 3, of->texts, of->length, WIDTH, 0,
                                    out->text_hidden);
    }
    oc_error_clear(&error);
    if (oc_session_run(session, in, given, outputs, asked, NULL, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
}

/* Texts of these lengths, no two alike, in rows of POSITIONS that their end token fills. */
static void make_ids(const int32_t *lengths, int32_t count, int32_t *ids) {
    for (int32_t i = 0; i < count; i++) {
        for (int32_t t = 0; t < POSITIONS; t++) {
            ids[i * POSITIONS + t] = t < lengths[i] - 1 ? (i + t) % END : END;
        }
    }
}

/* The same job gives the same bits in both sessions. */
static void run_both(oc_session *session, oc_session *plain, const job *of) {
    static results a, b;
    spy.logged = 0;
    run(session, of, &a);
    run(plain, of, &b);
    assert_memory_equal(&a, &b, sizeof a);
}

/* -- tests ---------------------------------------------------------------------------------------
 */

static void images_take_the_first_that_holds_them(void **state) {
    (void)state;
    static const int32_t want[] = {1, 2, 4, 4, BATCH, BATCH}, plan_of[] = {0, 1, 2, 2, 3, 3};
    oc_session *plain, *session = open_pair(false, &plain);
    for (int32_t values = 0; values < 2; values++) {
        oc_program_kind kind = values ? OC_PROGRAM_IMAGE_VALUES : OC_PROGRAM_IMAGE_BYTES;
        int32_t submits[4] = {0};
        assert_int_equal(oc_session_plan_count(session, kind), 4);
        assert_int_equal(oc_session_plan_count(plain, kind), 1);
        assert_ptr_equal(oc_session_plan(session, kind), oc_session_plan_at(session, kind, 3));
        assert_null(oc_session_plan_at(session, kind, 4));
        for (int32_t n = 1; n <= BATCH; n++) {
            run_both(session, plain, &(job){.images = n, .values = values});
            assert_int_equal(spy.logged, 1);
            assert_int_equal(spy.log[0]->limits.rows_max[OC_ROWS_IMAGES], want[n - 1]);
            assert_int_equal(spy.log[0]->limits.rows_max[OC_ROWS_IMAGE_TOKENS],
                             want[n - 1] * TOKENS);
            assert_ptr_equal(spy.log[0], oc_session_plan_at(session, kind, plan_of[n - 1]));
            submits[plan_of[n - 1]]++;
        }
        for (int32_t i = 0; i < 4; i++) {
            assert_int_equal(submits_of(oc_session_plan_at(session, kind, i)), submits[i]);
        }
    }
    oc_session_free(session);
    oc_session_free(plain);
}

/* Texts are packed: what counts is how many rows they have after cutting, and that there are no
 * more of them than the session takes. */
static void texts_take_the_first_that_holds_their_rows(void **state) {
    (void)state;
    static const struct {
        int32_t count, lengths[BATCH], rows;
    } cases[] = {
        {1, {7}, 7},
        {1, {1}, 7},
        {3, {2, 2, 3}, 7},
        {3, {3, 2, 3}, 14}, /* one row too many */
        {2, {7, 7}, 14},
        {6, {2, 2, 2, 2, 2, 2}, 14},
        {3, {5, 5, 5}, 28},
        {4, {7, 7, 7, 7}, 28},
        {5, {7, 7, 7, 7, 2}, 42},
        {6, {7, 7, 7, 7, 7, 7}, 42},
    };
    oc_session *plain, *session = open_pair(false, &plain);
    int32_t ids[BATCH * POSITIONS];
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        make_ids(cases[i].lengths, cases[i].count, ids);
        run_both(session, plain, &(job){.texts = cases[i].count, .length = POSITIONS, .ids = ids});
        assert_int_equal(spy.logged, 1);
        assert_int_equal(spy.log[0]->limits.rows_max[OC_ROWS_TEXT_TOKENS], cases[i].rows);
        assert_int_equal(spy.log[0]->limits.rows_max[OC_ROWS_TEXTS], BATCH);
    }
    for (int32_t i = 0; i < BATCH * POSITIONS; i++) { /* six times one text: computed once */
        ids[i] = i % POSITIONS == POSITIONS - 1 ? END : i % POSITIONS;
    }
    run_both(session, plain, &(job){.texts = BATCH, .length = POSITIONS, .ids = ids});
    assert_int_equal(spy.log[0]->limits.rows_max[OC_ROWS_TEXT_TOKENS], POSITIONS);
    oc_session_free(session);
    oc_session_free(plain);
}

/* Images, texts and logits of one call each take their own. */
static void logits_are_the_same(void **state) {
    (void)state;
    static const int32_t lengths[] = {2, 2, 3, 7, 7, 7};
    static const int32_t images[] = {1, 2, 4, 4, BATCH, BATCH};
    static const int32_t texts[] = {1, 1, 1, 2, 4, 4}; /* 2, 4, 7, 14, 21 and 28 rows */
    oc_session *plain, *session = open_pair(false, &plain);
    int32_t ids[BATCH * POSITIONS];
    make_ids(lengths, BATCH, ids);
    for (int32_t n = 1; n <= BATCH; n++) {
        for (int32_t m = 1; m <= BATCH; m++) {
            run_both(session, plain,
                     &(job){.images = n,
                            .texts = m,
                            .length = POSITIONS,
                            .ids = ids,
                            .logits = true,
                            .values = m % 2 == 0});
            assert_int_equal(spy.logged, 3);
            assert_int_equal(spy.log[0]->limits.rows_max[OC_ROWS_IMAGES], images[n - 1]);
            assert_int_equal(spy.log[1]->limits.rows_max[OC_ROWS_TEXT_TOKENS],
                             texts[m - 1] * POSITIONS);
            assert_int_equal(spy.log[2]->limits.rows_max[OC_ROWS_IMAGES], images[n - 1]);
            assert_int_equal(spy.log[2]->limits.rows_max[OC_ROWS_TEXTS], BATCH);
        }
    }
    oc_session_free(session);
    oc_session_free(plain);
}

/* Runs of all sizes one after another, hidden states too: no plan minds what another left behind,
 * and none of them allocates. */
static void any_order(void **state) {
    (void)state;
    oc_session *plain, *session = open_pair(true, &plain);
    int32_t ids[BATCH * POSITIONS], lengths[BATCH];
    static results a, b;
    oc_rng rng;
    oc_rng_init(&rng, 3, 4);
    for (int32_t round = 0; round < 100; round++) {
        job of = {.images = (int32_t)oc_rng_below(&rng, BATCH + 1),
                  .texts = (int32_t)oc_rng_below(&rng, BATCH + 1),
                  .length = POSITIONS - (int32_t)oc_rng_below(&rng, 3),
                  .values = oc_rng_below(&rng, 2) == 0,
                  .hidden = oc_rng_below(&rng, 2) == 0,
                  .ids = ids};
        of.logits = of.images > 0 && of.texts > 0;
        for (int32_t i = 0; i < BATCH; i++) {
            lengths[i] = 1 + (int32_t)oc_rng_below(&rng, POSITIONS - 2);
        }
        make_ids(lengths, BATCH, ids);
        if (of.images + of.texts > 0) {
            int64_t before = oc_allocations();
            run(session, &of, &a);
            assert_true(OC_UNDER_TSAN || oc_allocations() == before);
            run(plain, &of, &b);
            assert_memory_equal(&a, &b, sizeof a);
        }
    }
    oc_session_free(session);
    oc_session_free(plain);
}

/* The queue has room for the largest plan, not for all; weights are there once. */
static void memory_is_that_of_the_largest(void **state) {
    (void)state;
    oc_session *plain, *session = open_pair(false, &plain);
    size_t most = 0, sum = 0;
    for (int32_t kind = 0; kind < OC_PROGRAM_COUNT; kind++) {
        for (int32_t i = 0; i < oc_session_plan_count(session, (oc_program_kind)kind); i++) {
            size_t bytes = oc_plan_bytes(oc_session_plan_at(session, (oc_program_kind)kind, i), 1);
            most = bytes > most ? bytes : most;
            sum += bytes;
        }
    }
    assert_true(sum > most);
    assert_int_equal(oc_session_bytes(session), most);
    assert_int_equal(oc_session_bytes(plain), most);
    assert_int_equal(oc_model_weight_bytes(oc_session_model(session)),
                     oc_model_weight_bytes(oc_session_model(plain)));
    oc_session_free(session);
    oc_session_free(plain);
}

/* No two plans of one size: buckets as large as the session are left out. */
static void only_smaller_ones_are_made(void **state) {
    (void)state;
    static const struct {
        int32_t sizes, batch, tokens, images, texts; /* plans of the two */
    } cases[] = {
        {3, 1, 0, 1, 1},  {3, 2, 0, 2, 2},  {3, 3, 0, 3, 3}, {3, 4, 0, 3, 3},
        {3, 5, 0, 4, 4},  {2, 5, 0, 3, 3},  {0, 5, 0, 1, 1}, {3, 5, 7, 4, 1},
        {3, 5, 10, 4, 2}, {3, 5, 14, 4, 2}, {3, 5, 3, 4, 1}, {3, 2, 99, 2, 2},
    };
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        oc_session_options options = {
            .batch_max = cases[i].batch, .tokens_max = cases[i].tokens, .threads = 1};
        oc_session *session = open_session(spy_backend(cases[i].sizes), false, &options);
        assert_int_equal(oc_session_plan_count(session, OC_PROGRAM_IMAGE_BYTES), cases[i].images);
        assert_int_equal(oc_session_plan_count(session, OC_PROGRAM_IMAGE_VALUES), cases[i].images);
        assert_int_equal(oc_session_plan_count(session, OC_PROGRAM_TEXT), cases[i].texts);
        assert_int_equal(oc_session_plan_count(session, OC_PROGRAM_LOGITS), cases[i].images);
        oc_session_free(session);
    }
}

/* A device may want other sizes of packed texts than of images. */
static void packed_texts_have_sizes_of_their_own(void **state) {
    (void)state;
    oc_session_options options = {.batch_max = 5, .threads = 1};
    const oc_backend *backend = spy_backend(3);
    spy.packed_count = (int32_t)OC_COUNT(packed_sizes);
    oc_session *session = open_session(backend, false, &options);
    assert_int_equal(oc_session_plan_count(session, OC_PROGRAM_IMAGE_BYTES), 4);
    assert_int_equal(oc_session_plan_count(session, OC_PROGRAM_TEXT), 3);
    for (int32_t i = 0; i < 2; i++) {
        const oc_plan *plan = oc_session_plan_at(session, OC_PROGRAM_TEXT, i);
        assert_int_equal(plan->limits.rows_max[OC_ROWS_TEXT_TOKENS], packed_sizes[i] * POSITIONS);
        assert_int_equal(plan->limits.rows_max[OC_ROWS_TEXTS], 5);
    }
    oc_session_free(session);
}

typedef struct seen {
    int32_t rows, columns;
    float values[BATCH * TOKENS * 6];
} seen;

static void see(void *user, const char *name, const float *values, int32_t rows, int32_t columns) {
    seen *out = user;
    if (strcmp(name, "vision.layers.0.gelu") == 0) {
        out->rows = rows;
        out->columns = columns;
        memcpy(out->values, values, (size_t)(rows * columns) * sizeof *values);
    }
}

/* Whoever observes sees the rows of the plan that ran. */
static void observed_values_are_the_run_s(void **state) {
    (void)state;
    static const char *const name = "vision.layers.0.gelu";
    static seen a, b;
    static results ignored;
    oc_session_options options = {.batch_max = BATCH,
                                  .threads = 1,
                                  .observed = &name,
                                  .observed_count = 1,
                                  .observe = see,
                                  .observe_user = &a};
    oc_session *plain = open_session(&oc_backend_cpu, true, &options);
    options.observe_user = &b;
    oc_session *session = open_session(spy_backend(3), true, &options);
    for (int32_t n = 1; n <= BATCH; n++) {
        memset(&a, 0, sizeof a);
        memset(&b, 0, sizeof b);
        run(plain, &(job){.images = n}, &ignored);
        run(session, &(job){.images = n}, &ignored);
        assert_int_equal(b.rows, n * TOKENS);
        assert_memory_equal(&a, &b, sizeof a);
    }
    oc_session_free(session);
    oc_session_free(plain);
}

static double seconds_of(const oc_session *session, oc_program_kind kind, int32_t i) {
    const oc_plan *plan = oc_session_plan_at(session, kind, i);
    const oc_step_report *reports = oc_session_reports_at(session, kind, i);
    double sum = 0;
    assert_non_null(reports);
    for (int32_t s = 0; s < plan->step_count; s++) {
        sum += reports[s].seconds;
    }
    return sum;
}

static void reports_are_of_the_plan_that_ran(void **state) {
    (void)state;
    static results ignored;
    oc_session_options options = {.batch_max = BATCH, .threads = 1};
    oc_session *session = open_session(spy_backend(3), false, &options);
    assert_null(oc_session_reports_at(session, OC_PROGRAM_IMAGE_BYTES, 0));
    assert_int_equal(oc_session_profile(session, OC_REPORT_TIME, NULL), OCTAVO_OK);
    run(session, &(job){.images = 2}, &ignored);
    for (int32_t i = 0; i < 4; i++) {
        assert_true((seconds_of(session, OC_PROGRAM_IMAGE_BYTES, i) > 0) == (i == 1));
        assert_true(seconds_of(session, OC_PROGRAM_TEXT, i) == 0);
    }
    assert_int_equal(oc_session_profile(session, 0, NULL), OCTAVO_OK);
    assert_null(oc_session_reports_at(session, OC_PROGRAM_IMAGE_BYTES, 1));
    assert_null(oc_session_reports_at(session, OC_PROGRAM_IMAGE_BYTES, 4));
    oc_session_free(session);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_take_the_first_that_holds_them),
        cmocka_unit_test(texts_take_the_first_that_holds_their_rows),
        cmocka_unit_test(logits_are_the_same),
        cmocka_unit_test(any_order),
        cmocka_unit_test(memory_is_that_of_the_largest),
        cmocka_unit_test(only_smaller_ones_are_made),
        cmocka_unit_test(packed_texts_have_sizes_of_their_own),
        cmocka_unit_test(observed_values_are_the_run_s),
        cmocka_unit_test(reports_are_of_the_plan_that_ran),
    };
    return cmocka_run_group_tests(tests, read_graph, free_graph);
}
