/* state.c - see state.h. */
#include "backends/cuda/measure/state.h"

#include "backends/cuda/device.h"
#include "backends/cuda/measure/nvml.h"

enum { BUS_TEXT = 32 };

/* Of nvmlClocksThrottleReasons: those that nobody chose.  (That the card idles, that its clocks are
 * set, or follow a display's, is left out.) */
static const struct {
    unsigned long long bit;
    const char *text;
} reasons[] = {
    {0x04, "power cap"},
    {0x08, "slowdown by hardware"},
    {0x20, "too hot, by software"},
    {0x40, "too hot, by hardware"},
    {0x80, "power brake"},
};

const char *oc_cuda_throttle_reason(int32_t index) {
    return index >= 0 && index < (int32_t)OC_COUNT(reasons) ? reasons[index].text : NULL;
}

static double told(int32_t result, uint32_t value, double unit) {
    return result == OC_NVML_SUCCESS ? unit * (double)value : -1;
}

octavo_status oc_cuda_read_state(const oc_device *base, oc_cuda_state *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cuda_device *device = (const oc_cuda_device *)base;
    const oc_nvml *nvml;
    oc_nvml_device card = NULL;
    char bus[BUS_TEXT];
    uint32_t value = 0;
    unsigned long long bits = 0;
    *out = (oc_cuda_state){-1, -1, -1, -1, 0};
    OC_TRY(oc_nvml_open(&nvml, error));
    OC_CU(device->driver, device_bus(bus, sizeof bus, device->index), "tell a card's place", error);
    int32_t result = nvml->find(bus, &card);
    if (result != OC_NVML_SUCCESS) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                "NVML does not know card cuda:%d at %s: error %d", device->index, bus, result);
    }
    result = nvml->clock(card, OC_NVML_CLOCK_SM, &value);
    out->sm_mhz = told(result, value, 1);
    result = nvml->clock(card, OC_NVML_CLOCK_MEMORY, &value);
    out->memory_mhz = told(result, value, 1);
    result = nvml->power(card, &value);
    out->watts = told(result, value, 1e-3);
    result = nvml->temperature(card, OC_NVML_SENSOR_GPU, &value);
    out->celsius = told(result, value, 1);
    if (nvml->reasons(card, &bits) == OC_NVML_SUCCESS) {
        for (size_t i = 0; i < OC_COUNT(reasons); i++) {
            out->throttled |= (bits & reasons[i].bit) != 0 ? 1u << i : 0;
        }
    }
done:
    return status;
}
