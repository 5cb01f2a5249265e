/* avx512.h - the kernels of the AVX-512 tier that are not GEMM.
 *
 * Results are float32; rows do not depend on each other.  What gains nothing from wider vectors is
 * taken from avx2/ and portable/.
 */
#ifndef OC_CPU_AVX512_AVX512_H
#define OC_CPU_AVX512_AVX512_H

#include "backends/cpu/kernels.h"

extern const oc_cpu_kernel oc_avx512_tokens;
extern const oc_cpu_kernel oc_avx512_norm;
extern const oc_cpu_kernel oc_avx512_attention;
extern const oc_cpu_kernel oc_avx512_pointwise;
extern const oc_cpu_kernel oc_avx512_logits;

#endif
