/* number.c - the C library's correctly rounded conversions, held in the "C" locale. */
#include "base/json/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static size_t skip_digits(const char *text, size_t at, size_t size) {
    while (at < size && is_digit(text[at])) {
        at++;
    }
    return at;
}

size_t oc_scan_number(const char *text, size_t size, bool *is_integer) {
    size_t at = size > 0 && text[0] == '-' ? 1 : 0;
    if (at >= size || !is_digit(text[at])) {
        return 0;
    }
    at = text[at] == '0' ? at + 1 : skip_digits(text, at, size);
    *is_integer = true;
    if (at < size && text[at] == '.') {
        size_t fraction = at + 1;
        at = skip_digits(text, fraction, size);
        *is_integer = false;
        if (at == fraction) {
            return 0;
        }
    }
    if (at < size && (text[at] == 'e' || text[at] == 'E')) {
        size_t exponent = at + 1;
        if (exponent < size && (text[exponent] == '+' || text[exponent] == '-')) {
            exponent++;
        }
        at = skip_digits(text, exponent, size);
        *is_integer = false;
        if (at == exponent) {
            return 0;
        }
    }
    return at;
}

bool oc_parse_int64(const char *text, size_t length, int64_t *out) {
    bool is_integer = false;
    if (length == 0 || oc_scan_number(text, length, &is_integer) != length || !is_integer) {
        return false;
    }
    bool negative = text[0] == '-';
    int64_t value = 0;
    for (size_t i = negative; i < length; i++) {
        int digit = text[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

/* A locale of its own costs nothing: the C library keeps the "C" locale ready. */
static double to_double(const char *text) {
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double value = plain ? strtod_l(text, NULL, plain) : strtod(text, NULL);
    if (plain) {
        freelocale(plain);
    }
    return value;
}

bool oc_parse_double(const char *text, size_t length, double *out) {
    bool is_integer;
    char copy[OC_LIMIT_NUMBER_BYTES + 1];
    if (length == 0 || length > OC_LIMIT_NUMBER_BYTES ||
        oc_scan_number(text, length, &is_integer) != length) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = 0;
    double value = to_double(copy);
    if (!isfinite(value)) {
        return false;
    }
    *out = value;
    return true;
}

static size_t format(double value, bool as_float, char text[OC_NUMBER_TEXT]) {
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = plain ? uselocale(plain) : (locale_t)0;
    int length = 0;
    for (int digits = as_float ? 6 : 15; digits <= (as_float ? 9 : 17); digits++) {
        length = snprintf(text, OC_NUMBER_TEXT, "%.*g", digits, value);
        double back = isfinite(value) ? strtod(text, NULL) : value;
        if (as_float ? (float)back == (float)value : back == value) {
            break;
        }
    }
    if (plain) {
        uselocale(before);
        freelocale(plain);
    }
    return (size_t)length;
}

size_t oc_format_double(double value, char text[OC_NUMBER_TEXT]) {
    return format(value, false, text);
}

size_t oc_format_float(float value, char text[OC_NUMBER_TEXT]) {
    return format((double)value, true, text);
}
