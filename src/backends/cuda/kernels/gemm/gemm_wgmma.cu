/* gemm_wgmma.cu - matrix products on Hopper's tensor cores, with all that follows them.
 *
 *   out[r][c] = act(sum_k a[r][k] w[c][k] * row_scale[r] * scale[c] + bias[c]) + residual[r][c]
 *               + table[r mod period][c];   codes: e4m3(that * inverse), NaN becomes 0x7f
 *
 * a [rows, K] E4M3 codes or F16, w [N, K] the same, its rows permuted within 16 (below), N padded to
 * 16 with zeros.  How many rows there are is read from device memory.
 *
 * Numbers.  The tensor cores cut each product at 13 fraction bits of a step's largest, so their sums
 * run over one block of 128 bytes of k (128 codes, 64 floats) and are then added to float32 sums in
 * the order of k.  Nothing else adds: the bits of an output depend on its row of a and its row of w
 * alone, not on rows, tile, pieces, cluster or schedule.  Blocks past K are zeros; adding them
 * changes no bit, since the sums begin at +0.
 *
 * Sides.  The tensor cores take 64 rows of the left side and any multiple of 8 rows of the right one.
 * SWAP 0: left is a, right is w (N side).  SWAP 1: left is w, right is a: few tokens fit better.
 *
 * Who does what.  A persistent CTA: one producer thread, which asks the copy engine for blocks of both
 * sides (STAGES ahead) and the columns' scales and biases (a tile ahead), and WARPGROUPS_M x
 * WARPGROUPS_N consumer warpgroups, each with 64 left and TILE_N / WARPGROUPS_N right rows.  They do
 * not wait for each other: one that stores its tile leaves the tensor cores to the other, and they
 * drift apart until the stages bind them.  A warpgroup's columns are PIECES of PIECE_N; of the
 * turn's pieces (TURN blocks of k) IN_FLIGHT are under way, each in sums of its own, which are added
 * when done while the next runs.  With A_REGISTERS a warpgroup reads its left rows once a block into
 * registers, not once a piece.  CLUSTER_M CTAs with other left rows share the right ones, CLUSTER_N
 * with other right rows the left ones: each loads its part for all, or, where parts would not be
 * multiples of 8 rows, all of it every other block.
 *
 * ORDERED: the warpgroups give their products to the tensor cores in turn, so that they end their
 * tiles one after the other, and each one's stores run beside the others' products.
 *
 * Out as codes or F16 is put together in shared memory, so that whole rows of a warp's part are
 * stored; an F16 residual is fetched there while the products run, and added in place.
 *
 * Barriers.  full[s]: the producer's expect and all bytes of the stage.  empty[s]: a warp of a
 * consumer in each CTA that this CTA's loads reach.  vectors_full[b], vectors_empty[b]: the same for
 * scale and bias.
 *
 * Permutation.  Packed row 16 i + c is w's row 16 i + (c < 8 ? 4 (c / 2) + c % 2
 * : 4 ((c - 8) / 2) + 2 + c % 2): so a thread's four sums of a row are neighbours in out.
 *
 * Dependent launch.  Weights, scale, bias, table and *rows are read before grid_wait: kernels of the
 * same chain must not write them; `a`, row_scale, residual and out are used after it.
 *
 * Alignment, in bytes: 16 for everything and its rows; codes out with N no multiple of 16: 8. */
#include "cluster.cuh"
#include "e4m3.cuh"
#include "gemm.cuh"
#include "mbarrier.cuh"
#include "tma.cuh"
#include "wgmma.cuh"

#if !defined(N) || !defined(K) || !defined(TERMS) || !defined(IN_F16) || !defined(OUT) || !defined(ACT) ||            \
    !defined(RESIDUAL) || !defined(HAS_SCALE) || !defined(HAS_BIAS) || !defined(HAS_ROW_SCALE) ||  \
    !defined(HAS_TABLE)
#error "gemm_wgmma: the product is not defined"
#endif
#if !defined(WARPGROUPS_M) || !defined(WARPGROUPS_N) || !defined(TILE_N) || !defined(PIECE_N) ||   \
    !defined(IN_FLIGHT) || !defined(TURN) || !defined(A_REGISTERS) || !defined(STAGES) ||          \
    !defined(CLUSTER_M) || !defined(CLUSTER_N) || !defined(SWAP) || \
    !defined(ORDERED)
