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
 * Who does what.  A persistent CTA: one producer thread, which asks the copy engine for blocks of a
 * and w (STAGES ahead) and the columns' scales and biases (a tile ahead), and WARPGROUPS_M x
 * WARPGROUPS_N consumer warpgroups, each with 64 rows and TILE_N / WARPGROUPS_N columns.  They do
 * not wait for each other: one that stores its tile leaves the tensor cores to the other, and they
 * drift apart until the stages bind them.  A warpgroup's columns are PIECES of PIECE_N; of the
 * turn's pieces (TURN blocks of k) IN_FLIGHT are under way, each in sums of its own, which are added
 * when done while the next runs.  With A_REGISTERS a warpgroup reads its rows of `a` once a block
 * into registers, not once a piece: shared memory (128 bytes a clock) is the limit of large tiles.
 * CLUSTER_M CTAs with other rows share w, CLUSTER_N with other columns share a: each loads its
 * part for all.
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
 * Alignment, in bytes: scale, bias 16; table, out, residual and their rows: four elements; codes out
 * with N a multiple of 16: 16; a's rows 16. */
#include "cluster.cuh"
#include "e4m3.cuh"
#include "mbarrier.cuh"
#include "tma.cuh"
#include "wgmma.cuh"

#if !defined(N) || !defined(K) || !defined(IN_F16) || !defined(OUT) || !defined(ACT) ||            \
    !defined(RESIDUAL) || !defined(HAS_SCALE) || !defined(HAS_BIAS) || !defined(HAS_ROW_SCALE) ||  \
    !defined(HAS_TABLE)
#error "gemm_wgmma: the product is not defined"
#endif
#if !defined(WARPGROUPS_M) || !defined(WARPGROUPS_N) || !defined(TILE_N) || !defined(PIECE_N) ||   \
    !defined(IN_FLIGHT) || !defined(TURN) || !defined(A_REGISTERS) || !defined(STAGES) ||          \
    !defined(CLUSTER_M) || !defined(CLUSTER_N)
#error "gemm_wgmma: the variant is not defined"
#endif

/* Of 512 a lane of the processor's quarter: 2 x 232 + 40, 3 x 160 + 32, 4 x 112 + 32. */
#define PRODUCER_REGISTERS (WARPGROUPS_M * WARPGROUPS_N == 2 ? 40 : 32)

/* OUT, RESIDUAL */
#define TYPE_E4M3 0
#define TYPE_F16  1
#define TYPE_F32  2
#define TYPE_NONE 3
/* ACT, as oc_activation */
#define ACT_NONE         0
#define ACT_GELU_ERF     1
#define ACT_GELU_SIGMOID 2
#define ACT_GELU_TANH    3

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

    A_BYTES = TILE_M * BLOCK_BYTES,
    W_BYTES = TILE_N * BLOCK_BYTES,
    STORE_COLUMNS = COLUMNS < 128 ? COLUMNS : 128, /* of codes, at once */
    STORE_PITCH = STORE_COLUMNS + 16,
    STORE_BYTES = OUT == TYPE_E4M3 ? 16 * STORE_PITCH : 0, /* of a warp */
    VECTORS = HAS_SCALE + HAS_BIAS,
    VECTOR_BYTES = TILE_N * 4,

    AT_A = 0,
    AT_W = AT_A + STAGES * A_BYTES,
    AT_STORE = AT_W + STAGES * W_BYTES,
    AT_VECTORS = AT_STORE + 4 * CONSUMERS * STORE_BYTES,
    AT_FULL = AT_VECTORS + 2 * VECTORS * VECTOR_BYTES,
    AT_EMPTY = AT_FULL + 8 * STAGES,
    AT_VECTORS_FULL = AT_EMPTY + 8 * STAGES,
    AT_VECTORS_EMPTY = AT_VECTORS_FULL + 16,
    SHARED_BYTES = AT_VECTORS_EMPTY + 16
};
static_assert(N % 8 == 0 && N >= 8 && N <= 8192, "gemm_wgmma: N");
static_assert(PIECE_N % 8 == 0 && COLUMNS % PIECE_N == 0 && COLUMNS % 16 == 0, "gemm_wgmma: PIECE_N");
static_assert(TILE_N <= 256 && TILE_N % (8 * CLUSTER_M) == 0, "gemm_wgmma: TILE_N");
static_assert(TILE_M % (8 * CLUSTER_N) == 0, "gemm_wgmma: CLUSTER_N");
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
    float inverse; /* of the scale of codes out */
} arguments;

