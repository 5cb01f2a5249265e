// links: watch num base
/* A watch over rows of known distributions: clean ones raise nothing, planted drifts are told in
 * time, states come back by their rule; budget, threads, codes, report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "unit/watch/watch_rows.h"

static oc_arena arena;
static oc_reference reference;

static int learn(void **state) {
    (void)state;
    oc_arena_init(&arena);
    oc_row_learn(1, OC_ROW_LEARNED, &arena, &reference);
    return 0;
}

static int forget(void **state) {
    (void)state;
    oc_arena_free(&arena);
    return 0;
}

static oc_watch *make(const oc_watch_options *options) {
    oc_watch *watch = NULL;
    octavo_error error;
    if (oc_watch_create(&reference, options, &watch, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(oc_watch_state_of(watch), OC_WATCH_UNKNOWN);
    return watch;
}

static oc_watch_state state_of(oc_watch *watch, oc_statistic statistic) {
    return oc_watch_value_of(watch, 0, statistic).state;
}

/* 100,000 rows of just what was learned: not one comparison is a warning. */
static void clean_rows_raise_nothing(void **state) {
    (void)state;
    oc_watch *watch = make(NULL);
    oc_rng rng;
    oc_rng_init(&rng, 2, 0);
    for (int32_t i = 0; i < 800; i++) {
        oc_row_feed(watch, &rng, (oc_row_drift){0}, 125);
        assert_int_equal(oc_watch_state_of(watch), OC_WATCH_OK);
    }
    oc_watch_counts counts = oc_watch_counts_of(watch, 0);
    assert_int_equal(counts.watched, 100000);
    assert_int_equal(counts.comparisons, 800);
    assert_int_equal(counts.window, 1000);
    oc_watch_free(watch);
}

/* References that chance made, each watched for some windows, with bounds that are to be exceeded
 * once in a thousand comparisons where nothing has changed: they seldom are.  Comparisons of one
 * reference go together, so that what is counted is references. */
static void bounds_hold_for_what_they_say(void **state) {
    (void)state;
    enum { REFERENCES = 150 };
    int32_t over = 0;
    for (uint64_t seed = 0; seed < REFERENCES; seed++) {
        oc_arena own;
        oc_reference of;
        oc_watch *watch = NULL;
        oc_rng rng;
        bool any = false;
        oc_watch_options options = {.false_alarms = 1e-3};
        oc_arena_init(&own);
        oc_row_learn(100 + seed, 200, &own, &of);
        assert_int_equal(oc_watch_create(&of, &options, &watch, NULL), OCTAVO_OK);
        oc_rng_init(&rng, 500 + seed, 0);
        oc_row_feed(watch, &rng, (oc_row_drift){0}, 1000);
        for (int32_t s = 0; s < OC_STATISTIC_COUNT; s++) {
            any = any || oc_watch_value_of(watch, 0, (oc_statistic)s).now.sure > 0;
        }
        over += any;
        oc_watch_free(watch);
        oc_arena_free(&own);
    }
    /* five statistics that are known: 5e-3 of the references, 0.75, and never 5 but by a mistake */
    assert_true(over < 5);
}

static void drift_is_told(oc_row_drift drift, oc_statistic statistic) {
    oc_watch *watch = make(NULL);
    oc_rng rng;
    int32_t rows = 0;
    oc_rng_init(&rng, 3, 0);
    oc_row_feed(watch, &rng, (oc_row_drift){0}, 2000);
    assert_int_equal(oc_watch_state_of(watch), OC_WATCH_OK);
    while (rows < 1000 && state_of(watch, statistic) != OC_WATCH_ALARM) {
        oc_row_feed(watch, &rng, drift, 1);
        rows++;
    }
    assert_int_equal(state_of(watch, statistic), OC_WATCH_ALARM);
    assert_int_equal(oc_watch_state_of(watch), OC_WATCH_ALARM);
    oc_watch_free(watch);
}

