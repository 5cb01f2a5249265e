/* cases_rows.c - what works on rows of floats: layer norm, quantizer, pointwise, unit, logits. */
#include <math.h>

#include "conformance/case.h"
#include "num/e4m3.h"

typedef struct rows {
    int32_t rows, columns;
    float out_scale; /* 0: floats */
    oc_values values;
    int32_t pad;
    oc_activation act;
    int32_t with_y;
    int32_t period; /* of pointwise's table; 0: none */
} rows;

static void begin(oc_case *c, const rows *r, oc_step_kind kind, const char *name, uint64_t seed) {
    oc_case_begin(c, kind, seed);
    oc_case_say(c, "%s %dx%d%s%s", name, r->rows, r->columns, r->out_scale != 0 ? " -> codes" : "",
                r->pad > 0 ? " padded" : "");
    if (r->period > 0) {
        oc_case_sequences(c, NULL, r->rows / r->period, r->period);
    } else {
        oc_case_sequences(c, NULL, r->rows, 1);
    }
}

static rows random_rows(oc_rng *r) {
    rows shape = {0};
    shape.rows = 1 + oc_random_below(r, 40);
    shape.columns = 1 + oc_random_below(r, 900);
    shape.out_scale = oc_random_below(r, 2) == 0 ? oc_random_between(r, 0.004f, 0.02f) : 0;
    shape.values = oc_random_below(r, 2) == 0 ? OC_VALUES_NORMAL : OC_VALUES_OUTLIER;
    shape.pad = oc_random_below(r, 20);
    shape.act = (oc_activation)oc_random_below(r, 4);
    shape.with_y = oc_random_below(r, 2);
    return shape;
}

/* -- layer norm --------------------------------------------------------------------------- */

static const rows norms[] = {
    {.rows = 3, .columns = 2},
    {.rows = 1, .columns = 3},
    {.rows = 5, .columns = 7, .out_scale = 0.0089f, .pad = 1},
    {.rows = 4, .columns = 8},
    {.rows = 7, .columns = 17, .pad = 3},
    {.rows = 2, .columns = 63, .out_scale = 0.0089f},
    {.rows = 3, .columns = 64, .values = OC_VALUES_OUTLIER},
    {.rows = 3, .columns = 65, .out_scale = 0.0333f, .values = OC_VALUES_OUTLIER},
    {.rows = 11, .columns = 512, .values = OC_VALUES_OFFSET, .pad = 16},
    {.rows = 5, .columns = 768, .out_scale = 0.0089f, .values = OC_VALUES_OFFSET},
    {.rows = 2, .columns = 1031, .values = OC_VALUES_SPREAD},
    {.rows = 2, .columns = 4099, .out_scale = 0.0089f},
    {.rows = 70, .columns = 40, .out_scale = 0.0089f, .pad = 5},
    {.rows = 3, .columns = 33, .values = OC_VALUES_EQUAL},
    {.rows = 333, .columns = 65},
    {.rows = 41, .columns = 513, .out_scale = 0.0089f},
};

static void make_norm(oc_case *c, const rows *r, uint64_t seed) {
    begin(c, r, OC_STEP_NORM, "norm", seed);
    oc_step_norm *step = &c->step.u.norm;
    step->x = oc_case_view(c, r->rows, r->columns, r->pad, 0, r->values);
    step->gamma = oc_case_floats(c, r->columns, 1, 0.5f);
    step->beta = oc_case_floats(c, r->columns, 0, 0.5f);
    step->eps = 1e-5f;
    step->out = oc_case_out(r->columns, r->pad, r->out_scale);
}

static int32_t norm_count(void) {
    return OC_COUNT(norms);
}

static void norm_listed(oc_case *c, int32_t index) {
    make_norm(c, &norms[index], 3000 + (uint64_t)index);
}

static void norm_random(oc_case *c, uint64_t seed) {
    oc_rng r;
    oc_rng_init(&r, seed, 1);
    rows shape = random_rows(&r);
    shape.columns += 3; /* of very few, variance may all but vanish */
    make_norm(c, &shape, seed);
}

/* -- quantizer alone: every tie between neighbouring codes, specials, and plain rows ---------- */

static const rows quantizers[] = {
    {.rows = 1, .columns = 1, .out_scale = 0.02f},
    {.rows = 3, .columns = 7, .out_scale = 0.02f, .pad = 2},
    {.rows = 5, .columns = 33, .out_scale = 0.0041f, .values = OC_VALUES_SPREAD, .pad = 1},
    {.rows = 9, .columns = 768, .out_scale = 0.0089f, .values = OC_VALUES_SPREAD},
    {.rows = 2, .columns = 65, .pad = 3},
};
static const float tie_scales[] = {1, 0.25f, 8, 0.0123f, 3e-30f, 0.9999f};

