/* cuda.h - NVIDIA's GPUs as devices. */
#ifndef OC_BACKENDS_CUDA_H
#define OC_BACKENDS_CUDA_H

#include "device/device.h"

extern const oc_backend oc_backend_cuda;

/* How many cards there are; 0 where there is no driver, and then `why` says so. */
int32_t oc_cuda_device_count(char *why, size_t bytes);

/* "NVIDIA H100 80GB HBM3, 132 multiprocessors, sm_90a, 79 GiB"; false: why not. */
bool oc_cuda_device_describe(int32_t index, char *text, size_t bytes);

#endif
