/* attention_variant.c - which attention kernel: enumerate, reject, estimate, choose.
 *
 * What decides the order of additions (the kernel, its keys and blocks, the tail, a row's warps)
 * comes from the shape's `longest` and from flags; what does not (tiles of an item, stages, warps
 * of the mma kernel) may come from the plan.
 *
 * The estimates are fitted to an H200 (bench/gpu/attention_bench), inputs in device memory. */
#include "backends/cuda/kernels/attention/attention_variant.h"

#include <stdio.h>

enum {
    SHARED_MAX = 232448, /* dynamic shared memory of a CTA */
    SHARED_SM = 233472,  /* of a multiprocessor; 1 KB of it goes to each CTA */
    TILE = 64,           /* query rows of a warpgroup's tile */
    ROW_BYTES = 128,     /* of 64 columns */
    TAIL_MAX = 8,        /* as attention_wgmma.cu */
    TAIL_FROM = 192,     /* rows from which a tail is used */
    AHEAD = 64,          /* as attention_wgmma.cu */
    BLOCK_KEYS = 200,    /* of a block, with sums of the output beside the scores */
    SINGLE_MMA = 96,     /* keys of a sequence that one block of the mma kernel takes */
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
    if (shape->head_dim != 64 || shape->masked || !shape->one_buffer || shape->query_rows != 0 ||
        shape->longest > 5 * 256) {
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
    if (v->tail < 0) { /* NOTE: codes of 65 to 72 and 129 to 136 rows were wrong with a tail */
        v->tail = shape->longest > TAIL_FROM && shape->longest % TILE <= TAIL_MAX
                      ? shape->longest % TILE
                      : 0;
    }
    /* Behind the last query there may be room for what the tail's warps find. */
    int32_t queries = v->query_boxes * v->box, found = v->tail * 4 * 66 * 4;
    v->tail_own = v->tail > 0 && (queries - shape->longest) * ROW_BYTES < found;
    int32_t stage = (queries + loaded + v_rows) * ROW_BYTES;
    stage += v->tail_own ? up(found, 1024) : 0;
    v->shared_bytes =
        (size_t)v->stages * (size_t)(stage + 48) + (v->turns > 0 ? 256 : 0) + 8 * AHEAD;
    v->threads = v->warps * 32;
    v->grid_x = least(shape->sequences * shape->heads * v->groups, shape->processors);
    v->grid_y = 1;
    return v->tiles * TILE * ROW_BYTES <= stage;
}

static bool derive_mma(const oc_attention_shape *shape, oc_attention_variant *v) {
    if (shape->head_dim % 16 != 0 || shape->head_dim > 128 || shape->query_rows != 0 ||
        (v->blocks == 1 && (v->keys < shape->longest || v->queries != v->keys)) ||
        (v->blocks == 0 && v->queries / 16 > v->warps)) {
        return false;
    }
    v->shared_bytes = (size_t)(v->queries + 2 * v->keys) * (size_t)(shape->head_dim * 2 + 16) +
                      (size_t)(shape->masked ? divide_up(v->keys, 32) * 4 : 0);
    v->threads = v->warps * 32;
    v->grid_x = shape->sequences * shape->heads;
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

/* Of a kernel in a graph that finds little to do. */
#define LAUNCH_US   3.2
#define CLOCKS_US   1755.0 /* of a multiprocessor */
#define TILE_CLOCKS 2300.0 /* 64 queries and 264 keys, beside two others */
#define TAIL_CLOCKS 2000.0
#define LOAD_US     4.2e6 /* bytes; of the card */
#define STREAM_US   3.0e6 /* bytes; of the card, as small CTAs that come and go read them */

static double larger(double a, double b) {
    return a > b ? a : b;
}

static double wgmma_us(const oc_attention_shape *shape, const oc_attention_variant *v) {
    int32_t tail =
        shape->length > TILE && shape->length % TILE != 0 && shape->length % TILE <= v->tail;
    int32_t main_tiles =
        least(shape->length / TILE + (shape->length % TILE != 0 && !tail), v->tiles);
    double step = TILE_CLOCKS * (v->keys_a + v->keys_b) / 264 *
                  divide_up(shape->length, v->keys_a + v->keys_b);
    /* A tile alone takes as long as a third of three at once. */
    double clocks = main_tiles * step + (tail ? TAIL_CLOCKS / v->groups : 0);
    double items = (double)shape->sequences * shape->heads * v->groups;
    double rounds = divide_up((int32_t)items, v->grid_x);
    double bytes = (double)(shape->length * 2 + least(shape->length, v->tiles * TILE)) * ROW_BYTES;
    double load = bytes * v->grid_x / (v->stages > 2 ? STREAM_US : LOAD_US);
    clocks /= CLOCKS_US;
    return LAUNCH_US + load +
           (v->stages > 1 ? rounds * larger(clocks, load) : rounds * clocks + (rounds - 1) * load);
}

static double mma_us(const oc_attention_shape *shape) {
    double rows = (double)shape->sequences * shape->length;
    double width = (double)shape->heads * shape->head_dim;
    /* Each CTA of a long sequence reads all keys anew. */
    double reads = 2.0 * divide_up(shape->length, TILE) * (shape->causal ? 0.5 : 1);
    double bytes = rows * width * (2 + 2 * larger(reads, 2) + (shape->out_f16 ? 2 : 1));
    return LAUNCH_US + bytes / STREAM_US;
}

/* Those of the plans' variants that have the same arithmetic. */
static int32_t list_wgmma(const oc_attention_shape *shape, oc_attention_variant *out) {
    int32_t count = 0, all = divide_up(shape->longest, TILE);
    oc_attention_variant v = {.kind = OC_ATTENTION_WGMMA, .heads = 1, .tail = -1};
    v.warps = shape->longest <= TILE ? 16 : 12;
    v.blocks = shape->longest <= SINGLE_KEYS ? 1 : divide_up(shape->longest, BLOCK_KEYS);
    for (v.tiles = all; v.tiles > 0; v.tiles--) {
        int32_t deep = shape->longest <= TILE ? 8 : 2; /* of items that are this small, all */
        for (v.stages = deep; v.stages > (deep > 2 ? deep - 1 : 0); v.stages--) {
            oc_attention_variant fits = v;
            if (count < OC_ATTENTION_VARIANTS && oc_attention_derive(shape, &fits)) {
                fits.predicted_us = wgmma_us(shape, &fits);
                out[count++] = fits;
            }
        }
    }
    return count;
}

/* Registers are 65,536; a thread of this kernel wants about so many. */
static int32_t mma_registers(const oc_attention_shape *shape) {
    int32_t registers = shape->longest <= 32 ? 84 : shape->longest <= 64 ? 100 : 112;
    registers = shape->longest > SINGLE_MMA ? 144 : registers;
    return registers + (shape->masked ? 24 : 0) + (shape->head_dim > 64 ? 56 : 0);
}

static bool choose_mma(const oc_attention_shape *shape, oc_attention_variant *v) {
    bool single = shape->longest <= SINGLE_MMA;
    *v = (oc_attention_variant){.kind = OC_ATTENTION_MMA, .blocks = single};
    v->keys = v->queries = single ? up(shape->longest, 16) : TILE;
    v->warps = v->queries / 16;
    int32_t shared = (v->queries + 2 * v->keys) * (shape->head_dim * 2 + 16) + 1024;
    v->ctas = least(65536 / (v->warps * 32 * mma_registers(shape)), SHARED_SM / shared);
    v->ctas = v->ctas < 1 ? 1 : least(v->ctas, 16);
    if (shape->wgmma && single && v->warps == 5 && !shape->masked && shape->head_dim <= 64) {
        v->ctas = 4; /* measured: 20.5 us for 23.4 with 3, though a register is spilled */
    }
    v->predicted_us = mma_us(shape);
    return oc_attention_derive(shape, v);
}

static bool choose_row(const oc_attention_shape *shape, oc_attention_variant *v) {
    *v = (oc_attention_variant){.kind = OC_ATTENTION_ROW, .heads = 1};
    v->warps = shape->longest > TILE ? 4 : 2;
    double rows = (double)shape->sequences * shape->length;
    v->predicted_us = LAUNCH_US + rows * shape->heads * shape->head_dim * 4 / STREAM_US;
    return oc_attention_derive(shape, v);
}

int32_t oc_attention_variants(const oc_attention_shape *shape,
                              oc_attention_variant out[OC_ATTENTION_VARIANTS]) {
    if (shape->query_rows != 0) {
        return choose_row(shape, out);
    }
    /* Measured: causal texts of 77 are faster with the mma kernel; long ones fill the tiles. */
    bool tiles = shape->wgmma && (!shape->causal || shape->longest > 2 * TILE);
    int32_t count = tiles ? list_wgmma(shape, out) : 0;
    return count > 0 ? count : choose_mma(shape, out);
}

int32_t oc_attention_fastest(const oc_attention_variant *variants, int32_t count) {
    int32_t best = 0;
    for (int32_t i = 1; i < count; i++) {
        best = variants[i].predicted_us < variants[best].predicted_us ? i : best;
    }
    return best;
}

bool oc_attention_choose(const oc_attention_shape *shape, oc_attention_variant *variant) {
    oc_attention_variant variants[OC_ATTENTION_VARIANTS];
    int32_t count = oc_attention_variants(shape, variants);
    if (count > 0) {
        *variant = variants[oc_attention_fastest(variants, count)];
    }
    return count > 0;
}

int32_t oc_attention_shape_names(const oc_attention_shape *shape,
                                 oc_named to[OC_ATTENTION_NAMES_MAX]) {
    const oc_named names[] = {
        {"HEADS", shape->heads},           {"HEAD_DIM", shape->head_dim}, {"LENGTH", shape->length},
        {"LONGEST", shape->longest},       {"CAUSAL", shape->causal},     {"MASKED", shape->masked},
        {"QUERY_ROWS", shape->query_rows}, {"OUT_F16", shape->out_f16},
    };
    memcpy(to, names, sizeof names);
    return (int32_t)(sizeof names / sizeof *names);
}

int32_t oc_attention_variant_names(const oc_attention_variant *v,
                                   oc_named to[OC_ATTENTION_NAMES_MAX]) {
    to[0] = (oc_named){"TILES", v->tiles};
    to[1] = (oc_named){"STAGES", v->stages};
    return 2;
}

int oc_attention_defines(const oc_attention_variant *v, char *text, size_t size) {
    switch (v->kind) {
    case OC_ATTENTION_WGMMA:
        return snprintf(text, size,
                        "#define KEYS_A %d\n#define KEYS_B %d\n#define BLOCKS %d\n"
                        "#define WARPGROUPS %d\n#define STAGES %d\n#define BOX %d\n"
                        "#define BOXES %d\n#define QUERY_BOXES %d\n#define TILES %d\n"
                        "#define GROUPS %d\n#define CAUSAL %d\n#define TURNS %d\n#define TAIL %d\n"
                        "#define TAIL_OWN %d\n#define OUT_F16 %d\n",
                        v->keys_a, v->keys_b, v->blocks, v->warps / 4, v->stages, v->box, v->boxes,
                        v->query_boxes, v->tiles, v->groups, v->causal, v->turns, v->tail,
                        v->tail_own, v->out_f16);
    case OC_ATTENTION_MMA:
        return snprintf(text, size,
                        "#define HEAD_DIM %d\n#define QUERIES %d\n#define KEYS %d\n"
                        "#define BLOCKS %d\n#define WARPS %d\n#define CTAS %d\n"
                        "#define CAUSAL %d\n#define MASKED %d\n#define OUT_F16 %d\n",
                        v->head_dim, v->queries, v->keys, v->blocks, v->warps, v->ctas, v->causal,
                        v->masked, v->out_f16);
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
