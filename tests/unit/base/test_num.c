// links: num base
/* test_num.c - number formats against their definitions in double, metrics, functions, generator.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/convert.h"
#include "num/mathf.h"
#include "num/metrics.h"
#include "num/rng.h"

/* -- formats ------------------------------------------------------------------------------- */

/* A format as a table of its non-negative finite values, in the order of their codes. */
typedef struct format {
    const char *name;
    uint32_t finite;   /* codes 0 .. finite-1 are finite */
    uint32_t sign_bit; /* 0: unsigned */
    uint32_t overflow; /* code of what is beyond the largest finite */
    double values[0x8000];
    uint32_t (*encode)(float value);
    float (*decode)(uint32_t code);
} format;

#define CODEC(name, type)                                                                          \
    static uint32_t encode_##name(float value) {                                                   \
        return oc_f32_to_##name(value);                                                            \
    }                                                                                              \
    static float decode_##name(uint32_t code) {                                                    \
        return oc_##name##_to_f32((type)code);                                                     \
    }
CODEC(e4m3, uint8_t)
CODEC(e5m2, uint8_t)
CODEC(e8m0, uint8_t)
CODEC(f16, uint16_t)
CODEC(bf16, uint16_t)

/* The definition: (-1)^s 2^(e - bias) 1.m, or 2^(1 - bias) 0.m where e is 0. */
static void fill(format *f, int exponent_bits, int mantissa_bits) {
    int bias = (1 << (exponent_bits - 1)) - 1;
    for (uint32_t code = 0; code < f->finite; code++) {
        int exponent = (int)(code >> mantissa_bits);
        int mantissa = (int)(code & ((1u << mantissa_bits) - 1));
        f->values[code] =
            exponent ? ldexp((1 << mantissa_bits) + mantissa, exponent - bias - mantissa_bits)
                     : ldexp(mantissa, 1 - bias - mantissa_bits);
    }
}

static format e4m3 = {"e4m3", 0x7f, 0x80, 0x7e, {0}, encode_e4m3, decode_e4m3};
static format e5m2 = {"e5m2", 0x7c, 0x80, 0x7b, {0}, encode_e5m2, decode_e5m2};
static format e8m0 = {"e8m0", 0xff, 0, 0xfe, {0}, encode_e8m0, decode_e8m0};
static format f16 = {"f16", 0x7c00, 0x8000, 0x7c00, {0}, encode_f16, decode_f16};
static format bf16 = {"bf16", 0x7f80, 0x8000, 0x7f80, {0}, encode_bf16, decode_bf16};
static format *const formats[] = {&e4m3, &e5m2, &e8m0, &f16, &bf16};

static int fill_formats(void **state) {
    (void)state;
    fill(&e4m3, 4, 3);
    fill(&e5m2, 5, 2);
    fill(&f16, 5, 10);
    fill(&bf16, 8, 7);
    for (uint32_t code = 0; code < e8m0.finite; code++) {
        e8m0.values[code] = ldexp(1, (int)code - 127);
    }
    return 0;
}

static void expect_code(const format *f, float value, uint32_t code) {
    if (f->encode(value) != code) {
        fail_msg("%s of %a is 0x%x, should be 0x%x", f->name, (double)value, f->encode(value),
                 code);
    }
}

/* Every finite code means what the definition says, to the bit, with either sign. */
static void test_every_code(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const format *f = formats[i];
        for (uint32_t code = 0; code < f->finite; code++) {
            assert_true((double)f->decode(code) == f->values[code]);
            expect_code(f, (float)f->values[code], code);
            if (f->sign_bit) {
                float negative = f->decode(code | f->sign_bit);
                assert_true((double)negative == -f->values[code] && signbit(negative));
                expect_code(f, negative, code | f->sign_bit);
            }
        }
    }
    assert_true(e4m3.values[0x7e] == 448 && e4m3.values[1] == 0x1p-9 && e4m3.values[8] == 0x1p-6);
    assert_true(e5m2.values[0x7b] == 57344 && e5m2.values[1] == 0x1p-16);
    assert_true(f16.values[0x7bff] == 65504 && e8m0.values[127] == 1);
}

/* Between any two neighbours: the tie goes to the even code (e8m0: up), anything off it to the
 * nearer one, and the neighbours' own neighbours stay with them. */
