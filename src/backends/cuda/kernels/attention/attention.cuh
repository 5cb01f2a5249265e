/* attention.cuh - what the attention kernels share: their parameters, softmax's pieces, the store.
 *
 *   out[r] = softmax(scale * q[r] k^T over the keys that r may see) v        as ref_attention.c
 *
 * Dependent launch: `starts`, `sequences`, `ends` and `mask` are read before grid_wait; no kernel of
 * the chain may write them.
 *
 * OUT_F16: 0: out is E4M3 codes of value * inv_out_scale; 1: 16-bit floats of the value. */
#ifndef OC_ATTENTION_CUH
#define OC_ATTENTION_CUH

#include "cluster.cuh"
#include "e4m3.cuh"

/* Mirrored in attention_variant.h. */
typedef struct oc_attention_args {
    const unsigned short *q, *k, *v; /* row 0, first column */
    void *out;                       /* row 0, first column */
    const int *starts;               /* [sequences + 1] */
    const int *sequences;            /* [1] */
    const int *ends;                 /* [sequences]; query_rows 2 */
    const unsigned char *mask;       /* [tokens], 0 hides the key */
    int q_stride, k_stride, v_stride, out_stride; /* elements from row to row */
    int q_column, k_column, v_column;             /* in the buffer of the tensor map */
    int heads;
    int row;               /* query_rows 1 */
    float scale_log2;      /* scale * log2(e), > 0 */
    float inv_out_scale;   /* codes */
    int sequences_max;     /* of the plan; starts has one entry more, whatever `sequences` says */
} oc_attention_args;

#define OC_INFINITY __int_as_float(0x7f800000)
#define OC_FULL     0xffffffffu

OC_DEVICE float exp2_approx(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

/* Over the four lanes that hold a row of an accumulator. */
OC_DEVICE float quad_max(float x) {
    x = fmaxf(x, __shfl_xor_sync(OC_FULL, x, 1));
    return fmaxf(x, __shfl_xor_sync(OC_FULL, x, 2));
}

OC_DEVICE float quad_sum(float x) {
    x += __shfl_xor_sync(OC_FULL, x, 1);
    return x + __shfl_xor_sync(OC_FULL, x, 2);
}

/* What the exponents subtract: of a row that saw nothing but -inf, 0, so that it sums to 0. */
OC_DEVICE float softmax_shift(float highest, float scale_log2) {
    return highest == -OC_INFINITY ? 0.0f : highest * scale_log2;
}

/* Lane q of a quad gets word q of each of its lanes, in their order. */
OC_DEVICE void quad_transpose(unsigned (&w)[4], int q) {
    bool odd = q & 1, high = q & 2;
    unsigned a = __shfl_xor_sync(OC_FULL, odd ? w[0] : w[1], 1);
    unsigned b = __shfl_xor_sync(OC_FULL, odd ? w[2] : w[3], 1);
    unsigned a0 = odd ? a : w[0], a1 = odd ? w[1] : a;
    unsigned b0 = odd ? b : w[2], b1 = odd ? w[3] : b;
    unsigned c0 = __shfl_xor_sync(OC_FULL, high ? a0 : b0, 2);
    unsigned c1 = __shfl_xor_sync(OC_FULL, high ? a1 : b1, 2);
    w[0] = high ? c0 : a0, w[1] = high ? c1 : a1;
    w[2] = high ? b0 : c0, w[3] = high ? b1 : c1;
}

/* 64 columns of a row from an accumulator: o[j][0 .. 1] are columns 8j + 2q, + 1; `step` floats lie
 * between two j.  All lanes of the warp call; `real`: the row exists.  16-byte stores. */
OC_DEVICE void store_row_64(void *out, long long at, const float *o, int step, float factor, int q,
                            bool real) {
#if OUT_F16
    unsigned even[4], odd[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        even[i] = f16x2(o[2 * i * step] * factor, o[2 * i * step + 1] * factor);
        odd[i] = f16x2(o[(2 * i + 1) * step] * factor, o[(2 * i + 1) * step + 1] * factor);
    }
    quad_transpose(even, q);
    quad_transpose(odd, q);
    if (real) {
        uint4 *to = (uint4 *)((unsigned short *)out + at) + 2 * q;
        to[0] = make_uint4(even[0], even[1], even[2], even[3]);
        to[1] = make_uint4(odd[0], odd[1], odd[2], odd[3]);
    }
#else
    unsigned w[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const float *x = o + 2 * i * step;
        w[i] = e4m3x4(x[0] * factor, x[1] * factor, x[step] * factor, x[step + 1] * factor);
    }
    quad_transpose(w, q);
    if (real) {
        ((uint4 *)((unsigned char *)out + at))[q] =
            make_uint4(__byte_perm(w[0], w[1], 0x5410), __byte_perm(w[2], w[3], 0x5410),
                       __byte_perm(w[0], w[1], 0x7632), __byte_perm(w[2], w[3], 0x7632));
    }
#endif
}

/* What a row's sums are multiplied by. */
OC_DEVICE float out_factor(float sum, float inv_out_scale) {
#if OUT_F16
    return 1.0f / sum;
#else
    return inv_out_scale / sum;
#endif
}

#endif
