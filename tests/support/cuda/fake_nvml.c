/* fake_nvml.c - see fake_nvml.h. */
#include "support/cuda/fake_nvml.h"

#include <string.h>

enum { NOT_FOUND = 6 };

static oc_fake_nvml fake;

static int32_t fake_init(void) {
    return OC_NVML_SUCCESS;
}

static int32_t fake_find(const char *bus, oc_nvml_device *device) {
    *device = (oc_nvml_device)(void *)&fake;
    return strcmp(bus, fake.bus) == 0 ? OC_NVML_SUCCESS : NOT_FOUND;
}

static int32_t fake_clock(oc_nvml_device device, int32_t which, uint32_t *mhz) {
    (void)device;
    *mhz = which == OC_NVML_CLOCK_SM ? fake.sm_mhz : fake.memory_mhz;
    return fake.result;
}

static int32_t fake_power(oc_nvml_device device, uint32_t *milliwatts) {
    (void)device;
    *milliwatts = fake.milliwatts;
    return fake.result;
}

static int32_t fake_temperature(oc_nvml_device device, int32_t sensor, uint32_t *celsius) {
    (void)device;
    *celsius = sensor == OC_NVML_SENSOR_GPU ? fake.celsius : 0;
    return fake.result;
}

static int32_t fake_reasons(oc_nvml_device device, unsigned long long *reasons) {
    (void)device;
    *reasons = fake.reasons;
    return fake.result;
}

static const oc_nvml nvml = {
#define XX(member, symbol, parameters) .member = fake_##member,
    OC_NVML_MAP(XX)
#undef XX
};

oc_fake_nvml *oc_fake_nvml_begin(void) {
    fake = (oc_fake_nvml){.bus = ""};
    oc_nvml_replace(&nvml);
    return &fake;
}

void oc_fake_nvml_end(void) {
    oc_nvml_replace(NULL);
}
