/* step.h - what a device executes: plain data, one struct a kind of step.
 *
 * Every activation is a matrix of rows in a buffer.  A step reads and writes views: a buffer by its
 * number in the plan, and a range of its columns.  How many rows there are is known only at run
 * time: the step names a row set, the environment of the run has its count.  Weights, biases and
 * tables are constants of the device.  In a plan no step holds an address; a device that compiles
 * one fills those of its own memory into its own copy.
 *
 * Sequences.  Rows of a token row set lie sequence after sequence without
 * padding; starts[s] .. starts[s + 1] are the rows of sequence s.
 */
#ifndef OC_DEVICE_STEP_H
#define OC_DEVICE_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/format.h"

typedef enum oc_rows {
    OC_ROWS_IMAGE_TOKENS,
    OC_ROWS_IMAGES,
    OC_ROWS_TEXT_TOKENS,
    OC_ROWS_TEXTS,
    OC_ROWS_COUNT
} oc_rows;

/* What one run provides.  All arrays are borrowed for the run. */
typedef struct oc_run {
    int32_t rows[OC_ROWS_COUNT];
    const int32_t *starts[OC_ROWS_COUNT]; /* for token row sets: sequences + 1 entries */
    const void *pixels;                   /* U8 [B,S,S,3] or F32 [B,3,S,S], as the step says */
    bool pixels_are_there;                /* in memory of the device's own */
    void *stream;             /* of the device, whose work so far the run waits for; NULL: none */
    const int32_t *ids;       /* [text tokens] */
    const int32_t *positions; /* [text tokens]: place of the token in its text */
    const int32_t *ends;      /* [texts]: end of text, counted from the text's first row */
    const uint8_t *key_mask;  /* [text tokens], 0 hides the key; NULL: none hidden */
    uint64_t deadline_ns;     /* by oc_clock_ns; steps that would begin later do not.  0: none */
} oc_run;

/* Sequences of a token row set: each is one image or one text. */
static inline int32_t oc_sequences(const oc_run *run, oc_rows tokens) {
    return run->rows[tokens == OC_ROWS_IMAGE_TOKENS ? OC_ROWS_IMAGES : OC_ROWS_TEXTS];
}

/* Rows of the longest one. */
static inline int32_t oc_longest_sequence(const oc_run *run, oc_rows tokens) {
    const int32_t *starts = run->starts[tokens];
    int32_t longest = 0;
    for (int32_t s = 0; s < oc_sequences(run, tokens); s++) {
        int32_t length = starts[s + 1] - starts[s];
        longest = length > longest ? length : longest;
    }
    return longest;
}

static inline bool oc_is_codes(octavo_dtype dtype) {
    return dtype == OCTAVO_F8_E4M3;
}

/* Some columns of a buffer.  Floats, or E4M3 codes whose meaning is code * scale. */
typedef struct oc_view {
    int32_t buffer;     /* in oc_plan.buffers; where columns is 0 there is no view */
    int32_t column;     /* the first */
    int32_t columns;    /* how many */
    octavo_dtype dtype; /* F8_E4M3: codes; else floats, F32 or as the device stores them */
    float scale;        /* of codes */
    /* Of the device that compiled the step; NULL and 0 in a plan. */
    int64_t stride; /* elements from row to row */
    void *data;     /* of row 0, in the device's memory */
} oc_view;

typedef enum oc_activation {
    OC_ACT_NONE,
    OC_ACT_GELU_ERF,
    OC_ACT_GELU_SIGMOID,
    OC_ACT_GELU_TANH
} oc_activation;

/* Numbers that never change, in the device's memory: a vector or table of floats as they are, or a
 * matrix [n,k] in the device's own layout, of which this is the head. */
typedef struct oc_constant {
    octavo_dtype dtype;
    size_t bytes; /* of the device's memory, all told */
    void *data;   /* in the device's memory */
} oc_constant;

/* The floats of a vector or table; for devices whose memory is the host's. */
static inline const float *oc_floats(const oc_constant *constant) {
    return constant == NULL ? NULL : (const float *)constant->data;
}

