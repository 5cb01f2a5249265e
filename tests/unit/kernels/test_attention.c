// links: backends_cpu num base
/* test_attention.c - attention of both CPU tiers against plain loops in double: odd lengths and
 * head sizes, masks, ragged batches, one query a sequence, and bits that depend on nothing else. */
#include "unit/kernels/kernel_tools.h"

#include "backends/cpu/cpu.h"
#include "base/limits.h"

enum { HEADS = 3, SEQUENCES_MAX = 8 };

/* One call of the kernel and everything it reads. */
typedef struct setup {
    int32_t sequences, tokens, queries, head_dim;
    int32_t starts[SEQUENCES_MAX + 1], ends[SEQUENCES_MAX];
    uint8_t *mask;
    matrix q, kv; /* k and v side by side */
    oc_run run;
    oc_step step;
} setup;

typedef struct variant {
    int32_t causal, masked, query_rows, row;
} variant;

static const variant kinds[] = {{0, 0, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}, {1, 1, 0, 0},
                                {0, 0, 1, 0}, {0, 1, 1, 0}, {1, 0, 1, 0}, {0, 0, 2, 0},
                                {1, 0, 2, 0}, {1, 1, 2, 0}};

static void setup_init(setup *s, const int32_t *lengths, int32_t sequences, int32_t head_dim,
                       variant kind) {
    memset(s, 0, sizeof *s);
    s->sequences = sequences;
    s->head_dim = head_dim;
    for (int32_t i = 0; i < sequences; i++) {
        s->starts[i + 1] = s->starts[i] + lengths[i];
        s->ends[i] = (lengths[i] - 1) * 2 / 3;
    }
    s->tokens = s->starts[sequences];
    s->queries = kind.query_rows == 0 ? s->tokens : sequences;
    int32_t width = HEADS * head_dim;
    s->q = matrix_new(s->queries, width, 7, false);
    s->kv = matrix_new(s->tokens, 2 * width, 9, false);
    matrix_fill(&s->q, 0, 1.2, 51);
    matrix_fill(&s->kv, 0, 1, 52);
    s->mask = malloc((size_t)s->tokens);
    assert_non_null(s->mask);
    uint64_t random = 53;
    for (int32_t i = 0; i < s->tokens; i++) {
        s->mask[i] = uniform(&random) < 0.7;
        if (kind.masked && s->mask[i] == 0) { /* what is hidden would show */
            for (int32_t c = 0; c < 2 * width; c++) {
                row(&s->kv, i)[c] *= 1000;
            }
        }
    }
    for (int32_t i = 0; sequences > 1 && i < s->starts[1]; i++) {
        s->mask[i] = 0; /* all of the first sequence */
    }
    s->run.starts[OC_ROWS_TEXT_TOKENS] = s->starts;
    s->run.rows[OC_ROWS_TEXT_TOKENS] = s->tokens;
    s->run.rows[OC_ROWS_TEXTS] = sequences;
    s->run.ends = s->ends;
    s->run.key_mask = s->mask;
    s->step = (oc_step){.kind = OC_STEP_ATTENTION, .keys = OC_ROWS_TEXT_TOKENS};
    s->step.rows = kind.query_rows == 0 ? OC_ROWS_TEXT_TOKENS : OC_ROWS_TEXTS;
    oc_view k = s->kv.view, v = s->kv.view;
    k.columns = v.columns = width;
    v.data = row(&s->kv, 0) + width;
    s->step.u.attention = (oc_step_attention){.q = s->q.view,
                                              .k = k,
                                              .v = v,
                                              .heads = HEADS,
                                              .head_dim = head_dim,
                                              .scale = 1 / sqrtf((float)head_dim),
                                              .causal = kind.causal,
                                              .masked = kind.masked,
                                              .query_rows = kind.query_rows,
                                              .row = kind.row};
}

static void setup_free(setup *s) {
    matrix_free(&s->q);
    matrix_free(&s->kv);
    free(s->mask);
}