/* Where this CTA is, and its tiles: first, first + step, ... < count. */
typedef struct place {
    unsigned shared;
    int rank, rank_m, rank_n;
    int rows, first, step, count;
} place;

typedef struct tile {
    int row, column; /* the CTA's first */
} tile;

enum {
    COLUMN_TILES = (N + CLUSTER_N * TILE_N - 1) / (CLUSTER_N * TILE_N)
};

/* NOTE: each role asks anew: what both branches share would take the producer's few registers. */
OC_DEVICE place find_place(const void *shared, const arguments &p) {
    place here;
    int cluster, clusters;
    here.shared = shared_address(shared);
    here.rank = CLUSTER == 1 ? 0 : cluster_rank();
    here.rank_m = here.rank % CLUSTER_M;
    here.rank_n = here.rank / CLUSTER_M;
    asm volatile("ld.global.s32 %0, [%1];" : "=r"(here.rows) : "l"(p.rows));
    asm volatile("mov.u32 %0, %%ctaid.x;" : "=r"(cluster));
    asm volatile("mov.u32 %0, %%nctaid.x;" : "=r"(clusters));
    here.first = cluster / CLUSTER;
    here.step = clusters / CLUSTER;
    here.count = (here.rows + CLUSTER_M * TILE_M - 1) / (CLUSTER_M * TILE_M) * COLUMN_TILES;
    return here;
}

OC_DEVICE tile tile_at(const place &here, int index) {
    tile at;
    at.row = ((index / COLUMN_TILES) * CLUSTER_M + here.rank_m) * TILE_M;
    at.column = ((index % COLUMN_TILES) * CLUSTER_N + here.rank_n) * TILE_N;
    return at;
}

/* ---- producer ---- */

OC_DEVICE void load_w(const place &here, const oc_tensor_map *map, tile at, int block, int stage) {
    enum {
        PART = TILE_N / CLUSTER_M
    };
    unsigned to = here.shared + AT_W + stage * W_BYTES + here.rank_m * (PART * BLOCK_BYTES);
    unsigned full = here.shared + AT_FULL + 8 * stage;
    int row = at.column + here.rank_m * PART;
    if (CLUSTER_M == 1) {
        tma_load(to, map, block * BLOCK_K, row, full);
    } else {
        unsigned short ctas = ((1 << CLUSTER_M) - 1) << (here.rank_n * CLUSTER_M);
        tma_load_multicast(to, map, block * BLOCK_K, row, full, ctas);
    }
}

OC_DEVICE void load_a(const place &here, const oc_tensor_map *map, tile at, int block, int stage) {
    enum {
        PART = TILE_M / CLUSTER_N
    };
    unsigned to = here.shared + AT_A + stage * A_BYTES + here.rank_n * (PART * BLOCK_BYTES);
    unsigned full = here.shared + AT_FULL + 8 * stage;
    int row = at.row + here.rank_n * PART;
    if (CLUSTER_N == 1) {
        tma_load(to, map, block % TERM_BLOCKS * BLOCK_K, row, full);
    } else {
        unsigned short ctas = 0;
        for (int n = 0; n < CLUSTER_N; n++) {
            ctas |= 1 << (n * CLUSTER_M + here.rank_m);
        }
        tma_load_multicast(to, map, block % TERM_BLOCKS * BLOCK_K, row, full, ctas);
    }
}

OC_DEVICE void load_vectors(const place &here, const arguments &p, tile at, int count) {
    int buffer = count & 1;
    unsigned full = here.shared + AT_VECTORS_FULL + 8 * buffer;
    unsigned to = here.shared + AT_VECTORS + buffer * (VECTORS * VECTOR_BYTES);
    int columns = N - at.column < TILE_N ? N - at.column : TILE_N;
    unsigned bytes = columns > 0 ? columns * 4 : 0;
    mbarrier_wait(here.shared + AT_VECTORS_EMPTY + 8 * buffer, (count >> 1 & 1) ^ 1);
    mbarrier_arrive_expect(full, VECTORS * bytes);
    if (bytes != 0) {
        if (HAS_SCALE) {
            bulk_load(to, p.scale + at.column, bytes, full);
        }
        if (HAS_BIAS) {
            bulk_load(to + HAS_SCALE * VECTOR_BYTES, p.bias + at.column, bytes, full);
        }
    }
}