#error "gemm_wgmma: the variant is not defined"
#endif

/* Of 512 a lane of the processor's quarter: 2 x 232 + 40, 3 x 160 + 32, 4 x 112 + 32. */
#define PRODUCER_REGISTERS (WARPGROUPS_M * WARPGROUPS_N == 2 ? 40 : 32)

#if IN_F16
OC_WGMMA(multiply, PIECE_N, F16)
#else
OC_WGMMA(multiply, PIECE_N, E4M3)
#endif

enum {
    CONSUMERS = WARPGROUPS_M * WARPGROUPS_N,
    THREADS = 128 * (CONSUMERS + 1),
    TILE_M = 64 * WARPGROUPS_M,
    COLUMNS = TILE_N / WARPGROUPS_N, /* of a warpgroup */
    PIECES = COLUMNS / PIECE_N,
    CLUSTER = CLUSTER_M * CLUSTER_N,
    REACH = CLUSTER_M + CLUSTER_N - 1, /* CTAs that a CTA's loads reach */

    BLOCK_BYTES = 128,
    BLOCK_K = IN_F16 ? 64 : 128,
    TERM_BLOCKS = (K + BLOCK_K - 1) / BLOCK_K, /* of a term of the weight */
    TURNS = (TERMS * TERM_BLOCKS + TURN - 1) / TURN,
    BLOCKS = TURNS * TURN,

    LEFT_BYTES = TILE_M * BLOCK_BYTES,
    RIGHT_BYTES = TILE_N * BLOCK_BYTES,
    /* Out as codes or F16 goes through shared memory; an F16 residual comes to the same place. */
    STAGED = !SWAP && (OUT == TYPE_E4M3 || OUT == TYPE_F16),
    RESIDUAL_STAGED = STAGED && OUT == TYPE_F16 && RESIDUAL == TYPE_F16,
    STORE_PITCH = OUT == TYPE_F16 ? COLUMNS * 2 + 32 : COLUMNS + 16,
    STORE_BYTES = STAGED ? 16 * STORE_PITCH : 0, /* of a warp */
    VECTORS = SWAP ? 0 : HAS_SCALE + HAS_BIAS,
    VECTOR_BYTES = TILE_N * 4,

    AT_LEFT = 0,
    AT_RIGHT = AT_LEFT + STAGES * LEFT_BYTES,
    AT_STORE = AT_RIGHT + STAGES * RIGHT_BYTES,
    AT_VECTORS = AT_STORE + 4 * CONSUMERS * STORE_BYTES,
    AT_FULL = AT_VECTORS + 2 * VECTORS * VECTOR_BYTES,
    AT_EMPTY = AT_FULL + 8 * STAGES,
    AT_VECTORS_FULL = AT_EMPTY + 8 * STAGES,
    AT_VECTORS_EMPTY = AT_VECTORS_FULL + 16,
    SHARED_BYTES = AT_VECTORS_EMPTY + 16
};
static_assert(N % 8 == 0 && N >= 8 && N <= 8192, "gemm_wgmma: N");
static_assert(PIECE_N % 8 == 0 && COLUMNS % PIECE_N == 0, "gemm_wgmma: PIECE_N");
static_assert(SWAP || COLUMNS % 16 == 0, "gemm_wgmma: TILE_N");
static_assert(TILE_N <= 256 && TILE_M <= 256, "gemm_wgmma: the box of a load");
static_assert(STAGES % TURN == 0 && STAGES >= 2, "gemm_wgmma: STAGES");
static_assert(IN_FLIGHT >= 1 && IN_FLIGHT <= 4 && IN_FLIGHT <= PIECES * TURN, "gemm_wgmma: IN_FLIGHT");
static_assert(SHARED_BYTES <= 232448, "gemm_wgmma: shared memory");