static void test_every_tie(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const format *f = formats[i];
        for (uint32_t low = 0; low + 1 < f->finite; low++) {
            uint32_t high = low + 1;
            double middle = (f->values[low] + f->values[high]) / 2;
            float tie = (float)middle;
            assert_true((double)tie == middle); /* a float32 always has room for it */
            uint32_t even = f == &e8m0 ? high : low % 2 == 0 ? low : high;
            float below = nextafterf(tie, 0), above = nextafterf(tie, INFINITY);
            float after_low = nextafterf((float)f->values[low], INFINITY);
            float before_high = nextafterf((float)f->values[high], 0);
            for (uint32_t sign = 0; sign <= f->sign_bit; sign += f->sign_bit ? f->sign_bit : 1) {
                float s = sign ? -1 : 1;
                expect_code(f, s * tie, even | sign);
                expect_code(f, s * below, low | sign);
                expect_code(f, s * above, high | sign);
                if (after_low < tie) {
                    expect_code(f, s * after_low, low | sign);
                    expect_code(f, s * before_high, high | sign);
                }
            }
        }
    }
}

/* The nearest value found by search in the table, for floats of every exponent. */
static void test_random_floats(void **state) {
    (void)state;
    oc_rng rng;
    oc_rng_init(&rng, 1, 0);
    for (int round = 0; round < 300000; round++) {
        float value = oc_f32_of_bits((uint32_t)oc_rng_bits(&rng) & 0x7fffffffu);
        for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
            const format *f = formats[i];
            double x = (double)value;
            if (isnan(value) || x > f->values[f->finite - 1]) {
                continue;
            }
            uint32_t low = 0, high = f->finite; /* values[low] <= x < values[high] */
            if (x < f->values[0]) {
                expect_code(f, value, 0);
                continue;
            }
            while (high - low > 1) {
                uint32_t middle = (low + high) / 2;
                *(f->values[middle] <= x ? &low : &high) = middle;
            }
            if (high == f->finite) {
                expect_code(f, value, low);
                continue;
            }
            double to_low = x - f->values[low], to_high = f->values[high] - x;
            uint32_t tied = f == &e8m0 || low % 2 ? high : low;
            expect_code(f, value, to_low < to_high ? low : to_high < to_low ? high : tied);
        }
    }
}

/* Beyond the largest value FP8 saturates, 16-bit types round as if there were one more. */
static void test_overflow(void **state) {
    (void)state;
    static const struct {
        const format *f;
        float value;
        uint32_t code;
    } cases[] = {
        {&e4m3, 448.00003f, 0x7e},
        {&e4m3, 464, 0x7e},
        {&e4m3, 480, 0x7e},
        {&e4m3, 3.4e38f, 0x7e},
        {&e4m3, INFINITY, 0x7e},
        {&e4m3, -INFINITY, 0xfe},
        {&e4m3, -1e9f, 0xfe},
        {&e5m2, 61440, 0x7b},
        {&e5m2, 1e9f, 0x7b},
        {&e5m2, INFINITY, 0x7b},
        {&e5m2, -INFINITY, 0xfb},
        {&f16, 65519.996f, 0x7bff},
        {&f16, 65520, 0x7c00},
        {&f16, 65536, 0x7c00},
        {&f16, -1e9f, 0xfc00},
        {&f16, INFINITY, 0x7c00},
        {&f16, -INFINITY, 0xfc00},
        {&bf16, INFINITY, 0x7f80},
        {&bf16, 3.3961775e38f, 0x7f80},
        {&bf16, -INFINITY, 0xff80},
        {&e8m0, 2.5e38f, 0xfe},
        {&e8m0, 3.4e38f, 0xfe},
        {&e8m0, INFINITY, 0xfe},
        {&e8m0, 0, 0},
        {&e8m0, -1, 0xff},
        {&e8m0, -0.0f, 0xff},
        {&e8m0, 1e-45f, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_code(cases[i].f, cases[i].value, cases[i].code);
    }
    assert_true(oc_f16_to_f32(0x7c00) == INFINITY && oc_f16_to_f32(0xfc00) == -INFINITY);
    assert_true(oc_bf16_to_f32(0x7f80) == INFINITY && oc_bf16_to_f32(0xff80) == -INFINITY);
    assert_true(oc_e5m2_to_f32(0x7c) == INFINITY && oc_e5m2_to_f32(0xfc) == -INFINITY);
}

/* NaN stays NaN both ways, for every payload, and never becomes infinity. */
static void test_nan(void **state) {
    (void)state;
    static const uint32_t payloads[] = {1,        0x1fff,   0x2000,   0xffff,  0x10000,
                                        0x3fffff, 0x400000, 0x7fffff, 0x7f0000};
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        for (uint32_t sign = 0; sign < 2; sign++) {
            float nan = oc_f32_of_bits(sign << 31 | 0x7f800000u | payloads[i]);
            assert_int_equal(oc_f32_to_e4m3(nan), sign << 7 | 0x7f);
            assert_int_equal(oc_f32_to_e5m2(nan), sign << 7 | 0x7f);
            assert_int_equal(oc_f32_to_e8m0(nan), 0xff);
            uint32_t half = oc_f32_to_f16(nan), brain = oc_f32_to_bf16(nan);
            assert_true(half >> 15 == sign && (half & 0x7e00) == 0x7e00);
            assert_true(brain >> 15 == sign && (brain & 0x7fc0) == 0x7fc0);
        }
    }
    for (uint32_t code = 0; code < 0x10000; code++) {
        assert_int_equal(isnan(oc_f16_to_f32((uint16_t)code)) != 0, (code & 0x7fff) > 0x7c00);
        assert_int_equal(isnan(oc_bf16_to_f32((uint16_t)code)) != 0, (code & 0x7fff) > 0x7f80);
    }
    for (uint32_t code = 0; code < 0x100; code++) {
        assert_int_equal(isnan(oc_e4m3_to_f32((uint8_t)code)) != 0, (code & 0x7f) == 0x7f);
        assert_int_equal(oc_e4m3_is_nan((uint8_t)code), (code & 0x7f) == 0x7f);
        assert_int_equal(isnan(oc_e5m2_to_f32((uint8_t)code)) != 0, (code & 0x7f) > 0x7c);
        assert_int_equal(isnan(oc_e8m0_to_f32((uint8_t)code)) != 0, code == 0xff);
    }
}

