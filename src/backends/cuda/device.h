/* device.h - a card, its weights and its loaded kernels. */
#ifndef OC_BACKENDS_CUDA_DEVICE_H
#define OC_BACKENDS_CUDA_DEVICE_H

#include <pthread.h>

#include "backends/cuda/cache.h"
#include "backends/cuda/driver.h"
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

    pthread_mutex_t lock; /* of the kernels */
    oc_cuda_kernel *kernels;
    char *cache;              /* folder of compiled kernels, or NULL */
    int32_t compiled;         /* kernels that were neither loaded nor cached */
    octavo_error cache_error; /* why the last one was not kept */
} oc_cuda_device;

/* A matrix in the card's memory.  FACTOR: rows in the order of oc_cuda_packed_row, padded with rows
 * of zeros to a multiple of 16. */
typedef struct oc_cuda_matrix {
    oc_constant head; /* data: the device's address */
    int32_t n, k;
    int64_t stride; /* elements from row to row; rows begin at multiples of 16 bytes */
} oc_cuda_matrix;

static inline const oc_cuda_matrix *oc_cuda_matrix_of(const oc_constant *constant) {
    return (const oc_cuda_matrix *)constant;
}

/* Where row n of a FACTOR lies: the tensor core's accumulators hold columns 2q and 2q + 1 of each
 * eight, q the thread in its quad; with rows in this order a thread's four values of sixteen
 * columns are neighbours, and codes are stored as whole words. */
static inline int32_t oc_cuda_packed_row(int32_t n) {
    int32_t in = n % 16, quad = in / 4, of = in % 4;
    return n - in + (of < 2 ? 2 * quad + of : 8 + 2 * quad + of - 2);
}

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
