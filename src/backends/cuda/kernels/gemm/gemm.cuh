/* gemm.cuh - numbers that the products' #define lines hold. */
#ifndef OC_GEMM_CUH
#define OC_GEMM_CUH

/* OUT, RESIDUAL: oc_gemm_type */
#define TYPE_E4M3 0
#define TYPE_F16  1
#define TYPE_F32  2
#define TYPE_NONE 3
/* ACT: oc_activation */
#define ACT_NONE         0
#define ACT_GELU_ERF     1
#define ACT_GELU_SIGMOID 2
#define ACT_GELU_TANH    3

#endif
