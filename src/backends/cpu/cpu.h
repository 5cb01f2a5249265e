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

/* What the arithmetic units do at most for a device's tier, in register-only loops: fused
 * multiply-adds of float32 ("fp32"), of pairs of bfloat16 ("bf16"), of pairs of int16 ("int16").
 * Index 0 is what speed is told as a share of; NULL behind the last. */
const char *oc_cpu_peak_name(const oc_device *device, int32_t index);
/* Measured now, in 1e9 operations a second (a multiply and an add are two) of so many threads;
 * takes about 50 ms and starts its own.  threads 0: one for each usable core.  0: there is no such
 * peak, or the threads could not be started. */
double oc_cpu_peak_rate(const oc_device *device, int32_t index, int32_t threads);

#endif
