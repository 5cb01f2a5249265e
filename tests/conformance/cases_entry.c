/* cases_entry.c - pixels to patches, ids to rows, and rows picked out of sequences. */
#include "conformance/case.h"

/* -- patches -------------------------------------------------------------------------------- */

typedef struct patches {
    int32_t images, image_size, patch_size;
    int32_t from_bytes, normalised;
    float out_scale;
    int32_t pad;
} patches;

static const patches patches_listed[] = {
    {1, 1, 1, 0, 0, 0, 0},     {1, 4, 2, 0, 0, 0, 0},       {2, 6, 3, 0, 0, 0, 1},
    {1, 7, 3, 0, 0, 0, 0},     {3, 8, 8, 0, 0, 0, 5},       {2, 32, 16, 0, 0, 0, 16},
    {1, 5, 1, 1, 0, 0, 0},     {2, 4, 2, 1, 0, 0, 0},       {2, 6, 3, 1, 1, 0, 1},
    {1, 7, 3, 1, 1, 0, 0},     {3, 28, 14, 1, 0, 0, 4},     {2, 32, 16, 1, 1, 0, 0},
    {1, 64, 32, 1, 1, 0, 16},  {2, 22, 11, 1, 1, 0, 0},     {2, 6, 3, 0, 0, 0.0089f, 1},
    {2, 14, 7, 1, 0, 1.1f, 0}, {2, 14, 7, 1, 1, 0.008f, 0}, {9, 32, 8, 1, 1, 0, 0},
};

static void make_patches(oc_case *c, const patches *p, uint64_t seed) {
    oc_case_begin(c, OC_STEP_PATCHES, seed);
    oc_case_say(c, "patches of %d, %d images of %d, from %s%s%s", p->patch_size, p->images,
                p->image_size, p->from_bytes ? "bytes" : "floats",
                p->normalised ? " normalised" : "", p->out_scale != 0 ? " -> codes" : "");
    int32_t grid = p->image_size / p->patch_size;
    int32_t values = p->images * 3 * p->image_size * p->image_size;
    oc_step_patches *step = &c->step.u.patches;
    oc_case_sequences(c, NULL, p->images, grid * grid + 1);
    c->step.rows = c->step.keys = OC_ROWS_IMAGE_TOKENS;
    if (p->from_bytes) {
        uint8_t *bytes = oc_case_bytes(c, (size_t)values, 1);
        for (int32_t i = 0; i < values; i++) {
            bytes[i] = (uint8_t)oc_random_below(&c->random, 256);
        }
        c->run.pixels = bytes;
    } else {
        c->run.pixels = oc_case_floats(c, values, 0, 2.5f)->data;
    }
    if (p->normalised) {
        step->mean = oc_case_floats(c, 3, 0.45f, 0.05f);
        step->std = oc_case_floats(c, 3, 0.27f, 0.01f);
    }
    step->image_size = p->image_size;
    step->patch_size = p->patch_size;
    step->from_bytes = p->from_bytes;
    step->out = oc_case_out(3 * p->patch_size * p->patch_size, p->pad, p->out_scale);
}

static int32_t patches_count(void) {
    return OC_COUNT(patches_listed);
}

static void patches_at(oc_case *c, int32_t index) {
    make_patches(c, &patches_listed[index], 7000 + (uint64_t)index);
}

static void patches_random(oc_case *c, uint64_t seed) {
    oc_rng r;
    oc_rng_init(&r, seed, 1);
    patches p = {0};
    p.images = 1 + oc_random_below(&r, 4);
    p.patch_size = 1 + oc_random_below(&r, 12);
    p.from_bytes = oc_random_below(&r, 2);
    p.pad = oc_random_below(&r, 9);
    p.image_size = p.patch_size + oc_random_below(&r, 40);
    p.normalised = p.from_bytes && oc_random_below(&r, 2) == 0;
    make_patches(c, &p, seed);
}

/* -- tokens ------------------------------------------------------------------------------------ */

typedef struct tokens {
    int32_t sequences;
    int32_t lengths[6];
    int32_t vocabulary, columns;
    octavo_dtype dtype;
    int32_t positioned;
    int32_t pad;
    float out_scale;
} tokens;

static const tokens tokens_listed[] = {
    {1, {1}, 1, 1, OCTAVO_F32, 1, 0, 0},
    {3, {5, 1, 9}, 50, 7, OCTAVO_F32, 1, 1, 0},
    {3, {5, 1, 9}, 50, 64, OCTAVO_F16, 1, 0, 0},
    {3, {5, 1, 9}, 50, 65, OCTAVO_BF16, 1, 3, 0},
    {2, {16, 4}, 300, 513, OCTAVO_F16, 1, 16, 0},
    {2, {16, 4}, 300, 33, OCTAVO_F16, 0, 0, 0},
    {2, {16, 4}, 300, 31, OCTAVO_BF16, 0, 0, 0},
    {2, {16, 4}, 300, 17, OCTAVO_F32, 0, 2, 0},
    {2, {16, 4}, 300, 17, OCTAVO_F16, 1, 2, 0.0078f},
    {5, {77, 77, 3, 77, 61}, 300, 96, OCTAVO_F16, 1, 0, 0},
};

