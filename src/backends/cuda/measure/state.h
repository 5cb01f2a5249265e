/* state.h - what a card does at a moment: clocks, power, temperature, as NVML tells. */
#ifndef OC_BACKENDS_CUDA_MEASURE_STATE_H
#define OC_BACKENDS_CUDA_MEASURE_STATE_H

#include "device/device.h"

/* Below 0: not told. */
typedef struct oc_cuda_state {
    double sm_mhz, memory_mhz, watts, celsius;
    uint32_t throttled; /* bit i: oc_cuda_throttle_reason(i) */
} oc_cuda_state;

/* The card is found by its place on the bus: NVML counts all cards, CUDA those it may see.  Any
 * thread.
 *   UNAVAILABLE  no NVML, or it does not know the card */
octavo_status oc_cuda_read_state(const oc_device *device, oc_cuda_state *out, octavo_error *error);

/* "power cap": something that holds the clocks below what they might be; NULL behind the last. */
const char *oc_cuda_throttle_reason(int32_t index);

#endif
