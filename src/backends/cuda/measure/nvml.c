/* nvml.c - see nvml.h. */
#include "backends/cuda/measure/nvml.h"

#include <pthread.h>
#include <string.h>

#include "base/sys/library.h"

static const oc_symbol symbols[] = {
#define XX(member, symbol, parameters) {symbol, offsetof(oc_nvml, member)},
    OC_NVML_MAP(XX)
#undef XX
};

static struct {
    pthread_mutex_t lock;
    bool opened;
    const oc_nvml *replaced;
    oc_nvml nvml;
    octavo_status status;
    octavo_error error;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static octavo_status load(oc_nvml *nvml, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *missing;
    oc_library_found found =
        oc_library_load("libnvidia-ml.so.1", symbols, OC_COUNT(symbols), nvml, &missing);
    if (found == OC_LIBRARY_ABSENT) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                "NVML is not on this machine (libnvidia-ml.so.1 cannot be opened)");
    }
    if (found == OC_LIBRARY_LACKS) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET, "this machine's NVML has no %s",
                missing);
    }
    int32_t result = nvml->init();
    if (result != OC_NVML_SUCCESS) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET, "NVML does not start: error %d",
                result);
    }
done: /* the library stays: functions of it are in use */
    return status;
}

octavo_status oc_nvml_open(const oc_nvml **out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = NULL;
    pthread_mutex_lock(&state.lock);
    if (state.replaced != NULL) {
        *out = state.replaced;
        goto done;
    }
    if (!state.opened) {
        state.status = load(&state.nvml, &state.error);
        state.opened = true;
    }
    if (state.status != OCTAVO_OK) {
        OC_FAIL(error, state.status, OCTAVO_NO_OFFSET, "%s", state.error.message);
    }
    *out = &state.nvml;
done:
    pthread_mutex_unlock(&state.lock);
    return status;
}

void oc_nvml_replace(const oc_nvml *nvml) {
    pthread_mutex_lock(&state.lock);
    state.replaced = nvml;
    pthread_mutex_unlock(&state.lock);
}
