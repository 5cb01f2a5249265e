// links: backends_cpu num base
/* test_kernels.c - the CPU kernels that work row by row, in both tiers, against plain loops in
 * double. */
#include "unit/kernels/kernel_tools.h"

#include "backends/cpu/cpu.h"
#include "backends/cpu/pack.h"

static const int32_t widths[] = {1, 2, 7, 8, 9, 31, 32, 33, 64, 97, 768, 1023};
static const int32_t heights[] = {1, 2, 5, 17};

/* -- norm ------------------------------------------------------------------------------------- */

/* gamma and beta become constants that live until the next call. */
static oc_step norm_step(const matrix *x, const matrix *gamma, const matrix *beta,
                         const matrix *out) {
    oc_step step = {.kind = OC_STEP_NORM, .rows = OC_ROWS_IMAGE_TOKENS};
    step.u.norm = (oc_step_norm){.x = x->view, .eps = 1e-5f, .out = out->view};
    if (gamma != NULL) {
        static oc_constant constants[2];
        constants[0] = (oc_constant){.data = row(gamma, 0)};
        constants[1] = (oc_constant){.data = row(beta, 0)};
        step.u.norm.gamma = &constants[0];
        step.u.norm.beta = &constants[1];
    }
    return step;
}

static void norm_case(const oc_cpu_kernel *kernel, int32_t rows, int32_t columns, double mean,
                      double spread) {
    matrix x = matrix_new(rows, columns, 5, false), out = matrix_new(rows, columns, 3, false);
    matrix codes = matrix_new(rows, columns, 13, true);
    matrix gamma = matrix_new(1, columns, 0, false), beta = matrix_new(1, columns, 0, false);
    matrix_fill(&x, mean, spread, 1);
    matrix_fill(&gamma, 1, 0.3, 2);
    matrix_fill(&beta, 0, 0.5, 3);
    codes.view.scale = 0.0131f;
    double *want = calloc((size_t)rows * (size_t)columns, sizeof(double));
    assert_non_null(want);
    for (int32_t r = 0; r < rows; r++) {
        double m = 0, variance = 0;
        for (int32_t c = 0; c < columns; c++) {
            m += (double)row(&x, r)[c] / columns;
        }
        for (int32_t c = 0; c < columns; c++) {
            double d = (double)row(&x, r)[c] - m;
            variance += d * d / columns;
        }
        double factor = 1 / sqrt(variance + (double)1e-5f);
        for (int32_t c = 0; c < columns; c++) {
            double d = (double)row(&x, r)[c] - m;
            want[r * columns + c] =
                d * factor * (double)row(&gamma, 0)[c] + (double)row(&beta, 0)[c];
        }
    }
    oc_run run = {0};
    oc_step step = norm_step(&x, &gamma, &beta, &out);
    run_step(kernel, &step, &run, rows, rows, false);
    check_close(&out, want, 1e-6);
    matrix_check_guards(&out);

    step.u.norm.out = codes.view;
    run_step(kernel, &step, &run, rows, rows, true);
    check_codes(&codes, &out);
    matrix_check_guards(&codes);

    /* each row alone has the bits that it has among others */
    matrix alone = matrix_new(1, columns, 0, false);
    for (int32_t r = 0; r < rows; r++) {
        step = norm_step(&x, &gamma, &beta, &alone);
        step.u.norm.x.data = row(&x, r);
        run_step(kernel, &step, &run, 1, 1, false);
        assert_memory_equal(row(&alone, 0), row(&out, r), (size_t)columns * sizeof(float));
    }
    free(want);
    matrix_free(&x);
    matrix_free(&out);
    matrix_free(&codes);
    matrix_free(&gamma);
    matrix_free(&beta);
    matrix_free(&alone);
}

