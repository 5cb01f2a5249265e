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

/* Machine code that is there already, into the card.  False: it is not, or the card's driver,
 * another one than it was made for, does not take it. */
static bool load_packed(const oc_cuda_device *device, oc_cuda_kernel *kernel) {
    const oc_pack_entry *entry = oc_pack_find(&device->pack, kernel->key);
    void *image = NULL;
    bool is_loaded = entry != NULL &&
                     oc_pack_load(&device->pack, entry, &image, NULL) == OCTAVO_OK &&
                     device->driver->module_load(&kernel->module, image) == OC_CU_SUCCESS;
    kernel->module = is_loaded ? kernel->module : NULL;
    free(image);
    return is_loaded;
}

static bool load_cached(const oc_cuda_device *device, oc_cuda_kernel *kernel) {
    void *image = NULL;
    size_t bytes = 0;
    bool is_loaded = oc_cuda_cache_load(device->cache, kernel->key, &image, &bytes) &&
                     device->driver->module_load(&kernel->module, image) == OC_CU_SUCCESS;
    kernel->module = is_loaded ? kernel->module : NULL;
    free(image);
    return is_loaded;
}

/* What was compiled is kept: on paper, or in the cache. */
static octavo_status keep(oc_cuda_device *device, const oc_pack_kernel *kernel,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    device->compiled++;
    if (device->paper != NULL) {
        OC_TRY(oc_pack_list_add(&device->paper->kernels, kernel, error));
    } else if (device->cache != NULL &&
               oc_cuda_cache_save(device->cache, kernel, &device->cache_error) != OCTAVO_OK) {
        free(device->cache); /* said once */
        device->cache = NULL;
    }
done:
    return status;
}

/* Compiles it, loads it into the card and keeps it. */
static octavo_status make(oc_cuda_device *device, const char *name, const char *defines,
                          oc_cuda_kernel *kernel, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_error why;
    void *image = NULL;
    size_t bytes = 0;
    oc_error_clear(&why);
    status = oc_cuda_compile(name, defines, device->architecture, &image, &bytes, &why);
    if (status != OCTAVO_OK && device->pack.file.path != NULL) {
        bool is_there = oc_pack_find(&device->pack, kernel->key) != NULL;
        OC_FAIL(error, status, OCTAVO_NO_OFFSET, "pack %s %s kernel %s for %s; %s",
                device->pack.file.path, is_there ? "has a damaged or unfit" : "lacks", name,
                device->architecture, why.message);
    } else if (status != OCTAVO_OK) {
        OC_FAIL(error, status, OCTAVO_NO_OFFSET, "%s", why.message);
    }
    OC_CU(device->driver, module_load(&kernel->module, image), "load a kernel", error);
    OC_TRY(keep(device,
                &(oc_pack_kernel){.architecture = device->architecture,
                                  .kernel = name,
                                  .defines = defines,
                                  .key = kernel->key,
                                  .image = image,
                                  .bytes = bytes},
                error));
done:
    free(image);
    return status;
}

/* Loads it into the card: from the pack, from the cache, or compiled now. */
static octavo_status load(oc_cuda_device *device, const char *name, const char *entry,
                          const char *defines, oc_cuda_kernel *kernel, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cu_driver *cu = device->driver;
    bool is_kept = device->paper != NULL &&
                   oc_pack_list_find(&device->paper->kernels, kernel->key) != NULL &&
                   cu->module_load(&kernel->module, NULL) == OC_CU_SUCCESS;
    if (!is_kept && !load_packed(device, kernel) && !load_cached(device, kernel)) {
        OC_TRY(make(device, name, defines, kernel, error));
    }
    OC_CU(cu, module_function(&kernel->function, kernel->module, entry), "find a kernel", error);
done:
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
