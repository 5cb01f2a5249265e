/* cpu.h - the CPU backend: the fast kernels of the best tier that the machine has.
 *
 * Device option `tier`: a tier by name ("avx2", "portable"), and behind a colon, if wanted, the
 * GEMM variant to use wherever it can be ("avx2:f32": no integer kernel; "avx2:i16": small products
 * by integers too).  Numbers do not depend on `threads`.
 */
#ifndef OC_CPU_CPU_H
#define OC_CPU_CPU_H

#include "device/device.h"

extern const oc_backend oc_backend_cpu;

/* Name of the index-th tier that this machine has, best first; NULL behind the last. */
const char *oc_cpu_tier_name(int32_t index);

/* What the arithmetic units of `threads` cores do at most, in 1e9 operations a second (a multiply
 * and an add are two), measured now with register-only loops of the best tier: float32 fused
 * multiply-add, and 16-bit multiply-add as gemm_i16 uses it (0 where the tier has none).  Takes
 * about 50 ms and starts its own threads; threads 0: one for each usable core.  Negative: the
 * threads could not be started. */
double oc_cpu_fma_peak(int32_t threads);
double oc_cpu_i16_peak(int32_t threads);

#endif
