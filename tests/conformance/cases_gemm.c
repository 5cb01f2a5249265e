/* cases_gemm.c - matrix products: storage, shapes around every tile, epilogues. */
#include <math.h>

#include "conformance/case.h"
#include "support/allocations.h"

typedef enum residual { NO_RESIDUAL, APART, IN_PLACE } residual;

typedef struct gemm {
    int32_t m, n, k;
    octavo_dtype weight;
    float a_scale; /* 0: floats */
    oc_values values, weights;
    int32_t scaled, biased;
    oc_activation act;
    residual residual;
    int32_t period;  /* 0: no table */
    float out_scale; /* 0: floats */
    int32_t pad_a, pad_out;
    int32_t a_scales;         /* 0: none, 1: one a row, 2: one for each block of a row */
    int32_t block_k, block_n; /* of k and of columns that share a scale; 0: none */
    bool every_way;           /* as oc_case.every_way */
} gemm;

#define F8  OCTAVO_F8_E4M3
#define F16 OCTAVO_F16
#define BF  OCTAVO_BF16
#define F32 OCTAVO_F32

/* Shapes: one, primes, just under, at and over 4, 6, 8, 16, 32, 64 rows and columns, and
 * depths around the blocks of 128 and 256. */
static const int32_t shapes[][3] = {
    {1, 1, 1},     {1, 7, 3},      {2, 16, 16},   {3, 17, 31},   {4, 15, 33},    {5, 31, 7},
    {6, 16, 64},   {7, 33, 257},   {8, 32, 256},  {11, 8, 255},  {12, 9, 128},   {13, 48, 129},
    {16, 64, 127}, {17, 97, 513},  {23, 47, 512}, {31, 5, 384},  {33, 63, 65},   {50, 96, 768},
    {61, 65, 2},   {65, 16, 1023}, {97, 1, 300},  {129, 24, 40}, {263, 70, 530}, {301, 530, 70},
};

/* As in large models and batches, but for the depth: over 1,024 rows, a fourth block of rows for
 * codes (510 each at most) and more for floats (252), 48 panels and more, in groups of 4; and
 * blocks behind the first that are as large as any: twice 510 rows, five times 252. */
static const int32_t large[][3] = {
    {1561, 24, 300}, {1033, 1040, 9}, {1561, 808, 130}, {1020, 17, 40}, {1260, 17, 40}};

/* One channel a thousand times the rest: tensor cores cut every product at so many bits of a step's
 * largest, and what is small beside it is lost unless sums are promoted often. */
static const int32_t outlier_depths[] = {64, 128, 256, 512, 1024, 2048, 4096};

/* Tiles of tensor-core kernels, by every variant: whole ones, rows and columns over, and columns
 * that end within a cluster's tiles. */
static const int32_t tiles[][3] = {{257, 384, 592}, {130, 264, 1040}, {64, 512, 128}};

static const struct {
    octavo_dtype weight;
    float a_scale;
} storages[] = {{F8, 0.01f}, {F8, 0}, {F32, 0}, {F16, 0}, {BF, 0}, {F16, 0.01f}, {F32, 0.01f}};

static const int32_t storage_shapes[] = {0, 3, 6, 7, 9, 11, 13, 14, 17, 18, 20};

/* Scales of rows of `a` and of blocks of either, in codes: blocks of parts of 256, of 256 and of
 * more; in the end several blocks of rows. */
static const gemm blocks[] = {
    {.m = 23, .n = 47, .k = 512, .a_scales = 1},
    {.m = 7, .n = 33, .k = 257, .a_scales = 2, .block_k = 128, .block_n = 128},
    {.m = 13, .n = 48, .k = 300, .a_scales = 1, .block_k = 128, .block_n = 16, .pad_a = 3},
    {.m = 19, .n = 35, .k = 600, .a_scales = 2, .block_k = 32, .block_n = 1},
    {.m = 50, .n = 96, .k = 768, .block_k = 256, .block_n = 5},
    {.m = 16,
     .n = 64,
     .k = 1023,
     .biased = 1,
     .residual = IN_PLACE,
     .a_scales = 2,
     .block_k = 512,
     .block_n = 20},
    {.m = 1020, .n = 17, .k = 264, .a_scales = 2, .block_k = 64, .block_n = 8},
    {.m = 1260, .n = 33, .k = 40, .biased = 1, .a_scales = 1},
};

