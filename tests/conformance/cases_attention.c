/* cases_attention.c - ragged sequences, masks, query rows, merged and padded views. */
#include "conformance/case.h"

typedef struct attention {
    int32_t heads, head_dim, sequences;
    int32_t lengths[6];
    int32_t causal, masked, query_rows, row;
    int32_t merged; /* q, k and v side by side in one matrix */
    float in_scale, out_scale;
    int32_t pad;
    float scale; /* 0: 1/8 */
    oc_values values;
    int32_t hidden; /* of 8 keys; 8: all keys of the first sequence, too */
    const char *what;
} attention;

static const attention listed[] = {
    {1, 1, 1, {1}, .what = "smallest"},
    {1, 3, 1, {2}, .what = "two tokens"},
    {2, 8, 1, {7}, .what = "7 tokens"},
    {3, 16, 2, {5, 8}, .what = "two sequences"},
    {2, 32, 1, {50}, .merged = 1, .what = "b/32"},
    {1, 64, 1, {77}, .causal = 1, .merged = 1, .what = "text"},
    {2, 64, 1, {197}, .merged = 1, .what = "b/16"},
    {1, 80, 2, {17, 33}, .pad = 5, .what = "width 80"},
    {1, 88, 1, {31}, .pad = 1, .what = "width 88"},
    {2, 65, 1, {9}, .what = "width 65"},
    {1, 64, 1, {530}, .what = "long"},
    {1, 20, 1, {301}, .causal = 1, .pad = 3, .what = "long causal"},
    {4, 24, 6, {1, 7, 2, 50, 16, 3}, .merged = 1, .what = "ragged"},
    {4, 24, 6, {1, 7, 2, 50, 16, 3}, .causal = 1, .what = "ragged"},
    {2, 24, 5, {9, 1, 33, 4, 8}, .masked = 1, .hidden = 3, .what = "ragged"},
    {2, 24, 5, {9, 1, 33, 4, 8}, .causal = 1, .masked = 1, .hidden = 3, .what = "ragged"},
    {2, 24, 3, {9, 7, 17}, .masked = 1, .hidden = 8, .what = "a sequence all hidden"},
    {2, 24, 3, {9, 7, 17}, .causal = 1, .masked = 1, .hidden = 8, .what = "a sequence all hidden"},
    {3, 16, 4, {10, 3, 7, 50}, .query_rows = 1, .row = 0, .what = "first row"},
    {3, 16, 4, {10, 3, 7, 50}, .query_rows = 1, .row = 2, .causal = 1, .what = "third row"},
    {3, 16, 4, {10, 1, 7, 50}, .query_rows = 2, .causal = 1, .what = "end row"},
    {3,
     16,
     4,
     {10, 1, 7, 50},
     .query_rows = 2,
     .causal = 1,
     .masked = 1,
     .hidden = 2,
     .what = "end row"},
    {2, 16, 2, {20, 11}, .values = OC_VALUES_EQUAL, .what = "equal scores"},
    {2, 16, 2, {20, 11}, .scale = 20, .what = "scores of hundreds"},
    {2, 16, 2, {20, 11}, .values = OC_VALUES_NAN, .what = "a NaN"},
    {2, 16, 2, {2, 41}, .masked = 1, .hidden = 7, .values = OC_VALUES_NAN, .what = "a NaN"},
    {2, 40, 2, {20, 11}, .out_scale = 0.0051f, .pad = 3, .what = "out codes"},
    {2, 40, 2, {20, 11}, .in_scale = 0.013f, .merged = 1, .what = "codes in"},
    {2, 40, 2, {20, 11}, .in_scale = 0.013f, .out_scale = 0.0051f, .what = "codes in and out"},
    {1, 128, 1, {40}, .in_scale = 0.013f, .causal = 1, .what = "codes in"},
    /* as towers have them: lengths around tiles of 64 queries, of one matrix */
    {4, 64, 2, {65, 65}, .merged = 1, .what = "65"},
    {4, 64, 2, {65, 65}, .merged = 1, .out_scale = 0.0051f, .what = "65, out codes"},
    {3, 64, 4, {50, 50, 49, 50}, .merged = 1, .out_scale = 0.0051f, .what = "50, out codes"},
    {2, 64, 3, {197, 1, 197}, .merged = 1, .out_scale = 0.0051f, .what = "197, out codes"},
    {2, 64, 3, {257, 130, 257}, .merged = 1, .out_scale = 0.0051f, .what = "257, out codes"},
    {1, 64, 2, {577, 400}, .merged = 1, .out_scale = 0.0051f, .what = "577, out codes"},
    {3, 64, 5, {77, 3, 12, 77, 17}, .causal = 1, .merged = 1, .out_scale = 0.0051f, .what = "77"},
    {3,
     64,
     5,
     {77, 3, 12, 77, 17},
     .causal = 1,
     .masked = 1,
     .hidden = 3,
     .merged = 1,
     .what = "77"},
    {3,
     64,
     3,
     {257, 65, 1},
     .query_rows = 1,
     .merged = 1,
     .out_scale = 0.0051f,
     .what = "first row"},
    {3, 64, 4, {77, 3, 12, 77}, .causal = 1, .query_rows = 2, .merged = 1, .what = "end row"},
    {2, 32, 3, {77, 3, 130}, .merged = 1, .what = "heads of 32"},
    {2, 80, 3, {77, 3, 130}, .causal = 1, .merged = 1, .what = "heads of 80"},
    {2, 128, 2, {77, 130}, .merged = 1, .out_scale = 0.0051f, .what = "heads of 128, out codes"},
};

