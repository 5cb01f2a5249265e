/* tiers.c - the tiers, best first: each kernel, or the portable one where that is as good. */
#include "backends/cpu/gemm.h"
#include "backends/cpu/peak.h"
#include "backends/cpu/portable/portable.h"
#include "device/host.h"

static bool always(void) {
    return true;
}

static const oc_cpu_tier portable = {
    .name = "portable",
    .available = always,
    .patches = &oc_portable_patches,
    .tokens = &oc_portable_tokens,
    .norm = &oc_portable_norm,
    .attention = &oc_portable_attention,
    .pick = &oc_portable_pick,
    .pointwise = &oc_portable_pointwise,
    .unit = &oc_portable_unit,
    .logits = &oc_portable_logits,
    .gemms = {&oc_portable_gemm_f32},
    .count = oc_host_count_row,
    .fma_peak = {OC_PORTABLE_FMA_ROUND, oc_portable_fma_rounds},
};

#ifdef __x86_64__
#include <cpuid.h>

#include "backends/cpu/avx2/avx2.h"

/* The compiler's check covers the operating system's saving of the registers; it knows no F16C. */
static bool has_avx2(void) {
    unsigned a, b, c, d;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0;
}

static const oc_cpu_tier avx2 = {
    .name = "avx2",
    .available = has_avx2,
    .patches = &oc_portable_patches,
    .tokens = &oc_avx2_tokens,
    .norm = &oc_avx2_norm,
    .attention = &oc_avx2_attention,
    .pick = &oc_portable_pick,
    .pointwise = &oc_avx2_pointwise,
    .unit = &oc_portable_unit,
    .logits = &oc_avx2_logits,
    .gemms = {&oc_avx2_gemm_i16, &oc_avx2_gemm_f32},
    .count = oc_avx2_count,
    .fma_peak = {OC_AVX2_FMA_ROUND, oc_avx2_fma_rounds},
    .i16_peak = {OC_AVX2_I16_ROUND, oc_avx2_i16_rounds},
};
#endif

const oc_cpu_tier *const oc_cpu_tiers[] = {
#ifdef __x86_64__
    &avx2,
#endif
    &portable,
    NULL,
};