/* Epilogues, each with FP8 codes and with floats: act, residual, period, scale of out. */
static const gemm epilogues[] = {
    {.scaled = 1},
    {.biased = 1},
    {.scaled = 1, .biased = 1, .act = OC_ACT_GELU_ERF},
    {.scaled = 1, .biased = 1, .act = OC_ACT_GELU_SIGMOID},
    {.scaled = 1, .biased = 1, .act = OC_ACT_GELU_TANH},
    {.scaled = 1, .residual = APART},
    {.scaled = 1, .biased = 1, .residual = IN_PLACE},
    {.scaled = 1, .biased = 1, .residual = IN_PLACE, .pad_a = 5, .pad_out = 3},
    {.scaled = 1, .period = 5},
    {.scaled = 1,
     .biased = 1,
     .act = OC_ACT_GELU_ERF,
     .residual = APART,
     .period = 3,
     .pad_out = 1},
    {.scaled = 1, .out_scale = 0.0079f},
    {.scaled = 1, .biased = 1, .act = OC_ACT_GELU_ERF, .out_scale = 0.0079f, .pad_out = 7},
    {.scaled = 1, .biased = 1, .act = OC_ACT_GELU_SIGMOID, .out_scale = 0.0313f},
    {.scaled = 1, .biased = 1, .residual = APART, .out_scale = 0.0079f, .pad_a = 16, .pad_out = 16},
};
static const int32_t epilogue_shapes[][3] = {{15, 37, 83}, {1, 16, 64}, {20, 19, 259}};

/* What activations and weights hold. */
static const struct {
    octavo_dtype weight;
    float a_scale;
    oc_values values, weights;
} contents[] = {
    {F8, 0.3f, OC_VALUES_OUTLIER, OC_VALUES_NORMAL},
    {F8, 0, OC_VALUES_OUTLIER, OC_VALUES_NORMAL},
    {F32, 0, OC_VALUES_OUTLIER, OC_VALUES_NORMAL},
    {F8, 1, OC_VALUES_ANY_CODE, OC_VALUES_NORMAL},
    {F8, 1, OC_VALUES_ANY_CODE, OC_VALUES_ANY_CODE},
    {F8, 0, OC_VALUES_SPREAD, OC_VALUES_NORMAL},
    {F8, 0.02f, OC_VALUES_OFFSET, OC_VALUES_NORMAL},
    {F8, 0.05f, OC_VALUES_SPREAD, OC_VALUES_SPREAD},
    {F8, 0.01f, OC_VALUES_NORMAL, OC_VALUES_OUTLIER},
    {F8, 0.01f, OC_VALUES_NORMAL, OC_VALUES_EQUAL},
    {F8, 0.3f, OC_VALUES_OUTLIER, OC_VALUES_OUTLIER},
    {BF, 0, OC_VALUES_OFFSET, OC_VALUES_SPREAD},
    {F8, 0.01f, OC_VALUES_NAN, OC_VALUES_NORMAL},
    {F8, 0, OC_VALUES_NAN, OC_VALUES_NORMAL},
    {F16, 0, OC_VALUES_NAN, OC_VALUES_NORMAL},
};

enum {
    SHAPES = OC_COUNT(shapes),
    STORAGES = (int)OC_COUNT(storages) * (int)OC_COUNT(storage_shapes),
    EPILOGUES = (int)OC_COUNT(epilogues) * (int)OC_COUNT(epilogue_shapes) * 2,
    CONTENTS = OC_COUNT(contents),
    OUTLIERS = (int)OC_COUNT(outlier_depths) * 2,
    TILES = (int)OC_COUNT(tiles) * 2,
    /* `ref` takes minutes over them under ThreadSanitizer, to which rows are rows */
    LARGE = OC_UNDER_TSAN ? 0 : (int)OC_COUNT(large) * 2,
    BLOCKS = (int)OC_COUNT(blocks) - (OC_UNDER_TSAN ? 2 : 0),
};

static const char *dtype_name(octavo_dtype dtype) {
    return dtype == F8 ? "f8" : dtype == F16 ? "f16" : dtype == BF ? "bf16" : "f32";
}

