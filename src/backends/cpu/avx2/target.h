/* target.h - marks functions of the AVX2 tier.
 *
 * All files of Octavo are compiled for plain x86-64; only functions that bear one of these marks
 * may use AVX2, FMA and F16C, and they are reached through the tier's table alone.
 */
#ifndef OC_CPU_AVX2_TARGET_H
#define OC_CPU_AVX2_TARGET_H

#include <immintrin.h>

#define OC_AVX2 __attribute__((target("avx2,fma,f16c")))

/* For helpers that take or return vectors: they must vanish into an OC_AVX2 function. */
#define OC_AVX2_INLINE static inline __attribute__((target("avx2,fma,f16c"), always_inline))

/* Before a loop of constant length over an array of vectors: without it gcc keeps them in memory.
 */
#ifdef __clang__
#define OC_UNROLL _Pragma("clang loop unroll(full)")
#else
#define OC_UNROLL _Pragma("GCC unroll 16")
#endif

#endif
