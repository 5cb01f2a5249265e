/* gemm_mma.h - choosing, describing and launching gemm_mma.cu, without a GPU.
 *
 * A product (gemm_product.h) is what is computed; a variant is how.  On one architecture any
 * variant that oc_gemm_mma_refusal lets pass gives the same bits.  Nothing here allocates or fails;
 * all functions are pure. */
#ifndef OC_BACKENDS_CUDA_GEMM_MMA_H
#define OC_BACKENDS_CUDA_GEMM_MMA_H

#include <stdbool.h>

#include "backends/cuda/kernels/gemm/gemm_product.h"

typedef struct oc_gemm_mma_card {
    int32_t major, minor; /* compute capability */
    int32_t shared_max;   /* bytes that a block may have */
} oc_gemm_mma_card;

typedef struct oc_gemm_mma_variant {
    int32_t fragments; /* of a warp, 16 rows each */
    int32_t columns;   /* of a warp; a multiple of 16 */
    int32_t warps_m, warps_n;
    int32_t stages;
} oc_gemm_mma_variant;

typedef struct oc_gemm_mma_launch {
    int32_t grid, threads; /* blocks, all in x */
    int32_t shared_bytes;
} oc_gemm_mma_launch;

/* Whether the card's tensor cores multiply codes (as OC_MMA_E4M3 of mma.cuh); else 16-bit floats
 * alone, which the kernel makes of them. */
bool oc_gemm_mma_takes_codes(const oc_gemm_mma_card *card);

/* Why the kernel cannot be this, in a few words; NULL if it can. */
const char *oc_gemm_mma_refusal(const oc_gemm_product *product, const oc_gemm_mma_variant *variant,
                                const oc_gemm_mma_card *card);

/* The #define lines that go before the source, 0-terminated; returns their length. */
size_t oc_gemm_mma_defines(const oc_gemm_product *product, const oc_gemm_mma_variant *variant,
                           char to[OC_GEMM_DEFINES_MAX]);

/* For at most `rows` rows. */
oc_gemm_mma_launch oc_gemm_mma_launch_of(const oc_gemm_product *product,
                                         const oc_gemm_mma_variant *variant, int32_t rows);

/* Clocks by the model (see the .c). */
double oc_gemm_mma_predict(const oc_gemm_product *product, const oc_gemm_mma_variant *variant,
                           const oc_gemm_mma_card *card, int32_t rows);

/* The variant that the model thinks fastest. */
oc_gemm_mma_variant oc_gemm_mma_choose(const oc_gemm_product *product, const oc_gemm_mma_card *card,
                                       int32_t rows);

#endif