static void make(oc_case *c, const gemm *g, uint64_t seed) {
    static const char *const acts[] = {"", " gelu_erf", " gelu_sigmoid", " gelu_tanh"};
    static const char *const kinds[] = {" normal", " offset", " outlier", " spread",
                                        " equal",  " any",    " huge",    " nan"};
    oc_case_begin(c, OC_STEP_GEMM, seed);
    oc_step_gemm *step = &c->step.u.gemm;
    oc_case_say(c, "gemm.%s_%s %dx%dx%d", dtype_name(g->weight),
                g->a_scale != 0 ? "codes" : "floats", g->m, g->n, g->k);
    if (g->values != OC_VALUES_NORMAL || g->weights != OC_VALUES_NORMAL) {
        oc_case_say(c, " of%s by%s", kinds[g->values], kinds[g->weights]);
    }
    oc_case_say(c, "%s%s%s", g->scaled ? " scale" : "", g->biased ? " bias" : "", acts[g->act]);
    oc_case_say(c, "%s",
                g->residual == APART      ? " residual"
                : g->residual == IN_PLACE ? " residual_in_place"
                                          : "");
    if (g->period > 0) {
        oc_case_say(c, " table%d", g->period);
    }
    if (g->a_scales + g->block_k > 0) {
        oc_case_say(c, "%s blocks of %d", g->a_scales == 1 ? " row scales" : "", g->block_k);
    }
    oc_case_say(c, "%s%s", g->out_scale != 0 ? " -> codes" : "",
                g->pad_a + g->pad_out > 0 ? " padded" : "");
    int32_t block = g->period > 0 ? g->period : 1;
    oc_case_sequences(c, NULL, (g->m + block - 1) / block, block);
    int32_t m = c->starts[c->sequences];

    step->a = oc_case_view(c, m, g->k, g->pad_a, g->a_scale, g->values);
    oc_case_weights(c, g->n, g->k, g->weight, g->weights);
    c->matrix.acts_are_codes = g->a_scale != 0;
    /* results of size 1, wherever the values of `a` are */
    float size = sqrtf((float)g->k) * (g->weight == F8 ? 100 : 1);
    size /= g->a_scale != 0 ? g->a_scale : 1;
    if (g->scaled) {
        step->column_scale = oc_case_floats(c, g->n, 1 / size, 0.5f / size);
    }
    if (g->biased) {
        step->bias = oc_case_floats(c, g->n, 0.1f, 1);
    }
    step->act = g->act;
    if (g->residual != NO_RESIDUAL) {
        step->residual = oc_case_view(c, m, g->n, g->pad_out, 0, OC_VALUES_NORMAL);
        c->in_place = g->residual == IN_PLACE;
    }
    if (g->period > 0) {
        step->table = oc_case_floats(c, g->period * g->n, 0, 2);
        step->period = g->period;
    }
    step->block_k = g->block_k;
    step->block_n = g->block_n;
    int32_t k_blocks = g->block_k > 0 ? (g->k + g->block_k - 1) / g->block_k : 1;
    if (g->a_scales != 0) {
        int32_t columns = g->a_scales == 1 ? 1 : k_blocks;
        step->a_scale = oc_case_view(c, m, columns, g->pad_a, 0, OC_VALUES_NORMAL);
    }
    if (g->block_n > 0) {
        int32_t n_blocks = (g->n + g->block_n - 1) / g->block_n;
        step->block_scale = oc_case_floats(c, n_blocks * k_blocks, 1, 0.5f);
    }
    step->out = oc_case_out(g->n, g->pad_out, g->out_scale);
    c->every_way = g->every_way;
}

static int32_t count(void) {
    return SHAPES + STORAGES + EPILOGUES + CONTENTS + OUTLIERS + TILES + LARGE + BLOCKS;
}