typedef struct arguments {
    const int *rows;
    const float *scale, *bias; /* [N] */
    const float *row_scale;    /* [rows] */
    const void *residual;      /* rows of residual_stride elements; may be out */
    const float *table;        /* [period, N] */
    void *out;                 /* rows of out_stride elements */
    long long residual_stride, out_stride;
    int period;
    float inverse;  /* of the scale of codes out */
    int descending; /* 1: the last tiles first */
} arguments;

/* Where this CTA is, and its tiles: first, first + step, ... < count. */
typedef struct place {
    unsigned shared;
    int rank, rank_m, rank_n;
    int rows, first, step, count;
} place;

typedef struct tile {
    int left, right; /* the CTA's first row of each side */
} tile;

enum {
    /* of the side whose rows are w's, all clusters' tiles */
    W_STEP = SWAP ? CLUSTER_M * TILE_M : CLUSTER_N * TILE_N, /* of a cluster's tile */
    W_TILES = (N + W_STEP - 1) / W_STEP,
    A_ROWS = SWAP ? CLUSTER_N * TILE_N : CLUSTER_M * TILE_M /* of a cluster's tile */
};

/* NOTE: each role asks anew: what both branches share would take the producer's few registers. */
OC_DEVICE place find_place(const void *shared, int rows) {
    place here;
    int cluster, clusters;
    here.shared = shared_address(shared);
    here.rank = CLUSTER == 1 ? 0 : cluster_rank();
    here.rank_m = here.rank % CLUSTER_M;
    here.rank_n = here.rank / CLUSTER_M;
    here.rows = rows;
    asm volatile("mov.u32 %0, %%ctaid.x;" : "=r"(cluster));
    asm volatile("mov.u32 %0, %%nctaid.x;" : "=r"(clusters));
    here.first = cluster / CLUSTER;
    here.step = clusters / CLUSTER;
    here.count = (here.rows + A_ROWS - 1) / A_ROWS * W_TILES;
    return here;
}

/* Tiles of one part of a follow each other. */
OC_DEVICE tile tile_at(const place &here, int index) {
    int of_a = index / W_TILES, of_w = index % W_TILES;
    tile at;
    at.left = ((SWAP ? of_w : of_a) * CLUSTER_M + here.rank_m) * TILE_M;
    at.right = ((SWAP ? of_a : of_w) * CLUSTER_N + here.rank_n) * TILE_N;
    return at;
}

/* ---- producer ---- */

OC_DEVICE void load_left(const place &here, const oc_tensor_map *map, tile at, int block,
                         int stage) {
    enum {
        SPLIT = TILE_M % (8 * CLUSTER_N) == 0,
        PART = SPLIT ? TILE_M / CLUSTER_N : TILE_M
    };
    int part = SPLIT ? here.rank_n * PART : 0;
    unsigned to = here.shared + AT_LEFT + stage * LEFT_BYTES + part * BLOCK_BYTES;
    unsigned full = here.shared + AT_FULL + 8 * stage;
    int k = (SWAP ? block : block % TERM_BLOCKS) * BLOCK_K; /* a has one term */
    int row = at.left + part;
    if (CLUSTER_N == 1) {
        tma_load(to, map, k, row, full);
    } else if (SPLIT || block % CLUSTER_N == here.rank_n) {
        unsigned short ctas = 0;
        for (int n = 0; n < CLUSTER_N; n++) {
            ctas |= 1 << (n * CLUSTER_M + here.rank_m);
        }
        tma_load_multicast(to, map, k, row, full, ctas);
    }
}

OC_DEVICE void load_right(const place &here, const oc_tensor_map *map, tile at, int block,
                          int stage) {
    enum {
        SPLIT = TILE_N % (8 * CLUSTER_M) == 0,
        PART = SPLIT ? TILE_N / CLUSTER_M : TILE_N
    };
    int part = SPLIT ? here.rank_m * PART : 0;
    unsigned to = here.shared + AT_RIGHT + stage * RIGHT_BYTES + part * BLOCK_BYTES;
    unsigned full = here.shared + AT_FULL + 8 * stage;
    int k = (!SWAP ? block : block % TERM_BLOCKS) * BLOCK_K; /* a has one term */
    int row = at.right + part;
    if (CLUSTER_M == 1) {
        tma_load(to, map, k, row, full);
    } else if (SPLIT || block % CLUSTER_M == here.rank_m) {
        unsigned short ctas = ((1 << CLUSTER_M) - 1) << (here.rank_n * CLUSTER_M);
        tma_load_multicast(to, map, k, row, full, ctas);
    }
}

