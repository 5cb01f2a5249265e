/* gemm_cut.h - how a product of tiles is cut into tasks. */
#ifndef OC_CPU_AMX_GEMM_CUT_H
#define OC_CPU_AMX_GEMM_CUT_H

#include <stdbool.h>

#include "backends/cpu/kernels.h"

enum {
    OC_AMX_K_BLOCK = 16,   /* tiles of k in a block: two panels of it are 32 KiB of L1 */
    OC_AMX_SUMS_MAX = 8192 /* rows x panels of a task, of 64 bytes each: 512 KiB of L2 */
};

/* Row tiles and panels are cut into parts of almost the same size; a task has one of each. */
typedef struct oc_amx_cut {
    int32_t tile_rows; /* of A: no more than the rows fill */
    int32_t row_tiles, k_tiles, panels;
    int32_t row_parts, panel_parts;
    int32_t most_rows, most_panels; /* row tiles and panels of the largest task */
    bool panels_first; /* a task's tiles of A stay in L2: it ends a panel before it begins the next;
                          else it ends a block of k first */
} oc_amx_cut;

/* rows: at least 1.  The same rows and threads have the same cut; no bit of a result shows it. */
oc_amx_cut oc_amx_cut_of(const oc_step_gemm *step, int32_t rows, int32_t threads);

/* Row tiles or panels before part `index` of `parts`. */
static inline int32_t oc_amx_part(int32_t count, int32_t parts, int32_t index) {
    return (int32_t)((int64_t)count * index / parts);
}

#endif
