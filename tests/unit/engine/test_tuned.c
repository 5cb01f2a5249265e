// links: device base
/* Measured choices: to the bytes of an engine's section and back, malformed, and put together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "device/tuned.h"

static const oc_tuned_choice first[] = {
    {"gemm N=8 K=16", "SWAP=0", "SWAP=1", 257, 1.5, 2.25},
    {"gemm N=8 K=16", "SWAP=1", "", 514, 3, 0},
};
static const oc_tuned_choice second[] = {{"attention HEADS=2", "TILES=1", "TILES=2", 4, 7, 8}};
static const oc_tuned_run runs[] = {
    {"NVIDIA H200, sm_90a, 132 multiprocessors", "driver", "0.2.0", "2026-11-27", first, 2},
    {"another \"card\"", "driver", "0.3.0", "2027-01-01", second, 1},
};
static const oc_tuned all = {runs, 2};

static void same(const oc_tuned *a, const oc_tuned *b) {
    assert_int_equal(a->count, b->count);
    for (int32_t i = 0; i < a->count; i++) {
        assert_string_equal(a->runs[i].model, b->runs[i].model);
        assert_string_equal(a->runs[i].software, b->runs[i].software);
        assert_string_equal(a->runs[i].octavo, b->runs[i].octavo);
        assert_string_equal(a->runs[i].date, b->runs[i].date);
        assert_int_equal(a->runs[i].count, b->runs[i].count);
        for (int32_t j = 0; j < a->runs[i].count; j++) {
            const oc_tuned_choice *x = &a->runs[i].choices[j], *y = &b->runs[i].choices[j];
            assert_string_equal(x->what, y->what);
            assert_string_equal(x->best, y->best);
            assert_string_equal(x->next, y->next);
            assert_int_equal(x->rows, y->rows);
            assert_true(x->best_us == y->best_us && x->next_us == y->next_us);
        }
    }
}

static oc_buffer written(const oc_tuned *tuned) {
    oc_buffer bytes;
    oc_buffer_init(&bytes);
    assert_int_equal(oc_tuned_write(tuned, &bytes, NULL), OCTAVO_OK);
    return bytes;
}

static void choices_come_back(void **state) {
    (void)state;
    oc_buffer bytes = written(&all);
    oc_arena arena;
    oc_tuned back;
    octavo_error error = {0};
    oc_arena_init(&arena);
    assert_int_equal(oc_tuned_read(bytes.data, bytes.size, 0, &arena, &back, &error), OCTAVO_OK);
    same(&all, &back);
    assert_true(oc_tuned_has(&back, "another \"card\""));
    assert_false(oc_tuned_has(&back, "another"));
    assert_false(oc_tuned_has(&back, NULL));
    assert_false(oc_tuned_has(NULL, "another"));
    oc_arena_free(&arena);
    oc_buffer_free(&bytes);
}

/* Cut anywhere the section is refused; with a byte changed it is refused with its place, or reads
 * as something that is written and read as itself. */
static void damage_is_refused(void **state) {
    (void)state;
    oc_buffer bytes = written(&all);
    int32_t refused = 0;
    for (size_t size = 0; size < bytes.size; size++) {
        octavo_error error = {0};
        oc_arena arena;
        oc_tuned back;
        char *part = malloc(size + 1);
        memcpy(part, bytes.data, size);
        oc_arena_init(&arena);
        assert_int_equal(oc_tuned_read(part, size, 4096, &arena, &back, &error), OCTAVO_CORRUPT);
        assert_int_equal(back.count, 0);
        assert_true(error.offset >= 4096 && error.offset <= 4096 + size);
        oc_arena_free(&arena);
        free(part);
    }
    for (size_t at = 0; at < bytes.size; at++) {
        for (int32_t value = 0; value < 256; value += 7) {
            char was = bytes.data[at];
            oc_arena arena;
            oc_tuned back, again;
            oc_arena_init(&arena);
            bytes.data[at] = (char)value;
            if (oc_tuned_read(bytes.data, bytes.size, 0, &arena, &back, NULL) == OCTAVO_OK) {
                oc_buffer text = written(&back);
                assert_int_equal(oc_tuned_read(text.data, text.size, 0, &arena, &again, NULL),
                                 OCTAVO_OK);
                same(&back, &again);
                oc_buffer_free(&text);
            } else {
                refused++;
            }
            bytes.data[at] = was;
            oc_arena_free(&arena);
        }
    }
    assert_true(refused > (int32_t)bytes.size);
    oc_buffer_free(&bytes);
}

#define RUN(choices)                                                                               \
    "{\"runs\":[{\"model\":\"m\",\"software\":\"s\",\"octavo\":\"o\",\"date\":\"d\",\"choices\":"  \
    "[" choices "]}]}"

static void expect(const char *text, octavo_status wanted, const char *words) {
    octavo_error error = {0};
    oc_arena arena;
    oc_tuned back;
    oc_arena_init(&arena);
    octavo_status status = oc_tuned_read(text, strlen(text), 0, &arena, &back, &error);
    if (status != wanted || (words != NULL && strstr(error.message, words) == NULL)) {
        fail_msg("%s: %d: %s", text, status, error.message);
    }
    oc_arena_free(&arena);
}