static void norm_cases(const oc_cpu_kernel *kernel) {
    for (size_t i = 0; i < OC_COUNT(widths); i++) {
        for (size_t j = 0; j < OC_COUNT(heights); j++) {
            norm_case(kernel, heights[j], widths[i], 0.1, 1);
        }
    }
    norm_case(kernel, 40, 768, 0, 1e-3);
    norm_case(kernel, 2, 20000, 0.5, 3);
    norm_case(kernel, 3, 512, 1000, 1); /* far from zero: a one-pass variance would be noise */
    norm_case(kernel, 3, 517, -30000, 0.5);
}

/* Mean, variance and the affine map stay within float32 rounding of float64; codes are those of the
 * float result; rows are independent. */
static void test_norm(void **state) {
    (void)state;
    EACH_TIER(norm, norm_cases);
}

/* -- quantizer -----------------------------------------------------------------------------------
 */

/* Quantizes x and compares each code with the nearest by definition. */
static void quantize_case(const oc_cpu_kernel *kernel, const matrix *x, float scale) {
    matrix codes = matrix_new(x->rows, x->view.columns, 7, true);
    codes.view.scale = scale;
    oc_step step = norm_step(x, NULL, NULL, &codes);
    oc_run run = {0};
    run_step(kernel, &step, &run, x->rows, x->rows, false);
    check_codes(&codes, x);
    matrix_check_guards(&codes);
    matrix_free(&codes);
}

/* Every value, the point between it and the next, and the neighbours of both: times scale, so that
 * a power of two hits ties exactly. */
static void quantize_edges(const oc_cpu_kernel *kernel, float scale) {
    matrix x = matrix_new(2, 0x7e * 6 + 12, 1, false);
    for (int sign = 0; sign < 2; sign++) {
        float *to = row(&x, sign);
        float unit = sign ? -scale : scale;
        for (int code = 0; code < 0x7e; code++) {
            float value = (float)e4m3_value(code);
            float between = 0.5f * (value + (float)e4m3_value(code + 1));
            const float edges[] = {value, between};
            for (size_t e = 0; e < OC_COUNT(edges); e++) {
                *to++ = edges[e] * unit;
                *to++ = nextafterf(edges[e], 1e9f) * unit;
                *to++ = nextafterf(edges[e], -1e9f) * unit;
            }
        }
        const float ends[] = {448,
                              nextafterf(448, 0),
                              nextafterf(448, 500),
                              463.99f,
                              464,
                              480,
                              1e30f,
                              INFINITY,
                              NAN,
                              1e-40f,
                              0x1p-149f,
                              0x1p-10f};
        for (size_t e = 0; e < OC_COUNT(ends); e++) {
            *to++ = ends[e] * unit;
        }
    }
    quantize_case(kernel, &x, scale);
    matrix_free(&x);
}

/* A million bit patterns spread evenly over all floats, each at its own rounding of x / scale. */
static void quantize_everything(const oc_cpu_kernel *kernel, float scale) {
    enum { ROWS = 64, COLUMNS = 16411 };
    matrix x = matrix_new(ROWS, COLUMNS, 0, false);
    uint32_t bits = 77;
    for (int32_t r = 0; r < ROWS; r++) {
        for (int32_t c = 0; c < COLUMNS; c++) {
            bits += 4093;
            memcpy(row(&x, r) + c, &bits, sizeof(float));
        }
    }
    quantize_case(kernel, &x, scale);
    matrix_free(&x);
}

static void quantize_cases(const oc_cpu_kernel *kernel) {
    static const float scales[] = {1, 0.5f, 0x1p-12f, 0.0123f, 3.7e-3f, 17.3f, 1e-6f, 1e20f};
    for (size_t i = 0; i < OC_COUNT(scales); i++) {
        quantize_edges(kernel, scales[i]);
    }
    quantize_everything(kernel, 1);
    quantize_everything(kernel, 0.0291f);
    for (size_t i = 0; i < OC_COUNT(widths); i++) {
        matrix x = matrix_new(3, widths[i], 2, false);
        matrix_fill(&x, 0, 2, 9);
        quantize_case(kernel, &x, 0.0117f);
        matrix_free(&x);
    }
}

