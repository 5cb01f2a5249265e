/* gemm_plain.cu - matrix products of any shape and type, in float32 by plain multiply-add: what no
 * tensor-core kernel takes.
 *
 * A block makes TILE x TILE outputs, a thread 4 x 4 of them; k in steps of STEP through shared
 * memory.  Each sum runs over k in order, whatever the number of rows.
 *
 * N, K; TERMS of a weight, 1 or 2; A_TYPE, W_TYPE, RESIDUAL_TYPE (0: none), OUT_TYPE; ACT; BLOCK_N, BLOCK_K (0: one block),
 * A_SCALES (columns of a_scale, 0: none); PERIOD (0: no table) */
#include "args.h"
#include "scalar.cuh"

#define TILE    64
#define STEP    16
#define THREADS 256

/* Where row n of the weight lies: matrix kernels want each 16 rows in another order (constants.h). */
static __device__ __forceinline__ int packed_row(int n) {
    int in = n % 16, pair = in / 4, of = in % 4;
    return n - in + (of < 2 ? 2 * pair + of : 8 + 2 * pair + of - 2);
}

static __device__ __forceinline__ float weight_at(const oc_gemm_args &p, int n, int k) {
    const long long row = packed_row(n) * p.weight_stride + k;
    const float first = load<W_TYPE>(p.weight, row);
    return TERMS == 1 ? first : first + load<W_TYPE>(p.weight, row + p.term_stride);
}

extern "C" __global__ void __launch_bounds__(THREADS)
    gemm_plain(const __grid_constant__ oc_gemm_args p) {
    begin();
    __shared__ float a[STEP][TILE + 4], w[STEP][TILE + 4];
    const int rows = *p.rows, first_row = blockIdx.y * TILE, first_column = blockIdx.x * TILE;
    const int row = threadIdx.x / 16 * 4, column = threadIdx.x % 16 * 4;
    if (first_row >= rows) {
        return;
    }
    const int block_k = BLOCK_K == 0 ? K : BLOCK_K, blocks = (K + block_k - 1) / block_k;
    float sums[4][4] = {};
    for (int block = 0; block < blocks; block++) {
        float part[4][4] = {};
        const int end = min(K, (block + 1) * block_k);
        for (int k = block * block_k; k < end; k += STEP) {
            for (int i = threadIdx.x; i < TILE * STEP; i += THREADS) {
                const int r = i / STEP, at = k + i % STEP;
                const bool has_row = first_row + r < rows, has_column = first_column + r < N;
                a[i % STEP][r] =
                    has_row && at < end ? load<A_TYPE>(p.a, (first_row + r) * p.a_stride + at) : 0;
                w[i % STEP][r] =
                    has_column && at < end
                        ? weight_at(p, first_column + r, at)
                        : 0;
            }
            __syncthreads();
#pragma unroll
            for (int i = 0; i < STEP; i++) {
#pragma unroll
                for (int r = 0; r < 4; r++) {
#pragma unroll
                    for (int c = 0; c < 4; c++) {
                        part[r][c] = fmaf(a[i][row + r], w[i][column + c], part[r][c]);
                    }
                }
            }
            __syncthreads();
        }
#pragma unroll
        for (int r = 0; r < 4; r++) {
#pragma unroll
            for (int c = 0; c < 4; c++) {
                float scale = 1;
                const int at_row = first_row + row + r, at_column = first_column + column + c;
                if (A_SCALES != 0 && at_row < rows) {
                    scale *= p.a_scale[at_row * p.a_scale_stride + (A_SCALES == 1 ? 0 : block)];
                }
                if (BLOCK_N != 0 && at_column < N) {
                    scale *= p.block_scale[at_column / (BLOCK_N == 0 ? 1 : BLOCK_N) * blocks + block];
                }
                sums[r][c] = fmaf(part[r][c], scale, sums[r][c]);
            }
        }
    }
    /* NOTE: unrolled, or `sums` goes to memory: sm_100's compiler did not see that by itself */
#pragma unroll
    for (int r = 0; r < 4; r++) {
#pragma unroll
        for (int c = 0; c < 4; c++) {
            const int at_row = first_row + row + r, at_column = first_column + column + c;
            if (at_row >= rows || at_column >= N) {
                continue;
            }
            float value = sums[r][c];
            value *= p.factor;
            value *= p.column_scale != 0 ? p.column_scale[at_column] : 1;
            value += p.bias != 0 ? p.bias[at_column] : 0;
            value = activate<ACT>(value);
            if (RESIDUAL_TYPE != 0) {
                value += load<RESIDUAL_TYPE>(p.residual, at_row * p.residual_stride + at_column);
            }
            if (PERIOD != 0) {
                value += p.table[at_row % (PERIOD == 0 ? 1 : PERIOD) * N + at_column];
            }
            store<OUT_TYPE>(p.out, at_row * p.out_stride + at_column, value, p.out_scale);
        }
    }
}
