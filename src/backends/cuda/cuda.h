/* cuda.h - NVIDIA's GPUs as devices. */
#ifndef OC_BACKENDS_CUDA_H
#define OC_BACKENDS_CUDA_H

#include "device/device.h"

extern const oc_backend oc_backend_cuda;

/* How many cards there are; 0 where there is no driver, and then `why` says so. */
int32_t oc_cuda_device_count(char *why, size_t bytes);

/* "NVIDIA H100 80GB HBM3, 132 multiprocessors, sm_90a, 79 GiB"; false: why not. */
bool oc_cuda_device_describe(int32_t index, char *text, size_t bytes);

/* Which kernels card `index` can be asked to take for products and attention, as cuda:N:TIER: the
 * i-th, the one that it takes by itself first; NULL: there are no more.
 *   wgmma  Hopper's own
 *   mma    those that any card can run */
const char *oc_cuda_tier_name(int32_t index, int32_t i);

#endif
