/* backends.c - see backends.h. */
#include "api/backends.h"

#include <string.h>

#include "backends/cpu/cpu.h"
#include "backends/ref/ref.h"

octavo_status oc_backend_by_name(const char *name, const oc_backend **out, octavo_error *error) {
    static const oc_backend *const backends[] = {&oc_backend_cpu, &oc_backend_ref};
    octavo_status status = OCTAVO_OK;
    *out = NULL;
    if (name == NULL || strcmp(name, "auto") == 0) {
        name = oc_backend_cpu.name;
    }
    if (strncmp(name, "cuda", 4) == 0) {
        OC_FAIL(error, OCTAVO_UNAVAILABLE, OCTAVO_NO_OFFSET,
                "device %s is asked for, this build of octavo has no CUDA backend; use cpu", name);
    }
    for (size_t i = 0; i < OC_COUNT(backends); i++) {
        if (strcmp(backends[i]->name, name) == 0) {
            *out = backends[i];
            return OCTAVO_OK;
        }
    }
    OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
            "there is no device called '%s'; there are auto, cpu and ref", name);
done:
    return status;
}
