/* fake_nvml.h - NVML without a card: it knows one, at a place on the bus, and tells what the test
 * says. */
#ifndef OC_TESTS_FAKE_NVML_H
#define OC_TESTS_FAKE_NVML_H

#include "backends/cuda/measure/nvml.h"

typedef struct oc_fake_nvml {
    const char *bus;
    uint32_t sm_mhz, memory_mhz, milliwatts, celsius;
    unsigned long long reasons;
    int32_t result; /* of all but `find`; 0: success */
} oc_fake_nvml;

/* Takes the place of libnvidia-ml until oc_fake_nvml_end. */
oc_fake_nvml *oc_fake_nvml_begin(void);
void oc_fake_nvml_end(void);

#endif