/* What is missing or no time is told; what is not known does no harm. */
static void lies_are_refused(void **state) {
    (void)state;
    expect(RUN("{\"what\":\"w\",\"rows\":1,\"best\":\"b\",\"best_us\":1,\"later\":[{}]}"),
           OCTAVO_OK, NULL);
    expect(RUN(""), OCTAVO_OK, NULL);
    expect("{\"runs\":[],\"more\":1}", OCTAVO_OK, NULL);
    expect("{}", OCTAVO_CORRUPT, "section TUNED has no member runs");
    expect("{\"runs\":[{\"model\":\"m\",\"choices\":[]}]}", OCTAVO_CORRUPT, "a run has model");
    expect(RUN("{\"rows\":1,\"best\":\"b\",\"best_us\":1}"), OCTAVO_CORRUPT, "a choice has what");
    expect(RUN("{\"what\":\"w\",\"rows\":1,\"best\":\"b\"}"), OCTAVO_CORRUPT, "a choice has what");
    expect(RUN("{\"what\":\"w\",\"rows\":1,\"best\":\"b\",\"best_us\":1,\"next\":\"n\"}"),
           OCTAVO_CORRUPT, "next_us where it has next");
    expect(RUN("{\"what\":\"w\",\"rows\":0,\"best\":\"b\",\"best_us\":1}"), OCTAVO_CORRUPT, "rows");
    expect(RUN("{\"what\":\"w\",\"rows\":1,\"best\":\"b\",\"best_us\":0}"), OCTAVO_CORRUPT,
           "0 is no time");
    expect(RUN("{\"what\":\"w\",\"rows\":1,\"best\":\"b\",\"best_us\":-4}"), OCTAVO_CORRUPT,
           "-4 is no time");
    expect(RUN("{\"what\":\"w\",\"rows\":1,\"best\":\"b\",\"best_us\":1e300}"), OCTAVO_CORRUPT,
           "is no time");
}

/* The caps hold for files and for what would become one. */
static void numbers_are_capped(void **state) {
    (void)state;
    static oc_tuned_run many_runs[OC_LIMIT_TUNED_RUNS + 1];
    static oc_tuned_choice many[OC_LIMIT_TUNED_CHOICES + 1];
    octavo_error error = {0};
    oc_arena arena;
    oc_tuned back;
    oc_arena_init(&arena);
    for (int32_t i = 0; i <= OC_LIMIT_TUNED_CHOICES; i++) {
        many[i] =
            (oc_tuned_choice){.what = "w", .best = "b", .next = "", .rows = i + 1, .best_us = 1};
    }
    for (int32_t i = 0; i <= OC_LIMIT_TUNED_RUNS; i++) {
        many_runs[i] = runs[1];
        many_runs[i].model = i == 0 ? "x" : "y";
    }
    for (int32_t more = 0; more < 2; more++) {
        octavo_status wanted = more ? OCTAVO_CORRUPT : OCTAVO_OK;
        oc_tuned tuned = {many_runs, OC_LIMIT_TUNED_RUNS + more};
        oc_buffer bytes = written(&tuned);
        assert_int_equal(oc_tuned_read(bytes.data, bytes.size, 0, &arena, &back, &error), wanted);
        oc_buffer_free(&bytes);
        oc_tuned_run run = runs[0];
        run.choices = many;
        run.count = OC_LIMIT_TUNED_CHOICES + more;
        tuned = (oc_tuned){&run, 1};
        bytes = written(&tuned);
        assert_int_equal(oc_tuned_read(bytes.data, bytes.size, 0, &arena, &back, &error), wanted);
        oc_buffer_free(&bytes);
        oc_tuned none = {NULL, 0};
        assert_int_equal(oc_tuned_add(&none, &run, &arena, &back, &error),
                         more ? OCTAVO_UNSUPPORTED : OCTAVO_OK);
    }
    oc_tuned full = {many_runs, OC_LIMIT_TUNED_RUNS};
    memset(&error, 0, sizeof error);
    assert_int_equal(oc_tuned_add(&full, &runs[0], &arena, &back, &error), OCTAVO_UNSUPPORTED);
    assert_non_null(strstr(error.message, "65 runs"));
    oc_arena_free(&arena);
}

/* What was measured anew takes the place of the old; what was not, and other cards', stays. */
static void runs_are_put_together(void **state) {
    (void)state;
    static const oc_tuned_choice again[] = {{"gemm N=8 K=16", "SWAP=2", "", 257, 1, 0}};
    static const oc_tuned_choice both[] = {{"gemm N=8 K=16", "SWAP=3", "", 257, 1, 0},
                                           {"gemm N=8 K=16", "SWAP=3", "", 514, 1, 0}};
    oc_tuned_run run = {.model = runs[0].model,
                        .software = "new",
                        .octavo = "0.4.0",
                        .date = "2027-02-02",
                        .choices = again,
                        .count = 1};
    oc_arena arena;
    oc_tuned out;
    oc_arena_init(&arena);
    assert_int_equal(oc_tuned_add(&all, &run, &arena, &out, NULL), OCTAVO_OK);
    assert_int_equal(out.count, 3);
    assert_int_equal(out.runs[0].count, 1);
    assert_int_equal(out.runs[0].choices[0].rows, 514);
    assert_int_equal(out.runs[1].count, 1);
    assert_string_equal(out.runs[2].software, "new");
    run.choices = both;
    run.count = 2;
    assert_int_equal(oc_tuned_add(&out, &run, &arena, &out, NULL), OCTAVO_OK);
    assert_int_equal(out.count, 2); /* runs that nothing is left of are gone */
    assert_string_equal(out.runs[0].model, runs[1].model);
    assert_int_equal(out.runs[1].count, 2);
    oc_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choices_come_back),     cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(lies_are_refused),      cmocka_unit_test(numbers_are_capped),
        cmocka_unit_test(runs_are_put_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