OC_DEVICE void produce(const place &here, const oc_tensor_map *map_a, const oc_tensor_map *map_w,
                       const arguments &p) {
    enum {
        EARLY = STAGES < BLOCKS ? STAGES : BLOCKS
    };
    int stage = 0, parity = 1, count = 0;
#pragma unroll 1
    for (int index = here.first; index < here.count; index += here.step, count++) {
        tile at = tile_at(here, index);
        int block = 0;
        if (count == 0) { /* weights do not wait for the kernels before this one */
#pragma unroll 1
            for (int early = 0; early < EARLY; early++) {
                mbarrier_arrive_expect(here.shared + AT_FULL + 8 * early, A_BYTES + W_BYTES);
                load_w(here, map_w, at, early, early);
            }
            if (VECTORS != 0) {
                load_vectors(here, p, at, count);
            }
            grid_wait();
#pragma unroll 1
            for (; block < EARLY; block++) {
                load_a(here, map_a, at, block, block);
            }
            stage = EARLY % STAGES;
            parity = EARLY == STAGES ? 0 : 1;
        }
#pragma unroll 1
        for (; block < BLOCKS; block++) {
            mbarrier_wait(here.shared + AT_EMPTY + 8 * stage, parity);
            mbarrier_arrive_expect(here.shared + AT_FULL + 8 * stage, A_BYTES + W_BYTES);
            load_w(here, map_w, at, block, stage);
            load_a(here, map_a, at, block, stage);
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

/* ---- what follows the sum ---- */

/* x / (1 + 2^(-x2)) */
OC_DEVICE float times_sigmoid(float x, float x2) {
    float power, quotient;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(-x2));
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(quotient) : "f"(1.0f + power));
    return x * quotient;
}

/* x / (1 + e^(-2 half)) = x/2 + x/2 tanh(half): one special operation a value; within 2^-11 of tanh,
 * for codes. */
OC_DEVICE float times_sigmoid_by_tanh(float x, float half) {
    float t, x2 = 0.5f * x;
    asm("tanh.approx.f32 %0, %1;" : "=f"(t) : "f"(half));
    return fmaf(x2, t, x2);
}

OC_DEVICE float activate(float x) {
    if (ACT == ACT_GELU_ERF) {
        return 0.5f * x * (1.0f + erff(x * 0.70710678f));
    }
    if (ACT == ACT_GELU_SIGMOID) {
        return OUT == TYPE_E4M3 ? times_sigmoid_by_tanh(x, 0.851f * x)
                                : times_sigmoid(x, (1.702f * 1.44269504f) * x);
    }
    if (ACT == ACT_GELU_TANH) {
        float u = 0.79788456f * fmaf(0.044715f * x * x, x, x);
        return OUT == TYPE_E4M3 ? times_sigmoid_by_tanh(x, u)
                                : times_sigmoid(x, 2.0f * 1.44269504f * u);
    }
    return x;
}

typedef struct four {
    float x[4];
} four;

OC_DEVICE four load_four(unsigned address) {
    four to;
    asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(to.x[0]), "=f"(to.x[1]), "=f"(to.x[2]), "=f"(to.x[3])
                 : "r"(address));
    return to;
}

/* A warp's part of the tile: what each thread needs to place its sums. */
typedef struct part {
    unsigned vectors;    /* shared: scale, then bias, at this thread's first four columns */
    int row, column;     /* this thread's first: its others are row + 8, column + 16 i */
    int rows;            /* of the product */
    float row_scale[2];
} part;

/* Columns column + 16 group .. + 3 of row + 8 * half, before residual and table. */
OC_DEVICE four finish(const float *sum, int half, const part &here, const four &scale,
                      const four &bias) {
    four y = {{sum[2 * half], sum[2 * half + 1], sum[2 * half + 4], sum[2 * half + 5]}};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        float x = HAS_ROW_SCALE ? y.x[i] * here.row_scale[half] : y.x[i];
        x = HAS_SCALE ? HAS_BIAS ? fmaf(x, scale.x[i], bias.x[i]) : x * scale.x[i]
                      : HAS_BIAS ? x + bias.x[i] : x;
        y.x[i] = activate(x);
    }
    return y;
}