static const float specials[] = {0.0f,     -0.0f,   INFINITY, -INFINITY, NAN,     448,     -448,
                                 449,      463.99f, 464,      464.01f,   -464.5f, 480,     1e30f,
                                 -3.4e38f, 1e-30f,  1e-45f,   -1e-45f,   0x1p-9f, 0x1p-10f};

static void make_ties(oc_case *c, float scale, uint64_t seed) {
    rows r = {1, 126 * 6 + (int)OC_COUNT(specials), scale, .pad = 1};
    int32_t at = 0;
    begin(c, &r, OC_STEP_NORM, "quantize ties", seed);
    oc_case_say(c, " of scale %g", (double)scale);
    float *x = oc_case_floats(c, r.columns, 0, 0)->data;
    for (int32_t code = 0; code < 126; code++) { /* neighbours are magnitudes in order */
        float below = oc_e4m3_to_f32((uint8_t)code), above = oc_e4m3_to_f32((uint8_t)(code + 1));
        float tie = (below + above) / 2 * scale;
        x[at++] = tie;
        x[at++] = nextafterf(tie, 0);
        x[at++] = nextafterf(tie, INFINITY);
        x[at++] = -tie;
        x[at++] = above * scale;
        x[at++] = -below * scale;
    }
    for (size_t i = 0; i < OC_COUNT(specials); i++) {
        x[at++] = specials[i];
    }
    int exponent;
    c->exact = frexpf(scale, &exponent) == 0.5f; /* then x / scale is exact */
    c->step.u.norm = (oc_step_norm){
        .x = {.data = x, .stride = r.columns, .columns = r.columns, .dtype = OCTAVO_F32},
        .out = oc_case_out(r.columns, r.pad, scale),
    };
}

static int32_t quantize_count(void) {
    return (int)OC_COUNT(quantizers) + (int)OC_COUNT(tie_scales);
}

static void make_quantize(oc_case *c, const rows *r, uint64_t seed) {
    begin(c, r, OC_STEP_NORM, "quantize", seed);
    c->step.u.norm = (oc_step_norm){
        .x = oc_case_view(c, r->rows, r->columns, r->pad, 0, r->values),
        .out = oc_case_out(r->columns, r->pad, r->out_scale),
    };
}

static void quantize_listed(oc_case *c, int32_t index) {
    int32_t ties = index - (int)OC_COUNT(quantizers);
    if (ties >= 0) {
        make_ties(c, tie_scales[ties], 4000 + (uint64_t)index);
    } else {
        make_quantize(c, &quantizers[index], 4000 + (uint64_t)index);
    }
}

static void quantize_random(oc_case *c, uint64_t seed) {
    oc_rng r;
    oc_rng_init(&r, seed, 1);
    rows shape = random_rows(&r);
    shape.values = OC_VALUES_SPREAD;
    make_quantize(c, &shape, seed);
}

/* -- pointwise -------------------------------------------------------------------------------- */

static const rows pointwises[] = {
    {.rows = 1, .columns = 1, .act = OC_ACT_GELU_ERF},
    {.rows = 3, .columns = 7, .act = OC_ACT_GELU_SIGMOID, .pad = 1},
    {.rows = 3, .columns = 17, .act = OC_ACT_GELU_TANH},
    {.rows = 2, .columns = 4001, .act = OC_ACT_GELU_ERF, .values = OC_VALUES_SPREAD},
    {.rows = 2, .columns = 4001, .act = OC_ACT_GELU_SIGMOID, .values = OC_VALUES_SPREAD},
    {.rows = 2, .columns = 4001, .act = OC_ACT_GELU_TANH, .values = OC_VALUES_SPREAD},
    {.rows = 5, .columns = 31, .with_y = 1, .pad = 3},
    {.rows = 5, .columns = 64, .act = OC_ACT_GELU_ERF, .with_y = 1},
    {.rows = 6, .columns = 33, .out_scale = 0.0078f, .act = OC_ACT_GELU_ERF, .pad = 5},
    {.rows = 6, .columns = 33, .out_scale = 0.0078f, .act = OC_ACT_GELU_TANH, .with_y = 1},
    {.rows = 6, .columns = 33, .out_scale = 0.0078f},
    {.rows = 41, .columns = 513, .act = OC_ACT_GELU_ERF},
    {.rows = 6, .columns = 33, .period = 3},
    {.rows = 85, .columns = 40, .period = 17, .with_y = 1, .pad = 3},
    {.rows = 10, .columns = 7, .period = 5, .act = OC_ACT_GELU_ERF, .out_scale = 0.0078f},
};

