/* target.h - marks functions of the AVX-512 tier.
 *
 * All files of Octavo are compiled for plain x86-64; only functions that bear one of these marks
 * may use AVX-512, and they are reached through the tier's table alone.  BF16 and VBMI are only
 * for functions marked for them: not every machine that has the tier has those.
 */
#ifndef OC_CPU_AVX512_TARGET_H
#define OC_CPU_AVX512_TARGET_H

#include <immintrin.h>

#include "backends/cpu/avx2/target.h"

/* Tests that emulate the instructions name a target that the machine at hand has. */
#ifndef OC_AVX512_TARGET
#define OC_AVX512_TARGET      "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c"
#define OC_AVX512_BF16_TARGET OC_AVX512_TARGET ",avx512vbmi,avx512bf16"
#endif

#define OC_AVX512      __attribute__((target(OC_AVX512_TARGET)))
#define OC_AVX512_BF16 __attribute__((target(OC_AVX512_BF16_TARGET)))

/* For helpers that take or return vectors: they must vanish into a function of the tier. */
#define OC_AVX512_INLINE static inline __attribute__((target(OC_AVX512_TARGET), always_inline))
#define OC_AVX512_BF16_INLINE                                                                      \
    static inline __attribute__((target(OC_AVX512_BF16_TARGET), always_inline))

#endif