/* quantize(x, s) is e4m3(x / s), true division, nearest even, saturated: the exact code everywhere.
 */
static void test_quantize(void **state) {
    (void)state;
    EACH_TIER(norm, quantize_cases);
}

static void copy_cases(const oc_cpu_kernel *kernel) {
    matrix x = matrix_new(5, 77, 2, false), out = matrix_new(5, 77, 4, false);
    matrix_fill(&x, 0, 1, 4);
    oc_step step = norm_step(&x, NULL, NULL, &out);
    oc_run run = {0};
    run_step(kernel, &step, &run, 5, 5, false);
    for (int32_t r = 0; r < 5; r++) {
        assert_memory_equal(row(&out, r), row(&x, r), 77 * sizeof(float));
    }
    matrix_check_guards(&out);
    matrix_free(&x);
    matrix_free(&out);
}

/* A norm without gamma changes nothing but the type. */
static void test_norm_without_gamma_copies(void **state) {
    (void)state;
    EACH_TIER(norm, copy_cases);
}

/* -- pointwise
 * ------------------------------------------------------------------------------------- */

static double activate(oc_activation act, double x) {
    switch (act) {
    case OC_ACT_GELU_ERF:
        return 0.5 * x * erfc(-x / sqrt(2.0));
    case OC_ACT_GELU_SIGMOID:
        return x / (1 + exp(-1.702 * x));
    case OC_ACT_GELU_TANH:
        return 0.5 * x * (1 + tanh(sqrt(2 / 3.141592653589793) * (x + 0.044715 * x * x * x)));
    default:
        return x;
    }
}

static void pointwise_case(const oc_cpu_kernel *kernel, oc_activation act, bool with_y,
                           int32_t rows, int32_t columns) {
    matrix x = matrix_new(rows, columns, 3, false), y = matrix_new(rows, columns, 6, false);
    matrix out = matrix_new(rows, columns, 2, false), codes = matrix_new(rows, columns, 1, true);
    matrix_fill(&x, 0, 2, 5);
    matrix_fill(&y, 0, 1, 6);
    codes.view.scale = 0.021f;
    double *want = calloc((size_t)rows * (size_t)columns, sizeof(double));
    assert_non_null(want);
    for (int32_t r = 0; r < rows; r++) {
        for (int32_t c = 0; c < columns; c++) {
            want[r * columns + c] =
                activate(act, (double)row(&x, r)[c]) + (with_y ? (double)row(&y, r)[c] : 0);
        }
    }
    oc_step step = {.kind = OC_STEP_POINTWISE, .rows = OC_ROWS_IMAGE_TOKENS};
    step.u.pointwise = (oc_step_pointwise){.x = x.view, .act = act, .out = out.view};
    if (with_y) {
        step.u.pointwise.y = y.view;
    }
    oc_run run = {0};
    run_step(kernel, &step, &run, rows, rows, false);
    check_close(&out, want, 1e-6);
    matrix_check_guards(&out);
    step.u.pointwise.out = codes.view;
    run_step(kernel, &step, &run, rows, rows, true);
    check_codes(&codes, &out);
    matrix_check_guards(&codes);

    /* the last row alone, and in place */
    step.u.pointwise.x.data = row(&x, rows - 1);
    step.u.pointwise.out = step.u.pointwise.x;
    if (with_y) {
        step.u.pointwise.y.data = row(&y, rows - 1);
    }
    run_step(kernel, &step, &run, 1, 1, false);
    assert_memory_equal(row(&x, rows - 1), row(&out, rows - 1), (size_t)columns * sizeof(float));
    free(want);
    matrix_free(&x);
    matrix_free(&y);
    matrix_free(&out);
    matrix_free(&codes);
}

