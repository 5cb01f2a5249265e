/* features.c - see features.h. */
#include "backends/cpu/machine/features.h"

#include <stddef.h>

#ifdef __x86_64__
#include <cpuid.h>
#include <stdbool.h>

/* Registers in XCR0: of XMM and YMM; these, the mask registers and all of ZMM; AMX's. */
enum { YMM = 0x6, ZMM = 0xe6, TILES = 0x60000 };

typedef struct leaf {
    unsigned a, b, c, d;
} leaf;

static leaf read_leaf(unsigned number, unsigned sub) {
    leaf l = {0, 0, 0, 0};
    if (__get_cpuid_count(number, sub, &l.a, &l.b, &l.c, &l.d) == 0) {
        l = (leaf){0, 0, 0, 0};
    }
    return l;
}

/* What the operating system saves and restores. */
static unsigned saved_registers(void) {
    unsigned low, high;
    if ((read_leaf(1, 0).c & bit_OSXSAVE) == 0) {
        return 0;
    }
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static bool is_amd(void) {
    leaf l = read_leaf(0, 0);
    return l.b == signature_AMD_ebx && l.c == signature_AMD_ecx && l.d == signature_AMD_edx;
}

uint32_t oc_cpu_features(void) {
    leaf first = read_leaf(1, 0), seven = read_leaf(7, 0), more = read_leaf(7, 1);
    unsigned saved = saved_registers();
    uint32_t found = 0;
#define HAS(name, word, bit, registers)                                                            \
    if (((word) & (1u << (bit))) != 0 && (saved & (registers)) == (registers)) {                   \
        found |= OC_CPU_##name;                                                                    \
    }
    HAS(FMA, first.c, 12, YMM)
    HAS(F16C, first.c, 29, YMM)
    HAS(AVX2, seven.b, 5, YMM)
    HAS(AVX512F, seven.b, 16, ZMM)
    HAS(AVX512DQ, seven.b, 17, ZMM)
    HAS(AVX512BW, seven.b, 30, ZMM)
    HAS(AVX512VL, seven.b, 31, ZMM)
    HAS(AVX512_VBMI, seven.c, 1, ZMM)
    HAS(AVX512_VNNI, seven.c, 11, ZMM)
    HAS(AVX512_BF16, more.a, 5, ZMM)
    HAS(AMX_BF16, seven.d, 22, TILES)
    HAS(AMX_TILE, seven.d, 24, TILES)
#undef HAS
    /* Zen 4 and 5 issue it as they do FMA, Sapphire Rapids half as often as VPDPWSSD: measured. */
    if ((found & OC_CPU_AVX512_BF16) != 0 && is_amd()) {
        found |= OC_CPU_BF16_AT_FULL_RATE;
    }
    return found;
}
#else
uint32_t oc_cpu_features(void) {
    return 0;
}
#endif

const char *oc_cpu_lacks(uint32_t needed) {
    static const char *const names[] = {
#define XX(name, text) text,
        OC_CPU_FEATURE_MAP(XX)
#undef XX
    };
    uint32_t lacking = needed & ~oc_cpu_features();
    return lacking == 0 ? NULL : names[__builtin_ctz(lacking)];
}