static void setup_run(const setup *s, const oc_cpu_kernel *kernel, const matrix *out, bool many) {
    oc_step step = s->step;
    step.u.attention.out = out->view;
    run_step(kernel, &step, &s->run, s->queries, s->tokens, many);
    matrix_check_guards(out);
}

/* Row `query` of head `head`, by definition. */
static void attend(const setup *s, int32_t sequence, int32_t query, int32_t place, int32_t head,
                   double *out) {
    const oc_step_attention *step = &s->step.u.attention;
    int32_t dim = s->head_dim, first = s->starts[sequence];
    int32_t keys = s->starts[sequence + 1] - first;
    int32_t seen = step->causal && place + 1 < keys ? place + 1 : keys;
    const uint8_t *mask = step->masked ? s->run.key_mask : NULL;
    double *scores = calloc((size_t)keys, sizeof(double));
    assert_non_null(scores);
    double highest = -INFINITY, sum = 0;
    for (int32_t j = 0; j < seen; j++) {
        for (int32_t d = 0; d < dim; d++) {
            scores[j] += (double)row(&s->q, query)[head * dim + d] *
                         (double)row(&s->kv, first + j)[head * dim + d] * (double)step->scale;
        }
        if (mask != NULL && mask[first + j] == 0) {
            scores[j] = -INFINITY;
        }
        highest = fmax(highest, scores[j]);
    }
    for (int32_t d = 0; d < dim; d++) {
        out[d] = 0;
    }
    for (int32_t j = 0; j < seen; j++) {
        double weight = isinf(highest) ? 1 : exp(scores[j] - highest);
        sum += weight;
        for (int32_t d = 0; d < dim; d++) {
            out[d] += weight * (double)row(&s->kv, first + j)[(HEADS + head) * dim + d];
        }
    }
    for (int32_t d = 0; d < dim; d++) {
        out[d] /= sum;
    }
    free(scores);
}

static double *expected(const setup *s) {
    const oc_step_attention *step = &s->step.u.attention;
    double *want = calloc((size_t)(s->queries * HEADS * s->head_dim), sizeof(double));
    assert_non_null(want);
    for (int32_t i = 0; i < s->sequences; i++) {
        int32_t rows = step->query_rows == 0 ? s->starts[i + 1] - s->starts[i] : 1;
        for (int32_t r = 0; r < rows; r++) {
            int32_t query = step->query_rows == 0 ? s->starts[i] + r : i;
            int32_t place = step->query_rows == 0   ? r
                            : step->query_rows == 1 ? step->row
                                                    : s->ends[i];
            for (int32_t h = 0; h < HEADS; h++) {
                attend(s, i, query, place, h, want + (query * HEADS + h) * s->head_dim);
            }
        }
    }
    return want;
}

/* Values, codes, guards, and the bits of each sequence alone on many threads. */
static void attention_case(const oc_cpu_kernel *kernel, const int32_t *lengths, int32_t sequences,
                           int32_t head_dim, variant kind) {
    setup s;
    setup_init(&s, lengths, sequences, head_dim, kind);
    int32_t width = HEADS * head_dim;
    matrix out = matrix_new(s.queries, width, 5, false),
           codes = matrix_new(s.queries, width, 3, true);
    setup_run(&s, kernel, &out, false);
    double *want = expected(&s);
    check_close(&out, want, 1e-6);
    free(want);

    codes.view.scale = 0.0077f;
    setup_run(&s, kernel, &codes, true);
    check_codes(&codes, &out);

    for (int32_t i = 0; sequences > 1 && i < sequences; i++) {
        int32_t first = kind.query_rows == 0 ? s.starts[i] : i;
        setup one = s;
        one.sequences = 1;
        one.tokens = one.starts[1] = lengths[i];
        one.queries = kind.query_rows == 0 ? lengths[i] : 1;
        one.ends[0] = s.ends[i];
        one.run.starts[OC_ROWS_TEXT_TOKENS] = one.starts;
        one.run.rows[OC_ROWS_TEXT_TOKENS] = one.tokens;
        one.run.rows[OC_ROWS_TEXTS] = 1;
        one.run.ends = one.ends;
        one.run.key_mask = s.mask + s.starts[i];
        one.step.u.attention.q.data = row(&s.q, first);
        one.step.u.attention.k.data = row(&s.kv, s.starts[i]);
        one.step.u.attention.v.data = row(&s.kv, s.starts[i]) + width;
        matrix alone = matrix_new(one.queries, width, 0, false);
        setup_run(&one, kernel, &alone, true);
        for (int32_t r = 0; r < one.queries; r++) {
            assert_memory_equal(row(&alone, r), row(&out, first + r),
                                (size_t)width * sizeof(float));
        }
        matrix_free(&alone);
    }
    matrix_free(&out);
    matrix_free(&codes);
    setup_free(&s);
}