static void make_listed(oc_case *c, int32_t index) {
    gemm g = {.weight = F8, .a_scale = 0.01f, .scaled = 1};
    uint64_t seed = 1000 + (uint64_t)index;
    int32_t i = index;
    if (i < SHAPES) {
        g.m = shapes[i][0], g.n = shapes[i][1], g.k = shapes[i][2];
    } else if ((i -= SHAPES) < STORAGES) {
        const int32_t *shape = shapes[storage_shapes[i % (int)OC_COUNT(storage_shapes)]];
        g.m = shape[0], g.n = shape[1], g.k = shape[2];
        g.weight = storages[i / (int)OC_COUNT(storage_shapes)].weight;
        g.a_scale = storages[i / (int)OC_COUNT(storage_shapes)].a_scale;
        g.biased = 1;
    } else if ((i -= STORAGES) < EPILOGUES) {
        const int32_t *shape = epilogue_shapes[i / 2 % (int)OC_COUNT(epilogue_shapes)];
        g = epilogues[i / 2 / (int)OC_COUNT(epilogue_shapes)];
        g.m = shape[0], g.n = shape[1], g.k = shape[2];
        g.weight = i % 2 == 0 ? F8 : F16;
        g.a_scale = i % 2 == 0 ? 0.01f : 0;
    } else if ((i -= EPILOGUES) < CONTENTS) {
        g.m = 19, g.n = 35, g.k = 300;
        g.weight = contents[i].weight;
        g.a_scale = contents[i].a_scale;
        g.values = contents[i].values;
        g.weights = contents[i].weights;
    } else if ((i -= CONTENTS) < OUTLIERS) {
        g.m = 33, g.n = 40, g.k = outlier_depths[i / 2];
        g.weight = i % 2 == 0 ? F8 : F16;
        g.a_scale = i % 2 == 0 ? 2.5f : 0; /* the outlier is 400 of 448 */
        g.values = OC_VALUES_HUGE;
    } else if ((i -= OUTLIERS) < TILES) {
        g.m = tiles[i / 2][0], g.n = tiles[i / 2][1], g.k = tiles[i / 2][2];
        g.weight = i % 2 == 0 ? F8 : F16;
        g.a_scale = i % 2 == 0 ? 0.01f : 0;
        g.biased = 1;
        g.act = OC_ACT_GELU_SIGMOID;
        g.every_way = true;
    } else if ((i -= TILES) < LARGE) {
        g.m = large[i / 2][0], g.n = large[i / 2][1], g.k = large[i / 2][2];
        g.weight = i % 2 == 0 ? F8 : F16;
        g.a_scale = i % 2 == 0 ? 0.01f : 0;
        g.biased = 1;
        g.residual = IN_PLACE;
    } else {
        g = blocks[i - LARGE];
        g.weight = F8;
        g.a_scale = 0.01f;
        g.scaled = 1;
    }
    make(c, &g, seed);
}

static void make_random(oc_case *c, uint64_t seed) {
    oc_rng r;
    oc_rng_init(&r, seed, 1);
    size_t storage = (size_t)oc_random_below(&r, OC_COUNT(storages));
    gemm g = {0};
    g.m = 1 + oc_random_below(&r, 70);
    g.n = 1 + oc_random_below(&r, 150);
    g.k = 1 + oc_random_below(&r, 600);
    g.weight = storages[storage].weight;
    g.a_scale = storages[storage].a_scale;
    g.values = oc_random_below(&r, 4) == 0 ? OC_VALUES_OFFSET : OC_VALUES_NORMAL;
    g.scaled = 1;
    g.biased = oc_random_below(&r, 2);
    g.act = (oc_activation)oc_random_below(&r, 4);
    g.residual = (residual)oc_random_below(&r, 3);
    g.period = oc_random_below(&r, 3) == 0 ? 1 + oc_random_below(&r, 9) : 0;
    g.pad_a = oc_random_below(&r, 20);
    g.pad_out = oc_random_below(&r, 20);
    if (g.residual != IN_PLACE && oc_random_below(&r, 2) == 0) {
        g.out_scale = oc_random_between(&r, 0.004f, 0.02f);
    }
    if (g.a_scale != 0 && oc_random_below(&r, 3) == 0) {
        static const int32_t depths[] = {0, 8, 32, 128, 256, 512};
        g.a_scales = oc_random_below(&r, 3);
        g.block_k = depths[oc_random_below(&r, OC_COUNT(depths))];
        g.block_n = g.block_k > 0 ? oc_random_below(&r, 40) : 0;
    }
    make(c, &g, seed);
}

const oc_case_family oc_gemm_cases = {"gemm", count, make_listed, make_random};