/* Runs are converted like single values, from and to any address; other dtypes are refused. */
static void test_runs(void **state) {
    (void)state;
    static const octavo_dtype dtypes[] = {OCTAVO_F8_E4M3, OCTAVO_F8_E5M2, OCTAVO_F8_E8M0,
                                          OCTAVO_F16,     OCTAVO_BF16,    OCTAVO_F32};
    float from[7] = {0, 1, 1.0625f, 3.7f, 100, 1e-3f, 1e9f}, to[7];
    unsigned char bytes[7 * 4 + 2];
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        size_t width = i < 3 ? 1 : i < 5 ? 2 : 4;
        memset(bytes, 0xa5, sizeof bytes);
        assert_true(oc_convert_from_f32(dtypes[i], from, bytes + 1, 7));
        assert_int_equal(bytes[0], 0xa5);
        assert_int_equal(bytes[1 + 7 * width], 0xa5);
        assert_true(oc_convert_to_f32(dtypes[i], bytes + 1, to, 7));
        for (int j = 0; j < 7; j++) {
            float one = i < 5 ? formats[i]->decode(formats[i]->encode(from[j])) : from[j];
            assert_true(to[j] == one);
        }
    }
    assert_false(oc_convert_to_f32(OCTAVO_I32, bytes, to, 1));
    assert_false(oc_convert_from_f32(OCTAVO_U8, from, bytes, 1));
    assert_true(oc_convert_to_f32(OCTAVO_F32, NULL, NULL, 0));
}

/* -- metrics ------------------------------------------------------------------------------------
 */

/* Figures worked out by hand, whole or in pieces. */
static void test_metrics(void **state) {
    (void)state;
    static const float x[] = {3, 4, 0}, r[] = {3, 2, -4};
    for (size_t cut = 0; cut <= 3; cut++) {
        oc_metrics m = {0};
        oc_metrics_add(&m, x, r, cut);
        oc_metrics_add(&m, x + cut, r + cut, 3 - cut);
        assert_true(fabs(oc_metrics_relative_rms(&m) - sqrt(20.0 / 29.0)) < 1e-15);
        assert_true(fabs(oc_metrics_cosine(&m) - 17 / (5 * sqrt(29.0))) < 1e-15);
        assert_true(oc_metrics_max_abs(&m) == 4 && m.max_at == 2);
        assert_true(oc_metrics_mean(&m) == 2);
        assert_int_equal(m.count, 3);
    }
}