OC_DEVICE four floats_at(const void *from, int type) {
    four to;
    if (type == TYPE_F16) {
        unsigned low, high;
        asm volatile("ld.global.v2.u32 {%0, %1}, [%2];" : "=r"(low), "=r"(high) : "l"(from));
        to.x[0] = f16_low(low), to.x[1] = f16_high(low);
        to.x[2] = f16_low(high), to.x[3] = f16_high(high);
    } else {
        asm volatile("ld.global.v4.f32 {%0, %1, %2, %3}, [%4];"
                     : "=f"(to.x[0]), "=f"(to.x[1]), "=f"(to.x[2]), "=f"(to.x[3])
                     : "l"(from));
    }
    return to;
}

OC_DEVICE const void *residual_at(const arguments &p, long long row, int column) {
    return (const char *)p.residual +
           (row * p.residual_stride + column) * (RESIDUAL == TYPE_F32 ? 4 : 2);
}

/* A lane a row: on its way to the L2 while the products run. */
OC_DEVICE void prefetch_residual(int row, int rows, int column, const arguments &p) {
    int columns = N - column < COLUMNS ? N - column : COLUMNS;
    if (threadIdx.x % 32 < 16 && row < rows && columns > 0) {
        unsigned long long from = (unsigned long long)residual_at(p, row, column);
        bulk_prefetch((const void *)(from & ~15ull),
                      columns * (RESIDUAL == TYPE_F32 ? 4 : 2) / 16 * 16);
    }
}

/* Groups of 16 columns first .. first + GROUPS - 1 of a warp's tile, their residual and table. */
#define GROUPS_AT_ONCE 4
#define ADDENDS        (RESIDUAL != TYPE_NONE || HAS_TABLE)

OC_DEVICE void load_addends(four (&addend)[GROUPS_AT_ONCE][2], int first, int groups,
                            const part &here, const arguments &p) {
#pragma unroll
    for (int i = 0; i < GROUPS_AT_ONCE; i++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int row = here.row + 8 * half, column = here.column + 16 * (first + i);
            addend[i][half] = four{{0, 0, 0, 0}};
            if (i < groups && row < here.rows && column < N) {
                if (RESIDUAL != TYPE_NONE) {
                    addend[i][half] = floats_at(residual_at(p, row, column), RESIDUAL);
                }
                if (HAS_TABLE) {
                    four more = floats_at(p.table + (row % p.period) * N + column, TYPE_F32);
#pragma unroll
                    for (int j = 0; j < 4; j++) {
                        addend[i][half].x[j] =
                            RESIDUAL == TYPE_NONE ? more.x[j] : addend[i][half].x[j] + more.x[j];
                    }
                }
            }
        }
    }
}

OC_DEVICE void add(four &y, const four &addend) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
        y.x[i] += addend.x[i];
    }
}

/* 16- or 32-bit floats go straight to memory: four of a row from a thread, 32 or 64 bytes of a row
 * from four threads. */
OC_DEVICE void store_floats(const float (&sum)[COLUMNS / 2], const part &here, const arguments &p) {
#pragma unroll
    for (int first = 0; first < COLUMNS / 16; first += GROUPS_AT_ONCE) {
        four addend[GROUPS_AT_ONCE][2];
        if (ADDENDS) {
            load_addends(addend, first, COLUMNS / 16 - first, here, p);
        }
#pragma unroll
        for (int i = 0; i < GROUPS_AT_ONCE; i++) {
            int group = first + i, column = here.column + 16 * group;
            if (group < COLUMNS / 16) {
                four scale, bias;
                if (HAS_SCALE) {
                    scale = load_four(here.vectors + 64 * group);
                }
                if (HAS_BIAS) {
                    bias = load_four(here.vectors + HAS_SCALE * VECTOR_BYTES + 64 * group);
                }
#pragma unroll
                for (int half = 0; half < 2; half++) {
                    four y = finish(sum + 8 * group, half, here, scale, bias);
                    long long at = (here.row + 8 * half) * p.out_stride + column;
                    if (ADDENDS) {
                        add(y, addend[i][half]);
                    }
                    if (here.row + 8 * half < here.rows && column < N) {
                        if (OUT == TYPE_F16) {
                            asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(
                                             (unsigned short *)p.out + at),
                                         "r"(f16x2(y.x[0], y.x[1])), "r"(f16x2(y.x[2], y.x[3]))
                                         : "memory");
                        } else {
                            asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(
                                             (float *)p.out + at),
                                         "f"(y.x[0]), "f"(y.x[1]), "f"(y.x[2]), "f"(y.x[3])
                                         : "memory");
                        }
                    }
                }
            }
        }
    }
}

