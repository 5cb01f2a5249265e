/* peak.c - the limit of the portable tier: independent chains of multiplications and additions. */
#include "backends/cpu/machine/peak.h"

typedef float four __attribute__((vector_size(16)));

void oc_portable_fma_rounds(int64_t count) {
    const four x = {0.5f, 0.5f, 0.5f, 0.5f}, y = {1.0f, 1.0f, 1.0f, 1.0f};
    four a = y, b = y, c = y, d = y, e = y, f = y, g = y, h = y;
    for (int64_t i = 0; i < count; i++) {
        a = a * x + y;
        b = b * x + y;
        c = c * x + y;
        d = d * x + y;
        e = e * x + y;
        f = f * x + y;
        g = g * x + y;
        h = h * x + y;
    }
    volatile four keep = a + b + c + d + e + f + g + h;
    (void)keep;
}
