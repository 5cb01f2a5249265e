/* amx.h - the kernels of the AMX tier: products in tiles; the others are avx512's. */
#ifndef OC_CPU_AMX_AMX_H
#define OC_CPU_AMX_AMX_H

#include "backends/cpu/gemm.h"

extern const oc_cpu_gemm oc_amx_gemm_bf16;

/* What a thread does before it works for the tier, and once it has: takes the tiles' shapes, and
 * gives them back, so that the system need not keep them for the thread. */
void oc_amx_enter(void);
void oc_amx_leave(void);

#endif