/* Zeros, nothing and what is not finite give figures that no limit lets pass by mistake. */
static void test_metrics_edges(void **state) {
    (void)state;
    static const float zero[2] = {0, 0}, one[2] = {1, 0}, nan[2] = {1, NAN}, inf[2] = {1, INFINITY};
    oc_metrics m = {0};
    assert_true(oc_metrics_relative_rms(&m) == 0 && oc_metrics_cosine(&m) == 1 &&
                oc_metrics_mean(&m) == 0);
    oc_metrics_add(&m, zero, zero, 2);
    assert_true(oc_metrics_relative_rms(&m) == 0 && oc_metrics_cosine(&m) == 1);
    m = (oc_metrics){0};
    oc_metrics_add(&m, one, zero, 2);
    assert_true(isinf(oc_metrics_relative_rms(&m)) && oc_metrics_cosine(&m) == 0);
    const float *const bad[] = {nan, inf};
    for (int i = 0; i < 4; i++) {
        m = (oc_metrics){0};
        oc_metrics_add(&m, i < 2 ? bad[i] : one, i < 2 ? one : bad[i - 2], 2);
        assert_true(isinf(oc_metrics_relative_rms(&m)) && oc_metrics_cosine(&m) == 0);
        assert_true(isinf(oc_metrics_max_abs(&m)) && isinf(oc_metrics_mean(&m)));
        assert_int_equal(m.not_finite, 1);
    }
}

/* -- functions
 * ------------------------------------------------------------------------------------- */

typedef struct function {
    double (*ours)(double);
    long double (*judge)(long double);
    double low, high;
} function;

static const function functions[] = {
    {oc_exp, expl, -708, 709.7}, {oc_exp, expl, -2, 2},     {oc_log, logl, 0, 1e300},
    {oc_log, logl, 0.5, 2},      {oc_erf, erfl, -6.5, 6.5}, {oc_erf, erfl, -1, 1},
    {oc_tanh, tanhl, -22, 22},   {oc_tanh, tanhl, -1, 1},
};

/* Relative errors stay under what the header promises, small arguments included. */
static void test_function_errors(void **state) {
    (void)state;
    oc_rng rng;
    oc_rng_init(&rng, 3, 0);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const function *f = &functions[i];
        for (int n = 0; n < 40000; n++) {
            double x = f->low + (f->high - f->low) * oc_rng_uniform(&rng);
            if (n % 3 == 0) {
                x = ldexp(x, -(int)oc_rng_below(&rng, 900));
            }
            long double right = f->judge((long double)x);
            if (fabsl(right) < 0x1p-1022L) {
                continue;
            }
            double error = (double)fabsl(((long double)f->ours(x) - right) / right);
            if (!(error < 1e-14)) {
                fail_msg("function %zu at %a is off by %g", i, x, error);
            }
        }
    }
}

/* Infinities, NaN, zeros, overflow and underflow are as C's Annex F has them. */
static void test_function_edges(void **state) {
    (void)state;
    double smallest = 0x1p-1074;
    assert_true(oc_exp(-INFINITY) == 0 && oc_exp(INFINITY) == INFINITY && oc_exp(0) == 1);
    assert_true(oc_exp(709.782712893384) < INFINITY && oc_exp(709.7827128933841) == INFINITY);
    assert_true(oc_exp(-745.1332191019411) == smallest && oc_exp(-745.14) == 0);
    assert_true(oc_exp(-1e308) == 0 && oc_exp(1e308) == INFINITY);
    assert_true(oc_log(0) == -INFINITY && oc_log(-0.0) == -INFINITY && oc_log(1) == 0);
    assert_true(isnan(oc_log(-1)) && isnan(oc_log(-INFINITY)) && oc_log(INFINITY) == INFINITY);
    assert_true(fabs(oc_log(smallest) + 744.4400719213812) < 1e-12);
    assert_true(oc_erf(INFINITY) == 1 && oc_erf(-INFINITY) == -1 && oc_erf(7) == 1);
    assert_true(oc_tanh(INFINITY) == 1 && oc_tanh(-INFINITY) == -1 && oc_tanh(-30) == -1);
    assert_true(signbit(oc_erf(-0.0)) && signbit(oc_tanh(-0.0)) && oc_tanh(smallest) == smallest);
    assert_true(isnan(oc_exp(NAN)) && isnan(oc_log(NAN)) && isnan(oc_erf(NAN)) &&
                isnan(oc_tanh(NAN)));
}

static uint64_t fold(uint64_t hash, uint64_t bits) {
    return (hash ^ bits) * 1099511628211u; /* FNV-1a a word at a time */
}

/* The bits themselves, so that a compiler or machine that computes others is noticed: canaries in
 * engine files rest on it. */
static void test_function_bits(void **state) {
    (void)state;
    static const uint64_t wanted[] = {0x7f1334a82c08003bu, 0x399e552812efad86u, 0x982704609425606du,
                                      0xedf69c463e36b3d5u, 0x489c134e57c0f328u, 0x336beba80b402107u,
                                      0x9e76eac3340f8f3fu, 0x40c73b0c4843bf52u};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        uint64_t hash = 14695981039346656037u;
        for (int n = 0; n <= 10000; n++) {
            double x = functions[i].low + (functions[i].high - functions[i].low) * n / 10000;
            hash = fold(hash, oc_f64_bits(functions[i].ours(x)));
        }
        if (hash != wanted[i]) {
            fail_msg("function %zu: bits hash to 0x%016lx", i, hash);
        }
    }
}

