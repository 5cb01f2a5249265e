/* portable.h - the kernels of the portable tier that are not GEMM: plain C, no vector types.
 *
 * Inner sums run in double.  Activations in are floats; out may be codes where the step's view says
 * so, but for patches, unit and logits.  pick copies either kind.
 */
#ifndef OC_CPU_PORTABLE_PORTABLE_H
#define OC_CPU_PORTABLE_PORTABLE_H

#include "backends/cpu/kernels.h"

extern const oc_cpu_kernel oc_portable_patches;
extern const oc_cpu_kernel oc_portable_tokens;
extern const oc_cpu_kernel oc_portable_norm;
extern const oc_cpu_kernel oc_portable_attention;
extern const oc_cpu_kernel oc_portable_pick;
extern const oc_cpu_kernel oc_portable_pointwise;
extern const oc_cpu_kernel oc_portable_unit;
extern const oc_cpu_kernel oc_portable_logits;

#endif