static void make_tokens(oc_case *c, const tokens *t, uint64_t seed) {
    oc_case_begin(c, OC_STEP_TOKENS, seed);
    oc_case_sequences(c, t->lengths, t->sequences, 0);
    int32_t count = c->starts[t->sequences], longest = 0;
    oc_case_say(c, "tokens %s table of %dx%d, %d rows%s%s",
                t->dtype == OCTAVO_F32   ? "f32"
                : t->dtype == OCTAVO_F16 ? "f16"
                                         : "bf16",
                t->vocabulary, t->columns, count, t->positioned ? " positioned" : "",
                t->out_scale != 0 ? " -> codes" : "");
    int32_t *ids = oc_case_bytes(c, (size_t)count * sizeof *ids, sizeof *ids);
    int32_t *positions = oc_case_bytes(c, (size_t)count * sizeof *ids, sizeof *ids);
    for (int32_t s = 0; s < t->sequences; s++) {
        for (int32_t r = c->starts[s]; r < c->starts[s + 1]; r++) {
            ids[r] = oc_random_below(&c->random, t->vocabulary);
            positions[r] = r - c->starts[s];
        }
        longest = t->lengths[s] > longest ? t->lengths[s] : longest;
    }
    ids[0] = t->vocabulary - 1; /* the last row of the table */
    c->run.ids = ids;
    c->run.positions = positions;
    oc_case_weights(c, t->vocabulary, t->columns, t->dtype, OC_VALUES_NORMAL);
    c->matrix.use = OC_USE_ROWS;
    if (t->positioned) {
        c->step.u.tokens.position = oc_case_floats(c, longest * t->columns, 0, 0.5f);
    }
    c->step.u.tokens.out = oc_case_out(t->columns, t->pad, t->out_scale);
}

static int32_t tokens_count(void) {
    return OC_COUNT(tokens_listed);
}

static void tokens_at(oc_case *c, int32_t index) {
    make_tokens(c, &tokens_listed[index], 8000 + (uint64_t)index);
}

static void tokens_random(oc_case *c, uint64_t seed) {
    static const octavo_dtype dtypes[] = {OCTAVO_F32, OCTAVO_F16, OCTAVO_BF16};
    oc_rng r;
    oc_rng_init(&r, seed, 1);
    tokens t = {0};
    t.sequences = 1 + oc_random_below(&r, 6);
    t.vocabulary = 1 + oc_random_below(&r, 200);
    t.columns = 1 + oc_random_below(&r, 300);
    t.dtype = dtypes[oc_random_below(&r, 3)];
    t.positioned = oc_random_below(&r, 2);
    t.pad = oc_random_below(&r, 9);
    for (int32_t s = 0; s < t.sequences; s++) {
        t.lengths[s] = 1 + oc_random_below(&r, 30);
    }
    make_tokens(c, &t, seed);
}

/* -- pick ----------------------------------------------------------------------------------------
 */

typedef struct pick {
    int32_t sequences;
    int32_t lengths[6];
    int32_t columns, from_ends, row, pad;
} pick;

static const pick picks[] = {
    {1, {1}, 1, 0, 0, 0},
    {3, {4, 2, 9}, 7, 0, 0, 1},
    {3, {4, 2, 9}, 64, 0, 1, 0},
    {3, {4, 1, 9}, 33, 1, 0, 3},
    {6, {1, 1, 20, 3, 2, 7}, 513, 1, 0, 16},
};

static void make_pick(oc_case *c, const pick *p, uint64_t seed) {
    oc_case_begin(c, OC_STEP_PICK, seed);
    oc_case_sequences(c, p->lengths, p->sequences, 0);
    oc_case_say(c, "pick %s %d of %d sequences, %d wide", p->from_ends ? "end" : "row", p->row,
                p->sequences, p->columns);
    c->step.rows = OC_ROWS_TEXTS;
    c->step.u.pick = (oc_step_pick){
        .x = oc_case_view(c, c->starts[p->sequences], p->columns, p->pad, 0, OC_VALUES_SPREAD),
        .out = oc_case_out(p->columns, p->pad, 0),
        .from_ends = p->from_ends,
        .row = p->row,
    };
    int32_t *ends = oc_case_bytes(c, (size_t)p->sequences * sizeof *ends, sizeof *ends);
    for (int32_t s = 0; s < p->sequences; s++) {
        ends[s] = oc_random_below(&c->random, p->lengths[s]);
    }
    c->run.ends = ends;
}

static int32_t pick_count(void) {
    return OC_COUNT(picks);
}

static void pick_at(oc_case *c, int32_t index) {
    make_pick(c, &picks[index], 9000 + (uint64_t)index);
}

static void pick_random(oc_case *c, uint64_t seed) {
    oc_rng r;
    oc_rng_init(&r, seed, 1);
    pick p = {0};
    p.sequences = 1 + oc_random_below(&r, 6);
    p.columns = 1 + oc_random_below(&r, 300);
    p.from_ends = oc_random_below(&r, 2);
    p.pad = oc_random_below(&r, 9);
    for (int32_t s = 0; s < p.sequences; s++) {
        p.lengths[s] = 1 + oc_random_below(&r, 30);
    }
    make_pick(c, &p, seed);
}

const oc_case_family oc_patches_cases = {"patches", patches_count, patches_at, patches_random};
const oc_case_family oc_tokens_cases = {"tokens", tokens_count, tokens_at, tokens_random};
const oc_case_family oc_pick_cases = {"pick", pick_count, pick_at, pick_random};
