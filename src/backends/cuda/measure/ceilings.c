/* ceilings.c - see ceilings.h. */
#include "backends/cuda/measure/ceilings.h"

#include <stdio.h>
#include <string.h>

#include "backends/cuda/device.h"

enum {
    COPIES = 20,
    LEAST = 64 << 20, /* bytes of a copy: more than any cache holds */
    MOST = 512 << 20,
};

/* Dense multiply-adds times two, a clock and multiprocessor, with sums in float32: NVIDIA's
 * whitepapers on the A100 (2020) and the H100 (2022).  The rates of their data sheets are these
 * times multiprocessors times boost clock. */
static const struct {
    const char *architecture;
    double f16, f8;
} rates[] = {{"sm_80", 2048, 0}, {"sm_90a", 4096, 8192}};

/* The H20 is of that architecture too, with tensor cores that do a quarter of it. */
static bool has_rate(const oc_cuda_device *device, size_t i) {
    bool is_h20 = strstr(device->name, "H20") != NULL && strstr(device->name, "H200") == NULL;
    return strcmp(rates[i].architecture, device->architecture) == 0 && !is_h20;
}

static octavo_status copy_rate(const oc_cuda_device *device, oc_cu_stream stream,
                               const oc_cu_address memory[2], const oc_cu_event moments[2],
                               size_t bytes, double *bytes_per_s, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cu_driver *cu = device->driver;
    *bytes_per_s = 0;
    for (int32_t i = 0; i < COPIES; i++) {
        float milliseconds = 0;
        OC_CU(cu, event_record(moments[0], stream), "record an event", error);
        OC_CU(cu, copy_device(memory[i % 2], memory[1 - i % 2], bytes, stream), "copy memory",
              error);
        OC_CU(cu, event_record(moments[1], stream), "record an event", error);
        OC_CU(cu, stream_wait(stream), "copy memory", error);
        OC_CU(cu, event_elapsed(&milliseconds, moments[0], moments[1]), "time a copy", error);
        double rate = milliseconds > 0 ? 2e3 * (double)bytes / (double)milliseconds : 0;
        *bytes_per_s = rate > *bytes_per_s ? rate : *bytes_per_s;
    }
done:
    return status;
}

/* The better of some copies, as large as there is room for. */
static octavo_status measure_memory(const oc_cuda_device *device, double *bytes_per_s,
                                    octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cu_driver *cu = device->driver;
    oc_cu_stream stream = NULL;
    oc_cu_address memory[2] = {0, 0};
    oc_cu_event moments[2] = {NULL, NULL};
    size_t left = 0, total = 0, bytes = MOST;
    OC_CU(cu, memory_info(&left, &total), "tell how much memory is free", error);
    while (bytes > LEAST && 4 * bytes > left) {
        bytes /= 2;
    }
    OC_CU(cu, stream_create(&stream, OC_CU_STREAM_NON_BLOCKING), "make a stream", error);
    for (int32_t i = 0; i < 2; i++) {
        OC_TRY(oc_cuda_memory(device, bytes, &memory[i], error));
        OC_CU(cu, event_create(&moments[i], 0), "make an event", error);
    }
    OC_TRY(copy_rate(device, stream, memory, moments, bytes, bytes_per_s, error));
done:
    for (int32_t i = 0; i < 2; i++) {
        if (moments[i] != NULL) {
            cu->event_free(moments[i]);
        }
        if (memory[i] != 0) {
            cu->memory_free(memory[i]);
        }
    }
    if (stream != NULL) {
        cu->stream_free(stream);
    }
    return status;
}

octavo_status oc_cuda_measure_ceilings(const oc_device *base, oc_cuda_ceilings *out,
                                       octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cuda_device *device = (const oc_cuda_device *)base;
    int32_t khz = 0;
    *out = (oc_cuda_ceilings){.f8_flops = 0};
    OC_TRY(oc_cuda_enter(device, error));
    OC_CU(device->driver, device_attribute(&khz, OC_CU_CLOCK_KHZ, device->index),
          "describe the card", error);
    OC_TRY(measure_memory(device, &out->bytes_per_s, error));
    double clocks = 1e3 * (double)khz * (double)device->multiprocessors; /* a second, of all */
    for (size_t i = 0; i < OC_COUNT(rates); i++) {
        if (has_rate(device, i)) {
            out->f8_flops = rates[i].f8 * clocks;
            out->f16_flops = rates[i].f16 * clocks;
        }
    }
    if (out->f16_flops > 0) {
        snprintf(out->source, sizeof out->source,
                 "tensor cores: NVIDIA's rate for %s times %d multiprocessors at %.0f MHz, its "
                 "highest clock; memory: a copy, measured",
                 device->architecture, device->multiprocessors, 1e-3 * (double)khz);
    } else {
        snprintf(out->source, sizeof out->source,
                 "the rate of the tensor cores is not known (%.80s, %s); memory: a copy, measured",
                 device->name, device->architecture);
    }
done:
    return status;
}
