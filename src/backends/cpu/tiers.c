/* tiers.c - the tiers, best first: each kernel, or the portable one where that is as good. */
#include "backends/cpu/gemm.h"
#include "backends/cpu/machine/peak.h"
#include "backends/cpu/portable/portable.h"
#include "device/host.h"

static const char *nothing(void) {
    return NULL;
}

static const oc_cpu_tier portable = {
    .name = "portable",
    .lacks = nothing,
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
    .peaks = {{"fp32", OC_PORTABLE_FMA_ROUND, oc_portable_fma_rounds, 0}},
};

#ifdef __x86_64__
#include "backends/cpu/amx/amx.h"
#include "backends/cpu/avx2/avx2.h"
#include "backends/cpu/avx512/avx512.h"
#include "backends/cpu/machine/features.h"
#include "backends/cpu/machine/permission.h"

enum {
    FOR_AVX2 = OC_CPU_AVX2 | OC_CPU_FMA | OC_CPU_F16C,
    FOR_AVX512 = FOR_AVX2 | OC_CPU_AVX512F | OC_CPU_AVX512BW | OC_CPU_AVX512VL | OC_CPU_AVX512DQ |
                 OC_CPU_AVX512_VNNI,
    FOR_AMX =
        FOR_AVX512 | OC_CPU_AVX512_VBMI | OC_CPU_AVX512_BF16 | OC_CPU_AMX_TILE | OC_CPU_AMX_BF16
};

static const char *avx2_lacks(void) {
    return oc_cpu_lacks(FOR_AVX2);
}

static const char *avx512_lacks(void) {
    return oc_cpu_lacks(FOR_AVX512);
}

static const char *amx_lacks(void) {
    const char *lacking = oc_cpu_lacks(FOR_AMX);
    return lacking != NULL ? lacking : oc_cpu_tiles_refused();
}

static const oc_cpu_tier avx2 = {
    .name = "avx2",
    .lacks = avx2_lacks,
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
    .peaks = {{"fp32", OC_AVX2_FMA_ROUND, oc_avx2_fma_rounds, 0},
              {"int16", OC_AVX2_I16_ROUND, oc_avx2_i16_rounds, 0}},
};

static const oc_cpu_tier avx512 = {
    .name = "avx512",
    .lacks = avx512_lacks,
    .patches = &oc_portable_patches,
    .tokens = &oc_avx2_tokens,
    .norm = &oc_avx512_norm,
    .attention = &oc_avx512_attention,
    .pick = &oc_portable_pick,
    .pointwise = &oc_avx2_pointwise,
    .unit = &oc_portable_unit,
    .logits = &oc_avx2_logits,
    .gemms = {&oc_avx512_gemm_bf16, &oc_avx512_gemm_i16, &oc_avx512_gemm_f32},
    .count = oc_avx2_count,
    .peaks = {{"bf16", OC_AVX512_BF16_ROUND, oc_avx512_bf16_rounds, OC_CPU_BF16_AT_FULL_RATE},
              {"fp32", OC_AVX512_FMA_ROUND, oc_avx512_fma_rounds, 0},
              {"int16", OC_AVX512_I16_ROUND, oc_avx512_i16_rounds, 0}},
};

static const oc_cpu_tier amx = {
    .name = "amx",
    .lacks = amx_lacks,
    .patches = &oc_portable_patches,
    .tokens = &oc_avx2_tokens,
    .norm = &oc_avx512_norm,
    .attention = &oc_avx512_attention,
    .pick = &oc_portable_pick,
    .pointwise = &oc_avx2_pointwise,
    .unit = &oc_portable_unit,
    .logits = &oc_avx2_logits,
    .gemms = {&oc_amx_gemm_bf16, &oc_avx512_gemm_f32},
    .count = oc_avx2_count,
    .peaks = {{"AMX bf16", OC_AMX_BF16_ROUND, oc_amx_bf16_rounds, 0},
              {"fp32", OC_AVX512_FMA_ROUND, oc_avx512_fma_rounds, 0}},
    .enter = oc_amx_enter,
    .leave = oc_amx_leave,
};
#endif

const oc_cpu_tier *const oc_cpu_tiers[] = {
#ifdef __x86_64__
    &amx,      &avx512, &avx2,
#endif
    &portable, NULL,
};