OC_DEVICE void load_vectors(const place &here, const arguments &p, tile at, int count) {
    int buffer = count & 1;
    unsigned full = here.shared + AT_VECTORS_FULL + 8 * buffer;
    unsigned to = here.shared + AT_VECTORS + buffer * (VECTORS * VECTOR_BYTES);
    int columns = N - at.right < TILE_N ? N - at.right : TILE_N;
    unsigned bytes = columns > 0 ? columns * 4 : 0;
    mbarrier_wait(here.shared + AT_VECTORS_EMPTY + 8 * buffer, (count >> 1 & 1) ^ 1);
    mbarrier_arrive_expect(full, VECTORS * bytes);
    if (bytes != 0) {
        if (HAS_SCALE) {
            bulk_load(to, p.scale + at.right, bytes, full);
        }
        if (HAS_BIAS) {
            bulk_load(to + HAS_SCALE * VECTOR_BYTES, p.bias + at.right, bytes, full);
        }
    }
}

OC_DEVICE void produce(const place &here, const oc_tensor_map *left, const oc_tensor_map *right,
                       const arguments &p) {
    enum {
        EARLY = STAGES < BLOCKS ? STAGES : BLOCKS
    };
    int stage = 0, parity = 1, count = 0;
#pragma unroll 1
    for (int index = here.first; index < here.count; index += here.step, count++) {
        tile at = tile_at(here, p.descending ? here.count - 1 - index : index);
        int block = 0;
        if (count == 0) { /* weights do not wait for the kernels before this one */
#pragma unroll 1
            for (int early = 0; early < EARLY; early++) {
                mbarrier_arrive_expect(here.shared + AT_FULL + 8 * early, LEFT_BYTES + RIGHT_BYTES);
                if (SWAP) {
                    load_left(here, left, at, early, early);
                } else {
                    load_right(here, right, at, early, early);
                }
            }
            if (VECTORS != 0) {
                load_vectors(here, p, at, count);
            }
            grid_wait();
#pragma unroll 1
            for (; block < EARLY; block++) {
                if (SWAP) {
                    load_right(here, right, at, block, block);
                } else {
                    load_left(here, left, at, block, block);
                }
            }
            stage = EARLY % STAGES;
            parity = EARLY == STAGES ? 0 : 1;
        }
#pragma unroll 1
        for (; block < BLOCKS; block++) {
            mbarrier_wait(here.shared + AT_EMPTY + 8 * stage, parity);
            mbarrier_arrive_expect(here.shared + AT_FULL + 8 * stage, LEFT_BYTES + RIGHT_BYTES);
            load_right(here, right, at, block, stage);
            load_left(here, left, at, block, stage);
            if (VECTORS != 0 && count != 0 && block == 0) {
                load_vectors(here, p, at, count);
            }
            if (++stage == STAGES) {
                stage = 0;
                parity ^= 1;
            }
        }
    }
}

#include "gemm_finish.cuh"

/* ---- consumers ---- */

