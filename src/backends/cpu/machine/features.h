/* features.h - the instructions that this machine's processor has and its operating system saves
 * the registers of. */
#ifndef OC_CPU_MACHINE_FEATURES_H
#define OC_CPU_MACHINE_FEATURES_H

#include <stdint.h>

/* name, its text as processors' manuals have it */
#define OC_CPU_FEATURE_MAP(XX)                                                                     \
    XX(AVX2, "AVX2")                                                                               \
    XX(FMA, "FMA")                                                                                 \
    XX(F16C, "F16C")                                                                               \
    XX(AVX512F, "AVX512F")                                                                         \
    XX(AVX512BW, "AVX512BW")                                                                       \
    XX(AVX512VL, "AVX512VL")                                                                       \
    XX(AVX512DQ, "AVX512DQ")                                                                       \
    XX(AVX512_VNNI, "AVX512_VNNI")                                                                 \
    XX(AVX512_VBMI, "AVX512_VBMI")                                                                 \
    XX(AVX512_BF16, "AVX512_BF16")                                                                 \
    XX(AMX_TILE, "AMX_TILE")                                                                       \
    XX(AMX_BF16, "AMX_BF16")                                                                       \
    XX(BF16_AT_FULL_RATE, "VDPBF16PS at the rate of FMA")

enum {
#define XX(name, text) OC_CPU_BIT_##name,
    OC_CPU_FEATURE_MAP(XX)
#undef XX
        OC_CPU_FEATURES
};

enum {
#define XX(name, text) OC_CPU_##name = 1 << OC_CPU_BIT_##name,
    OC_CPU_FEATURE_MAP(XX)
#undef XX
};

/* Of these, what the machine has.  AMX also wants the operating system's permission, which a
 * process has to ask for; that is not asked here. */
uint32_t oc_cpu_features(void);

/* The first of `needed` that the machine does not have, such as "AVX512_VNNI"; NULL: it has all. */
const char *oc_cpu_lacks(uint32_t needed);

#endif
