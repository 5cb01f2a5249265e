/* gemm_mma.cu - matrix products on the tensor cores of any card (mma.sync, ldmatrix, cp.async: from
 * sm_80 on), with all that follows them.
 *
 *   out[r][c] = act(sum_k a[r][k] w[c][k] * row_scale[r] * scale[c] + bias[c]) + residual[r][c]
 *               + table[r mod period][c];   codes: e4m3(that * inverse), NaN becomes 0x7f
 *
 * a [rows, K] E4M3 codes or F16, w [N, K] the same, its rows permuted within 16 as gemm_wgmma.cu
 * says, N padded to 16 with zeros and each row to 16 bytes.  How many rows there are is read from
 * device memory.
 *
 * Numbers.  Where the tensor cores multiply codes (OC_MMA_E4M3) their sums keep few bits of what is
 * small beside a large product: each instruction's 32 products are summed from zero and then added
 * to float32 sums.  Elsewhere codes become 16-bit floats, exactly, in registers; products of these
 * are exact and added in float32 by the tensor cores themselves, which cut what lies below the last
 * bit of the largest.  Either way a sum runs over k in order, 16 or 32 at a time, and nothing else
 * adds: the bits of an output depend on its row of a and its row of w alone, not on rows, tile or
 * schedule.  Zeros past K change no bit, since the sums begin at +0.
 *
 * Who does what.  A CTA has one tile: WARPS_M x WARPS_N warps, each with FRAGMENTS x 16 rows and
 * COLUMNS columns.  All copy: blocks of 128 bytes of k of both sides come STAGES - 1 ahead of their
 * products, one barrier a block.  After the last one the stages' memory puts out together.
 *
 * Dependent launch, alignment: as gemm_wgmma.cu.  row_scale may have any stride. */
#include "args.h"
#include "cluster.cuh"
#include "e4m3.cuh"
#include "gemm.cuh"
#include "mma.cuh"

#if !defined(N) || !defined(K) || !defined(TERMS) || !defined(IN_F16) || !defined(OUT) ||          \
    !defined(ACT) || !defined(RESIDUAL) || !defined(HAS_SCALE) || !defined(HAS_BIAS) ||            \
    !defined(HAS_ROW_SCALE) || !defined(HAS_TABLE)
#error "gemm_mma: the product is not defined"
#endif
#if !defined(FRAGMENTS) || !defined(COLUMNS) || !defined(WARPS_M) || !defined(WARPS_N) ||          \
    !defined(STAGES)
#error "gemm_mma: the variant is not defined"
#endif

#define SWAP  0 /* rows are a's */
#define WIDEN (!IN_F16 && !OC_MMA_E4M3)

enum {
    WARPS = WARPS_M * WARPS_N,
    THREADS = 32 * WARPS,
    WARP_ROWS = 16 * FRAGMENTS,
    TILE_M = WARP_ROWS * WARPS_M,
    TILE_N = COLUMNS * WARPS_N,

    ELEMENT = IN_F16 ? 2 : 1,
    ROW_BYTES = K * ELEMENT,
    BLOCK_BYTES = 128,
    TERM_BLOCKS = (ROW_BYTES + BLOCK_BYTES - 1) / BLOCK_BYTES, /* of a term of the weight */
    BLOCKS = TERMS * TERM_BLOCKS,
    AHEAD = STAGES - 1,
    W_ROWS = (N + 15) / 16 * 16,
    W_BYTES = TERMS == 2 ? BLOCKS * BLOCK_BYTES : (ROW_BYTES + 15) / 16 * 16, /* of a row */
    W_STEP = TILE_N,
    W_TILES = (N + W_STEP - 1) / W_STEP,
    PARTS = WIDEN ? 2 : 1, /* instructions for 32 bytes of k */

    LEFT_BYTES = TILE_M * BLOCK_BYTES,
    RIGHT_BYTES = TILE_N * BLOCK_BYTES,
    STAGE_BYTES = LEFT_BYTES + RIGHT_BYTES,
    RESIDUAL_STAGED = 0,
    STORE_PITCH = OUT == TYPE_F16 ? COLUMNS * 2 + 32 : COLUMNS + 16,
    STORE_BYTES = 16 * STORE_PITCH, /* of a warp; where the stages were */
    VECTOR_BYTES = TILE_N * 4,
    AT_VECTORS = STAGES * STAGE_BYTES
};
static_assert(N % 8 == 0, "gemm_mma: N");
static_assert(COLUMNS % 16 == 0, "gemm_mma: COLUMNS");
static_assert(TILE_M * 8 % THREADS == 0 && TILE_N * 8 % THREADS == 0 && THREADS % 64 == 0,
              "gemm_mma: each thread copies 16 bytes of whole rows' eighths");