/* One turn: TURN blocks of k into the sums.  group g: piece g % PIECES of block g / PIECES. */
OC_DEVICE void multiply_turn(float (&sum)[COLUMNS / 2], const place &here, int group_m, int group_n,
                             int stage, int parity, unsigned empty) {
    enum {
        GROUPS = PIECES * TURN,
        A_SETS = TURN > 1 && IN_FLIGHT > 1 ? 2 : 1
    };
    float products[IN_FLIGHT][PIECE_N / 2];
    unsigned a[A_SETS][4][4];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
#pragma unroll
    for (int step = 0; step < GROUPS + IN_FLIGHT - 1; step++) {
        if (step < GROUPS) {
            int block = step / PIECES, piece = step % PIECES;
            unsigned rows = here.shared + AT_LEFT + (stage + block) * LEFT_BYTES + group_m * 8192;
            unsigned columns = here.shared + AT_RIGHT + (stage + block) * RIGHT_BYTES +
                               (group_n * COLUMNS + piece * PIECE_N) * BLOCK_BYTES;
            if (piece == 0) {
                mbarrier_wait(here.shared + AT_FULL + 8 * (stage + block), parity);
                if (A_REGISTERS) {
                    unsigned row = rows + (warp * 16 + (lane & 15)) * BLOCK_BYTES;
#pragma unroll
                    for (int i = 0; i < 4; i++) {
                        load_matrices(a[block % A_SETS][i],
                                      row + (((2 * i + (lane >> 4)) ^ (lane & 7)) << 4));
                    }
                }
            }
            unsigned long long left = wgmma_tile(rows), right = wgmma_tile(columns);
            if (ORDERED && CONSUMERS > 1) {
                named_wait(1 + group_m * WARPGROUPS_N + group_n, 256);
            }
            OC_WGMMA_PIN(products[step % IN_FLIGHT], PIECE_N / 2)
            wgmma_fence();
#pragma unroll
            for (int i = 0; i < 4; i++) {
                if (A_REGISTERS) {
                    multiply_rs(products[step % IN_FLIGHT], a[block % A_SETS][i], right + 2 * i,
                                i > 0);
                } else {
                    multiply_ss(products[step % IN_FLIGHT], left + 2 * i, right + 2 * i, i > 0);
                }
            }
            wgmma_commit();
            if (ORDERED && CONSUMERS > 1) {
                named_arrive(1 + (group_m * WARPGROUPS_N + group_n + 1) % CONSUMERS, 256);
            }
        }
        int done = step - (IN_FLIGHT - 1);
        if (done >= 0) {
            wgmma_wait(GROUPS - 1 - done < IN_FLIGHT - 1 ? GROUPS - 1 - done : IN_FLIGHT - 1);
            OC_WGMMA_PIN(products[done % IN_FLIGHT], PIECE_N / 2)
            if (done % PIECES == PIECES - 1) { /* the block's last piece: the stage is free */
                if (empty != 0) {
                    mbarrier_arrive_there(empty + 8 * (stage + done / PIECES));
                }
            }
#pragma unroll
            for (int i = 0; i < PIECE_N / 2; i++) {
                sum[done % PIECES * (PIECE_N / 2) + i] += products[done % IN_FLIGHT][i];
            }
        }
    }
}