OC_DEVICE unsigned codes_of(const float *sum, int half, const part &here, const arguments &p,
                            const four &scale, const four &bias, const four &addend) {
    four y = finish(sum, half, here, scale, bias);
    if (ADDENDS) {
        add(y, addend);
    }
    return e4m3x4(y.x[0] * p.inverse, y.x[1] * p.inverse, y.x[2] * p.inverse, y.x[3] * p.inverse);
}

/* Rows of codes in shared memory, then to memory: a lane a row, by the copy engine. */
OC_DEVICE void send_codes(unsigned store, int first_row, int column, int width, const part &here,
                          const arguments &p) {
    int lane = threadIdx.x % 32;
    char *out = (char *)p.out;
    width = N - column < width ? N - column : width;
    if (N % 16 == 0) {
        if (lane < 16 && first_row + lane < here.rows && width > 0) {
            bulk_store(out + (first_row + lane) * p.out_stride + column, store + lane * STORE_PITCH,
                       width);
        }
        bulk_commit();
    } else {
        for (int i = lane; i < 16 * (STORE_COLUMNS / 8); i += 32) {
            int row = i / (STORE_COLUMNS / 8), x = i % (STORE_COLUMNS / 8) * 8;
            if (first_row + row < here.rows && x < width) {
                unsigned low, high;
                asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];"
                             : "=r"(low), "=r"(high)
                             : "r"(store + row * STORE_PITCH + x));
                asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(
                                 out + (first_row + row) * p.out_stride + column + x),
                             "r"(low), "r"(high)
                             : "memory");
            }
        }
        __syncwarp();
    }
}

OC_DEVICE void store_codes(const float (&sum)[COLUMNS / 2], const part &here, const arguments &p,
                           unsigned store) {
    int lane = threadIdx.x % 32;
    /* stmatrix: lanes 8i .. 8i+7 give the rows of matrix i: rows, rows + 8, the same 16 on */
    unsigned at = store + (lane & 15) * STORE_PITCH + (lane >> 4) * 16;
#pragma unroll
    for (int pass = 0; pass < COLUMNS / 16; pass += STORE_COLUMNS / 16) {
        int groups = COLUMNS / 16 - pass < STORE_COLUMNS / 16 ? COLUMNS / 16 - pass
                                                              : STORE_COLUMNS / 16;
        unsigned codes[STORE_COLUMNS / 16][2];
#pragma unroll
        for (int first = 0; first < groups; first += GROUPS_AT_ONCE) {
            four addend[GROUPS_AT_ONCE][2];
            if (ADDENDS) {
                load_addends(addend, pass + first, groups - first, here, p);
            }
#pragma unroll
            for (int i = 0; i < GROUPS_AT_ONCE; i++) {
                if (first + i < groups) {
                    four scale, bias;
                    int group = pass + first + i;
                    if (HAS_SCALE) {
                        scale = load_four(here.vectors + 64 * group);
                    }
                    if (HAS_BIAS) {
                        bias = load_four(here.vectors + HAS_SCALE * VECTOR_BYTES + 64 * group);
                    }
                    codes[first + i][0] =
                        codes_of(sum + 8 * group, 0, here, p, scale, bias, addend[i][0]);
                    codes[first + i][1] =
                        codes_of(sum + 8 * group, 1, here, p, scale, bias, addend[i][1]);
                }
            }
        }
        bulk_wait_read();
        __syncwarp();
#pragma unroll
        for (int i = 0; i < groups; i += 2) {
            if (i + 1 < groups) {
                store_matrices(at + 16 * i, codes[i][0], codes[i][1], codes[i + 1][0],
                               codes[i + 1][1]);
            } else {
                store_two_matrices(at + 16 * i, codes[i][0], codes[i][1]);
            }
        }
        if (N % 16 == 0) {
            proxy_fence();
        }
        __syncwarp();
        send_codes(store, here.row - lane / 4, here.column - lane % 4 * 4 + 16 * pass, 16 * groups,
                   here, p);
    }
}

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
            unsigned rows = here.shared + AT_A + (stage + block) * A_BYTES + group_m * 8192;
            unsigned columns = here.shared + AT_W + (stage + block) * W_BYTES +
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
            unsigned long long tile_a = wgmma_tile(rows), tile_w = wgmma_tile(columns);
            OC_WGMMA_PIN(products[step % IN_FLIGHT], PIECE_N / 2)
            wgmma_fence();
