/* gemm_wgmma.h - choosing, describing and launching gemm_wgmma.cu, without a GPU.
 *
 * A product is what is computed; a variant is how.  Any variant that oc_gemm_refusal lets pass
 * gives the same bits.  Nothing here allocates or fails; all functions are pure. */
#ifndef OC_BACKENDS_CUDA_GEMM_WGMMA_H
#define OC_BACKENDS_CUDA_GEMM_WGMMA_H

#include <stddef.h>
#include <stdint.h>

#include "backends/cuda/kernels/named.h"

enum {
    OC_GEMM_SHARED_MAX = 232448, /* bytes that a block may have on sm_90 */
    OC_GEMM_DEFINES_MAX = 1024,  /* bytes that the #define lines take at most */
    OC_GEMM_NAMES_MAX = 32       /* of a product's or a variant's numbers */
};

/* What out and the residual hold; numbers of the kernel's TYPE_ macros. */
typedef enum oc_gemm_type { OC_GEMM_E4M3, OC_GEMM_F16, OC_GEMM_F32, OC_GEMM_ABSENT } oc_gemm_type;

typedef struct oc_gemm_product {
    int32_t n, k;
    int32_t terms;  /* of w: 2: its rows hold two matrices, whose products are added */
    int32_t in_f16; /* 1: a and w are F16; 0: E4M3 codes */
    oc_gemm_type out, residual;
    int32_t act;                           /* an oc_activation */
    int32_t scale, bias, row_scale, table; /* 1: there is one */
} oc_gemm_product;

typedef struct oc_gemm_variant {
    int32_t swap; /* 0: left is a, right is w; 1: left is w, right is a */
    int32_t warpgroups_m,
        warpgroups_n; /* consumers: each 64 left, tile_n / warpgroups_n right rows */
    int32_t tile_n;
    int32_t piece_n;     /* right rows of one product; divides a warpgroup's */
    int32_t in_flight;   /* pieces under way */
    int32_t turn;        /* blocks of k between two drains */
    int32_t a_registers; /* 1: left rows are read into registers once a block */
    int32_t stages;
    int32_t cluster_m, cluster_n;
    int32_t ordered; /* 1: warpgroups take turns at the tensor cores */
} oc_gemm_variant;

/* The kernel's struct of arguments, third parameter after the maps of a and w. */
typedef struct oc_gemm_arguments {
    uint64_t rows; /* device addresses; 0 where absent */
    uint64_t scale, bias, row_scale, residual, table, out;
    int64_t residual_stride, out_stride; /* elements */
    int32_t period;
    float inverse;      /* 1 / the scale of codes out */
    int32_t descending; /* 1: the last rows first */
} oc_gemm_arguments;

/* Tensor maps: two dimensions [rows, k] of 1 or 2 bytes (CU_TENSOR_MAP_DATA_TYPE_UINT8 or FLOAT16),
 * box [box_rows, box_k], 128-byte swizzle, zeros outside.  Rows of `a`: the most that can come (at
 * least 1); of w: n rounded up to 16. */
typedef struct oc_gemm_launch {
    /* Blocks, all in x; cluster is an attribute of the launch.  NOTE: a grid of more clusters than
     * fit at once (cuOccupancyMaxActiveClusters) takes twice as long: lower it to those. */
    int32_t grid, threads, cluster;
    int32_t shared_bytes;
    int32_t box_k, a_box_rows, w_box_rows;
} oc_gemm_launch;

/* Why the kernel cannot be this, in a few words; NULL if it can. */
const char *oc_gemm_refusal(const oc_gemm_product *product, const oc_gemm_variant *variant);

/* What a product, and what a variant is made of, by the names of the #define lines; returns how
 * many there are. */
int32_t oc_gemm_product_names(const oc_gemm_product *product, oc_named to[OC_GEMM_NAMES_MAX]);
int32_t oc_gemm_variant_names(const oc_gemm_variant *variant, oc_named to[OC_GEMM_NAMES_MAX]);

/* The #define lines that go before the source, 0-terminated; returns their length. */
size_t oc_gemm_defines(const oc_gemm_product *product, const oc_gemm_variant *variant,
                       char to[OC_GEMM_DEFINES_MAX]);

/* For at most `rows` rows on a card of `processors`. */
oc_gemm_launch oc_gemm_launch_of(const oc_gemm_product *product, const oc_gemm_variant *variant,
                                 int32_t rows, int32_t processors);

/* Which row of w is row `row` of the packed one. */
static inline int32_t oc_gemm_packed_row(int32_t row) {
    int32_t c = row % 16;
    return row - c + (c < 8 ? 4 * (c / 2) + c % 2 : 4 * ((c - 8) / 2) + 2 + c % 2);
}

/* Microseconds by the model (see the .c). */
double oc_gemm_predict(const oc_gemm_product *product, const oc_gemm_variant *variant, int32_t rows,
                       int32_t processors);

/* The variants that are tried, numbered from 0; NULL: there are no more. */
const oc_gemm_variant *oc_gemm_candidate(int32_t number);

/* The number of the one that the model thinks fastest; *microseconds, unless NULL, receives its
 * time. */
int32_t oc_gemm_choose(const oc_gemm_product *product, int32_t rows, int32_t processors,
                       double *microseconds);

#endif