/* out[r] = act((a[r] w^T) * column_scale + bias) + residual[r] + table[r mod period]; out as codes
 * is e4m3(that / out.scale).  An `a` of codes is taken as codes: column_scale holds a.scale.
 *
 * Scales that are computed at run time, or one a block of k, multiply parts of the sum:
 *   a w^T = sum over blocks b of block_k:  a_scale[r][b] * block_scale[c / block_n][b] *
 *           sum of a[r][i] w[c][i] over i in b
 * An a_scale of one column is the same for all blocks. */
typedef struct oc_step_gemm {
    oc_view a;
    const oc_constant *weight;
    const oc_constant *column_scale; /* [n], or NULL: ones */
    oc_view a_scale;                 /* floats [rows, blocks] or [rows, 1]; columns 0: ones */
    const oc_constant *block_scale;  /* [n / block_n, k / block_k], rounded up; NULL: ones */
    int32_t block_n, block_k;        /* block_k 0: one block */
    const oc_constant *bias;         /* [n], or NULL */
    oc_activation act;
    oc_view residual;         /* columns 0: none; may be the same buffer as out */
    const oc_constant *table; /* [period, n], or NULL */
    int32_t period;
    oc_view out;
} oc_step_gemm;

/* Patches of the run's pixels as rows: image b gives rows b*(P+1) .. b*(P+1)+P, the first all
 * zero (the class token's place).  Column (c*p + y)*p + x of F32 pixels [3,S,S], or
 * the same order from U8 [S,S,3], values 0..255 as they are. */
typedef struct oc_step_patches {
    int32_t image_size, patch_size;
    int32_t from_bytes; /* 1: U8 [B,S,S,3] */
    /* [3], with from_bytes: (v/255 - mean[c])/std[c]; NULL: values as they are */
    const oc_constant *mean, *std;
    oc_view out;
} oc_step_patches;

/* out[r] = table[ids[r]] + position[positions[r]]; table is a packed table (F32, F16 or BF16 rows)
 */
typedef struct oc_step_tokens {
    const oc_constant *table;
    const oc_constant *position; /* [>= tokens, columns], or NULL */
    oc_view out;
} oc_step_tokens;

/* out[r] = (x - mean) / sqrt(variance + eps) * gamma + beta; codes: e4m3(that / out.scale).
 * gamma NULL: out[r] = x[r] (a quantizer alone).  Such a quantizer may be dynamic: then out_scale
 * receives, for each row or each `block` columns of a row, their largest magnitude / 448 (1 where
 * that is 0), and this is what they are divided by. */
typedef struct oc_step_norm {
    oc_view x;
    const oc_constant *gamma, *beta;
    float eps;
    oc_view out;
    oc_view out_scale; /* floats [rows, columns / block, rounded up]; columns 0: static */
    int32_t block;     /* 0: the whole row */
} oc_step_norm;

/* A head h of `heads` owns columns h*head_dim .. of q, k, v and out.
 * query_rows 0: q and out have a row a token; 1: a row a sequence, at place `row` of it;
 * 2: a row a sequence, at place ends[s].
 * Where the mask hides all keys that a query may see, they weigh the same. */
typedef struct oc_step_attention {
    oc_view q, k, v, out;
    int32_t heads, head_dim;
    float scale;
    int32_t causal, masked;
    int32_t query_rows, row;
} oc_step_attention;

/* out[s] = x[starts[s] + row], or of place ends[s] when from_ends */
typedef struct oc_step_pick {
    oc_view x, out;
    int32_t from_ends, row;
} oc_step_pick;

/* Alone, where no gemm took them in: out[r] = act(x[r]) + y[r] + table[r mod period] */
typedef struct oc_step_pointwise {
    oc_view x, y; /* y.columns 0: none */
    oc_activation act;
    const oc_constant *table; /* [period, columns], or NULL */
    int32_t period;
    oc_view out;
} oc_step_pointwise;