static void make_pointwise(oc_case *c, const rows *r, uint64_t seed) {
    static const char *const names[] = {"pointwise copy", "pointwise gelu_erf",
                                        "pointwise gelu_sigmoid", "pointwise gelu_tanh"};
    begin(c, r, OC_STEP_POINTWISE, names[r->act], seed);
    oc_case_say(c, "%s%s", r->with_y ? " + y" : "", r->period > 0 ? " + table" : "");
    oc_step_pointwise *step = &c->step.u.pointwise;
    step->x = oc_case_view(c, r->rows, r->columns, r->pad, 0, r->values);
    if (r->with_y) {
        step->y = oc_case_view(c, r->rows, r->columns, 0, 0, OC_VALUES_NORMAL);
    }
    if (r->period > 0) {
        step->table = oc_case_floats(c, r->period * r->columns, 0, 2);
        step->period = r->period;
    }
    step->act = r->act;
    step->out = oc_case_out(r->columns, r->pad, r->out_scale);
}

static int32_t pointwise_count(void) {
    return OC_COUNT(pointwises);
}

static void pointwise_listed(oc_case *c, int32_t index) {
    make_pointwise(c, &pointwises[index], 5000 + (uint64_t)index);
}

static void pointwise_random(oc_case *c, uint64_t seed) {
    oc_rng r;
    oc_rng_init(&r, seed, 1);
    rows shape = random_rows(&r);
    make_pointwise(c, &shape, seed);
}

/* -- unit length and logits ---------------------------------------------------------------- */

static const rows units[] = {{.rows = 1, .columns = 1},
                             {.rows = 3, .columns = 2},
                             {.rows = 2, .columns = 7, .pad = 1},
                             {.rows = 5, .columns = 512},
                             {.rows = 3, .columns = 769, .pad = 15, .values = OC_VALUES_OUTLIER},
                             {.rows = 9, .columns = 31},
                             {.rows = 60, .columns = 300}};

static const struct {
    int32_t images, texts, columns, pad;
} logits[] = {{1, 1, 1, 0},    {3, 5, 7, 1},   {1, 9, 64, 0},  {17, 2, 512, 3}, {2, 67, 65, 0},
              {8, 16, 768, 5}, {6, 33, 33, 0}, {5, 1, 256, 0}, {70, 300, 33, 1}};

static void make_logits(oc_case *c, int32_t images, int32_t texts, int32_t columns, int32_t pad,
                        uint64_t seed) {
    oc_case_begin(c, OC_STEP_LOGITS, seed);
    oc_case_say(c, "logits %d images, %d texts, %d wide", images, texts, columns);
    oc_case_sequences(c, NULL, images, 1);
    c->step.rows = OC_ROWS_IMAGES;
    c->run.rows[OC_ROWS_TEXTS] = texts;
    oc_step_logits *step = &c->step.u.logits;
    step->image = oc_case_view(c, images, columns, pad, 0, OC_VALUES_NORMAL);
    step->text = oc_case_view(c, texts, columns, pad, 0, OC_VALUES_NORMAL);
    step->out = oc_case_out(texts, pad, 0);
    step->scale = 100.0f / (float)columns;
}

static void make_unit(oc_case *c, const rows *r, uint64_t seed) {
    begin(c, r, OC_STEP_UNIT, "unit", seed);
    c->step.u.unit = (oc_step_unit){
        .x = oc_case_view(c, r->rows, r->columns, r->pad, 0, r->values),
        .out = oc_case_out(r->columns, r->pad, 0),
    };
}

static int32_t embedding_count(void) {
    return (int)OC_COUNT(units) + (int)OC_COUNT(logits);
}

static void embedding_listed(oc_case *c, int32_t index) {
    int32_t i = index - (int)OC_COUNT(units);
    if (i >= 0) {
        make_logits(c, logits[i].images, logits[i].texts, logits[i].columns, logits[i].pad,
                    6000 + (uint64_t)index);
    } else {
        make_unit(c, &units[index], 6000 + (uint64_t)index);
    }
}

static void embedding_random(oc_case *c, uint64_t seed) {
    oc_rng r;
    oc_rng_init(&r, seed, 1);
    rows shape = random_rows(&r);
    if (oc_random_below(&r, 2) == 0) {
        make_unit(c, &shape, seed);
    } else {
        make_logits(c, shape.rows, 1 + oc_random_below(&r, 40), shape.columns, shape.pad, seed);
    }
}

const oc_case_family oc_norm_cases = {"norm", norm_count, norm_listed, norm_random};
const oc_case_family oc_quantize_cases = {"quantize", quantize_count, quantize_listed,
                                          quantize_random};
const oc_case_family oc_pointwise_cases = {"pointwise", pointwise_count, pointwise_listed,
                                           pointwise_random};
const oc_case_family oc_embedding_cases = {"embedding", embedding_count, embedding_listed,
                                           embedding_random};
