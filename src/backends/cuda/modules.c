/* modules.c - kernels by what they are made of: loaded once a device. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/compiler.h"
#include "backends/cuda/device.h"

struct oc_cuda_kernel {
    oc_cuda_kernel *next;
    oc_cuda_key key;
    oc_cu_module module;
    oc_cu_function function;
    uint32_t shared_bytes; /* that it was made ready for */
};

enum { SHARED_PLAIN = 48 << 10 }; /* more has to be asked for */

static oc_cuda_kernel *find(const oc_cuda_device *device, oc_cuda_key key) {
    oc_cuda_kernel *kernel = device->kernels;
    while (kernel != NULL && memcmp(&kernel->key, &key, sizeof key) != 0) {
        kernel = kernel->next;
    }
    return kernel;
}

/* Loads it into the card; the cache is asked first, and given what was compiled. */
static octavo_status load(oc_cuda_device *device, const char *name, const char *entry,
                          const char *defines, oc_cuda_kernel *kernel, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cu_driver *cu = device->driver;
    void *image = NULL;
    size_t bytes = 0;
    bool is_cached = oc_cuda_cache_load(device->cache, kernel->key, &image, &bytes);
    if (is_cached && cu->module_load(&kernel->module, image) != OC_CU_SUCCESS) {
        free(image); /* of another driver, say: made anew */
        image = NULL;
        kernel->module = NULL;
        is_cached = false;
    }
    if (!is_cached) {
        OC_TRY(oc_cuda_compile(name, defines, device->architecture, &image, &bytes, error));
        OC_CU(cu, module_load(&kernel->module, image), "load a kernel", error);
        device->compiled++;
        if (device->cache != NULL && oc_cuda_cache_save(device->cache, kernel->key, image, bytes,
                                                        &device->cache_error) != OCTAVO_OK) {
            free(device->cache); /* said once */
            device->cache = NULL;
        }
    }
    OC_CU(cu, module_function(&kernel->function, kernel->module, entry), "find a kernel", error);
done:
    free(image);
    return status;
}

octavo_status oc_cuda_kernel_get(oc_cuda_device *device, const char *name, const char *entry,
                                 const char *defines, uint32_t shared_bytes, oc_cu_function *out,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_cuda_key key = oc_cuda_key_of(name, defines, device->architecture);
    oc_cuda_kernel *kernel = NULL;
    *out = NULL;
    pthread_mutex_lock(&device->lock);
    kernel = find(device, key);
    if (kernel == NULL) {
        kernel = calloc(1, sizeof *kernel);
        if (kernel == NULL) {
            OC_NO_MEMORY(error, sizeof *kernel);
        }
        kernel->key = key;
        status = load(device, name, entry, defines, kernel, error);
        if (status != OCTAVO_OK) {
            if (kernel->module != NULL) {
                device->driver->module_free(kernel->module);
            }
            free(kernel);
            goto done;
        }
        kernel->next = device->kernels;
        device->kernels = kernel;
    }
    if (shared_bytes > SHARED_PLAIN && shared_bytes > kernel->shared_bytes) {
        OC_CU(device->driver,
              function_set(kernel->function, OC_CU_FUNCTION_SHARED, (int32_t)shared_bytes),
              "give a kernel its shared memory", error);
        kernel->shared_bytes = shared_bytes;
    }
    *out = kernel->function;
done:
    pthread_mutex_unlock(&device->lock);
    return status;
}

void oc_cuda_kernels_free(oc_cuda_device *device) {
    while (device->kernels != NULL) {
        oc_cuda_kernel *kernel = device->kernels;
        device->kernels = kernel->next;
        device->driver->module_free(kernel->module);
        free(kernel);
    }
}
