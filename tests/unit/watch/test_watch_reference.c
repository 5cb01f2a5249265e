// links: watch num base
/* References: learned, to the bytes of an engine's section and back, malformed, and too little to
 * learn from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/watch/watch_rows.h"

static const oc_quantizer_reference quantizers[] = {
    {"vision.layers.0.fc1", 0, 400, 25, 0.0001, 0.05, 1e-7, 1e-4, 2.5},
    {"vision.layers.1.fc1", 0, 400, 25, 0, 0.5, 0, 0, 0},
};

static oc_buffer written(const oc_reference *reference) {
    oc_buffer bytes;
    oc_buffer_init(&bytes);
    assert_int_equal(oc_reference_write(reference, &bytes, NULL), OCTAVO_OK);
    return bytes;
}

static void same(const oc_reference *a, const oc_reference *b) {
    assert_int_equal(a->tower_count, b->tower_count);
    for (int32_t t = 0; t < a->tower_count; t++) {
        const oc_tower_reference *x = &a->towers[t], *y = &b->towers[t];
        size_t bytes = (size_t)x->dim * sizeof(float);
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->rows, y->rows);
        assert_int_equal(x->dim, y->dim);
        assert_int_equal(x->seed, y->seed);
        assert_true(x->bandwidth == y->bandwidth);
        assert_memory_equal(x->mean, y->mean, bytes);
        assert_memory_equal(x->variance, y->variance, bytes);
        assert_memory_equal(x->features, y->features, OC_FEATURES * sizeof(float));
        assert_memory_equal(x->spectra, y->spectra, sizeof x->spectra);
        assert_memory_equal(x->scalars, y->scalars, sizeof x->scalars);
    }
    assert_int_equal(a->quantizer_count, b->quantizer_count);
    for (int32_t q = 0; q < a->quantizer_count; q++) {
        const oc_quantizer_reference *x = &a->quantizers[q], *y = &b->quantizers[q];
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->tower, y->tower);
        assert_true(x->rows == y->rows && x->runs == y->runs && x->range == y->range);
        assert_true(x->saturated == y->saturated && x->zeros == y->zeros);
        assert_true(x->saturated_variance == y->saturated_variance);
        assert_true(x->zeros_variance == y->zeros_variance);
    }
}

static void references_come_back(void **state) {
    (void)state;
    oc_arena arena;
    oc_reference reference, back;
    octavo_error error = {0};
    oc_arena_init(&arena);
    oc_row_learn(1, 100, &arena, &reference);
    reference.quantizers = quantizers;
    reference.quantizer_count = 2;
    oc_buffer bytes = written(&reference);
    if (oc_reference_read(bytes.data, bytes.size, 0, &arena, &back, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    same(&reference, &back);
    assert_int_equal(oc_reference_tower(&back, "image"), 0);
    assert_int_equal(oc_reference_tower(&back, "text"), -1);
    assert_null(oc_reference_other(&back, 0));
    oc_buffer_free(&bytes);
    oc_arena_free(&arena);
}

/* What is learned is what the rows are: of those drawn for the reference, centred on their mean. */
static void what_is_learned(void **state) {
    (void)state;
    oc_arena arena;
    oc_reference reference;
    oc_arena_init(&arena);
    oc_row_learn(1, 300, &arena, &reference);
    const oc_tower_reference *tower = &reference.towers[0];
    double length = 0, variance = 0;
    for (int d = 0; d < OC_ROW_DIM; d++) {
        length += (double)tower->mean[d] * (double)tower->mean[d];
        variance += (double)tower->variance[d];
    }
    assert_int_equal(tower->rows, 300);
    assert_true(fabs(length + variance - 1) < 0.01); /* rows have length 1 */
    assert_true(fabs(tower->spectra[OC_MEAN_EMBEDDING].trace / variance - 1) < 1e-3);
    assert_true(tower->spectra[OC_MEAN_EMBEDDING].largest < variance);
    assert_true(tower->scalars[OC_SCALAR_NORM].edge_count == 9);
    assert_true(fabs((double)tower->scalars[OC_SCALAR_NORM].edges[4] - 20) < 0.3);
    assert_int_equal(tower->scalars[OC_SCALAR_PIXELS].edge_count, 2); /* all alike */
    assert_int_equal(tower->scalars[OC_SCALAR_CENTROID].edge_count, 9);
    assert_int_equal(tower->scalars[OC_SCALAR_ALIGNMENT].edge_count, 0); /* no other tower */
    assert_int_equal(tower->scalars[OC_SCALAR_TOKENS].edge_count, 0);
    oc_arena_free(&arena);
}

