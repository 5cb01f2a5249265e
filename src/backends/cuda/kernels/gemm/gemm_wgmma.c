/* gemm_wgmma.c - choosing, describing and launching gemm_wgmma.cu.
 *
 * The model counts, for one block of k of one tile, the clocks of four things that run side by
 * side, and takes the longest: tensor cores, shared memory (128 bytes a clock: operands read and
 * blocks written), the L2 (bytes that the CTA asks for), and one warpgroup's own chain. */
#include "backends/cuda/kernels/gemm/gemm_wgmma.h"

#include <stdbool.h>
#include <stdio.h>

enum {
    BLOCK_BYTES = 128, /* of k, in a stage */
    WARPGROUP_ROWS = 64
};

static int32_t round_up(int32_t x, int32_t to) {
    return (x + to - 1) / to * to;
}

static int32_t divide_up(int32_t x, int32_t by) {
    return (x + by - 1) / by;
}

static double larger(double x, double y) {
    return x > y ? x : y;
}

static int32_t columns_of(const oc_gemm_variant *variant) {
    return variant->tile_n / variant->warpgroups_n;
}

static int32_t consumers_of(const oc_gemm_variant *variant) {
    return variant->warpgroups_m * variant->warpgroups_n;
}

/* As the kernel's enum lays it out. */
static int32_t shared_bytes_of(const oc_gemm_product *product, const oc_gemm_variant *variant) {
    int32_t tile_m = WARPGROUP_ROWS * variant->warpgroups_m, warps = 4 * consumers_of(variant);
    int32_t codes = columns_of(variant) + 16, halves = columns_of(variant) * 2 + 32;
    bool staged = !variant->swap && product->out != OC_GEMM_F32;
    int32_t store = !staged ? 0 : 16 * (product->out == OC_GEMM_F16 ? halves : codes);
    int32_t vectors = variant->swap ? 0 : (product->scale != 0) + (product->bias != 0);
    return variant->stages * (tile_m + variant->tile_n) * BLOCK_BYTES + warps * store +
           2 * vectors * variant->tile_n * 4 + 16 * variant->stages + 32;
}

/* Of a consumer's thread: sums, products under way, left rows, and some 24 for all else; more where
 * float32 sums meet a table on their way out. */
static int32_t registers_of(const oc_gemm_product *product, const oc_gemm_variant *variant) {
    int32_t sets = variant->turn > 1 && variant->in_flight > 1 ? 2 : 1;
    return columns_of(variant) / 2 + variant->in_flight * variant->piece_n / 2 +
           (variant->a_registers ? 16 * sets : 0) + 24 +
           (product->table != 0 && product->out == OC_GEMM_F32 ? 24 : 0);
}

static int32_t registers_limit(int32_t consumers) {
    static const int32_t limits[] = {0, 255, 232, 160, 112};
    return limits[consumers];
}

const char *oc_gemm_refusal(const oc_gemm_product *product, const oc_gemm_variant *variant) {
    const oc_gemm_variant *v = variant;
    if (product->n < 8 || product->n > 8192 || product->n % 8 != 0) {
        return "n is not a multiple of 8 up to 8192";
    }
    if (product->k < 1) {
        return "k is less than 1";
    }
    if (v->warpgroups_m < 1 || v->warpgroups_n < 1 || consumers_of(v) > 4) {
        return "there are 1 to 4 consumer warpgroups";
    }
    if (v->tile_n < 8 || v->tile_n > 256 ||
        v->tile_n % ((v->swap ? 8 : 16) * v->warpgroups_n) != 0) {
        return "a warpgroup's columns are a multiple of 16 (of 8 with swap), the tile's at most "
               "256";
    }
    if (v->piece_n < 8 || v->piece_n % 8 != 0 || columns_of(v) % v->piece_n != 0) {
        return "pieces are multiples of 8 that divide a warpgroup's columns";
    }
    if (v->turn < 1 || v->stages < 2 || v->stages % v->turn != 0) {
        return "stages are a multiple of a turn's blocks, 2 or more";
    }
    if (v->in_flight < 1 || v->in_flight > 4 ||
        v->in_flight > v->turn * columns_of(v) / v->piece_n) {
        return "1 to 4 pieces are under way, at most a turn's";
    }
    if (v->cluster_m < 1 || v->cluster_n < 1 || v->cluster_m * v->cluster_n > 8) {
        return "a cluster has 1 to 8 blocks";
    }
    if (shared_bytes_of(product, v) > OC_GEMM_SHARED_MAX) {
        return "too much shared memory";
    }
    if (registers_of(product, v) > registers_limit(consumers_of(v))) {
        return "too many registers";
    }
    return NULL;
}

