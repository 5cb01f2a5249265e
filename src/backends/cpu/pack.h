/* pack.h - weights in memory: panels for GEMM, or rows for look-up.
 *
 * FP8 stays one byte a weight, F16 and BF16 two, F32 four; n is rounded up to 16 columns with
 * zeros.  See gemm.h for the panels.
 */
#ifndef OC_CPU_PACK_H
#define OC_CPU_PACK_H

#include "backends/cpu/gemm.h"
#include "base/sys/threads.h"
#include "device/device.h"

struct oc_packed {
    int32_t n, k;
    octavo_dtype dtype;
    const oc_cpu_gemm *gemm; /* NULL: a table, rows [n,k] of dtype as they were */
    uint8_t *data;           /* aligned to 64 */
    size_t panel_bytes;
    float *factor; /* [n rounded up to 16]: multiplies the sums of a column */
    size_t bytes;  /* of data and factor */
    char why[120]; /* why this variant */
};

/* Of an element; 0 for a dtype that is not packed. */
static inline size_t oc_cpu_dtype_bytes(octavo_dtype dtype) {
    switch (dtype) {
    case OCTAVO_F32:
        return 4;
    case OCTAVO_F16:
    case OCTAVO_BF16:
        return 2;
    case OCTAVO_F8_E4M3:
        return 1;
    default:
        return 0;
    }
}

/* Whether this is the variant of that name, such as "f32" for "gemm_f32 avx2". */
bool oc_cpu_gemm_is(const oc_cpu_gemm *gemm, const char *variant);

/* Packs a matrix, rows read by the threads of the pool.  The first of `gemms` that takes it and,
 * where its arithmetic is not exact, loses no more than its limit by the matrix's own values.
 * `only`, unless NULL, is the one variant allowed, such as "f32".  Free with oc_cpu_unpack.
 *   UNSUPPORTED  no variant takes it
 *   EXHAUSTED    memory
 *   whatever matrix->read returns */
octavo_status oc_cpu_pack(oc_pool *pool, const oc_cpu_gemm *const *gemms, const char *only,
                          const oc_matrix *matrix, oc_packed **out, octavo_error *error);
void oc_cpu_unpack(oc_packed *packed);

#endif