static_assert(STAGES >= 2 && WARPS * STORE_BYTES <= AT_VECTORS, "gemm_mma: STAGES");

typedef oc_gemm_mma_args arguments;

#include "gemm_finish.cuh"

/* ---- memory to stages ---- */

/* The bytes of 16 that are of the row, where the row ends within them. */
OC_DEVICE void copy_end(unsigned to, const char *from) {
    uint4 x = *(const uint4 *)from;
    unsigned words[4] = {x.x, x.y, x.z, x.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        int left = ROW_BYTES % 16 - 4 * i;
        words[i] &= left >= 4 ? ~0u : left <= 0 ? 0u : ~0u >> (32 - 8 * left);
    }
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(words[0]), "r"(words[1]),
                 "r"(words[2]), "r"(words[3])
                 : "memory");
}

/* `count` rows' 128 bytes from byte `at` on: 16 bytes c of row r lie at c ^ r % 8, so that eight
 * rows' meet each bank once.  Rows from `rows` on and bytes from `end` on are zeros. */
OC_DEVICE void load_rows(unsigned to, const char *from, long long pitch, int count, int rows,
                         int at, int end) {
    int row = threadIdx.x / 8, chunk = threadIdx.x % 8 * 16;
    to += row * BLOCK_BYTES + (chunk ^ row % 8 * 16);
    at += chunk;
#pragma unroll
    for (int i = 0; i < count; i += THREADS / 8) {
        bool real = row + i < rows && at < end;
        const char *here = real ? from + (row + i) * pitch + at : from;
        if (end % 16 != 0 && real && at + 16 > end) {
            copy_end(to + i * BLOCK_BYTES, here);
        } else {
            copy16_async(to + i * BLOCK_BYTES, here, real);
        }
    }
}

/* Where the CTA is. */
typedef struct place {
    unsigned shared;
    int row, column; /* the tile's first */
    int rows;        /* of the product */
} place;

OC_DEVICE void load_left(const place &here, const arguments &p, int block, int stage) {
    long long pitch = p.a_stride * ELEMENT;
    load_rows(here.shared + stage * STAGE_BYTES, (const char *)p.a + here.row * pitch, pitch,
              TILE_M, here.rows - here.row, block % TERM_BLOCKS * BLOCK_BYTES, ROW_BYTES);
}

OC_DEVICE void load_right(const place &here, const arguments &p, int block, int stage) {
    long long pitch = p.weight_stride * ELEMENT;
    load_rows(here.shared + stage * STAGE_BYTES + LEFT_BYTES,
              (const char *)p.weight + here.column * pitch, pitch, TILE_N, W_ROWS - here.column,
              block * BLOCK_BYTES, W_BYTES);
}

/* Scale and bias of the tile's columns. */
OC_DEVICE void load_vectors(float *to, int first, const arguments &p) {
    for (int i = threadIdx.x; i < TILE_N; i += THREADS) {
        int column = first + i < N ? first + i : N - 1;
        if (HAS_SCALE) {
            to[i] = (p.scale != 0 ? p.scale[column] : 1.0f) * p.factor;
        }
        if (HAS_BIAS) {
            to[HAS_SCALE * TILE_N + i] = p.bias[column];
        }
    }
}

/* ---- products ---- */

/* 32 bytes of k of 16 rows of either side: as a, or, t and t + 2 of its four, as b of rows 8 t on
 * (mma.cuh); widened codes are two of these. */
OC_DEVICE void load_fragment(unsigned (&to)[PARTS][4], unsigned rows, int step) {
    int lane = threadIdx.x % 32;
    unsigned from = rows + (lane & 15) * BLOCK_BYTES + (((2 * step + (lane >> 4)) ^ (lane & 7)) << 4);
#if WIDEN
    unsigned codes[4];
    load_matrices(codes, from);
#pragma unroll
    for (int i = 0; i < 4; i++) {
        e4m3_widen(codes[i], to[i / 2][i % 2], to[i / 2][i % 2 + 2]);
    }
#else
    load_matrices(to[0], from);
#endif
}

OC_DEVICE void multiply(float *sum, const unsigned (&a)[4], unsigned b0, unsigned b1) {
#if IN_F16 || WIDEN
    float d[4] = {sum[0], sum[1], sum[2], sum[3]};
    mma_f16(d, a, b0, b1);
#else
    float d[4] = {0, 0, 0, 0};
    mma_e4m3(d, a, b0, b1);
#endif
#pragma unroll
    for (int e = 0; e < 4; e++) {
        sum[e] = IN_F16 || WIDEN ? d[e] : sum[e] + d[e];
    }
}