static void shape_cases(const oc_cpu_kernel *kernel) {
    static const int32_t lengths[] = {1, 2, 5, 6, 7, 15, 16, 17, 24, 25, 50, 77};
    static const int32_t head_dims[] = {1, 7, 8, 16, 24, 32, 64, 80};
    for (size_t i = 0; i < OC_COUNT(lengths); i++) {
        for (size_t d = 0; d < OC_COUNT(head_dims); d++) {
            for (size_t k = 0; k < OC_COUNT(kinds); k++) {
                attention_case(kernel, lengths + i, 1, head_dims[d], kinds[k]);
            }
        }
    }
    static const int32_t longer[] = {300, 601}; /* more than one chunk of keys */
    for (size_t k = 0; k < OC_COUNT(kinds); k++) {
        attention_case(kernel, longer, 1, 8, kinds[k]);
    }
    attention_case(kernel, longer + 1, 1, 64, kinds[0]);
}

/* One sequence of each odd length and head size, every kind of masking and of query rows. */
static void test_shapes(void **state) {
    (void)state;
    EACH_TIER(attention, shape_cases);
}

static void ragged_cases(const oc_cpu_kernel *kernel) {
    static const int32_t lengths[] = {3, 16, 1, 77, 17, 9, 2};
    static const int32_t head_dims[] = {7, 32, 64};
    for (size_t d = 0; d < OC_COUNT(head_dims); d++) {
        for (size_t k = 0; k < OC_COUNT(kinds); k++) {
            attention_case(kernel, lengths, OC_COUNT(lengths), head_dims[d], kinds[k]);
        }
    }
}

/* Sequences of different lengths in one call do not see each other, and keep the bits that they
 * have alone; one whose keys are all hidden gets the mean of its visible values. */
static void test_ragged(void **state) {
    (void)state;
    EACH_TIER(attention, ragged_cases);
}

static void piece_cases(const oc_cpu_kernel *kernel) {
    static const int32_t lengths[] = {200, 411, 96};
    attention_case(kernel, lengths, 3, 8, kinds[0]); /* 9 heads for 16 threads, alone 3 */
    attention_case(kernel, lengths, 3, 8, kinds[3]);
}

/* Queries of few long sequences are cut into pieces for more threads; no bit shows it. */
static void test_pieces(void **state) {
    (void)state;
    EACH_TIER(attention, piece_cases);
}

static void extreme_cases(const oc_cpu_kernel *kernel) {
    int32_t length = 33;
    setup s;
    setup_init(&s, &length, 1, 8, kinds[0]);
    matrix out = matrix_new(length, HEADS * 8, 0, false);
    for (int32_t r = 0; r < length; r++) {
        for (int32_t c = 0; c < HEADS * 8; c++) {
            row(&s.q, r)[c] = c % 8 == 0 ? 1e4f : 0;
            row(&s.kv, r)[c] = c % 8 == 0 ? (float)(r * 31 % 33) : 0; /* greatest in row 17 */
        }
    }
    setup_run(&s, kernel, &out, false);
    for (int32_t r = 0; r < length; r++) {
        assert_memory_equal(row(&out, r), row(&s.kv, 17) + HEADS * 8, HEADS * 8 * sizeof(float));
    }
    matrix_free(&out);
    setup_free(&s);
}