static void pointwise_cases(const oc_cpu_kernel *kernel) {
    for (int act = OC_ACT_NONE; act <= OC_ACT_GELU_TANH; act++) {
        for (size_t i = 0; i < OC_COUNT(widths); i++) {
            pointwise_case(kernel, (oc_activation)act, i % 2 == 0, 1 + (int32_t)i, widths[i]);
            pointwise_case(kernel, (oc_activation)act, i % 2 == 1, 19, widths[i]);
        }
    }
}

/* Each activation and the sum, as floats and as codes, in place and elsewhere. */
static void test_pointwise(void **state) {
    (void)state;
    EACH_TIER(pointwise, pointwise_cases);
}

/* -- tokens
 * ------------------------------------------------------------------------------------------- */

static double half_value(uint16_t h) {
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    double magnitude = exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, exponent - 25);
    return h & 0x8000 ? -magnitude : magnitude;
}

static double bfloat_value(uint16_t h) {
    uint32_t bits = (uint32_t)h << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

static void tokens_case(const oc_cpu_kernel *kernel, octavo_dtype dtype, int32_t columns,
                        bool with_position) {
    enum { VOCABULARY = 13, TOKENS = 29, PLACES = 7 };
    int32_t ids[TOKENS], positions[TOKENS];
    size_t element = dtype == OCTAVO_F32 ? 4 : 2;
    uint8_t *data = malloc((size_t)columns * VOCABULARY * element);
    assert_non_null(data);
    uint64_t random = 11;
    for (int32_t i = 0; i < VOCABULARY * columns; i++) {
        if (dtype == OCTAVO_F32) {
            float value = (float)normal(&random);
            memcpy(data + (size_t)i * 4, &value, 4);
        } else { /* any finite pattern of moderate size, subnormal F16 too */
            uint16_t bits = (uint16_t)(uniform(&random) * 0x3fff);
            bits |= (uint16_t)(uniform(&random) < 0.5 ? 0x8000 : 0);
            memcpy(data + (size_t)i * 2, &bits, 2);
        }
    }
    oc_constant table = {.dtype = dtype, .data = data};
    matrix position = matrix_new(PLACES, columns, 0, false);
    matrix out = matrix_new(TOKENS, columns, 3, false),
           codes = matrix_new(TOKENS, columns, 3, true);
    matrix_fill(&position, 0, 0.1, 12);
    codes.view.scale = 0.007f;
    oc_step step = {.kind = OC_STEP_TOKENS, .rows = OC_ROWS_TEXT_TOKENS};
    step.u.tokens = (oc_step_tokens){.table = &table, .out = out.view};
    oc_constant places = {.data = row(&position, 0)};
    step.u.tokens.position = with_position ? &places : NULL;
    for (int32_t t = 0; t < TOKENS; t++) {
        ids[t] = t * 5 % VOCABULARY;
        positions[t] = t % PLACES;
    }
    oc_run run = {.ids = ids, .positions = positions};
    run_step(kernel, &step, &run, TOKENS, TOKENS, false);
    matrix_check_guards(&out);
    for (int32_t t = 0; t < TOKENS; t++) {
        for (int32_t c = 0; c < columns; c++) {
            int32_t i = ids[t] * columns + c;
            float value;
            uint16_t bits;
            if (dtype == OCTAVO_F32) {
                memcpy(&value, data + (size_t)i * 4, 4);
            } else {
                memcpy(&bits, data + (size_t)i * 2, 2);
                value = (float)(dtype == OCTAVO_F16 ? half_value(bits) : bfloat_value(bits));
            }
            if (with_position) {
                value += row(&position, positions[t])[c];
            }
            assert_memory_equal(row(&out, t) + c, &value, sizeof value);
        }
    }
    step.u.tokens.out = codes.view;
    run_step(kernel, &step, &run, TOKENS, TOKENS, true);
    check_codes(&codes, &out);
    matrix_check_guards(&codes);
    free(data);
    matrix_free(&position);
    matrix_free(&out);
    matrix_free(&codes);
}

static void tokens_cases(const oc_cpu_kernel *kernel) {
    static const octavo_dtype dtypes[] = {OCTAVO_F32, OCTAVO_F16, OCTAVO_BF16};
    for (size_t d = 0; d < OC_COUNT(dtypes); d++) {
        for (size_t i = 0; i < OC_COUNT(widths); i++) {
            tokens_case(kernel, dtypes[d], widths[i], true);
            tokens_case(kernel, dtypes[d], widths[i], false);
        }
    }
}

/* Table rows of each type widen exactly and take the position's row: equal to the bit. */
static void test_tokens(void **state) {
    (void)state;
    EACH_TIER(tokens, tokens_cases);
}

/* -- patches
 * ---------------------------------------------------------------------------------------------- */

static void patches_case(int32_t size, int32_t patch, int32_t images, bool bytes, bool normalise) {
    static const float mean[] = {0.48145466f, 0.4578275f, 0.40821073f};
    static const float deviation[] = {0.26862954f, 0.26130258f, 0.27577711f};
    int32_t grid = size / patch, columns = 3 * patch * patch, rows = images * (grid * grid + 1);
    size_t pixels = (size_t)(images * 3 * size * size);
    uint8_t *small = malloc(pixels);
    float *wide = malloc(pixels * sizeof(float));
    assert_true(small != NULL && wide != NULL);
    uint64_t random = 21;
    for (size_t i = 0; i < pixels; i++) {
        small[i] = (uint8_t)(256 * uniform(&random));
        wide[i] = (float)normal(&random);
    }
    matrix out = matrix_new(rows, columns, 5, false);
    oc_step step = {.kind = OC_STEP_PATCHES, .rows = OC_ROWS_IMAGE_TOKENS};
    const oc_constant means = {.data = (void *)mean}, deviations = {.data = (void *)deviation};
    step.u.patches = (oc_step_patches){size, patch, bytes, NULL, NULL, out.view};
    if (normalise) {
        step.u.patches.mean = &means;
        step.u.patches.std = &deviations;
    }
    oc_run run = {.pixels = bytes ? (const void *)small : wide};
    run.rows[OC_ROWS_IMAGES] = images;
    run.rows[OC_ROWS_IMAGE_TOKENS] = rows;
    run_step(&oc_portable_patches, &step, &run, rows, rows, true);
    matrix_check_guards(&out);
    for (int32_t r = 0; r < rows; r++) {
        int32_t image = r / (grid * grid + 1), p = r % (grid * grid + 1) - 1;
        for (int32_t i = 0; i < columns; i++) {
            int32_t c = i / (patch * patch), y = i / patch % patch, x = i % patch;
            float want = 0;
            if (p >= 0 && bytes) {
                y += p / grid * patch;
                x += p % grid * patch;
                want = (float)small[((image * size + y) * size + x) * 3 + c];
                want = normalise ? (want / 255.0f - mean[c]) / deviation[c] : want;
            } else if (p >= 0) {
                y += p / grid * patch;
                x += p % grid * patch;
                want = wide[((image * 3 + c) * size + y) * size + x];
            }
            assert_memory_equal(row(&out, r) + i, &want, sizeof want);
        }
    }
    free(small);
    free(wide);
    matrix_free(&out);
}

/* Every pixel lands in its patch, channel and place; the class token's rows are zero. */
static void test_patches(void **state) {
    (void)state;
    static const int32_t shapes[][3] = {
        {4, 2, 1},  {6, 3, 3}, {7, 7, 2},   {14, 2, 2},
        {15, 5, 1}, {3, 1, 2}, {32, 16, 2}, {11, 4, 2}}; /* the last leaves a margin */
    for (size_t i = 0; i < OC_COUNT(shapes); i++) {
        patches_case(shapes[i][0], shapes[i][1], shapes[i][2], false, false);
        patches_case(shapes[i][0], shapes[i][1], shapes[i][2], true, false);
        patches_case(shapes[i][0], shapes[i][1], shapes[i][2], true, true);
    }
}

/* -- pick
 * ---------------------------------------------------------------------------------------------------
 */

static void pick_case(bool codes, bool from_ends, int32_t place) {
    enum { TEXTS = 4, COLUMNS = 37 };
    static const int32_t starts[TEXTS + 1] = {0, 5, 9, 10 + 6, 19}, ends[TEXTS] = {4, 2, 6, 0};
    matrix x = matrix_new(19, COLUMNS, 3, codes), out = matrix_new(TEXTS, COLUMNS, 5, codes);
    for (int32_t r = 0; r < 19; r++) {
        for (size_t i = 0; i < COLUMNS * element_bytes(&x.view); i++) {
            uint8_t *bytes =
                (uint8_t *)x.view.data + (size_t)(r * x.view.stride) * element_bytes(&x.view);
            bytes[i] = (uint8_t)(r * 7 + (int32_t)i);
        }
    }
    oc_step step = {.kind = OC_STEP_PICK, .rows = OC_ROWS_TEXTS, .keys = OC_ROWS_TEXT_TOKENS};
    step.u.pick = (oc_step_pick){x.view, out.view, from_ends, place};
    oc_run run = {.ends = ends};
    run.rows[OC_ROWS_TEXTS] = TEXTS;
    run.rows[OC_ROWS_TEXT_TOKENS] = 19;
    run.starts[OC_ROWS_TEXT_TOKENS] = starts;
    run_step(&oc_portable_pick, &step, &run, TEXTS, 19, false);
    matrix_check_guards(&out);
    for (int32_t s = 0; s < TEXTS; s++) {
        int64_t from = (starts[s] + (from_ends ? ends[s] : place)) * x.view.stride;
        int64_t to = s * out.view.stride;
        size_t element = element_bytes(&x.view);
        assert_memory_equal((uint8_t *)out.view.data + (size_t)to * element,
                            (uint8_t *)x.view.data + (size_t)from * element, COLUMNS * element);
    }
    matrix_free(&x);
    matrix_free(&out);
}

/* The row at a place of each sequence, or at its end, floats and codes. */
static void test_pick(void **state) {
    (void)state;
    for (int codes = 0; codes < 2; codes++) {
        pick_case(codes, false, 0);
        pick_case(codes, false, 2);
        pick_case(codes, true, 0);
    }
}

/* -- unit and logits
 * ------------------------------------------------------------------------------------------ */

/* Rows of length one, in place too; neither 1e30 nor 1e-30 upset the sum of squares. */
static void test_unit(void **state) {
    (void)state;
    static const double sizes[] = {1, 1e-30, 1e30};
    for (size_t i = 0; i < OC_COUNT(widths); i++) {
        for (size_t z = 0; z < OC_COUNT(sizes); z++) {
            int32_t columns = widths[i], rows = 11;
            matrix x = matrix_new(rows, columns, 3, false),
                   out = matrix_new(rows, columns, 1, false);
            matrix_fill(&x, 0.2 * sizes[z], sizes[z], 31);
            double *want = calloc((size_t)rows * (size_t)columns, sizeof(double));
            assert_non_null(want);
            for (int32_t r = 0; r < rows; r++) {
                double squares = 0;
                for (int32_t c = 0; c < columns; c++) {
                    squares += (double)row(&x, r)[c] * (double)row(&x, r)[c];
                }
                for (int32_t c = 0; c < columns; c++) {
                    want[r * columns + c] = (double)row(&x, r)[c] / sqrt(squares);
                }
            }
            oc_step step = {.kind = OC_STEP_UNIT, .rows = OC_ROWS_IMAGES};
            step.u.unit = (oc_step_unit){x.view, out.view};
            oc_run run = {0};
            run_step(&oc_portable_unit, &step, &run, rows, rows, true);
            check_close(&out, want, 1e-7);
            matrix_check_guards(&out);
            step.u.unit.out = x.view;
            run_step(&oc_portable_unit, &step, &run, rows, rows, false);
            assert_memory_equal(row(&x, 0), row(&out, 0), (size_t)columns * sizeof(float));
            free(want);
            matrix_free(&x);
            matrix_free(&out);
        }
    }
}

static void logits_case(const oc_cpu_kernel *kernel, int32_t images, int32_t texts,
                        int32_t columns) {
    matrix image = matrix_new(images, columns, 4, false),
           text = matrix_new(texts, columns, 1, false);
    matrix out = matrix_new(images, texts, 3, false), alone = matrix_new(1, 1, 0, false);
    matrix_fill(&image, 0.05, 1, 41);
    matrix_fill(&text, 0.05, 1, 42);
    double *want = calloc((size_t)images * (size_t)texts, sizeof(double));
    assert_non_null(want);
    for (int32_t i = 0; i < images; i++) {
        for (int32_t t = 0; t < texts; t++) {
            for (int32_t c = 0; c < columns; c++) {
                want[i * texts + t] += 100.0 * (double)row(&image, i)[c] * (double)row(&text, t)[c];
            }
        }
    }
    oc_step step = {.kind = OC_STEP_LOGITS, .rows = OC_ROWS_IMAGES};
    step.u.logits = (oc_step_logits){image.view, text.view, out.view, 100};
    oc_run run = {0};
    run.rows[OC_ROWS_IMAGES] = images;
    run.rows[OC_ROWS_TEXTS] = texts;
    run_step(kernel, &step, &run, images, texts, true);
    check_close(&out, want, 1e-6);
    matrix_check_guards(&out);

    /* one image with one text has the bits that it has among others */
    step.u.logits.image.data = row(&image, images - 1);
    step.u.logits.text.data = row(&text, texts - 1);
    step.u.logits.out = alone.view;
    run.rows[OC_ROWS_IMAGES] = run.rows[OC_ROWS_TEXTS] = 1;
    run_step(kernel, &step, &run, 1, 1, false);
    assert_memory_equal(row(&alone, 0), row(&out, images - 1) + texts - 1, sizeof(float));
    free(want);
    matrix_free(&image);
    matrix_free(&text);
    matrix_free(&out);
    matrix_free(&alone);
}

static void logits_cases(const oc_cpu_kernel *kernel) {
    for (size_t i = 0; i < OC_COUNT(widths); i++) {
        logits_case(kernel, 1, 3, widths[i]);
        logits_case(kernel, 7, 1, widths[i]);
        logits_case(kernel, 5, 13, widths[i]);
    }
}

/* Scaled dot products, independent of how many there are. */
static void test_logits(void **state) {
    (void)state;
    EACH_TIER(logits, logits_cases);
}

/* The device says what it is, and the measured limits are those of a real unit. */
static void test_description(void **state) {
    (void)state;
    char text[64];
    octavo_error error = {0};
    oc_device *device = NULL;
    oc_device_options options = {.tier = "portable:f32", .threads = 2};
    assert_int_equal(oc_backend_cpu.open(&options, &device, &error), OCTAVO_OK);
    oc_backend_cpu.describe(device, text, sizeof(text));
    assert_string_equal(text, "portable:f32");
    assert_string_equal(oc_cpu_peak_name(device, 0), "fp32");
    assert_true(oc_cpu_peak_rate(device, 0, 1) > 0.1);
    assert_null(oc_cpu_peak_name(device, 1));
    assert_true(oc_cpu_peak_rate(device, 1, 1) == 0.0);
    oc_backend_cpu.close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_quantize),
        cmocka_unit_test(test_norm_without_gamma_copies),
        cmocka_unit_test(test_pointwise),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_patches),
        cmocka_unit_test(test_pick),
        cmocka_unit_test(test_unit),
        cmocka_unit_test(test_logits),
        cmocka_unit_test(test_description),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
