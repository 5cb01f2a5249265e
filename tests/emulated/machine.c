/* machine.c - in place of the library's machine/features.c and of peaks, where instructions are
 * emulated: a machine that has all of them, if this one has what the emulation is made of. */
#include "backends/cpu/machine/features.h"

#include <stdbool.h>
#include <stdlib.h>

#include "backends/cpu/machine/peak.h"

uint32_t oc_cpu_features(void) {
    bool is_able = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return is_able ? (1u << OC_CPU_FEATURES) - 1 : 0;
}

const char *oc_cpu_lacks(uint32_t needed) {
    return (needed & ~oc_cpu_features()) == 0 ? NULL : "AVX2 and FMA, by which it is emulated,";
}

/* An emulated machine has no speed. */
void oc_avx512_fma_rounds(int64_t count) {
    (void)count;
    abort();
}

void oc_avx512_bf16_rounds(int64_t count) {
    (void)count;
    abort();
}

void oc_avx512_i16_rounds(int64_t count) {
    (void)count;
    abort();
}
