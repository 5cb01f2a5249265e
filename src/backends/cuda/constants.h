/* constants.h - weights in the card's memory.
 *
 * A FACTOR lies as tensor cores want it: rows in the order of oc_cuda_packed_row, padded with rows
 * of zeros to a multiple of 16; codes where activations are codes, else 16-bit floats times a power
 * of two.  F8, F16 and BF16 weights keep all their bits so; an F32 weight is the sum of two terms,
 * which keeps 22 of its 24. */
#ifndef OC_BACKENDS_CUDA_CONSTANTS_H
#define OC_BACKENDS_CUDA_CONSTANTS_H

#include "backends/cuda/driver.h"
#include "device/device.h"

typedef struct oc_cuda_matrix {
    oc_constant head; /* dtype: as it lies there; data: the device's address */
    int32_t n, k;
    int64_t stride; /* elements from row to row; rows begin at multiples of 16 bytes */
    int32_t terms;  /* 2: the second begins term_stride elements behind the first, in each row */
    int64_t term_stride;   /* a multiple of 64 */
    float factor;          /* weights are this times what lies there; a power of two */
    oc_cu_address factors; /* float [n], all of them `factor`; 0 where that is 1 */
} oc_cuda_matrix;

static inline const oc_cuda_matrix *oc_cuda_matrix_of(const oc_constant *constant) {
    return (const oc_cuda_matrix *)constant;
}

/* Where row n of a FACTOR lies: the tensor core's accumulators hold columns 2q and 2q + 1 of each
 * eight, q the thread in its quad; with rows in this order a thread's four values of sixteen
 * columns are neighbours, and results are stored as whole words. */
static inline int32_t oc_cuda_packed_row(int32_t n) {
    int32_t in = n % 16, quad = in / 4, of = in % 4;
    return n - in + (of < 2 ? 2 * quad + of : 8 + 2 * quad + of - 2);
}

octavo_status oc_cuda_constant_create(oc_device *device, const oc_matrix *matrix, oc_constant **out,
                                      octavo_error *error);
octavo_status oc_cuda_constant_copy(oc_device *device, const oc_constant *constant,
                                    oc_constant **out, octavo_error *error);
void oc_cuda_constant_free(oc_device *device, oc_constant *constant);

#endif
