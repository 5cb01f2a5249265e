/* gemm.h - out = act((a w^T) * scale + bias) + residual + table: what a variant provides.
 *
 * W [n,k] is packed in panels of 16 columns (16 rows of W); k is walked in blocks of 256.  A task
 * takes a block of rows and a group of panels.  For each k block and each panel, or as many side by
 * side as the variant's tile has, it decodes that part of the panel once into local memory, runs
 * all its rows over it in tiles, and adds the products to float32 sums in local memory; behind the
 * last k block the columns are finished.
 *
 * Order of additions: an element is the sum of its blocks' sums, blocks ascending; a block's sum is
 * one chain over ascending k, or an exact integer.  It is the same in every tile, whatever its
 * rows, so bits depend neither on the row count nor on the cut into tasks.
 *
 * Which variant a matrix gets is decided when it is packed, from its dtype and its values alone.
 */
#ifndef OC_CPU_GEMM_H
#define OC_CPU_GEMM_H

#include "backends/cpu/kernels.h"

enum {
    /* Columns of a panel, of all tiers: two AVX registers of floats, one of AVX-512, one AMX tile.
     * A tier that wants more at once takes panels of a group together. */
    OC_PANEL = 16,
    OC_K_BLOCK = 256,   /* k of a block; prepared rows of A are this many elements apart */
    OC_K_ROUND = 8,     /* packed k of paired panels is rounded up to this, with zeros */
    OC_TILE_PANELS = 2, /* side by side in the widest tile */
    OC_B_SCRATCH = OC_K_BLOCK * OC_PANEL * 4 /* bytes of the largest decoded part of a panel */
};

/* Some rows of A over one k block. */
typedef struct oc_gemm_rows {
    const void *a;      /* row 0; elements as the variant has them */
    int64_t stride;     /* elements from row to row */
    const float *scale; /* of each prepared row in this block, where the variant has one */
    int32_t rows, k;    /* k: 1 .. OC_K_BLOCK */
} oc_gemm_rows;

/* Some panels side by side over one k block. */
typedef struct oc_gemm_columns {
    const void *b[OC_TILE_PANELS]; /* as decode gave them */
    float *c[OC_TILE_PANELS];      /* sums [rows,16] of each */
    int32_t panels;                /* 1 .. oc_cpu_gemm.tile_panels */
} oc_gemm_columns;

/* What measuring a column of the result (a row of W) yields. */
typedef struct oc_gemm_column {
    int32_t shift; /* the variant's own */
    float factor;  /* the column's sums are to be multiplied by it; a power of two */
    double loss;   /* squared rounding error of its weights */
    double power;  /* square of its weights */
} oc_gemm_column;

typedef struct oc_cpu_gemm {
    oc_cpu_kernel kernel; /* phases from gemm.c */
    bool (*takes)(octavo_dtype weight, int32_t acts_are_codes);
    /* What it needs beyond its tier and the machine does not have; NULL: nothing, or see tiers. */
    const char *(*lacks)(void);
    /* Whether this processor gains by it over the next; NULL: every one does. */
    bool (*pays)(void);

    /* Rows of codes become a[k] (and zeros up to a multiple of OC_K_ROUND) and a scale. */
    int32_t a_bytes; /* of an element */
    void (*prepare)(const uint8_t *codes, int32_t k, void *a, float *scale);

    /* One panel over one k block, as packed, to what multiply takes: scratch, or `packed` itself.
     */
    const void *(*decode)(octavo_dtype dtype, const void *packed, int32_t k, void *scratch);

    /* c = or += a b; fastest in multiples of tile_rows and of tile_panels */
    int32_t tile_rows, tile_panels;
    void (*multiply)(const oc_gemm_rows *a, const oc_gemm_columns *columns, bool first);

    /* Columns 16 * panel ... of rows row .. row + rows - 1, from their sums c [rows,16]. */
    void (*finish)(const oc_step_gemm *step, int32_t row, int32_t rows, int32_t panel,
                   const float *c);

    /* How a panel is packed.  Plain: [k][16] elements.  Pairs (codes only): [k/2][16][2], columns
     * in the order 0-3, 8-11, 4-7, 12-15, then rewritten by encode, which is handed what measure
     * said of the panel's columns where there is one. */
    bool pairs;
    float code_factor; /* what sums of codes are to be multiplied by, unless they are measured */
    void (*measure)(const uint8_t *codes, int32_t k, oc_gemm_column *column);
    void (*encode)(uint8_t *panel, int32_t k, const oc_gemm_column *columns);
    double loss_limit; /* of sqrt(loss / power) over the matrix; above, the next variant has it */

    /* What it is measured to gain over float32; of a variant that is not exact, its error
     * (docs/numerics.md has the table), and the least of n and k from which the first is worth the
     * second. */
    double gain, error;
    int32_t side_min;
} oc_cpu_gemm;

/* A variant's kernel: the driver with its functions. */
int32_t oc_gemm_prepare_tasks(const oc_cpu_job *job);
void oc_gemm_prepare_task(const oc_cpu_job *job, int32_t index, void *local);
int32_t oc_gemm_tasks(const oc_cpu_job *job);
void oc_gemm_task(const oc_cpu_job *job, int32_t index, void *local);
size_t oc_gemm_shared_bytes(const oc_step *step, int32_t rows_max, int32_t keys_max);
size_t oc_gemm_local_bytes(const oc_step *step, int32_t rows_max, int32_t keys_max);

/* Whether k can be walked in the step's scale blocks: multiples of 256, or parts of 256 that are
 * multiples of OC_K_ROUND. */
bool oc_gemm_blocks_fit(const oc_step_gemm *step);

#define OC_GEMM_KERNEL(text)                                                                       \
    {                                                                                              \
        .name = (text),                                                                            \
        .phases = {{oc_gemm_prepare_tasks, oc_gemm_prepare_task}, {oc_gemm_tasks, oc_gemm_task}},  \
        .shared_bytes = oc_gemm_shared_bytes, .local_bytes = oc_gemm_local_bytes,                  \
    }

extern const oc_cpu_gemm oc_portable_gemm_f32;
extern const oc_cpu_gemm oc_avx2_gemm_f32;
extern const oc_cpu_gemm oc_avx2_gemm_i16;
extern const oc_cpu_gemm oc_avx512_gemm_bf16;
extern const oc_cpu_gemm oc_avx512_gemm_i16;
extern const oc_cpu_gemm oc_avx512_gemm_f32;

/* finish of all AVX2 variants. */
void oc_avx2_gemm_finish(const oc_step_gemm *step, int32_t row, int32_t rows, int32_t panel,
                         const float *c);

/* Rows of tile `index` of the `tiles` that `rows` rows make: they differ by one at most. */
static inline int32_t oc_gemm_tile_start(int32_t rows, int32_t tiles, int32_t index) {
    return rows * index / tiles;
}

/* Tiles of at most `most` rows that so many rows make. */
static inline int32_t oc_gemm_tiles(int32_t rows, int32_t most) {
    return (rows + most - 1) / most;
}

/* k of pairs, as packed and prepared. */
static inline int32_t oc_gemm_round_k(int32_t k) {
    return (k + OC_K_ROUND - 1) / OC_K_ROUND * OC_K_ROUND;
}

#endif
