/* attention_variant.h - which attention kernel, with which parameters, on which grid.
 *
 * Three kernels share their parameters (attention.cuh): attention_wgmma.cu for towers whose
 * sequences see all keys, where the card has wgmma; attention_mma.cu for short, causal or masked
 * ones, any head_dim, and on all other cards; attention_row.cu for steps of one query row a
 * sequence.  Pure arithmetic: no GPU is asked.
 *
 * To run a variant: compile its source with the lines of oc_attention_defines before it (NVRTC);
 * let the kernel have `shared_bytes` of dynamic shared memory; launch grid_x x grid_y CTAs
 * of `threads`.  attention_wgmma takes (tensor map, args), the others (args). */
#ifndef OC_BACKENDS_CUDA_ATTENTION_VARIANT_H
#define OC_BACKENDS_CUDA_ATTENTION_VARIANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/cuda/kernels/named.h"

enum { OC_ATTENTION_VARIANTS = 48, OC_ATTENTION_NAMES_MAX = 16 };

/* The kernels' parameter; addresses are of the device.  Mirrors attention.cuh. */
typedef struct oc_attention_args {
    uint64_t q, k, v;   /* row 0, first column; rows begin at multiples of 16 bytes */
    uint64_t out;       /* alike */
    uint64_t starts;    /* int32 [sequences + 1] */
    uint64_t sequences; /* int32 [1] */
    uint64_t ends;      /* int32 [sequences], with query_rows 2 */
    uint64_t mask;      /* uint8 [tokens], with masked */
    int32_t q_stride, k_stride, v_stride, out_stride; /* elements from row to row */
    int32_t q_column, k_column, v_column;             /* in the buffer of the tensor map */
    int32_t heads;
    int32_t row;           /* with query_rows 1 */
    float scale_log2;      /* scale * log2(e), > 0 */
    float inv_out_scale;   /* of codes */
    int32_t sequences_max; /* of the plan; starts has one entry more, all readable */
} oc_attention_args;

/* What is to be computed, at most. */
typedef struct oc_attention_shape {
    int32_t sequences; /* of the plan */
    int32_t length;    /* the longest that the plan takes */
    int32_t longest;   /* that any plan of the model takes: it decides the order of additions */
    int32_t heads, head_dim;
    bool causal, masked, out_f16;
    bool one_buffer; /* q, k and v are columns of one buffer with one stride */
    int32_t query_rows;
    bool wgmma;         /* the card has it */
    int32_t processors; /* multiprocessors of the card */
} oc_attention_shape;

typedef enum oc_attention_kind {
    OC_ATTENTION_WGMMA,
    OC_ATTENTION_MMA,
    OC_ATTENTION_ROW
} oc_attention_kind;

typedef struct oc_attention_variant {
    oc_attention_kind kind;
    /* Chosen; oc_attention_derive needs them. */
    int32_t warps;   /* ROW: of a head; MMA: of a CTA; WGMMA: 4 a warpgroup */
    int32_t heads;   /* ROW: of a CTA; WGMMA: 1 */
    int32_t blocks;  /* WGMMA: of keys; MMA: 1 or 0, any number */
    int32_t keys;    /* MMA: of a block */
    int32_t queries; /* MMA: of a CTA */
    int32_t ctas;    /* MMA: of a multiprocessor */
    int32_t stages;  /* WGMMA */
    int32_t tiles;   /* WGMMA: of an item */
    int32_t turns;   /* WGMMA: warpgroups that exponentiate at a time; 0: all */
    int32_t tail;    /* WGMMA: rows; -1: as many as the longest sequence's last tile has */
    /* Derived. */
    int32_t keys_a, keys_b, box, boxes, query_boxes, groups, tail_own; /* WGMMA */
    int32_t lanes;                                                     /* ROW */
    bool causal, masked, out_f16;
    int32_t head_dim, query_rows;
    int32_t grid_x, grid_y, threads;
    size_t shared_bytes;
    double predicted_us; /* on an H200; inputs in device memory, not in L2 */
} oc_attention_variant;

/* All variants whose arithmetic is what the shape's `longest` selects; returns how many there are,
 * 0 where head_dim is no multiple of 16, or over 128. */
int32_t oc_attention_variants(const oc_attention_shape *shape,
                              oc_attention_variant out[OC_ATTENTION_VARIANTS]);

/* The number of the one that is expected to be fastest. */
int32_t oc_attention_fastest(const oc_attention_variant *variants, int32_t count);

/* That one; false: there is none. */
bool oc_attention_choose(const oc_attention_shape *shape, oc_attention_variant *variant);

/* Fills the derived fields; false where the chosen ones do not fit the shape or the machine. */
bool oc_attention_derive(const oc_attention_shape *shape, oc_attention_variant *variant);

/* "attention_wgmma" ...: the kernel, and its source with ".cu" behind it. */
const char *oc_attention_name(oc_attention_kind kind);

/* What a shape is, and in what its variants differ, by name; returns how many names there are. */
int32_t oc_attention_shape_names(const oc_attention_shape *shape,
                                 oc_named to[OC_ATTENTION_NAMES_MAX]);
int32_t oc_attention_variant_names(const oc_attention_variant *variant,
                                   oc_named to[OC_ATTENTION_NAMES_MAX]);

/* The #define lines; returns their length, as snprintf. */
int oc_attention_defines(const oc_attention_variant *variant, char *text, size_t size);

#endif
