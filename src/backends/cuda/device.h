/* device.h - a card, its weights and its loaded kernels. */
#ifndef OC_BACKENDS_CUDA_DEVICE_H
#define OC_BACKENDS_CUDA_DEVICE_H

#include <pthread.h>

#include "backends/cuda/cache.h"
#include "backends/cuda/driver.h"
#include "backends/cuda/pack/paper.h"
#include "device/device.h"

typedef struct oc_cuda_kernel oc_cuda_kernel;

typedef struct oc_cuda_device {
    oc_device base;
    const oc_cu_driver *driver;
    int32_t index;
    oc_cu_context context; /* the card's primary one; current only inside calls */
    char name[128];
    int32_t major, minor, multiprocessors, driver_version;
    size_t shared_max; /* bytes a block can have */
    char architecture[16];
    char model[OC_CUDA_MODEL], software[32]; /* as oc_traits */
    const oc_tuned *tuned;                   /* borrowed; NULL: none */

    pthread_mutex_t lock; /* of the kernels */
    oc_cuda_kernel *kernels;
    oc_pack pack;             /* that OCTAVO_KERNELS names; else it has no kernel */
    char *cache;              /* folder of compiled kernels, or NULL */
    oc_paper *paper;          /* NULL: the card is real; borrowed */
    int32_t compiled;         /* kernels that were neither loaded, packed nor cached */
    octavo_error cache_error; /* why the last one was not kept */
} oc_cuda_device;

/* Makes the card current for the calling thread. */
octavo_status oc_cuda_enter(const oc_cuda_device *device, octavo_error *error);

/* Kernel `entry` of kernels/NAME compiled with `defines`: loaded before, packed, cached or compiled
 * now.  shared_bytes: of its dynamic shared memory. */
octavo_status oc_cuda_kernel_get(oc_cuda_device *device, const char *name, const char *entry,
                                 const char *defines, uint32_t shared_bytes, oc_cu_function *out,
                                 octavo_error *error);
void oc_cuda_kernels_free(oc_cuda_device *device);

/* Memory of the card; the sentence says how much is free where it is not to be had. */
octavo_status oc_cuda_memory(const oc_cuda_device *device, size_t bytes, oc_cu_address *out,
                             octavo_error *error);

#endif
