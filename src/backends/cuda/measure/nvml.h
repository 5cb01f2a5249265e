/* nvml.h - NVIDIA's management library: libnvidia-ml, opened at run time, and what is used of it.
 *
 * Names, numbers and layouts are those of its reference (docs.nvidia.com/deploy/nvml-api).
 */
#ifndef OC_BACKENDS_CUDA_MEASURE_NVML_H
#define OC_BACKENDS_CUDA_MEASURE_NVML_H

#include <stdbool.h>

#include "base/status.h"

typedef struct oc_nvml_device *oc_nvml_device;

enum { OC_NVML_SUCCESS = 0 };

enum { /* nvmlClockType_t, nvmlTemperatureSensors_t */
       OC_NVML_CLOCK_SM = 1,
       OC_NVML_CLOCK_MEMORY = 2,
       OC_NVML_SENSOR_GPU = 0,
};

/* member, symbol, parameters */
#define OC_NVML_MAP(XX)                                                                            \
    XX(init, "nvmlInit_v2", (void))                                                                \
    XX(find, "nvmlDeviceGetHandleByPciBusId_v2", (const char *bus, oc_nvml_device *device))        \
    XX(clock, "nvmlDeviceGetClockInfo", (oc_nvml_device device, int32_t which, uint32_t * mhz))    \
    XX(power, "nvmlDeviceGetPowerUsage", (oc_nvml_device device, uint32_t * milliwatts))           \
    XX(temperature, "nvmlDeviceGetTemperature",                                                    \
       (oc_nvml_device device, int32_t sensor, uint32_t * celsius))                                \
    XX(reasons, "nvmlDeviceGetCurrentClocksThrottleReasons",                                       \
       (oc_nvml_device device, unsigned long long *reasons))

/* Each returns an nvmlReturn_t.  Any thread. */
typedef struct oc_nvml {
#define XX(member, symbol, parameters) int32_t(*member) parameters;
    OC_NVML_MAP(XX)
#undef XX
} oc_nvml;

/* The library, opened and initialised by the first call; later ones give the same answer.  Any
 * thread.
 *   UNAVAILABLE  it is not there, lacks a function, or does not start */
octavo_status oc_nvml_open(const oc_nvml **out, octavo_error *error);

/* Tests: what oc_nvml_open gives from now on; NULL: the library again. */
void oc_nvml_replace(const oc_nvml *nvml);

#endif