/* The table's row for row r, or NULL. */
static inline const float *oc_pointwise_table(const oc_step_pointwise *step, int32_t r) {
    return step->table == NULL
               ? NULL
               : oc_floats(step->table) + (int64_t)(r % step->period) * step->x.columns;
}

/* out[r] = x[r] / |x[r]| */
typedef struct oc_step_unit {
    oc_view x, out;
} oc_step_unit;

/* out[i][t] = scale * image[i] . text[t]; `rows` of the step is the images', columns the texts'
 * rows */
typedef struct oc_step_logits {
    oc_view image, text, out;
    float scale;
} oc_step_logits;

/* kind, member, kernel family's name */
#define OC_STEP_MAP(XX)                                                                            \
    XX(PATCHES, patches, "patches")                                                                \
    XX(TOKENS, tokens, "tokens")                                                                   \
    XX(NORM, norm, "norm")                                                                         \
    XX(GEMM, gemm, "gemm")                                                                         \
    XX(ATTENTION, attention, "attention")                                                          \
    XX(PICK, pick, "pick")                                                                         \
    XX(POINTWISE, pointwise, "pointwise")                                                          \
    XX(UNIT, unit, "unit")                                                                         \
    XX(LOGITS, logits, "logits")

typedef enum oc_step_kind {
#define XX(kind, member, text) OC_STEP_##kind,
    OC_STEP_MAP(XX)
#undef XX
        OC_STEP_COUNT
} oc_step_kind;

typedef struct oc_step {
    oc_step_kind kind;
    oc_rows rows; /* the row set of the output; input rows for PICK and attention's keys: `keys` */
    oc_rows keys; /* ATTENTION, PICK: the token row set that is read */
    union {
#define XX(kind, member, text) oc_step_##member member;
        OC_STEP_MAP(XX)
#undef XX
    } u;
    const char *name;   /* of the graph value that it yields, borrowed: "vision.layers.0.mlp.fc1" */
    const char *kernel; /* set by the device: "gemm_i16 avx2" */
    int32_t tactic;     /* set by the device: which of its ways to do it (oc_backend.tactics) */
    char why[120]; /* set by the device: why this kernel, in one sentence; "" if there was no choice
                    */
} oc_step;

/* Views of a step that are outputs; the others are inputs. */
static inline int32_t oc_step_outputs(const oc_step *step) {
    return step->kind == OC_STEP_NORM ? 2 : 1;
}

/* The views of a step, outputs first; returns how many there are. */
enum { OC_STEP_VIEWS = 4 };
static inline int32_t oc_step_views(oc_step *step, oc_view *views[OC_STEP_VIEWS]) {
    int32_t count = 0;
#define VIEW(name) views[count++] = &step->u.name
    switch (step->kind) {
    case OC_STEP_PATCHES:
        VIEW(patches.out);
        break;
    case OC_STEP_TOKENS:
        VIEW(tokens.out);
        break;
    case OC_STEP_NORM:
        VIEW(norm.out);
        VIEW(norm.out_scale);
        VIEW(norm.x);
        break;
    case OC_STEP_GEMM:
        VIEW(gemm.out);
        VIEW(gemm.a);
        VIEW(gemm.residual);
        VIEW(gemm.a_scale);
        break;
    case OC_STEP_ATTENTION:
        VIEW(attention.out);
        VIEW(attention.q);
        VIEW(attention.k);
        VIEW(attention.v);
        break;
    case OC_STEP_PICK:
        VIEW(pick.out);
        VIEW(pick.x);
        break;
    case OC_STEP_POINTWISE:
        VIEW(pointwise.out);
        VIEW(pointwise.x);
        VIEW(pointwise.y);
        break;
    case OC_STEP_UNIT:
        VIEW(unit.out);
        VIEW(unit.x);
        break;
    case OC_STEP_LOGITS:
        VIEW(logits.out);
        VIEW(logits.image);
        VIEW(logits.text);
        break;
    case OC_STEP_COUNT:
        break;
    }
#undef VIEW
    return count;
}

#endif