/* Scores thousands apart neither overflow nor leave a trace of the smaller ones. */
static void test_extreme_scores(void **state) {
    (void)state;
    EACH_TIER(attention, extreme_cases);
}

static void nan_cases(const oc_cpu_kernel *kernel) {
    static const int32_t lengths[] = {3, 8, 9, 24, 41};
    for (size_t i = 0; i < OC_COUNT(lengths); i++) {
        for (int32_t key = 0; key < 3; key++) {
            setup s;
            setup_init(&s, &lengths[i], 1, 16, kinds[2]);
            matrix out = matrix_new(lengths[i], HEADS * 16, 0, false);
            memset(s.mask, 0, (size_t)lengths[i]);
            s.mask[key] = 1;
            row(&s.kv, key)[5] = NAN; /* of the one visible key, in head 0 */
            setup_run(&s, kernel, &out, false);
            for (int32_t r = 0; r < lengths[i]; r++) {
                assert_true(isnan(row(&out, r)[0]) && isnan(row(&out, r)[15]));
                assert_memory_equal(row(&out, r) + 16, row(&s.kv, key) + HEADS * 16 + 16,
                                    2 * 16 * sizeof(float));
            }
            s.mask[key] = 0; /* hidden, it does not show */
            s.mask[(key + 1) % 3] = 1;
            setup_run(&s, kernel, &out, false);
            for (int32_t r = 0; r < lengths[i]; r++) {
                assert_memory_equal(row(&out, r), row(&s.kv, (key + 1) % 3) + HEADS * 16,
                                    HEADS * 16 * sizeof(float));
            }
            matrix_free(&out);
            setup_free(&s);
        }
    }
}

/* A score that is NaN makes its row NaN, also where only hidden keys follow it; that of a hidden
 * key does not. */
static void test_nan(void **state) {
    (void)state;
    EACH_TIER(attention, nan_cases);
}

static void size_cases(const oc_cpu_kernel *kernel) {
    const oc_step step = {.u.attention = {.heads = 1, .head_dim = 64}};
    size_t at_limit = kernel->local_bytes(&step, 1, OC_LIMIT_TOKENS);
    assert_true(kernel->local_bytes(&step, 1, 2 * OC_LIMIT_TOKENS) > at_limit);
}

/* Memory is asked for all keys, never for fewer. */
static void test_memory(void **state) {
    (void)state;
    EACH_TIER(attention, size_cases);
}

/* Sequences beyond the limit are refused when the kernel is chosen, those of the limit are not. */
static void test_too_long(void **state) {
    (void)state;
    oc_device *device = NULL;
    octavo_error error = {0};
    oc_step step = {.kind = OC_STEP_ATTENTION,
                    .name = "vision.layers.0.attention",
                    .u.attention = {.heads = 1, .head_dim = 64}};
    oc_plan_limits limits = {.sequence_max = {OC_LIMIT_TOKENS, 1, OC_LIMIT_TOKENS, 1}};
    oc_scratch scratch = {0};
    assert_int_equal(oc_backend_cpu.open(&(oc_device_options){.threads = 1}, &device, &error),
                     OCTAVO_OK);
    assert_int_equal(oc_backend_cpu.choose(device, &step, &limits, &scratch, &error), OCTAVO_OK);
    limits.sequence_max[step.keys]++;
    assert_int_equal(oc_backend_cpu.choose(device, &step, &limits, &scratch, &error),
                     OCTAVO_UNSUPPORTED);
    assert_string_equal(error.message, "step vision.layers.0.attention may have sequences of 8193 "
                                       "rows, the limit is 8192");
    oc_backend_cpu.close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),   cmocka_unit_test(test_ragged),
        cmocka_unit_test(test_pieces),   cmocka_unit_test(test_extreme_scores),
        cmocka_unit_test(test_nan),      cmocka_unit_test(test_memory),
        cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
