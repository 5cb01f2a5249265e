/* gemm_product.h - what a product on tensor cores computes; how is each kernel's variant. */
#ifndef OC_BACKENDS_CUDA_GEMM_PRODUCT_H
#define OC_BACKENDS_CUDA_GEMM_PRODUCT_H

#include "backends/cuda/kernels/named.h"

enum {
    OC_GEMM_DEFINES_MAX = 1024, /* bytes that the #define lines take at most */
    OC_GEMM_NAMES_MAX = 32      /* of a product's or a variant's numbers */
};

/* What out and the residual hold; numbers of the kernels' TYPE_ macros. */
typedef enum oc_gemm_type { OC_GEMM_E4M3, OC_GEMM_F16, OC_GEMM_F32, OC_GEMM_ABSENT } oc_gemm_type;

typedef struct oc_gemm_product {
    int32_t n, k;
    int32_t terms;  /* of w: 2: its rows hold two matrices, whose products are added */
    int32_t in_f16; /* 1: a and w are F16; 0: E4M3 codes */
    oc_gemm_type out, residual;
    int32_t act;                           /* an oc_activation */
    int32_t scale, bias, row_scale, table; /* 1: there is one */
} oc_gemm_product;

/* What the product is, as macros of its kernels; returns how many. */
int32_t oc_gemm_product_names(const oc_gemm_product *product, oc_named to[OC_GEMM_NAMES_MAX]);

/* The #define lines that go before a kernel's source, the product's and then these of a variant,
 * 0-terminated; returns their length. */
size_t oc_gemm_write_defines(const oc_gemm_product *product, const oc_named *names, int32_t count,
                             char to[OC_GEMM_DEFINES_MAX]);

#endif
