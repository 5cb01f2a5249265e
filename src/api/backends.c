/* backends.c - see backends.h. */
#include "api/backends.h"

#include <string.h>

#include "backends/cpu/cpu.h"
#include "backends/cuda/cuda.h"
#include "backends/ref/ref.h"

enum { OC_SENTENCE = 512 };

const char *oc_backend_card(const char *name) {
    return name != NULL && strncmp(name, "cuda:", 5) == 0 ? name + 5 : NULL;
}

octavo_status oc_backend_by_name(const char *name, const oc_backend **out, octavo_error *error) {
    static const oc_backend *const backends[] = {&oc_backend_cpu, &oc_backend_cuda,
                                                 &oc_backend_ref};
    octavo_status status = OCTAVO_OK;
    const char *asked = name == NULL ? "auto" : name;
    size_t length = strcspn(asked, ":");
    bool has_card = asked[length] == ':';
    char why[OC_SENTENCE];
    *out = NULL;
    if (strcmp(asked, "auto") == 0) {
        *out = oc_cuda_device_count(why, sizeof why) > 0 ? &oc_backend_cuda : &oc_backend_cpu;
        goto done;
    }
    for (size_t i = 0; i < OC_COUNT(backends); i++) {
        if (strlen(backends[i]->name) == length && memcmp(backends[i]->name, asked, length) == 0 &&
            (!has_card || backends[i] == &oc_backend_cuda)) {
            *out = backends[i];
            goto done;
        }
    }
    OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
            "there is no device called '%s'; there are auto, cpu, cuda, cuda:N and ref", asked);
done:
    return status;
}
