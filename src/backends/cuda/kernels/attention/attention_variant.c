/* attention_variant.c - enumerate, reject, estimate, choose. */
#include "backends/cuda/kernels/attention/attention_variant.h"

#include <stdio.h>

enum {
    SHARED_MAX = 232448, /* dynamic shared memory of a CTA */
    SHARED_SM = 233472,  /* of a multiprocessor; 1 KB of it goes to each CTA */
    TILE = 64,           /* query rows of a warpgroup's tile */
    ROW_BYTES = 128,     /* of 64 columns */
    SINGLE_KEYS = 264,   /* scores of a row in registers, with three warpgroups */
};

static int32_t up(int32_t value, int32_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

static int32_t divide_up(int32_t value, int32_t by) {
    return (value + by - 1) / by;
}

static int32_t least(int32_t a, int32_t b) {
    return a < b ? a : b;
}

const char *oc_attention_name(oc_attention_kind kind) {
    static const char *const names[] = {"attention_wgmma", "attention_mma", "attention_row"};
    return names[kind];
}

/* Boxes of equal rows, together as few rows as can be, few boxes where that is the same. */
static void cut_boxes(int32_t rows, oc_attention_variant *v) {
    int32_t best = INT32_MAX;
    for (int32_t boxes = 1; boxes <= 5; boxes++) {
        int32_t box = up(divide_up(rows, boxes), 8);
        if (box <= 256 && box * boxes < best) {
            best = box * boxes;
            v->box = box, v->boxes = boxes;
        }
    }
}

static bool derive_wgmma(const oc_attention_shape *shape, oc_attention_variant *v) {
    if (shape->head_dim != 64 || shape->causal || shape->masked || !shape->one_buffer ||
        shape->query_rows != 0 || shape->longest > 5 * 256) {
        return false;
    }
    int32_t keys = up(divide_up(shape->longest, v->blocks), 8);
    v->keys_a = keys < 32 ? 16 : keys / 32 * 16;
    v->keys_b = keys - v->keys_a < 8 ? 8 : keys - v->keys_a;
    if (v->keys_a > 256 || v->keys_b > 256) {
        return false; /* an instruction's N */
    }
    keys = v->keys_a + v->keys_b;
    cut_boxes(shape->longest, v);
    if (v->boxes * v->box + 8 <= (v->blocks - 1) * keys) {
        return false; /* a block without keys */
    }
    v->groups = divide_up(shape->length, v->tiles * TILE);
    v->query_boxes = divide_up(least(v->tiles * TILE, shape->longest), v->box);
    int32_t reach = (v->blocks - 1) * keys + v->keys_a + up(v->keys_b, 16);
    int32_t loaded = v->boxes * v->box;
    int32_t v_rows = reach > loaded ? up(reach, 8) : loaded;
    int32_t stage = (v->query_boxes * v->box + loaded + v_rows) * ROW_BYTES;
    v->shared_bytes = (size_t)v->stages * (size_t)(stage + 48);
    v->threads = v->warps * 32;
    v->grid_x = least(shape->sequences * shape->heads * v->groups, shape->processors);
    v->grid_y = 1;
    return v->tiles * TILE * ROW_BYTES <= stage;
}

static bool derive_mma(const oc_attention_shape *shape, oc_attention_variant *v) {
    if (shape->head_dim % 16 != 0 || shape->head_dim > 128 || shape->query_rows != 0 ||
        shape->heads % v->heads != 0 || (v->blocks == 1 && v->keys < shape->longest) ||
        (v->blocks == 0 && v->heads * (v->queries / 16) > v->warps)) {
        return false;
    }
    v->shared_bytes =
        (size_t)v->heads * (size_t)(v->queries + 2 * v->keys) * (size_t)(shape->head_dim * 2 + 16) +
        (size_t)(shape->masked ? divide_up(v->keys, 32) * 4 : 0);
    v->threads = v->warps * 32;
    v->grid_x = shape->sequences * (shape->heads / v->heads);
    v->grid_y = divide_up(shape->length, v->queries);
    return true;
}

static bool derive_row(const oc_attention_shape *shape, oc_attention_variant *v) {
    if (shape->head_dim % 8 != 0 || shape->head_dim > 256 || shape->query_rows == 0) {
        return false;
    }
    for (v->lanes = 1; v->lanes * 8 < shape->head_dim;) {
        v->lanes *= 2;
    }
    v->shared_bytes = 0;
    v->threads = v->heads * v->warps * 32;
    v->grid_x = shape->sequences * divide_up(shape->heads, v->heads);
    v->grid_y = 1;
    return true;
}

bool oc_attention_derive(const oc_attention_shape *shape, oc_attention_variant *v) {
    v->head_dim = shape->head_dim, v->query_rows = shape->query_rows;
    v->causal = shape->causal, v->masked = shape->masked, v->out_f16 = shape->out_f16;
    bool fits = v->kind == OC_ATTENTION_WGMMA ? derive_wgmma(shape, v)
                : v->kind == OC_ATTENTION_MMA ? derive_mma(shape, v)
                                              : derive_row(shape, v);
    return fits && v->shared_bytes <= SHARED_MAX && v->threads <= 1024;
}

int oc_attention_defines(const oc_attention_variant *v, char *text, size_t size) {
    switch (v->kind) {
    case OC_ATTENTION_WGMMA:
        return snprintf(text, size,
                        "#define KEYS_A %d\n#define KEYS_B %d\n#define BLOCKS %d\n"
                        "#define WARPGROUPS %d\n#define STAGES %d\n#define BOX %d\n"
                        "#define BOXES %d\n#define QUERY_BOXES %d\n#define TILES %d\n"
                        "#define GROUPS %d\n#define OUT_F16 %d\n",
                        v->keys_a, v->keys_b, v->blocks, v->warps / 4, v->stages, v->box, v->boxes,
                        v->query_boxes, v->tiles, v->groups, v->out_f16);
    case OC_ATTENTION_MMA:
        return snprintf(text, size,
                        "#define HEAD_DIM %d\n#define QUERIES %d\n#define KEYS %d\n"
                        "#define BLOCKS %d\n#define HEADS %d\n#define WARPS %d\n"
                        "#define CTAS %d\n#define CAUSAL %d\n#define MASKED %d\n"
                        "#define OUT_F16 %d\n",
                        v->head_dim, v->queries, v->keys, v->blocks, v->heads, v->warps, v->ctas,
                        v->causal, v->masked, v->out_f16);
    case OC_ATTENTION_ROW:
        break;
    }
    return snprintf(text, size,
                    "#define HEAD_DIM %d\n#define LANES %d\n#define HEADS %d\n#define WARPS %d\n"
                    "#define QUERY_ROWS %d\n#define CAUSAL %d\n#define MASKED %d\n"
                    "#define OUT_F16 %d\n",
                    v->head_dim, v->lanes, v->heads, v->warps, v->query_rows, v->causal, v->masked,
                    v->out_f16);
}

/* In the order of measurements on an H200: the first that fits is taken. */
bool oc_attention_choose(const oc_attention_shape *shape, oc_attention_variant *variant) {
    int32_t items = shape->sequences * shape->heads;
    bool is_short = shape->longest <= TILE, few = items * 2 <= shape->processors;
    int32_t tiles = divide_up(shape->length, TILE), blocks = divide_up(shape->longest, 128);
    int32_t up_to_16 = up(shape->longest, 16);
    const oc_attention_variant candidates[] = {
        {.kind = OC_ATTENTION_ROW, .heads = 1, .warps = 4},
        {.kind = OC_ATTENTION_MMA,
         .queries = up_to_16,
         .keys = up_to_16,
         .blocks = 1,
         .heads = 1,
         .warps = up_to_16 / 16 < 8 ? up_to_16 / 16 : 8,
         .ctas = 4},
        {.kind = OC_ATTENTION_WGMMA,
         .warps = 12,
         .heads = 1,
         .blocks = 1,
         .stages = few ? 1 : 2,
         .tiles = few ? 1 : tiles},
        {.kind = OC_ATTENTION_WGMMA,
         .warps = 16,
         .heads = 1,
         .blocks = blocks,
         .stages = 1,
         .tiles = few ? 1 : tiles},
        {.kind = OC_ATTENTION_MMA,
         .queries = 64,
         .keys = 64,
         .blocks = 0,
         .heads = 1,
         .warps = 4,
         .ctas = 2},
    };
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        *variant = candidates[i];
        bool is_mma = variant->kind == OC_ATTENTION_MMA && variant->blocks == 1;
        bool is_single = variant->kind == OC_ATTENTION_WGMMA && variant->blocks == 1;
        if ((is_mma && up_to_16 > 128) || (is_mma && !is_short && !shape->causal) ||
            (is_single && shape->longest > SINGLE_KEYS)) {
            continue;
        }
        if (oc_attention_derive(shape, variant)) {
            return true;
        }
    }
    return false;
}