static void planted_drifts_are_told(void **state) {
    (void)state;
    drift_is_told((oc_row_drift){.shift = 0.6}, OC_STATISTIC_MEAN);
    drift_is_told((oc_row_drift){.shift = 0.6}, OC_STATISTIC_MMD);
    drift_is_told((oc_row_drift){.spread = 0.3}, OC_STATISTIC_VARIANCE);
    drift_is_told((oc_row_drift){.spread = 0.3}, OC_STATISTIC_CENTROID);
    drift_is_told((oc_row_drift){.length = 1.1}, OC_STATISTIC_NORM);
    drift_is_told((oc_row_drift){.bright = -40}, OC_STATISTIC_BRIGHTNESS);
}

/* What is raised stays while the drift does, and comes back a whole window of clean rows behind it,
 * no earlier. */
static void states_come_back_by_their_rule(void **state) {
    (void)state;
    oc_watch *watch = make(NULL);
    oc_rng rng;
    oc_rng_init(&rng, 4, 0);
    oc_row_feed(watch, &rng, (oc_row_drift){0}, 1000);
    oc_row_feed(watch, &rng, (oc_row_drift){.bright = -60}, 1000);
    assert_int_equal(state_of(watch, OC_STATISTIC_BRIGHTNESS), OC_WATCH_ALARM);
    int64_t since = oc_watch_value_of(watch, 0, OC_STATISTIC_BRIGHTNESS).since;
    assert_in_range(since, 1125, 2000);
    oc_row_feed(watch, &rng, (oc_row_drift){0}, 1000);
    assert_int_equal(state_of(watch, OC_STATISTIC_BRIGHTNESS), OC_WATCH_ALARM);
    oc_row_feed(watch, &rng, (oc_row_drift){0}, 2000);
    assert_int_equal(oc_watch_state_of(watch), OC_WATCH_OK);
    oc_watch_free(watch);
}

/* A statistic that sways around its threshold does not flutter: in 40 windows of rows that are just
 * about an alarm, the state changes a few times at most. */
static void states_do_not_flutter(void **state) {
    (void)state;
    oc_watch *watch = make(NULL);
    oc_rng rng;
    int32_t changes = 0;
    oc_watch_state before = OC_WATCH_UNKNOWN;
    oc_rng_init(&rng, 6, 0);
    for (int32_t i = 0; i < 320; i++) {
        oc_row_feed(watch, &rng, (oc_row_drift){.bright = -31}, 125);
        oc_watch_state now = state_of(watch, OC_STATISTIC_BRIGHTNESS);
        changes += now != before;
        before = now;
    }
    assert_int_not_equal(before, OC_WATCH_OK);
    assert_in_range(changes, 1, 8);
    oc_watch_free(watch);
}

/* -- codes ---------------------------------------------------------------------------------- */

static void saturation_is_told(void **state) {
    (void)state;
    const oc_quantizer_reference quantizers[] = {
        {"a", 0, 400, 40, 0.0001, 0.05, 1e-7, 1e-4, 2.5},
        {"b", 0, 400, 40, 0, 0.01, 0, 1e-5, 1},
    };
    oc_reference of = reference;
    oc_watch *watch = NULL;
    oc_rng rng;
    of.quantizers = quantizers;
    of.quantizer_count = 2;
    assert_int_equal(oc_watch_create(&of, NULL, &watch, NULL), OCTAVO_OK);
    oc_rng_init(&rng, 8, 0);
    for (int32_t run = 0; run < 200; run++) {
        bool drifts = run >= 100;
        oc_code_count codes[] = {{10000, 1, 500, 2.5}, {10000, 0, 100 + (uint64_t)(run % 3), 1}};
        codes[1].saturated = drifts ? 200 : 0;
        oc_row_feed(watch, &rng, (oc_row_drift){0}, 9);
        float embedding[OC_ROW_DIM], scalars[OC_SCALAR_COUNT];
        oc_row_draw(&rng, (oc_row_drift){0}, embedding, scalars);
        oc_watch_add(watch, &(oc_watch_batch){.rows = 1,
                                              .embeddings = embedding,
                                              .is_raw = true,
                                              .scalars = scalars,
                                              .codes = codes,
                                              .code_rows = 10});
        if (run == 99) {
            assert_int_equal(oc_watch_state_of(watch), OC_WATCH_OK);
            assert_int_equal(state_of(watch, OC_STATISTIC_SATURATION), OC_WATCH_OK);
        }
    }
    oc_watch_value value = oc_watch_value_of(watch, 0, OC_STATISTIC_SATURATION);
    assert_int_equal(value.state, OC_WATCH_ALARM);
    assert_int_equal(value.now.quantizer, 1);
    assert_int_equal(state_of(watch, OC_STATISTIC_UNDERFLOW), OC_WATCH_OK);
    oc_watch_free(watch);
}

