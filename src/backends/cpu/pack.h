/* pack.h - weights in memory: panels for GEMM, or rows for look-up.
 *
 * FP8 stays one byte a weight, F16 and BF16 two, F32 four; n is rounded up to 16 columns with
 * zeros.  See gemm.h for the panels.
 */
#ifndef OC_CPU_PACK_H
#define OC_CPU_PACK_H

#include "backends/cpu/gemm.h"
#include "backends/cpu/memory.h"
#include "base/format.h"
#include "base/sys/threads.h"
#include "device/device.h"

typedef struct oc_cpu_matrix {
    oc_constant head;  /* data aligned to 64; bytes of data and factor */
    oc_cpu_slab *slab; /* that both lie in */
    int32_t n, k;
    const oc_cpu_gemm *gemm; /* NULL: a table or vector, rows [n,k] of dtype as they were */
    size_t panel_bytes;
    float *factor; /* [n rounded up to 16]: multiplies the sums of a column */
    char why[120]; /* why this variant */
} oc_cpu_matrix;

static inline const oc_cpu_matrix *oc_cpu_matrix_of(const oc_constant *constant) {
    return (const oc_cpu_matrix *)constant;
}

static inline const uint8_t *oc_cpu_bytes(const oc_cpu_matrix *packed) {
    return (const uint8_t *)packed->head.data;
}

/* Of an element; 0 for a dtype that is not packed. */
static inline size_t oc_cpu_dtype_bytes(octavo_dtype dtype) {
    return dtype == OCTAVO_F32 || dtype == OCTAVO_F16 || dtype == OCTAVO_BF16 ||
                   dtype == OCTAVO_F8_E4M3
               ? oc_dtype_bytes(dtype)
               : 0;
}

/* Whether this is the variant of that name, such as "f32" for "gemm_f32 avx2". */
bool oc_cpu_gemm_is(const oc_cpu_gemm *gemm, const char *variant);

/* Packs a matrix into memory of the heap, rows read by the threads of the pool.  The first of
 * `gemms` that takes it, gains enough in a matrix of this size and, where its arithmetic is not
 * exact, loses no more than its limit by the matrix's own values.  `only`, unless NULL, is the
 * variant to begin with, such as "f32", whatever it gains.  Free with oc_cpu_unpack.
 *   UNSUPPORTED  no variant takes it
 *   EXHAUSTED    memory
 *   whatever matrix->read returns */
octavo_status oc_cpu_pack(oc_pool *pool, oc_cpu_heap *heap, const oc_cpu_gemm *const *gemms,
                          const char *only, const oc_matrix *matrix, oc_constant **out,
                          octavo_error *error);
void oc_cpu_unpack(oc_constant *constant);

#endif