OC_DEVICE void consume(const place &here, int warpgroup, const arguments &p) {
    int group_m = warpgroup / WARPGROUPS_N, group_n = warpgroup % WARPGROUPS_N;
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
    int stage = 0, parity = 0, count = 0;
#if !SWAP
    unsigned store = here.shared + AT_STORE + (warpgroup * 4 + warp) * STORE_BYTES;
#endif
    float sum[COLUMNS / 2];
    unsigned empty = 0; /* the barriers that this lane arrives at, in the cluster's memory */
    if (lane < CLUSTER && (lane % CLUSTER_M == here.rank_m || lane / CLUSTER_M == here.rank_n)) {
        empty = cluster_address(here.shared + AT_EMPTY, lane);
    }
    if (ORDERED && CONSUMERS > 1 && warpgroup == CONSUMERS - 1) {
        named_arrive(1, 256); /* the first turn is the first one's */
    }
    grid_wait(); /* residual and out belong to the kernels before until now */
    for (int index = here.first; index < here.count; index += here.step, count++) {
        tile at = tile_at(here, p.descending ? here.count - 1 - index : index);
        part mine;
        mine.row = at.left + group_m * 64 + warp * 16;
        mine.column = at.right + group_n * COLUMNS;
        mine.rows = here.rows;
        if (RESIDUAL != TYPE_NONE && !SWAP && !RESIDUAL_STAGED) {
            prefetch_residual(mine.row, here.rows, mine.column, p);
        }
#if SWAP
        swapped aside;
        if (PRELOADED) {
            load_aside(aside, mine, p);
        }
#endif
#pragma unroll
        for (int i = 0; i < COLUMNS / 2; i++) {
            sum[i] = 0;
        }
#pragma unroll 1
        for (int turn = 0; turn < TURNS; turn++) {
#if !SWAP
            if (RESIDUAL_STAGED && turn == 0) {
                fetch_residual(mine, store, p);
            }
#endif
            multiply_turn(sum, here, group_m, group_n, stage, parity, empty);
            stage += TURN;
            if (stage == STAGES) {
                stage = 0;
                parity ^= 1;
            }
        }
        int buffer = count & 1;
        if (VECTORS != 0) {
            mbarrier_wait(here.shared + AT_VECTORS_FULL + 8 * buffer, count >> 1 & 1);
        }
#if SWAP
        if (!PRELOADED) {
            load_aside(aside, mine, p);
        }
        store_swapped(sum, aside, mine, p);
#else
        mine.vectors = here.shared + AT_VECTORS + buffer * (VECTORS * VECTOR_BYTES) +
                       (group_n * COLUMNS + lane % 4 * 4) * 4;
        for (int half = 0; HAS_ROW_SCALE && half < 2; half++) {
            int row = mine.row + lane / 4 + 8 * half;
            mine.row_scale[half] = row < here.rows ? p.row_scale[row] : 0;
        }
        if (OUT == TYPE_E4M3) {
            store_codes(sum, mine, p, store);
        } else if (OUT == TYPE_F16) {
            if (RESIDUAL_STAGED) {
                wait_residual();
            }
            store_halves(sum, mine, p, store);
        } else {
            store_floats(sum, mine, p);
        }
#endif
        if (VECTORS != 0) {
            __syncwarp();
            if (lane == 0) {
                mbarrier_arrive(here.shared + AT_VECTORS_EMPTY + 8 * buffer);
            }
        }
    }
    if (ORDERED && CONSUMERS > 1 && warpgroup == 0) {
        named_wait(1, 256);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1)
    gemm_wgmma(const __grid_constant__ oc_tensor_map map_a,
               const __grid_constant__ oc_tensor_map map_w, const __grid_constant__ arguments p) {
    extern __shared__ __align__(1024) unsigned char shared[];
    int warpgroup = __shfl_sync(~0u, threadIdx.x / 128, 0);
    unsigned barriers = shared_address(shared);
    int rows; /* on its way while the barriers are made */
    asm volatile("ld.global.s32 %0, [%1];" : "=r"(rows) : "l"(p.rows));
    if (threadIdx.x == 0) {
        tma_prefetch_map(&map_a);
        tma_prefetch_map(&map_w);
        for (int i = 0; i < STAGES; i++) {
            mbarrier_init(barriers + AT_FULL + 8 * i, 1);
            mbarrier_init(barriers + AT_EMPTY + 8 * i, 4 * CONSUMERS * REACH);
        }
        for (int i = 0; i < 2; i++) {
            mbarrier_init(barriers + AT_VECTORS_FULL + 8 * i, 1);
            mbarrier_init(barriers + AT_VECTORS_EMPTY + 8 * i, 4 * CONSUMERS);
        }
        mbarrier_init_fence();
    }
    grid_launch_dependents();
    if (CLUSTER == 1) {
        __syncthreads();
    } else {
        cluster_sync();
    }
    if (warpgroup == CONSUMERS) {
#if WARPGROUPS_M * WARPGROUPS_N > 1
            OC_REGISTERS_LOWER(PRODUCER_REGISTERS);
#endif
        if (__shfl_sync(~0u, threadIdx.x / 32, 0) == 4 * CONSUMERS && elect_one()) {
            produce(find_place(shared, rows), SWAP ? &map_w : &map_a, SWAP ? &map_a : &map_w, p);
        }
    } else {
#if WARPGROUPS_M * WARPGROUPS_N == 2
        OC_REGISTERS_RAISE(232);
#elif WARPGROUPS_M * WARPGROUPS_N == 3
        OC_REGISTERS_RAISE(160);
#elif WARPGROUPS_M * WARPGROUPS_N == 4
        OC_REGISTERS_RAISE(112);
#endif
        consume(find_place(shared, rows), warpgroup, p);
    }
    if (CLUSTER != 1) {
        cluster_sync(); /* no CTA leaves while others may arrive at its barriers */
    }
}