/* -- options, threads, report --------------------------------------------------------------- */

static void options_are_checked(void **state) {
    (void)state;
    const oc_watch_options wrong[] = {
        {.false_alarms = 0.5}, {.false_alarms = -1}, {.tolerance = -1}, {.tolerance = 1e6},
        {.budget = 2},         {.budget = -0.1},     {.window = 10}};
    for (size_t i = 0; i < OC_COUNT(wrong); i++) {
        oc_watch *watch = NULL;
        octavo_error error = {0};
        assert_int_equal(oc_watch_create(&reference, &wrong[i], &watch, &error),
                         OCTAVO_INVALID_ARGUMENT);
        assert_null(watch);
        assert_int_not_equal(error.message[0], '\0');
    }
    oc_watch_free(NULL);
}

/* Twice the tolerance, twice what is to be sure: what was an alarm is none. */
static void tolerance_moves_thresholds(void **state) {
    (void)state;
    oc_watch *strict = make(NULL), *lenient = make(&(oc_watch_options){.tolerance = 20});
    oc_rng a, b;
    oc_rng_init(&a, 3, 0);
    oc_rng_init(&b, 3, 0);
    oc_row_feed(strict, &a, (oc_row_drift){.bright = -60}, 1000);
    oc_row_feed(lenient, &b, (oc_row_drift){.bright = -60}, 1000);
    assert_int_equal(oc_watch_state_of(strict), OC_WATCH_ALARM);
    assert_int_equal(oc_watch_state_of(lenient), OC_WATCH_OK);
    oc_watch_free(strict);
    oc_watch_free(lenient);
}

/* A budget that is spent refuses rows, and what is refused is counted as seen. */
static void a_budget_is_kept(void **state) {
    (void)state;
    oc_watch *watch = make(&(oc_watch_options){.budget = 0.001});
    assert_true(oc_watch_wants(watch, 0, 10));
    oc_watch_spend(watch, 10000000); /* 10 ms of the 50 that may be saved up */
    assert_true(oc_watch_wants(watch, 0, 10));
    oc_watch_spend(watch, 1000000000);
    assert_false(oc_watch_wants(watch, 0, 10));
    assert_int_equal(oc_watch_counts_of(watch, 0).seen, 30);
    assert_int_equal(oc_watch_counts_of(watch, 0).watched, 0);
    oc_watch_free(watch);
}

/* Windows that end with what is given, and those of all rows. */
static void all_rows_may_be_one_window(void **state) {
    (void)state;
    oc_watch *watch = make(&(oc_watch_options){.window = -1});
    oc_rng rng;
    oc_rng_init(&rng, 9, 0);
    oc_row_feed(watch, &rng, (oc_row_drift){0}, 3010);
    assert_int_equal(oc_watch_counts_of(watch, 0).window, 3000);
    oc_watch_flush(watch);
    assert_int_equal(oc_watch_counts_of(watch, 0).window, 3010);
    int64_t comparisons = oc_watch_counts_of(watch, 0).comparisons;
    oc_watch_flush(watch); /* nothing is new */
    assert_int_equal(oc_watch_counts_of(watch, 0).comparisons, comparisons);
    assert_int_equal(oc_watch_state_of(watch), OC_WATCH_OK);
    oc_watch_free(watch);
}