static void choose_keys(oc_case *c, int32_t hidden) {
    int32_t tokens = c->starts[c->sequences];
    uint8_t *mask = oc_case_bytes(c, (size_t)tokens, 1);
    for (int32_t s = 0; s < c->sequences; s++) {
        for (int32_t t = c->starts[s]; t < c->starts[s + 1]; t++) {
            bool hide = oc_random_below(&c->random, 8) < hidden % 8;
            mask[t] = t == c->starts[s] || !hide;
            if (hidden == 8 && s == 0) {
                mask[t] = 0;
            }
        }
    }
    c->run.key_mask = mask;
}

static void make(oc_case *c, const attention *a, uint64_t seed) {
    oc_case_begin(c, OC_STEP_ATTENTION, seed);
    oc_step_attention *step = &c->step.u.attention;
    int32_t width = a->heads * a->head_dim;
    oc_case_sequences(c, a->lengths, a->sequences, 0);
    int32_t tokens = c->starts[a->sequences];
    oc_case_say(c, "attention %s: %d heads of %d, %d tokens in %d%s%s", a->what, a->heads,
                a->head_dim, tokens, a->sequences, a->causal ? " causal" : "",
                a->masked ? " masked" : "");
    int32_t queries = a->query_rows == 0 ? tokens : a->sequences;
    if (a->merged) {
        oc_view all = oc_case_view(c, tokens, 3 * width, a->pad, a->in_scale, a->values);
        size_t step_bytes = (size_t)width * oc_dtype_bytes(all.dtype);
        all.columns = width;
        step->q = step->k = step->v = all;
        step->k.data = (uint8_t *)all.data + step_bytes;
        step->v.data = (uint8_t *)all.data + 2 * step_bytes;
    }
    if (!a->merged || a->query_rows != 0) {
        step->q = oc_case_view(c, queries, width, a->pad, a->in_scale, a->values);
    }
    if (!a->merged) {
        step->k = oc_case_view(c, tokens, width, a->pad, a->in_scale, a->values);
        /* equal scores, but values that differ */
        step->v = oc_case_view(c, tokens, width, a->pad, a->in_scale, OC_VALUES_NORMAL);
    }
    step->out = oc_case_out(width, a->pad, a->out_scale);
    step->heads = a->heads;
    step->head_dim = a->head_dim;
    step->scale = a->scale != 0 ? a->scale : 0.125f;
    step->causal = a->causal;
    step->masked = a->masked;
    step->query_rows = a->query_rows;
    step->row = a->row;
    c->step.rows = a->query_rows == 0 ? OC_ROWS_TEXT_TOKENS : OC_ROWS_TEXTS;
    if (a->masked) {
        choose_keys(c, a->hidden);
    }
    int32_t *ends = oc_case_bytes(c, (size_t)a->sequences * sizeof *ends, sizeof *ends);
    for (int32_t s = 0; s < a->sequences; s++) {
        ends[s] = oc_random_below(&c->random, a->lengths[s]);
    }
    c->run.ends = ends;
}

static int32_t count(void) {
    return OC_COUNT(listed);
}

static void make_listed(oc_case *c, int32_t index) {
    make(c, &listed[index], 2000 + (uint64_t)index);
}

static void make_random(oc_case *c, uint64_t seed) {
    oc_rng r;
    oc_rng_init(&r, seed, 1);
    attention a = {0};
    a.heads = 1 + oc_random_below(&r, 4);
    a.head_dim = 1 + oc_random_below(&r, 100);
    a.sequences = 1 + oc_random_below(&r, 6);
    a.causal = oc_random_below(&r, 2);
    a.masked = oc_random_below(&r, 2);
    a.query_rows = oc_random_below(&r, 3);
    a.merged = oc_random_below(&r, 2);
    a.in_scale = oc_random_below(&r, 3) == 0 ? 0.013f : 0;
    a.out_scale = oc_random_below(&r, 3) == 0 ? 0.0051f : 0;
    a.pad = oc_random_below(&r, 9);
    a.scale = oc_random_between(&r, 0.05f, 0.3f);
    a.hidden = oc_random_below(&r, 9);
    a.what = a.in_scale != 0 ? "random, codes in" : "random";
    for (int32_t s = 0; s < a.sequences; s++) {
        a.lengths[s] = 1 + oc_random_below(&r, 60);
    }
    make(c, &a, seed);
}

const oc_case_family oc_attention_cases = {"attention", count, make_listed, make_random};
