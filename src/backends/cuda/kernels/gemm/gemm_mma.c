/* gemm_mma.c - choosing, describing and launching gemm_mma.cu.
 *
 * The model counts, for one block of k, the clocks of what runs side by side on a multiprocessor,
 * and takes the longest: tensor cores, the widening of codes, shared memory (128 bytes a clock) and
 * what comes from the L2.  Its numbers are those of NVIDIA's tables, not measured ones.  It counts
 * for a card of PROCESSORS multiprocessors, whichever is there: so the kernels of an architecture
 * are the same on all its cards, and one pack serves them. */
#include "backends/cuda/kernels/gemm/gemm_mma.h"

enum {
    BLOCK_BYTES = 128, /* of k, in a stage */
    PROCESSORS = 128,
    THREADS_OF_PROCESSOR = 1536,
    REGISTERS_OF_PROCESSOR = 65536,
    RESERVED = 1024 /* of shared memory, for each block */
};

static int32_t divide_up(int32_t x, int32_t by) {
    return (x + by - 1) / by;
}

static int32_t least(int32_t x, int32_t y) {
    return x < y ? x : y;
}

static double larger(double x, double y) {
    return x > y ? x : y;
}

static int32_t warps_of(const oc_gemm_mma_variant *v) {
    return v->warps_m * v->warps_n;
}

static int32_t tile_m_of(const oc_gemm_mma_variant *v) {
    return 16 * v->fragments * v->warps_m;
}

static int32_t tile_n_of(const oc_gemm_mma_variant *v) {
    return v->columns * v->warps_n;
}

/* As the kernel's enum lays it out. */
static int32_t stages_bytes_of(const oc_gemm_mma_variant *v) {
    return v->stages * (tile_m_of(v) + tile_n_of(v)) * BLOCK_BYTES;
}

static int32_t store_bytes_of(const oc_gemm_product *product, const oc_gemm_mma_variant *v) {
    int32_t pitch = product->out == OC_GEMM_F16 ? v->columns * 2 + 32 : v->columns + 16;
    return warps_of(v) * 16 * pitch;
}

static int32_t shared_bytes_of(const oc_gemm_product *product, const oc_gemm_mma_variant *v) {
    int32_t vectors = (product->scale != 0) + (product->bias != 0);
    return stages_bytes_of(v) + vectors * tile_n_of(v) * 4;
}

bool oc_gemm_mma_takes_codes(const oc_gemm_mma_card *card) {
    return (card->major == 8 && card->minor == 9) || card->major >= 12;
}

static bool is_widened(const oc_gemm_product *product, const oc_gemm_mma_card *card) {
    return product->in_f16 == 0 && !oc_gemm_mma_takes_codes(card);
}

/* Of a thread: sums, both sides' fragments, products on their way to the sums, all else. */
static int32_t registers_of(const oc_gemm_product *product, const oc_gemm_mma_variant *v,
                            const oc_gemm_mma_card *card) {
    int32_t sides = 4 * (v->fragments + 1) * (is_widened(product, card) ? 2 : 1);
    bool is_added = product->in_f16 == 0 && oc_gemm_mma_takes_codes(card);
    return v->fragments * v->columns / 2 + sides + (is_added ? 16 * v->fragments : 0) + 44;
}

const char *oc_gemm_mma_refusal(const oc_gemm_product *product, const oc_gemm_mma_variant *variant,
                                const oc_gemm_mma_card *card) {
    const oc_gemm_mma_variant *v = variant;
    int32_t threads = 32 * warps_of(v);
    if (product->n < 8 || product->n % 8 != 0) {
        return "n is not a multiple of 8";
    }
    if (product->k < 1) {
        return "k is less than 1";
    }
    if (v->fragments < 1 || v->columns < 16 || v->columns % 16 != 0) {
        return "a warp has fragments of 16 rows and a multiple of 16 columns";
    }
    if (v->warps_m < 1 || v->warps_n < 1 || threads % 64 != 0 || threads > 1024) {
        return "there are 2 to 32 warps, an even number";
    }
    if (tile_m_of(v) * 8 % threads != 0 || tile_n_of(v) * 8 % threads != 0) {
        return "the threads do not share a tile's rows evenly";
    }
    if (v->stages < 2 || store_bytes_of(product, v) > stages_bytes_of(v)) {
        return "stages are 2 or more, and have room for the result";
    }
    if (shared_bytes_of(product, v) > card->shared_max) {
        return "too much shared memory";
    }
    if (registers_of(product, v, card) > least(255, REGISTERS_OF_PROCESSOR / threads)) {
        return "too many registers";
    }
    return NULL;
}