#pragma unroll
            for (int i = 0; i < 4; i++) {
                if (A_REGISTERS) {
                    multiply_rs(products[step % IN_FLIGHT], a[block % A_SETS][i], tile_w + 2 * i,
                                i > 0);
                } else {
                    multiply_ss(products[step % IN_FLIGHT], tile_a + 2 * i, tile_w + 2 * i, i > 0);
                }
            }
            wgmma_commit();
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
    unsigned store = here.shared + AT_STORE + (warpgroup * 4 + warp) * STORE_BYTES;
    float sum[COLUMNS / 2];
    unsigned empty = 0; /* the barriers that this lane arrives at, in the cluster's memory */
    if (lane < CLUSTER && (lane % CLUSTER_M == here.rank_m || lane / CLUSTER_M == here.rank_n)) {
        empty = cluster_address(here.shared + AT_EMPTY, lane);
    }
    grid_wait(); /* residual and out belong to the kernels before until now */
    for (int index = here.first; index < here.count; index += here.step, count++) {
        tile at = tile_at(here, index);
        if (RESIDUAL != TYPE_NONE) {
            prefetch_residual(at.row + group_m * 64 + warp * 16 + lane, here.rows,
                              at.column + group_n * COLUMNS, p);
        }
#pragma unroll
        for (int i = 0; i < COLUMNS / 2; i++) {
            sum[i] = 0;
        }
#pragma unroll 1
        for (int turn = 0; turn < TURNS; turn++) {
            multiply_turn(sum, here, group_m, group_n, stage, parity, empty);
            stage += TURN;
            if (stage == STAGES) {
                stage = 0;
                parity ^= 1;
            }
        }
        int buffer = count & 1;
        part mine;
        mine.vectors = here.shared + AT_VECTORS + buffer * (VECTORS * VECTOR_BYTES) +
                       (group_n * COLUMNS + lane % 4 * 4) * 4;
        mine.row = at.row + group_m * 64 + warp * 16 + lane / 4;
        mine.column = at.column + group_n * COLUMNS + lane % 4 * 4;
        mine.rows = here.rows;
        for (int half = 0; HAS_ROW_SCALE && half < 2; half++) {
            mine.row_scale[half] =
                mine.row + 8 * half < here.rows ? p.row_scale[mine.row + 8 * half] : 0;
        }
        if (VECTORS != 0) {
            mbarrier_wait(here.shared + AT_VECTORS_FULL + 8 * buffer, count >> 1 & 1);
        }
        if (OUT == TYPE_E4M3) {
            store_codes(sum, mine, p, store);
        } else {
            store_floats(sum, mine, p);
        }
        if (VECTORS != 0) {
            __syncwarp();
            if (lane == 0) {
                mbarrier_arrive(here.shared + AT_VECTORS_EMPTY + 8 * buffer);
            }
        }
    }
    if (OUT == TYPE_E4M3) {
        bulk_wait();
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1)
    gemm_wgmma(const __grid_constant__ oc_tensor_map map_a,
               const __grid_constant__ oc_tensor_map map_w, const __grid_constant__ arguments p) {
    extern __shared__ __align__(1024) unsigned char shared[];
    int warpgroup = __shfl_sync(~0u, threadIdx.x / 128, 0);
    unsigned barriers = shared_address(shared);
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
        if (threadIdx.x == 128 * CONSUMERS) {
            produce(find_place(shared, p), &map_a, &map_w, p);
        }
    } else {
#if WARPGROUPS_M * WARPGROUPS_N == 2
        OC_REGISTERS_RAISE(232);
#elif WARPGROUPS_M * WARPGROUPS_N == 3
        OC_REGISTERS_RAISE(160);
#elif WARPGROUPS_M * WARPGROUPS_N == 4
        OC_REGISTERS_RAISE(112);
#endif
        consume(find_place(shared, p), warpgroup, p);
    }
    if (CLUSTER != 1) {
        cluster_sync(); /* no CTA leaves while others may arrive at its barriers */
    }
}
