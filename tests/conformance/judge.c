/* judge.c - how far a result may be from the referee's.
 *
 * Floats: error by its root mean square and by its largest, both relative to the root mean square
 * of what is expected.  Codes: the code of the expected value, or a code between those of the
 * expected value less and plus the largest error that floats may have; at least one float32
 * ulp, so that a tie may fall either way. */
#include <math.h>
#include <stdio.h>

#include "conformance/suite.h"
#include "num/e4m3.h"
#include "support/tolerances.h"

#define F16_BEYOND 65520 /* rounds to infinity */

static const char *op_of(const oc_step *step) {
    static const char *const names[] = {
#define XX(kind, member, text) text,
        OC_STEP_MAP(XX)
#undef XX
    };
    bool alone = step->kind == OC_STEP_NORM && step->u.norm.gamma == NULL;
    return alone ? "quantize" : names[step->kind];
}

static double root_mean_square(const float *values, int64_t count) {
    double sum = 0;
    int64_t finite = 0;
    for (int64_t i = 0; i < count; i++) {
        if (isfinite(values[i])) {
            sum += (double)values[i] * values[i];
            finite++;
        }
    }
    return finite > 0 ? sqrt(sum / (double)finite) : 0;
}

static bool judge_floats(const oc_step *step, const oc_view *out, int32_t rows,
                         const float *expected, char *why, size_t why_bytes) {
    const char *op = op_of(step);
    bool is_half = oc_step_out((oc_step *)(uintptr_t)step)->dtype == OCTAVO_F16;
    double limit_rms = oc_tolerance(op, step->kernel, "rel_rms");
    double limit_max = oc_tolerance(op, step->kernel, "rel_max");
    int64_t count = (int64_t)rows * out->columns, worst = 0;
    double size = root_mean_square(expected, count), sum = 0, largest = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t r = i / out->columns, column = i % out->columns;
        float got = ((const float *)out->data)[r * out->stride + column];
        double error = fabs((double)got - expected[i]);
        if (isnan(got) && isnan(expected[i])) {
            continue;
        }
        if (got == expected[i] || (is_half && got == (expected[i] > 0 ? INFINITY : -INFINITY) &&
                                   fabs((double)expected[i]) >= F16_BEYOND)) {
            error = 0; /* infinities, too */
        }
        sum += error * error;
        if (error > largest || isnan(error)) {
            largest = error;
            worst = i;
        }
    }
    double rms = sqrt(sum / (double)(count > 0 ? count : 1));
    if (rms <= limit_rms * size && largest <= limit_max * size) {
        return true;
    }
    int64_t row = worst / out->columns, column = worst % out->columns;
    snprintf(why, why_bytes,
             "relative rms %.3g (limit %.3g), largest %.3g (limit %.3g) at row %d column %d: "
             "%.9g, the referee has %.9g",
             rms / size, limit_rms, largest / size, limit_max, (int)row, (int)column,
             (double)((const float *)out->data)[row * out->stride + column],
             (double)expected[worst]);
    return false;
}

static bool judge_codes(const oc_case *c, const oc_step *step, const oc_view *out, int32_t rows,
                        const float *expected, char *why, size_t why_bytes) {
    const char *op = op_of(step);
    int64_t count = (int64_t)rows * out->columns;
    double size = root_mean_square(expected, count);
    double slack = oc_tolerance(op, step->kernel, "code_max") * size;
    for (int64_t i = 0; i < count; i++) {
        int64_t row = i / out->columns, column = i % out->columns;
        uint8_t got = ((const uint8_t *)out->data)[row * out->stride + column];
        float x = expected[i];
        uint8_t right = oc_f32_to_e4m3(x / out->scale);
        if (got == right) {
            continue;
        }
        float scaled_low = nextafterf((float)(x - slack) / out->scale, -INFINITY);
        float scaled_high = nextafterf((float)(x + slack) / out->scale, INFINITY);
        uint8_t low = oc_f32_to_e4m3(scaled_low), high = oc_f32_to_e4m3(scaled_high);
        float value = oc_e4m3_to_f32(got);
        bool within = value > oc_e4m3_to_f32(low) && value < oc_e4m3_to_f32(high);
        if (!c->exact && !isnan(x) && (got == low || got == high || within)) {
            continue;
        }
        snprintf(why, why_bytes,
                 "code 0x%02x at row %d column %d; the referee has 0x%02x for %.9g / %.9g, "
                 "allowed are 0x%02x to 0x%02x",
                 got, (int)row, (int)column, right, (double)x, (double)out->scale, low, high);
        return false;
    }
    return true;
}

bool oc_judge(const oc_case *c, const oc_step *step, const oc_view *out, int32_t rows,
              const float *expected, char *why, size_t why_bytes) {
    if (oc_is_codes(out->dtype)) {
        return judge_codes(c, step, out, rows, expected, why, why_bytes);
    }
    return judge_floats(step, out, rows, expected, why, why_bytes);
}