int32_t oc_gemm_product_names(const oc_gemm_product *product, oc_named to[OC_GEMM_NAMES_MAX]) {
    const oc_named names[] = {
        {"N", product->n},
        {"K", product->k},
        {"TERMS", product->terms},
        {"IN_F16", product->in_f16 != 0},
        {"OUT", (int32_t)product->out},
        {"RESIDUAL", (int32_t)product->residual},
        {"ACT", product->act},
        {"HAS_SCALE", product->scale != 0},
        {"HAS_BIAS", product->bias != 0},
        {"HAS_ROW_SCALE", product->row_scale != 0},
        {"HAS_TABLE", product->table != 0},
    };
    memcpy(to, names, sizeof names);
    return (int32_t)(sizeof names / sizeof *names);
}

int32_t oc_gemm_variant_names(const oc_gemm_variant *variant, oc_named to[OC_GEMM_NAMES_MAX]) {
    const oc_named names[] = {
        {"SWAP", variant->swap != 0},
        {"WARPGROUPS_M", variant->warpgroups_m},
        {"WARPGROUPS_N", variant->warpgroups_n},
        {"TILE_N", variant->tile_n},
        {"PIECE_N", variant->piece_n},
        {"IN_FLIGHT", variant->in_flight},
        {"TURN", variant->turn},
        {"A_REGISTERS", variant->a_registers != 0},
        {"STAGES", variant->stages},
        {"CLUSTER_M", variant->cluster_m},
        {"CLUSTER_N", variant->cluster_n},
        {"ORDERED", variant->ordered != 0},
    };
    memcpy(to, names, sizeof names);
    return (int32_t)(sizeof names / sizeof *names);
}

size_t oc_gemm_defines(const oc_gemm_product *product, const oc_gemm_variant *variant,
                       char to[OC_GEMM_DEFINES_MAX]) {
    oc_named lines[2 * OC_GEMM_NAMES_MAX];
    int32_t count = oc_gemm_product_names(product, lines);
    size_t length = 0;
    count += oc_gemm_variant_names(variant, lines + count);
    for (int32_t i = 0; i < count; i++) {
        length += (size_t)snprintf(to + length, OC_GEMM_DEFINES_MAX - length, "#define %s %d\n",
                                   lines[i].name, lines[i].value);
    }
    return length;
}

static int32_t tiles_of(const oc_gemm_product *product, const oc_gemm_variant *v, int32_t rows) {
    int32_t left = v->swap ? product->n : rows, right = v->swap ? rows : product->n;
    return divide_up(left, WARPGROUP_ROWS * v->warpgroups_m * v->cluster_m) *
           divide_up(right, v->tile_n * v->cluster_n);
}

/* Rows of one load: a cluster's blocks share a tile in parts that are multiples of 8 rows, else
 * each loads all of it in turn. */
static int32_t part_of(int32_t rows, int32_t blocks) {
    return rows % (8 * blocks) == 0 ? rows / blocks : rows;
}

oc_gemm_launch oc_gemm_launch_of(const oc_gemm_product *product, const oc_gemm_variant *variant,
                                 int32_t rows, int32_t processors) {
    int32_t cluster = variant->cluster_m * variant->cluster_n;
    int32_t tiles = tiles_of(product, variant, rows < 1 ? 1 : rows);
    int32_t left = part_of(WARPGROUP_ROWS * variant->warpgroups_m, variant->cluster_n);
    int32_t right = part_of(variant->tile_n, variant->cluster_m);
    int32_t clusters = processors / cluster < tiles ? processors / cluster : tiles;
    return (oc_gemm_launch){
        .grid = clusters * cluster,
        .threads = 128 * (consumers_of(variant) + 1),
        .cluster = cluster,
        .shared_bytes = shared_bytes_of(product, variant),
        .box_k = BLOCK_BYTES / (product->in_f16 ? 2 : 1),
        .a_box_rows = variant->swap ? right : left,
        .w_box_rows = variant->swap ? left : right,
    };
}