/* A block of k into the warp's sums; left, right: its first rows. */
OC_DEVICE void multiply_block(float (&sum)[FRAGMENTS][COLUMNS / 2], unsigned left, unsigned right) {
#pragma unroll
    for (int step = 0; step < BLOCK_BYTES / 32; step++) {
        unsigned a[FRAGMENTS][PARTS][4];
#pragma unroll
        for (int m = 0; m < FRAGMENTS; m++) {
            load_fragment(a[m], left + m * 16 * BLOCK_BYTES, step);
        }
#pragma unroll
        for (int group = 0; group < COLUMNS / 16; group++) {
            unsigned b[PARTS][4];
            load_fragment(b, right + group * 16 * BLOCK_BYTES, step);
#pragma unroll
            for (int i = 0; i < PARTS * FRAGMENTS * 2; i++) {
                int part = i / (2 * FRAGMENTS), m = i / 2 % FRAGMENTS, t = i % 2;
                multiply(sum[m] + 8 * group + 4 * t, a[m][part], b[part][t], b[part][t + 2]);
            }
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    gemm_mma(const __grid_constant__ arguments p) {
    extern __shared__ __align__(128) unsigned char shared[];
    grid_launch_dependents();
    int warp = threadIdx.x / 32, warp_row = warp / WARPS_N * WARP_ROWS;
    int warp_column = warp % WARPS_N * COLUMNS;
    place here;
    here.shared = shared_address(shared);
    here.row = blockIdx.x / W_TILES * TILE_M; /* tiles of one part of a follow each other */
    here.column = blockIdx.x % W_TILES * TILE_N;
    here.rows = *p.rows;
    if (here.row >= here.rows) {
        grid_wait();
        return;
    }
#pragma unroll
    for (int block = 0; block < AHEAD && block < BLOCKS; block++) {
        load_right(here, p, block, block); /* weights do not wait for the kernels before this one */
    }
    load_vectors((float *)(shared + AT_VECTORS), here.column, p);
    grid_wait();
#pragma unroll
    for (int block = 0; block < AHEAD; block++) {
        if (block < BLOCKS) {
            load_left(here, p, block, block);
        }
        copies_commit(); /* the first one of all weights, too */
    }
    part mine;
    mine.column = here.column + warp_column;
    mine.rows = here.rows;
    for (int m = 0; RESIDUAL != TYPE_NONE && m < FRAGMENTS; m++) {
        prefetch_residual(here.row + warp_row + 16 * m, here.rows, mine.column, p);
    }
    float sum[FRAGMENTS][COLUMNS / 2];
#pragma unroll
    for (int i = 0; i < FRAGMENTS * COLUMNS / 2; i++) {
        sum[i / (COLUMNS / 2)][i % (COLUMNS / 2)] = 0;
    }
    int stage = 0, next = AHEAD; /* where block + AHEAD goes: the stage that was read last */
#pragma unroll 1
    for (int block = 0; block < BLOCKS; block++) {
        copies_wait_but<STAGES - 2>();
        __syncthreads();
        if (block + AHEAD < BLOCKS) {
            load_right(here, p, block + AHEAD, next);
            load_left(here, p, block + AHEAD, next);
        }
        copies_commit(); /* also of nothing: groups are counted */
        unsigned left = here.shared + stage * STAGE_BYTES;
        multiply_block(sum, left + warp_row * BLOCK_BYTES,
                       left + LEFT_BYTES + warp_column * BLOCK_BYTES);
        stage = stage + 1 == STAGES ? 0 : stage + 1;
        next = next + 1 == STAGES ? 0 : next + 1;
    }
    __syncthreads(); /* the stages are free */
    int lane = threadIdx.x % 32;
    unsigned store = here.shared + warp * STORE_BYTES;
    mine.vectors = here.shared + AT_VECTORS + (warp_column + lane % 4 * 4) * 4;
#pragma unroll
    for (int m = 0; m < FRAGMENTS; m++) {
        mine.row = here.row + warp_row + 16 * m;
        for (int half = 0; HAS_ROW_SCALE && half < 2; half++) {
            int row = row_of(mine, half);
            mine.row_scale[half] = row < here.rows ? p.row_scale[row * p.row_scale_stride] : 0;
        }
        if (OUT == TYPE_E4M3) {
            store_codes(sum[m], mine, p, store);
        } else if (OUT == TYPE_F16) {
            store_halves(sum[m], mine, p, store);
        } else {
            store_floats(sum[m], mine, p);
        }
    }
}