/* More rows than are kept: the sample is as good as all of them. */
static void a_sample_stands_for_all(void **state) {
    (void)state;
    oc_arena arena;
    oc_reference reference;
    oc_arena_init(&arena);
    oc_row_learn(1, OC_LEARN_ROWS + 3000, &arena, &reference);
    assert_int_equal(reference.towers[0].rows, OC_LEARN_ROWS);
    assert_true(fabs((double)reference.towers[0].scalars[OC_SCALAR_NORM].edges[4] - 20) < 0.1);
    oc_arena_free(&arena);
}

static void too_little_is_refused(void **state) {
    (void)state;
    oc_learner learner, *learners[] = {&learner};
    const char *names[] = {"text"};
    float embedding[OC_ROW_DIM], scalars[OC_SCALAR_COUNT];
    oc_reference reference;
    octavo_error error = {0};
    oc_arena arena;
    oc_rng rng;
    oc_arena_init(&arena);
    oc_rng_init(&rng, 1, 0);
    oc_learner_init(&learner, OC_ROW_DIM);
    oc_row_draw(&rng, (oc_row_drift){0}, embedding, scalars);
    for (int i = 0; i < OC_LEARN_ROWS_LEAST - 1; i++) {
        assert_int_equal(oc_learner_add(&learner, embedding, scalars, NULL), OCTAVO_OK);
    }
    assert_int_equal(oc_learn_towers(learners, names, 1, &arena, &reference, &error),
                     OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "31"));
    for (int i = 0; i < 10; i++) { /* enough of them, but all alike */
        assert_int_equal(oc_learner_add(&learner, embedding, scalars, NULL), OCTAVO_OK);
    }
    error = (octavo_error){0};
    assert_int_equal(oc_learn_towers(learners, names, 1, &arena, &reference, &error),
                     OCTAVO_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "same embedding"));
    oc_learner_free(&learner);
    oc_arena_free(&arena);
}

/* -- damage --------------------------------------------------------------------------------- */

static octavo_status read_text(const char *text, size_t size, octavo_error *error) {
    oc_arena arena;
    oc_reference back;
    char *part = malloc(size + 1); /* not a byte more: sanitizers see what is read behind it */
    memcpy(part, text, size);
    *error = (octavo_error){0};
    oc_arena_init(&arena);
    octavo_status status = oc_reference_read(part, size, 1000, &arena, &back, error);
    if (status != OCTAVO_OK) {
        assert_int_equal(back.tower_count, 0);
        assert_int_equal(error->status, status);
        assert_int_not_equal(error->message[0], '\0');
    }
    oc_arena_free(&arena);
    free(part);
    return status;
}

