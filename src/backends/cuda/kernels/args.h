/* args.h - what each kernel is given: one struct by value, read by NVRTC and by the host's
 * compiler.
 *
 * Row counts and what else changes from run to run lie in the device's memory, so that one captured
 * graph serves every run up to its plan's limits.  Strides count elements. */
#ifndef OC_BACKENDS_CUDA_ARGS_H
#define OC_BACKENDS_CUDA_ARGS_H

#ifdef __CUDACC__
#define OC_ADDRESS(type) type *
typedef long long oc_stride;
#else
#include <stdint.h>
#define OC_ADDRESS(type) uint64_t
typedef int64_t oc_stride;
#endif

/* gemm_plain.cu: as oc_step_gemm */
typedef struct oc_gemm_args {
    OC_ADDRESS(const int) rows;
    OC_ADDRESS(const void) a;
    OC_ADDRESS(const void) weight;
    OC_ADDRESS(const float) column_scale;
    OC_ADDRESS(const float) a_scale;
    OC_ADDRESS(const float) block_scale;
    OC_ADDRESS(const float) bias;
    OC_ADDRESS(const void) residual;
    OC_ADDRESS(const float) table;
    OC_ADDRESS(void) out;
    oc_stride a_stride, a_scale_stride, residual_stride, out_stride, weight_stride, term_stride;
    float factor; /* of the weight */
    float out_scale;
} oc_gemm_args;

/* gemm_mma.cu: as oc_step_gemm */
typedef struct oc_gemm_mma_args {
    OC_ADDRESS(const int) rows;
    OC_ADDRESS(const void) a;
    OC_ADDRESS(const void) weight; /* packed */
    OC_ADDRESS(const float) scale; /* [N] */
    OC_ADDRESS(const float) bias;  /* [N] */
    OC_ADDRESS(const float) row_scale;
    OC_ADDRESS(const void) residual; /* may be out */
    OC_ADDRESS(const float) table;   /* [period, N] */
    OC_ADDRESS(void) out;
    oc_stride a_stride, weight_stride, row_scale_stride, residual_stride, out_stride;
    int period;
    float factor;  /* of the weight */
    float inverse; /* of the scale of codes out */
} oc_gemm_mma_args;

/* norm.cu: as oc_step_norm; unit.cu: x and out alone */
typedef struct oc_norm_args {
    OC_ADDRESS(const int) rows;
    OC_ADDRESS(const void) x;
    OC_ADDRESS(const float) gamma;
    OC_ADDRESS(const float) beta;
    OC_ADDRESS(void) out;
    OC_ADDRESS(float) out_scales;
    oc_stride x_stride, out_stride, out_scales_stride;
    float eps, out_scale;
    int descending; /* 1: the last rows first */
} oc_norm_args;

/* attention_plain.cu: as oc_step_attention */
typedef struct oc_attention_plain_args {
    OC_ADDRESS(const int) sequences;
    OC_ADDRESS(const int) starts;
    OC_ADDRESS(const int) ends;
    OC_ADDRESS(const unsigned char) mask;
    OC_ADDRESS(const void) q;
    OC_ADDRESS(const void) k;
    OC_ADDRESS(const void) v;
    OC_ADDRESS(void) out;
    oc_stride q_stride, k_stride, v_stride, out_stride;
    float scale, out_scale;
} oc_attention_plain_args;

/* patches.cu: as oc_step_patches */
typedef struct oc_patches_args {
    OC_ADDRESS(const int) rows;
    OC_ADDRESS(const void *) pixels; /* where the address of the pixels lies */
    OC_ADDRESS(const float) mean;
    OC_ADDRESS(const float) std;
    OC_ADDRESS(void) out;
    oc_stride out_stride;
} oc_patches_args;

/* tokens.cu: as oc_step_tokens */
typedef struct oc_tokens_args {
    OC_ADDRESS(const int) rows;
    OC_ADDRESS(const int) ids;
    OC_ADDRESS(const int) positions;
    OC_ADDRESS(const void) table;
    OC_ADDRESS(const float) position;
    OC_ADDRESS(void) out;
    oc_stride table_stride, out_stride;
    float out_scale;
} oc_tokens_args;

/* pick.cu: as oc_step_pick */
typedef struct oc_pick_args {
    OC_ADDRESS(const int) rows;
    OC_ADDRESS(const int) starts;
    OC_ADDRESS(const int) ends;
    OC_ADDRESS(const void) x;
    OC_ADDRESS(void) out;
    oc_stride x_stride, out_stride;
} oc_pick_args;

/* pointwise.cu: as oc_step_pointwise */
typedef struct oc_pointwise_args {
    OC_ADDRESS(const int) rows;
    OC_ADDRESS(const void) x;
    OC_ADDRESS(const void) y;
    OC_ADDRESS(const float) table;
    OC_ADDRESS(void) out;
    oc_stride x_stride, y_stride, out_stride;
    float out_scale;
} oc_pointwise_args;

/* logits.cu: as oc_step_logits */
typedef struct oc_logits_args {
    OC_ADDRESS(const int) images;
    OC_ADDRESS(const int) texts;
    OC_ADDRESS(const float) image;
    OC_ADDRESS(const float) text;
    OC_ADDRESS(float) out;
    oc_stride image_stride, text_stride, out_stride;
    float scale;
} oc_logits_args;

/* count.cu: codes of a result; counts [4]: all, saturated, zeros, largest */
typedef struct oc_count_args {
    OC_ADDRESS(const int) rows;
    OC_ADDRESS(const unsigned char) codes;
    OC_ADDRESS(unsigned long long) counts;
    oc_stride stride;
    int columns;
} oc_count_args;

#endif
