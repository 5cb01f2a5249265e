/* mathf.c - see mathf.h. */
#include "num/mathf.h"

#include <math.h>

#include "num/bits.h"

/* ln 2 in two parts; the first has 20 zero bits at its end, so that a multiple of it is exact. */
#define LN2_HIGH 0x1.62e42fef00000p-1
#define LN2_LOW  0x1.473de6af278edp-34

/* x * 2^n for n in -2044 .. 2046, rounded once. */
static double scale(double x, int n) {
    if (n > 1023) {
        x *= 0x1p1023;
        n -= 1023;
    } else if (n < -1022) {
        /* Down to where subnormals begin in a step that is exact, then one that rounds. */
        x *= 0x1p-969; /* 2^(-1022 + 53) */
        n += 969;
    }
    return x * oc_f64_of_bits((uint64_t)(n + 1023) << 52);
}

/* exp(x) = 2^n exp(r), |r| <= ln(2) / 2, where the Taylor series' 14th term is below 2^-57. */
double oc_exp(double x) {
    static const double factorials[] = {1.0,      1.0,       2.0,        6.0,        24.0,
                                        120.0,    720.0,     5040.0,     40320.0,    362880.0,
                                        3628800., 39916800., 479001600., 6227020800.};
    if (isnan(x)) {
        return x;
    }
    if (x > 709.79) { /* ln of the largest double is 709.7827 */
        return INFINITY;
    }
    if (x < -745.14) { /* ln of half of the smallest is -745.1332 */
        return 0;
    }
    int n = (int)(x * 0x1.71547652b82fep+0 + (x < 0 ? -0.5 : 0.5));
    double r = (x - n * LN2_HIGH) - n * LN2_LOW;
    double sum = 1.0 / factorials[13];
    for (int i = 12; i >= 0; i--) {
        sum = sum * r + 1.0 / factorials[i];
    }
    return scale(sum, n);
}

/* x = 2^n m, m in [sqrt(1/2), sqrt(2)); log m = 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.172,
 * where the series' 12th term is below 2^-61 of the first. */
double oc_log(double x) {
    if (isnan(x) || x == INFINITY) {
        return x;
    }
    if (x <= 0) {
        return x == 0 ? -INFINITY : NAN;
    }
    int n = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        n = -54;
    }
    uint64_t bits = oc_f64_bits(x);
    n += (int)(bits >> 52) - 1023;
    double m = oc_f64_of_bits((bits & 0xfffffffffffffu) | 0x3ff0000000000000u);
    if (m >= 0x1.6a09e667f3bcdp+0) { /* sqrt(2) */
        m /= 2;
        n++;
    }
    double f = m - 1, s = f / (f + 2), square = s * s, sum = 0;
    for (int i = 23; i >= 3; i -= 2) {
        sum = (sum + 1.0 / i) * square;
    }
    return n * LN2_HIGH + (2 * s * sum + n * LN2_LOW + 2 * s);
}

/* erf(x) = 2/sqrt(pi) exp(-x^2) (x + x^3 2/3 + x^5 4/15 + ...), terms all of one sign
 * (Abramowitz and Stegun 7.1.6). */
double oc_erf(double x) {
    if (isnan(x)) {
        return x;
    }
    if (fabs(x) >= 6) { /* 1 - erf(6) is 2e-17 */
        return x < 0 ? -1 : 1;
    }
    double square = x * x, term = x, sum = x;
    for (int odd = 3; fabs(term) > fabs(sum) * 0x1p-56; odd += 2) {
        term *= 2 * square / odd;
        sum += term;
    }
    double result = 0x1.20dd750429b6dp+0 * oc_exp(-square) * sum; /* 2/sqrt(pi) */
    return result > 1 ? 1 : result < -1 ? -1 : result;
}

/* Near 0 Lambert's continued fraction x / (1 + x^2 / (3 + x^2 / (5 + ...))), cut at 19 where
 * |x| < 0.5 leaves no error; further out 1 - 2 / (exp(2x) + 1). */
double oc_tanh(double x) {
    if (isnan(x)) {
        return x;
    }
    double magnitude = fabs(x), result;
    if (magnitude < 0.5) {
        double square = x * x, below = 19;
        for (int odd = 17; odd >= 1; odd -= 2) {
            below = odd + square / below;
        }
        return x / below;
    }
    result = magnitude > 20 ? 1 : 1 - 2 / (oc_exp(2 * magnitude) + 1);
    return x < 0 ? -result : result;
}
