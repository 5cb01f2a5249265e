/* avx2.h - the kernels of the AVX2 tier that are not GEMM.
 *
 * Results are float32; rows do not depend on each other.  What gains nothing from vectors is
 * taken from portable/ (patches, pick, unit).
 */
#ifndef OC_CPU_AVX2_AVX2_H
#define OC_CPU_AVX2_AVX2_H

#include "backends/cpu/kernels.h"

enum { OC_AVX2_ROWS = 6 }; /* of a product's tile */

extern const oc_cpu_kernel oc_avx2_tokens;
extern const oc_cpu_kernel oc_avx2_norm;
extern const oc_cpu_kernel oc_avx2_attention;
extern const oc_cpu_kernel oc_avx2_pointwise;
extern const oc_cpu_kernel oc_avx2_logits;

void oc_avx2_count(const uint8_t *codes, int32_t columns, oc_step_report *out);

#endif