static void damage_is_refused(void **state) {
    (void)state;
    oc_arena arena;
    oc_reference reference;
    octavo_error error;
    oc_arena_init(&arena);
    oc_row_learn(1, 50, &arena, &reference);
    reference.quantizers = quantizers;
    reference.quantizer_count = 2;
    oc_buffer bytes = written(&reference);
    for (size_t size = 0; size < bytes.size; size += 1 + size / 40) {
        assert_int_equal(read_text(bytes.data, size, &error), OCTAVO_CORRUPT);
        assert_true(error.offset == OCTAVO_NO_OFFSET || error.offset >= 1000);
    }
    int32_t refused = 0;
    for (size_t at = 0; at < bytes.size; at += 7) {
        char kept = bytes.data[at];
        bytes.data[at] = (char)(kept ^ 0x11);
        refused += read_text(bytes.data, bytes.size, &error) != OCTAVO_OK;
        bytes.data[at] = kept;
    }
    assert_true(refused > 100);
    oc_buffer_free(&bytes);
    oc_arena_free(&arena);
}

/* One place of a good section, changed to what it cannot be. */
static void what_cannot_be_is_named(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *says;
        octavo_status status;
    } cases[] = {
        {"\"version\":1", "\"version\":2", "calibrate the engine again", OCTAVO_UNSUPPORTED},
        {"\"version\":1", "\"edition\":1", "no version", OCTAVO_CORRUPT},
        {"\"dim\":48", "\"dim\":47", "more than the 47", OCTAVO_CORRUPT},
        {"\"dim\":48", "\"dim\":49", "fewer than the 49", OCTAVO_CORRUPT},
        {"\"dim\":48", "\"dim\":0", "dim", OCTAVO_CORRUPT},
        {"\"dim\":48", "\"dim\":99999999", "dim", OCTAVO_CORRUPT},
        {"\"rows\":50", "\"rows\":1", "rows", OCTAVO_CORRUPT},
        {"\"bandwidth\":", "\"bandwidth\":0,\"was\":", "bandwidth", OCTAVO_CORRUPT},
        {"\"mean_spectrum\":[", "\"mean_spectrum\":[1,2,3,4,", "spectrum", OCTAVO_CORRUPT},
        {"\"variance\":[", "\"variance\":[-1,", "-1", OCTAVO_CORRUPT},
        {"\"edges\":[", "\"edges\":[1e9,", "ascend", OCTAVO_CORRUPT},
        {"\"edges\":[", "\"edges\":[-1e9,", "bins", OCTAVO_CORRUPT},
        {"\"counts\":[", "\"counts\":[-5,", "counts", OCTAVO_CORRUPT},
        {"\"saturated\":0.0001", "\"saturated\":1.5", "shares", OCTAVO_CORRUPT},
        {"\"runs\":25", "\"runs\":0", "runs", OCTAVO_CORRUPT},
        {"\"tower\":\"image\",\"rows\":400", "\"tower\":\"sound\",\"rows\":400", "tower",
         OCTAVO_CORRUPT},
    };
    oc_arena arena;
    oc_reference reference;
    oc_arena_init(&arena);
    oc_row_learn(1, 50, &arena, &reference);
    reference.quantizers = quantizers;
    reference.quantizer_count = 2;
    oc_buffer bytes = written(&reference);
    char *good = oc_buffer_take(&bytes, NULL);
    for (size_t i = 0; i < OC_COUNT(cases); i++) {
        octavo_error error;
        const char *at = strstr(good, cases[i].from);
        assert_non_null(at);
        size_t before = (size_t)(at - good), length = strlen(good) + strlen(cases[i].to);
        char *changed = malloc(length + 1);
        snprintf(changed, length + 1, "%.*s%s%s", (int)before, good, cases[i].to,
                 at + strlen(cases[i].from));
        if (read_text(changed, strlen(changed), &error) != cases[i].status ||
            strstr(error.message, cases[i].says) == NULL) {
            fail_msg("case %zu, %s: %s", i, cases[i].to, error.message);
        }
        free(changed);
    }
    free(good);
    oc_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_come_back),    cmocka_unit_test(what_is_learned),
        cmocka_unit_test(a_sample_stands_for_all), cmocka_unit_test(too_little_is_refused),
        cmocka_unit_test(damage_is_refused),       cmocka_unit_test(what_cannot_be_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
