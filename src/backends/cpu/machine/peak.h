/* peak.h - register-only loops of each tier; see oc_cpu_peak. */
#ifndef OC_CPU_MACHINE_PEAK_H
#define OC_CPU_MACHINE_PEAK_H

#include <stdint.h>

/* 4 products of tiles of 16 x 16 sums over 32 of k, 2 operations each */
enum { OC_AMX_BF16_ROUND = 4 * 16 * 16 * 32 * 2 };
void oc_amx_bf16_rounds(int64_t count);

/* 24 vectors of 16 fused multiply-adds, 2 operations each; of 32 products of bfloat16 or int16, 2
 * each. */
enum {
    OC_AVX512_FMA_ROUND = 24 * 16 * 2,
    OC_AVX512_BF16_ROUND = 24 * 32 * 2,
    OC_AVX512_I16_ROUND = 24 * 32 * 2
};
void oc_avx512_fma_rounds(int64_t count);
void oc_avx512_bf16_rounds(int64_t count); /* of machines that have BF16 */
void oc_avx512_i16_rounds(int64_t count);

/* 12 vectors of 8 fused multiply-adds, 2 operations each; of 16 products of int16, 2 each. */
enum { OC_AVX2_FMA_ROUND = 12 * 8 * 2, OC_AVX2_I16_ROUND = 12 * 16 * 2 };
void oc_avx2_fma_rounds(int64_t count);
void oc_avx2_i16_rounds(int64_t count);

/* 8 vectors of 4 multiplications and additions */
enum { OC_PORTABLE_FMA_ROUND = 8 * 4 * 2 };
void oc_portable_fma_rounds(int64_t count);

#endif
