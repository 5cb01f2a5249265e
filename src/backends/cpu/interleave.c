/* interleave.c - 16 rows to columns, by zipping vectors of 16 bytes. */
#include "backends/cpu/interleave.h"

#include <string.h>

#include "backends/cpu/gemm.h"

enum { STRIP = 16 }; /* bytes of each row that are interleaved at once */

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

typedef uint8_t strip __attribute__((vector_size(STRIP)));

/* Elements of a and b, `unit` bytes each, in turn. */
static inline __attribute__((always_inline)) void zip(strip a, strip b, strip *low, strip *high,
                                                      const int unit) {
    if (unit == 1) {
        *low =
            __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        *high = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30,
                                        15, 31);
    } else if (unit == 2) {
        *low =
            __builtin_shufflevector(a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
        *high = __builtin_shufflevector(a, b, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15,
                                        30, 31);
    } else {
        *low =
            __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
        *high = __builtin_shufflevector(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29,
                                        30, 31);
    }
}

/* A strip of each of 16 rows becomes 16 / unit rows of 16 elements: squares of `side` rows are
 * transposed by log2(side) rounds of zipping row i with row i + side / 2. */
static inline __attribute__((always_inline)) void transpose(const uint8_t *const *rows, size_t at,
                                                            uint8_t *out, const int unit) {
    const int side = STRIP / unit;
    for (int first = 0; first < OC_PANEL; first += side) {
        strip x[STRIP], y[STRIP];
        UNROLL for (int i = 0; i < side; i++) {
            memcpy(&x[i], rows[first + i] + at, STRIP);
        }
        UNROLL for (int round = side; round > 1; round /= 2) {
            UNROLL for (int i = 0; i < side / 2; i++) {
                zip(x[i], x[i + side / 2], &y[2 * i], &y[2 * i + 1], unit);
            }
            UNROLL for (int i = 0; i < side; i++) {
                x[i] = y[i];
            }
        }
        UNROLL for (int i = 0; i < side; i++) {
            memcpy(out + (i * OC_PANEL + first) * unit, &x[i], STRIP);
        }
    }
}

/* 16 rows of row_bytes to out[row_bytes / unit][16], then zeros up to out_bytes. */
static inline __attribute__((always_inline)) void
walk(const uint8_t *const *rows, size_t row_bytes, uint8_t *out, size_t out_bytes, const int unit) {
    size_t at = 0;
    for (; at + STRIP <= row_bytes; at += STRIP) {
        transpose(rows, at, out + at * OC_PANEL, unit);
    }
    uint8_t rest[OC_PANEL][STRIP] = {0}, done[OC_PANEL * STRIP];
    const uint8_t *rest_rows[OC_PANEL];
    for (int i = 0; i < OC_PANEL; i++) {
        memcpy(rest[i], rows[i] + at, row_bytes - at);
        rest_rows[i] = rest[i];
    }
    transpose(rest_rows, 0, done, unit);
    size_t left = out_bytes - at * OC_PANEL;
    memcpy(out + at * OC_PANEL, done, left < sizeof(done) ? left : sizeof(done));
}

void oc_interleave(const uint8_t *const *rows, size_t row_bytes, uint8_t *out, size_t out_bytes,
                   size_t unit) {
    switch (unit) {
    case 1:
        walk(rows, row_bytes, out, out_bytes, 1);
        break;
    case 2:
        walk(rows, row_bytes, out, out_bytes, 2);
        break;
    default:
        walk(rows, row_bytes, out, out_bytes, 4);
        break;
    }
}