size_t oc_gemm_mma_defines(const oc_gemm_product *product, const oc_gemm_mma_variant *variant,
                           char to[OC_GEMM_DEFINES_MAX]) {
    const oc_named names[] = {
        {"FRAGMENTS", variant->fragments}, {"COLUMNS", variant->columns},
        {"WARPS_M", variant->warps_m},     {"WARPS_N", variant->warps_n},
        {"STAGES", variant->stages},
    };
    return oc_gemm_write_defines(product, names, (int32_t)(sizeof names / sizeof *names), to);
}

static int32_t tiles_of(const oc_gemm_product *product, const oc_gemm_mma_variant *v,
                        int32_t rows) {
    return divide_up(rows < 1 ? 1 : rows, tile_m_of(v)) * divide_up(product->n, tile_n_of(v));
}

oc_gemm_mma_launch oc_gemm_mma_launch_of(const oc_gemm_product *product,
                                         const oc_gemm_mma_variant *variant, int32_t rows) {
    return (oc_gemm_mma_launch){
        .grid = tiles_of(product, variant, rows),
        .threads = 32 * warps_of(variant),
        .shared_bytes = shared_bytes_of(product, variant),
    };
}

/* Products that a multiprocessor adds in a clock. */
static double rate_of(const oc_gemm_product *product, const oc_gemm_mma_card *card) {
    bool is_narrow = (card->major == 8 && card->minor != 0) || card->major >= 12;
    bool is_codes = product->in_f16 == 0 && oc_gemm_mma_takes_codes(card);
    return (is_narrow ? 512 : 1024) * (is_codes ? 2 : 1);
}

double oc_gemm_mma_predict(const oc_gemm_product *product, const oc_gemm_mma_variant *variant,
                           const oc_gemm_mma_card *card, int32_t rows) {
    enum {
        START = 3000,     /* clocks until the first block has come, and after the last store */
        LATENCY = 800,    /* of a load */
        BARRIER = 60,     /* of a block */
        L2_PROCESSOR = 40 /* bytes a clock */
    };
    const oc_gemm_mma_variant *v = variant;
    int32_t threads = 32 * warps_of(v), tiles = tiles_of(product, v, rows);
    int32_t fit = (card->shared_max + RESERVED) / (shared_bytes_of(product, v) + RESERVED);
    fit = least(fit, THREADS_OF_PROCESSOR / threads);
    fit = least(fit, REGISTERS_OF_PROCESSOR / (threads * registers_of(product, v, card)));
    /* Tiles that share a multiprocessor, and how often such a set comes. */
    int32_t together = least(fit < 1 ? 1 : fit, divide_up(tiles, PROCESSORS));
    int32_t waves = divide_up(tiles, PROCESSORS * together);
    double warps = warps_of(v), rows_read = 16 * v->fragments + v->columns; /* by a warp */
    double tile_m = tile_m_of(v), tile_n = tile_n_of(v);
    int32_t block_k = product->in_f16 != 0 ? 64 : 128;
    double tensor = tile_m * tile_n * block_k / rate_of(product, card);
    /* of four codes: 10 operations of 2 clocks, or 2 conversions of 4; in four parts at once */
    double word = card->major < 9 ? 20 : 8;
    double widen = is_widened(product, card) ? warps * rows_read * word / 4 : 0;
    double shared = warps * rows_read + tile_m + tile_n;
    double loads = (tile_m + tile_n) * BLOCK_BYTES / L2_PROCESSOR;
    double block = larger(larger(tensor, widen), larger(shared, loads)) + BARRIER;
    double blocks = product->terms * divide_up(product->k, block_k);
    double store = tile_m * tile_n / 8;
    return START + waves * (blocks * larger(together * block, (double)LATENCY / (v->stages - 1)) +
                            together * store);
}

/* fragments, columns, warps m n, stages */
static const oc_gemm_mma_variant candidates[] = {
    {4, 64, 2, 4, 3}, {2, 64, 4, 2, 3}, {2, 64, 2, 2, 3}, {2, 32, 2, 2, 3}, {2, 32, 1, 4, 4},
    {2, 16, 1, 4, 4}, {1, 32, 1, 4, 4}, {1, 16, 1, 4, 4}, {1, 16, 1, 2, 6},
};

oc_gemm_mma_variant oc_gemm_mma_choose(const oc_gemm_product *product, const oc_gemm_mma_card *card,
                                       int32_t rows) {
    oc_gemm_mma_variant best = {1, 16, 1, 2, 4};
    double best_time = oc_gemm_mma_predict(product, &best, card, rows);
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        double time = oc_gemm_mma_predict(product, &candidates[i], card, rows);
        if (oc_gemm_mma_refusal(product, &candidates[i], card) == NULL && time < best_time) {
            best_time = time;
            best = candidates[i];
        }
    }
    return best;
}