double oc_gemm_predict(const oc_gemm_product *product, const oc_gemm_variant *variant, int32_t rows,
                       int32_t processors) {
    /* Fitted on an H100 to the times of all candidates at 52 products of ViT-L/14, ViT-B/32 and
     * their texts, 50 to 32,896 rows, launches that overlap: within 15 % (rms); the choice is 1.4 %
     * slower than the fastest candidate on average, 12 % at most. */
    enum {
        START = 1410, /* clocks until the first block has come, and after the last store */
        CLUSTER = 700,
        L2_CLOCK = 6760, /* bytes, of the card */
        DRAIN = 224,     /* of a turn: barriers, the last product, the first sums */
        CLOCK = 1660     /* a microsecond, under load */
    };
    const oc_gemm_variant *v = variant;
    double cluster = v->cluster_m * v->cluster_n;
    int32_t whole_pieces = columns_of(v) / v->piece_n;
    double groups = consumers_of(v), pieces = whole_pieces;
    double tile_m = WARPGROUP_ROWS * v->warpgroups_m, tile_n = v->tile_n;
    double busy = tiles_of(product, v, rows) * cluster;
    busy = busy < processors ? busy : processors;
    /* codes: 4,096 products a clock; floats half, and half as many to a block */
    double tensor = tile_m * tile_n * BLOCK_BYTES / 4096;
    double shared = (groups * (8192 * (v->a_registers ? 1 : pieces) + columns_of(v) * 128.0) +
                     (tile_m + tile_n) * 128) /
                    128;
    double wanted = (tile_m / v->cluster_n + tile_n / v->cluster_m) * 128;
    double sums = (v->in_flight > 1 ? v->piece_n : columns_of(v)) / 2.0;
    double covered = v->turn == 1 ? 1 : v->turn == 2 ? 1.4 : 18; /* blocks a drain */
    double block =
        larger(larger(tensor * 1.2, shared),
               larger(wanted * busy / L2_CLOCK, tensor / groups + (DRAIN + sums) / covered));
    block += wanted / 1530; /* bytes cost power, which is what large products run out of */
    int32_t block_k = product->in_f16 ? 64 : 128;
    double blocks = round_up(product->terms * divide_up(product->k, block_k), v->turn);
    double a_value = product->out == OC_GEMM_E4M3          ? product->act != 0 ? 13.1 : 12
                     : product->residual == OC_GEMM_ABSENT ? 13.7
                                                           : 26.2;
    double store = tile_m * tile_n / 128 * a_value * (v->swap ? 1.8 : 1);
    double waves = divide_up(tiles_of(product, v, rows), processors / (int32_t)cluster);
    return (START + (cluster > 1 ? CLUSTER : 0) + waves * (blocks * block + store)) / CLOCK;
}

/* Those that were fastest on an H100 at some shape of ViT-B/32 or ViT-L/14, and neighbours for
 * other widths: the model is good enough to choose among them, not among all there are. swap,
 * warpgroups m n, tile, piece, in flight, turn, a in registers, stages, cluster m n, ordered */
static const oc_gemm_variant candidates[] = {
    {0, 2, 1, 256, 128, 1, 1, 0, 3, 2, 1, 0}, {0, 3, 1, 128, 128, 1, 1, 0, 4, 1, 1, 0},
    {0, 3, 1, 128, 128, 1, 1, 0, 4, 1, 1, 1}, {0, 3, 1, 128, 128, 1, 1, 0, 4, 2, 1, 0},
    {0, 2, 1, 160, 80, 1, 1, 0, 4, 1, 1, 0},  {0, 3, 1, 96, 96, 1, 1, 0, 5, 1, 1, 0},
    {0, 3, 1, 96, 96, 1, 1, 0, 5, 1, 2, 0},   {0, 2, 1, 128, 128, 2, 2, 0, 4, 1, 1, 0},
    {0, 1, 2, 256, 128, 1, 1, 0, 4, 1, 1, 1}, {0, 1, 2, 160, 80, 2, 2, 0, 6, 2, 1, 0},
    {0, 1, 2, 64, 32, 2, 2, 0, 12, 1, 1, 0},  {0, 1, 2, 64, 32, 2, 2, 0, 12, 1, 2, 0},
    {1, 3, 1, 176, 88, 1, 1, 0, 4, 1, 2, 0},  {1, 2, 1, 136, 136, 2, 2, 0, 6, 2, 1, 0},
    {1, 3, 1, 56, 56, 1, 1, 0, 7, 1, 1, 0},   {1, 2, 1, 72, 72, 2, 2, 0, 8, 1, 2, 0},
    {1, 2, 1, 32, 32, 2, 2, 0, 10, 1, 1, 0},  {1, 1, 1, 56, 56, 4, 4, 0, 12, 1, 1, 0},
    {1, 1, 1, 48, 48, 4, 4, 0, 16, 1, 2, 0},  {1, 1, 1, 16, 16, 4, 4, 0, 16, 1, 1, 0},
    {0, 1, 1, 64, 64, 1, 1, 0, 4, 1, 1, 0}, /* always */
};

const oc_gemm_variant *oc_gemm_candidate(int32_t number) {
    bool is_one = number >= 0 && number < (int32_t)(sizeof candidates / sizeof *candidates);
    return is_one ? &candidates[number] : NULL;
}

int32_t oc_gemm_choose(const oc_gemm_product *product, int32_t rows, int32_t processors,
                       double *microseconds) {
    const oc_gemm_variant *v;
    double best_time = 0;
    int32_t best = -1;
    for (int32_t i = 0; (v = oc_gemm_candidate(i)) != NULL; i++) {
        double time = oc_gemm_predict(product, v, rows, processors);
        if (oc_gemm_refusal(product, v) == NULL && (best < 0 || time < best_time)) {
            best_time = time;
            best = i;
        }
    }
    if (microseconds != NULL) {
        *microseconds = best_time;
    }
    return best;
}
