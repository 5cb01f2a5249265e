/* driver.c - see driver.h. */
#include "backends/cuda/driver.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/sys/library.h"

enum { VERSION_LEAST = 12030 }; /* 12.3: cuGraphInstantiateWithFlags, cuLaunchKernelEx, sm_90a */

static const oc_symbol symbols[] = {
#define XX(member, symbol, parameters) {symbol, offsetof(oc_cu_driver, member)},
    OC_CU_MAP(XX)
#undef XX
};

static struct {
    pthread_mutex_t lock;
    bool opened;
    const oc_cu_driver *replaced;
    oc_cu_driver driver;
    octavo_status status;
    octavo_error error;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static octavo_status load(oc_cu_driver *driver, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t version = 0, count = 0;
    const char *missing;
    oc_library_found found =
        oc_library_load("libcuda.so.1", symbols, OC_COUNT(symbols), driver, &missing);
    if (found == OC_LIBRARY_ABSENT) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                "there is no NVIDIA driver on this machine (libcuda.so.1 cannot be opened)");
    }
    if (found == OC_LIBRARY_LACKS) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                "the NVIDIA driver is too old: it has no %s; one of CUDA %d.%d or newer is needed",
                missing, VERSION_LEAST / 1000, VERSION_LEAST % 1000 / 10);
    }
    OC_CU(driver, init(0), "start", error);
    OC_CU(driver, version(&version), "tell its version", error);
    if (version < VERSION_LEAST) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                "the NVIDIA driver is too old: it is made for CUDA %d.%d, %d.%d is needed",
                version / 1000, version % 1000 / 10, VERSION_LEAST / 1000,
                VERSION_LEAST % 1000 / 10);
    }
    OC_CU(driver, device_count(&count), "count its devices", error);
    if (count == 0) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                "the NVIDIA driver is there, but it sees no device");
    }
done: /* the library stays: functions of it are in use, and a driver does not like to leave */
    return status;
}

octavo_status oc_cu_open(const oc_cu_driver **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = NULL;
    pthread_mutex_lock(&state.lock);
    if (state.replaced != NULL) {
        *out = state.replaced;
        goto done;
    }
    if (!state.opened) {
        state.status = load(&state.driver, &state.error);
        state.opened = true;
    }
    if (state.status != OCTAVO_OK) {
        OC_FAIL(error, state.status, OCTAVO_NO_OFFSET, "%s", state.error.message);
    }
    *out = &state.driver;
done:
    pthread_mutex_unlock(&state.lock);
    return status;
}

void oc_cu_replace(const oc_cu_driver *driver) {
    pthread_mutex_lock(&state.lock);
    state.replaced = driver;
    pthread_mutex_unlock(&state.lock);
}

octavo_status oc_cu_fail(const oc_cu_driver *driver, int32_t result, const char *what,
                         octavo_error *error, const char *source, int line) {
    const char *name = NULL, *text = NULL;
    bool is_memory = result == OC_CU_OUT_OF_MEMORY;
    if (driver->error_name == NULL || driver->error_name(result, &name) != OC_CU_SUCCESS) {
        name = NULL;
    }
    if (driver->error_text == NULL || driver->error_text(result, &text) != OC_CU_SUCCESS) {
        text = NULL;
    }
    return oc_fail(error, is_memory ? OCTAVO_EXHAUSTED : OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                   source, line, "the NVIDIA driver fails to %s: %s (%d)%s%s", what,
                   name == NULL ? "error" : name, result, text == NULL ? "" : ", ",
                   text == NULL ? "" : text);
}
