// links: test_support api
/* test_api_life.c - how long engines, models and sessions live, who may use them at once, and how
 * long a run may take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <pthread.h>

#include "support/allocations.h"
#include "support/engines.h"

enum { SIZE = 32, DIM = 64, BATCH = 4, LENGTH = 6 };

typedef struct answer {
    float image[BATCH * DIM], text[BATCH * DIM];
} answer;

static octavo_status run(octavo_session *session, answer *out, int64_t timeout_us,
                         octavo_error *error) {
    static const int32_t ids[BATCH * LENGTH] = {1022, 5,    6,    7,    8,    1023, 1022, 15,
                                                6,    7,    8,    1023, 1022, 25,   61,   17,
                                                18,   1023, 1022, 5,    6,    9,    8,    1023};
    uint8_t pixels[BATCH * SIZE * SIZE * 3];
    octavo_run_options options = {.struct_size = sizeof options, .timeout_us = timeout_us};
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * 41 >> 4);
    }
    const octavo_argument inputs[] = {
        {.name = "pixels",
         .tensor = {.dtype = OCTAVO_U8,
                    .rank = 4,
                    .shape = {BATCH, SIZE, SIZE, 3},
                    .const_data = pixels}},
        {.name = "input_ids",
         .tensor = {.dtype = OCTAVO_I32, .rank = 2, .shape = {BATCH, LENGTH}, .const_data = ids}},
    };
    const octavo_argument outputs[] = {
        {.name = "image_embeds",
         .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {BATCH, DIM}, .data = out->image}},
        {.name = "text_embeds",
         .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {BATCH, DIM}, .data = out->text}},
    };
    return octavo_session_run(session, inputs, 2, outputs, 2, &options, error);
}

static octavo_engine *open_engine(void) {
    static char path[OC_TEST_PATH]; /* asked for once, so that no call of this allocates for it */
    octavo_engine *engine = NULL;
    octavo_error error;
    if (path[0] == '\0') {
        snprintf(path, sizeof path, "%s", oc_test_engine_path("modelopt-fp8"));
    }
    if (octavo_engine_open(path, &engine, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    return engine;
}

static octavo_model *load(octavo_engine *engine) {
    octavo_model_options options = {.struct_size = sizeof options, .device = "cpu", .threads = 1};
    octavo_model *model = NULL;
    octavo_error error;
    if (octavo_model_load(engine, &options, &model, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    return model;
}

static octavo_session *create(octavo_model *model, int32_t threads) {
    octavo_session_options options = {
        .struct_size = sizeof options, .batch_max = BATCH, .threads = threads};
    octavo_session *session = NULL;
    octavo_error error;
    if (octavo_session_create(model, &options, &session, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    return session;
}

static answer expected(void) {
    answer out;
    octavo_session *session =
        oc_test_session(oc_test_engine("modelopt-fp8"), (oc_test_device){"cpu", NULL, "cpu"},
                        (oc_test_options){.batch_max = BATCH, .threads = 1});
    assert_int_equal(run(session, &out, 0, NULL), OCTAVO_OK);
    octavo_session_free(session);
    return out;
}

/* -- order --------------------------------------------------------------------------------------
 */

/* Freed in each of the six orders: the session runs as long as it is held, and in the end all
 * memory is given back. */
static void freed_in_any_order(void **state) {
    (void)state;
    static const char orders[][4] = {"ems", "esm", "mes", "mse", "sem", "sme"};
    const answer want = expected();
    octavo_engine_free(open_engine());
    for (size_t i = 0; i < OC_COUNT(orders); i++) {
        int64_t alive = oc_allocations_alive();
        octavo_engine *engine = open_engine();
        octavo_model *model = load(engine);
        octavo_session *session = create(model, 1);
        for (int32_t step = 0; step < 3; step++) {
            answer got;
            if (strchr(orders[i] + step, 's') != NULL) {
                assert_int_equal(run(session, &got, 0, NULL), OCTAVO_OK);
                assert_memory_equal(&got, &want, sizeof got);
            }
            switch (orders[i][step]) {
            case 'e':
                octavo_engine_free(engine);
                break;
            case 'm':
                octavo_model_free(model);
                break;
            default:
                octavo_session_free(session);
            }
        }
        assert_int_equal(oc_allocations_alive(), alive);
    }
}

/* -- memory -------------------------------------------------------------------------------------
 */

static int64_t heap_bytes(void) {
    struct mallinfo2 info = mallinfo2();
    return (int64_t)(info.uordblks + info.hblkhd);
}

/* Five sessions of one model share its weights, which are counted once; what each adds is what
 * it says of itself, and its plans, whose size does not depend on the model's widths. */
static void a_session_adds_its_own_bytes(void **state) {
    (void)state;
    enum { SESSIONS = 5, BOOKS = 512 << 10 };
    octavo_engine *engine = open_engine();
    octavo_model *model = load(engine);
    octavo_session *sessions[SESSIONS];
    uint64_t weights = octavo_model_describe(model)->weight_bytes;
    assert_true(weights > 300000); /* 310 thousand parameters of a byte */
    for (int32_t i = 0; i < SESSIONS; i++) {
        int64_t before = heap_bytes();
        sessions[i] = create(model, 1);
        int64_t added = heap_bytes() - before;
        int64_t own = (int64_t)octavo_session_describe(sessions[i])->bytes;
        assert_int_equal(octavo_model_describe(model)->weight_bytes, weights);
        assert_true(own > 0 && own < (int64_t)weights);
        if (!OC_UNDER_ASAN && !OC_UNDER_TSAN && (added < own || added > own + BOOKS)) {
            fail_msg("session %d says %lld bytes and takes %lld", i, (long long)own,
                     (long long)added);
        }
    }
    for (int32_t i = 0; i < SESSIONS; i++) {
        octavo_session_free(sessions[i]);
    }
    octavo_model_free(model);
    octavo_engine_free(engine);
}

/* -- threads ------------------------------------------------------------------------------------
 */

typedef struct worker {
    octavo_session *session;
    pthread_barrier_t *start;
    const answer *want;
    int32_t right, refused, wrong;
} worker;

enum { RUNS = 60 };

static void *work(void *context) {
    worker *w = context;
    pthread_barrier_wait(w->start);
    for (int32_t i = 0; i < RUNS; i++) {
        answer got;
        octavo_error error;
        octavo_status status = run(w->session, &got, 0, &error);
        if (status == OCTAVO_OK && memcmp(&got, w->want, sizeof got) == 0) {
            w->right++;
        } else if (status == OCTAVO_BAD_STATE && error.status == status &&
                   strstr(error.message, "another thread") != NULL) {
            w->refused++;
        } else {
            w->wrong++;
        }
    }
    return NULL;
}

static void two_workers(octavo_session *first, octavo_session *second, worker workers[2]) {
    const answer want = expected();
    pthread_barrier_t start;
    pthread_t threads[2];
    pthread_barrier_init(&start, NULL, 2);
    for (int32_t i = 0; i < 2; i++) {
        workers[i] = (worker){.session = i == 0 ? first : second, .start = &start, .want = &want};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int32_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].wrong, 0);
        assert_int_equal(workers[i].right + workers[i].refused, RUNS);
    }
    pthread_barrier_destroy(&start);
}

/* Of two threads in one session one gets the answer and the other BAD_STATE, or both the answer one
 * after the other; the session goes on. */
static void one_session_takes_one_thread(void **state) {
    (void)state;
    octavo_engine *engine = open_engine();
    octavo_model *model = load(engine);
    octavo_session *session = create(model, 2);
    const answer want = expected();
    worker workers[2];
    answer got;
    two_workers(session, session, workers);
    assert_true(workers[0].right + workers[1].right > 0);
    assert_int_equal(run(session, &got, 0, NULL), OCTAVO_OK);
    assert_memory_equal(&got, &want, sizeof got);
    octavo_session_free(session);
    octavo_model_free(model);
    octavo_engine_free(engine);
}

/* Two sessions of one model give the same bits in two threads at once, and refuse nothing. */
static void two_sessions_take_two(void **state) {
    (void)state;
    octavo_engine *engine = open_engine();
    octavo_model *model = load(engine);
    octavo_session *first = create(model, 1), *second = create(model, 2);
    worker workers[2];
    two_workers(first, second, workers);
    assert_int_equal(workers[0].refused + workers[1].refused, 0);
    octavo_session_free(first);
    octavo_session_free(second);
    octavo_model_free(model);
    octavo_engine_free(engine);
}

/* -- time ---------------------------------------------------------------------------------------
 */

/* A run that has no time says so and leaves the session as it was; one that has plenty, or longer
 * than any clock runs, is a run. */
static void runs_keep_their_time(void **state) {
    (void)state;
    octavo_engine *engine = oc_test_engine("modelopt-fp8");
    oc_test_device devices[OC_TEST_DEVICES];
    int32_t count = oc_test_devices(devices);
    for (int32_t d = 0; d < count; d++) {
        octavo_session *session = oc_test_session(
            engine, devices[d], (oc_test_options){.batch_max = BATCH, .threads = 1});
        static const int64_t enough[] = {0, 60000000, INT64_MAX};
        answer want, got;
        octavo_error error;
        assert_int_equal(run(session, &want, 0, &error), OCTAVO_OK);
        for (size_t i = 0; i < OC_COUNT(enough); i++) {
            assert_int_equal(run(session, &got, 1, &error), OCTAVO_DEADLINE_EXCEEDED);
            assert_non_null(strstr(error.message, "the time allowed was over after "));
            assert_int_equal(octavo_error_http(&error), 504);
            assert_int_equal(run(session, &got, -1, &error), OCTAVO_INVALID_ARGUMENT);
            assert_int_equal(run(session, &got, INT64_MIN, &error), OCTAVO_INVALID_ARGUMENT);
            memset(&got, 0, sizeof got);
            assert_int_equal(run(session, &got, enough[i], &error), OCTAVO_OK);
            assert_memory_equal(&got, &want, sizeof got);
        }
        octavo_session_free(session);
    }
}

static void *wait_for_run(void *session) {
    octavo_error error;
    return (void *)(intptr_t)octavo_session_wait(session, 0, &error);
}

/* Of two threads that wait at once, one gets the run, and the other is refused. */
static void one_thread_waits(octavo_session *session, const octavo_argument *input,
                             const octavo_argument *output) {
    octavo_error error;
    for (int32_t turn = 0; turn < 200; turn++) {
        pthread_t other;
        void *result;
        assert_int_equal(octavo_session_submit(session, input, 1, output, 1, NULL, &error),
                         OCTAVO_OK);
        assert_int_equal(pthread_create(&other, NULL, wait_for_run, session), 0);
        octavo_status mine = octavo_session_wait(session, 0, &error);
        assert_int_equal(pthread_join(other, &result), 0);
        octavo_status theirs = (octavo_status)(intptr_t)result;
        assert_true((mine == OCTAVO_OK && theirs == OCTAVO_BAD_STATE) ||
                    (mine == OCTAVO_BAD_STATE && theirs == OCTAVO_OK));
    }
}

/* What is begun and waited for gives the bits of a run; until then the session is taken. */
static void begins_and_waits(void **state) {
    octavo_engine *engine = open_engine();
    octavo_model *model = NULL;
    octavo_session *session = NULL;
    octavo_session_options options = {.struct_size = sizeof options, .batch_max = BATCH};
    octavo_error error;
    answer whole, other;
    static uint8_t pixels[BATCH * SIZE * SIZE * 3];
    static float image[BATCH * DIM];
    (void)state;
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * 41 >> 4);
    }
    const octavo_argument input = {
        .name = "pixels",
        .tensor = {
            .dtype = OCTAVO_U8, .rank = 4, .shape = {BATCH, SIZE, SIZE, 3}, .const_data = pixels}};
    const octavo_argument output = {
        .name = "image_embeds",
        .tensor = {.dtype = OCTAVO_F32, .rank = 2, .shape = {BATCH, DIM}, .data = image}};
    assert_int_equal(octavo_model_load(engine, NULL, &model, &error), OCTAVO_OK);
    assert_int_equal(octavo_session_create(model, &options, &session, &error), OCTAVO_OK);
    assert_int_equal(run(session, &whole, 0, &error), OCTAVO_OK);
    assert_int_equal(octavo_session_wait(session, 0, &error), OCTAVO_BAD_STATE);
    assert_int_equal(octavo_session_submit(session, &input, 1, &output, 1, NULL, &error),
                     OCTAVO_OK);
    assert_int_equal(octavo_session_submit(session, &input, 1, &output, 1, NULL, &error),
                     OCTAVO_BAD_STATE);
    assert_int_equal(run(session, &other, 0, &error), OCTAVO_BAD_STATE);
    assert_int_equal(octavo_session_wait(session, 0, &error), OCTAVO_OK);
    assert_memory_equal(image, whole.image, sizeof image);
    assert_int_equal(octavo_session_wait(session, 0, &error), OCTAVO_BAD_STATE);
    one_thread_waits(session, &input, &output);
    /* one that is refused leaves the session free; one that is never waited for can be freed */
    assert_int_equal(octavo_session_submit(session, &output, 1, &output, 1, NULL, &error),
                     OCTAVO_INVALID_ARGUMENT);
    assert_int_equal(run(session, &other, 0, &error), OCTAVO_OK);
    assert_memory_equal(&other, &whole, sizeof whole);
    assert_int_equal(octavo_session_submit(session, &input, 1, &output, 1, NULL, &error),
                     OCTAVO_OK);
    octavo_session_free(session);
    octavo_model_free(model);
    octavo_engine_free(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freed_in_any_order),
        cmocka_unit_test(a_session_adds_its_own_bytes),
        cmocka_unit_test(one_session_takes_one_thread),
        cmocka_unit_test(two_sessions_take_two),
        cmocka_unit_test(runs_keep_their_time),
        cmocka_unit_test(begins_and_waits),
    };
    return cmocka_run_group_tests(tests, NULL, oc_test_engines_free);
}