/* -- generator
 * --------------------------------------------------------------------------------------- */

/* The mixer is SplitMix64: its published first outputs for state 1234567. */
static void test_rng_reference(void **state) {
    (void)state;
    static const uint64_t wanted[] = {6457827717110365317u, 3203168211198807973u,
                                      9817491932198370423u, 4593380528125082431u,
                                      16408922859458223821u};
    oc_rng rng = {.state = 1234567};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_true(oc_rng_bits(&rng) == wanted[i]);
    }
}

/* Seeds and streams repeat and differ; the normal numbers' bits are fixed, as seeded checkpoints
 * and canaries rest on them. */
static void test_rng_bits(void **state) {
    (void)state;
    oc_rng a, b;
    oc_rng_init(&a, 7, 1);
    oc_rng_init(&b, 7, 1);
    assert_true(oc_rng_normal(&a) == oc_rng_normal(&b));
    oc_rng_init(&b, 7, 2);
    assert_true(oc_rng_bits(&a) != oc_rng_bits(&b));
    oc_rng_init(&b, 1, 7);
    oc_rng_init(&a, 7, 1);
    assert_true(oc_rng_bits(&a) != oc_rng_bits(&b));
    uint64_t hash = 14695981039346656037u;
    oc_rng_init(&a, 42, 0);
    for (int i = 0; i < 10000; i++) {
        hash = fold(hash, oc_f64_bits(oc_rng_normal(&a)));
    }
    if (hash != 0xcaec3b5ecaa2cebcu) {
        fail_msg("normal numbers' bits hash to 0x%016lx", hash);
    }
}

/* Moments and tails of the normal numbers, evenness of the others; limits at six deviations. */
static void test_rng_distribution(void **state) {
    (void)state;
    enum { N = 400000 };
    oc_rng rng;
    oc_rng_init(&rng, 5, 0);
    double sums[5] = {0}, uniform = 0, lag = 0, before = 0;
    int tail = 0, counts[10] = {0};
    for (int i = 0; i < N; i++) {
        double x = oc_rng_normal(&rng), power = 1;
        for (int p = 1; p <= 4; p++) {
            power *= x;
            sums[p] += power / N;
        }
        tail += fabs(x) > 3;
        lag += x * before / N;
        before = x;
        double u = oc_rng_uniform(&rng);
        assert_true(u >= 0 && u < 1);
        uniform += u / N;
        counts[oc_rng_below(&rng, 10)]++;
    }
    double unit = 6 / sqrt(N);
    assert_true(fabs(sums[1]) < unit && fabs(sums[2] - 1) < sqrt(2) * unit);
    assert_true(fabs(sums[3]) < sqrt(15) * unit && fabs(sums[4] - 3) < sqrt(96) * unit);
    assert_true(fabs(lag) < unit && fabs(uniform - 0.5) < sqrt(1.0 / 12) * unit);
    assert_true(abs(tail - (int)(0.0026998 * N)) < 6 * 33);
    for (int i = 0; i < 10; i++) {
        assert_true(abs(counts[i] - N / 10) < 6 * 190);
    }
    assert_int_equal(oc_rng_below(&rng, 1), 0);
    for (int i = 0; i < 100; i++) {
        assert_true(oc_rng_below(&rng, ((uint64_t)1 << 63) + 1) <= (uint64_t)1 << 63);
    }
}

/* Filling is the same numbers, scaled. */
static void test_rng_fill(void **state) {
    (void)state;
    oc_rng a, b;
    float values[9];
    oc_rng_init(&a, 9, 9);
    oc_rng_init(&b, 9, 9);
    oc_rng_fill_normal(&a, values, 9, 10, 0.5f);
    for (int i = 0; i < 9; i++) {
        assert_true(values[i] == (float)(10 + 0.5 * oc_rng_normal(&b)));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code),
        cmocka_unit_test(test_every_tie),
        cmocka_unit_test(test_random_floats),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_metrics_edges),
        cmocka_unit_test(test_function_errors),
        cmocka_unit_test(test_function_edges),
        cmocka_unit_test(test_function_bits),
        cmocka_unit_test(test_rng_reference),
        cmocka_unit_test(test_rng_bits),
        cmocka_unit_test(test_rng_distribution),
        cmocka_unit_test(test_rng_fill),
    };
    return cmocka_run_group_tests(tests, fill_formats, NULL);
}