/* Rows that are no embedding are refused, one by one. */
static void broken_rows_are_refused(void **state) {
    (void)state;
    oc_watch *watch = make(NULL);
    oc_rng rng;
    float rows[3][OC_ROW_DIM] = {{0}}, scalars[3 * OC_SCALAR_COUNT];
    oc_rng_init(&rng, 9, 0);
    for (int r = 0; r < 3; r++) {
        oc_row_draw(&rng, (oc_row_drift){0}, rows[r], scalars + r * OC_SCALAR_COUNT);
    }
    memset(rows[0], 0, sizeof rows[0]);
    rows[1][5] = NAN;
    oc_watch_add(watch, &(oc_watch_batch){.rows = 3, .embeddings = rows[0], .scalars = scalars});
    assert_int_equal(oc_watch_counts_of(watch, 0).watched, 1);
    assert_int_equal(oc_watch_counts_of(watch, 0).refused, 2);
    oc_watch_free(watch);
}

enum { THREADS = 4, ROWS_EACH = 5000 };

static void *feed_one(void *user) {
    oc_rng rng;
    oc_rng_init(&rng, 11, (uint64_t)(uintptr_t)&rng);
    oc_row_feed(user, &rng, (oc_row_drift){0}, ROWS_EACH);
    return NULL;
}

static void many_threads_feed_one_watch(void **state) {
    (void)state;
    oc_watch *watch = make(NULL);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, feed_one, watch), 0);
    }
    for (int i = 0; i < 100; i++) {
        assert_int_not_equal(oc_watch_state_of(watch), OC_WATCH_ALARM);
        (void)oc_watch_value_of(watch, 0, OC_STATISTIC_MMD);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    oc_watch_flush(watch);
    oc_watch_counts counts = oc_watch_counts_of(watch, 0);
    assert_int_equal(counts.seen, THREADS * ROWS_EACH);
    assert_int_equal(counts.watched, THREADS * ROWS_EACH);
    assert_int_equal(oc_watch_state_of(watch), OC_WATCH_OK);
    oc_watch_free(watch);
}

static void a_report_is_json(void **state) {
    (void)state;
    oc_watch *watch = make(NULL);
    oc_rng rng;
    oc_buffer text;
    oc_json_writer writer;
    oc_json json;
    oc_rng_init(&rng, 12, 0);
    oc_row_feed(watch, &rng, (oc_row_drift){.bright = -60}, 50000); /* more than history keeps */
    oc_buffer_init(&text);
    oc_json_write_open(&writer, &text, false);
    oc_watch_report(watch, "e \"1\"", true, &writer);
    assert_int_equal(oc_json_write_finish(&writer, NULL), OCTAVO_OK);
    oc_json_open(&json, text.data, text.size, 0, 0);
    assert_int_equal(oc_json_skip(&json, NULL, NULL), OCTAVO_OK);
    assert_int_equal(oc_json_finish(&json, NULL), OCTAVO_OK);
    oc_json_close(&json);
    char *copy = oc_buffer_take(&text, NULL);
    assert_non_null(strstr(copy, "\"state\":\"alarm\""));
    assert_non_null(strstr(copy, "\"name\":\"brightness\",\"state\":\"alarm\""));
    assert_non_null(strstr(copy, "\"rows\":[20125,")); /* the latest 240 comparisons */
    assert_true(strlen(copy) < 100000);
    free(copy);
    oc_watch_free(watch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_rows_raise_nothing),
        cmocka_unit_test(bounds_hold_for_what_they_say),
        cmocka_unit_test(planted_drifts_are_told),
        cmocka_unit_test(states_come_back_by_their_rule),
        cmocka_unit_test(states_do_not_flutter),
        cmocka_unit_test(saturation_is_told),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(tolerance_moves_thresholds),
        cmocka_unit_test(a_budget_is_kept),
        cmocka_unit_test(all_rows_may_be_one_window),
        cmocka_unit_test(broken_rows_are_refused),
        cmocka_unit_test(many_threads_feed_one_watch),
        cmocka_unit_test(a_report_is_json),
    };
    return cmocka_run_group_tests(tests, learn, forget);
}
