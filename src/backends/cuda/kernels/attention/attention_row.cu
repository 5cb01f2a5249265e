/* attention_row.cu - attention of one query row a sequence.
 *
 *   q [sequences, heads * HEAD_DIM] F16, k, v [tokens, heads * HEAD_DIM] F16
 *   -> out [sequences, heads * HEAD_DIM] E4M3 or F16                                attention.cuh
 *
 * A CTA takes HEADS heads of a sequence, WARPS warps each.  LANES lanes share a key, 8 columns a
 * lane; a warp takes 8 * 32 / LANES keys a turn, turns go round the head's warps, each with its own
 * highest score; at the end they are brought together in the warps' order.
 *
 * Parameters (macros; attention.c derives them)
 *   HEAD_DIM         a multiple of 8, 8 .. 256
 *   LANES            the power of two from HEAD_DIM / 8 on
 *   HEADS, WARPS     HEADS * WARPS * 32 threads
 *   QUERY_ROWS       1: at place args.row of each sequence; 2: at place ends[sequence]
 *   CAUSAL, MASKED   0 or 1
 *   OUT_F16          as attention.cuh says
 *
 * Numbers: float32 but for q, k, v.  A row's bits depend on its sequence and on WARPS.
 * Limit: reading k and v. */
#include "attention.cuh"

#if !defined(HEAD_DIM) || !defined(LANES) || !defined(HEADS) || !defined(WARPS) ||                \
    !defined(QUERY_ROWS) || !defined(CAUSAL) || !defined(MASKED) || !defined(OUT_F16)
#error "attention_row: HEAD_DIM, LANES, HEADS, WARPS, QUERY_ROWS, CAUSAL, MASKED, OUT_F16"
#endif

static_assert(HEAD_DIM % 8 == 0 && LANES * 8 >= HEAD_DIM && LANES <= 32, "HEAD_DIM, LANES");

#define TURN 8                   /* keys of a lane in a turn */
#define STEP (32 / LANES * TURN) /* keys of a warp in a turn */

OC_DEVICE void floats_of(uint4 x, float (&y)[8]) {
    y[0] = f16_low(x.x), y[1] = f16_high(x.x), y[2] = f16_low(x.y), y[3] = f16_high(x.y);
    y[4] = f16_low(x.z), y[5] = f16_high(x.z), y[6] = f16_low(x.w), y[7] = f16_high(x.w);
}

extern "C" __global__ void __launch_bounds__(32 * HEADS * WARPS)
    attention_row(const __grid_constant__ oc_attention_args args) {
    __shared__ float parts[HEADS][WARPS][LANES * 8 + 2];
    grid_launch_dependents();
    int groups = (args.heads + HEADS - 1) / HEADS;
    int sequence = blockIdx.x / groups;
    int start = args.starts[sequence], length = args.starts[sequence + 1] - start;
    bool idle = sequence >= args.sequences[0];
    grid_wait();
    if (idle) {
        return;
    }
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % WARPS;
    int slot = threadIdx.x / 32 / WARPS, head = blockIdx.x % groups * HEADS + slot;
    int part = lane % LANES, which = lane / LANES;
    bool mine = part * 8 < HEAD_DIM && head < args.heads;
    int column = head * HEAD_DIM + part * 8;
#if CAUSAL
    int place = QUERY_ROWS == 2 ? args.ends[sequence] : args.row;
    length = min(place + 1, length);
#endif
    const uint4 none = make_uint4(0, 0, 0, 0);
    float q[8], o[8], highest = -OC_INFINITY, sum = 0;
    floats_of(mine ? *(const uint4 *)(args.q + (long long)sequence * args.q_stride + column) : none,
              q);
#pragma unroll
    for (int i = 0; i < 8; i++) {
        o[i] = 0;
    }
#if MASKED
    const unsigned char *mask = args.mask + start;
    bool alike = true;
    for (int from = 0; alike && from < length; from += 32) {
        alike = !__any_sync(OC_FULL, from + lane < length && mask[from + lane] != 0);
    }
#endif
    const unsigned short *k = args.k + (long long)start * args.k_stride + column;
    const unsigned short *v = args.v + (long long)start * args.v_stride + column;
    for (int from = warp * STEP; from < length; from += WARPS * STEP) {
        uint4 keys[TURN], values[TURN];
        float s[TURN], high = highest;
#pragma unroll
        for (int i = 0; i < TURN; i++) {
            int key = from + i * (32 / LANES) + which;
            bool real = mine && key < length;
            keys[i] = real ? *(const uint4 *)(k + (long long)key * args.k_stride) : none;
            values[i] = real ? *(const uint4 *)(v + (long long)key * args.v_stride) : none;
        }
#pragma unroll
        for (int i = 0; i < TURN; i++) {
            int key = from + i * (32 / LANES) + which;
            float x[8];
            floats_of(keys[i], x);
            float dot = 0;
#pragma unroll
            for (int e = 0; e < 8; e++) {
                dot = fmaf(q[e], x[e], dot);
            }
#pragma unroll
            for (int far = LANES / 2; far > 0; far /= 2) {
                dot += __shfl_xor_sync(OC_FULL, dot, far);
            }
#if MASKED
            dot = alike ? 0.0f : key < length && mask[key] == 0 ? -OC_INFINITY : dot;
#endif
            s[i] = key < length ? dot : -OC_INFINITY;
            high = fmaxf(high, s[i]);
        }
#pragma unroll
        for (int far = LANES; far < 32; far *= 2) {
            high = fmaxf(high, __shfl_xor_sync(OC_FULL, high, far));
        }
        float shift = softmax_shift(high, args.scale_log2);
        float keep = exp2_approx(fmaf(highest, args.scale_log2, -shift));
        highest = high;
        sum *= keep;
#pragma unroll
        for (int e = 0; e < 8; e++) {
            o[e] *= keep;
        }
#pragma unroll
        for (int i = 0; i < TURN; i++) {
            float x[8], p = exp2_approx(fmaf(s[i], args.scale_log2, -shift));
            floats_of(values[i], x);
            sum += p;
#pragma unroll
            for (int e = 0; e < 8; e++) {
                o[e] = fmaf(p, x[e], o[e]);
            }
        }
    }
#pragma unroll
    for (int far = LANES; far < 32; far *= 2) {
        sum += __shfl_xor_sync(OC_FULL, sum, far);
#pragma unroll
        for (int e = 0; e < 8; e++) {
            o[e] += __shfl_xor_sync(OC_FULL, o[e], far);
        }
    }
    if (which == 0) {
        float *to = parts[slot][warp];
#pragma unroll
        for (int e = 0; e < 8; e++) {
            to[part * 8 + e] = o[e];
        }
        if (part == 0) {
            to[LANES * 8] = sum, to[LANES * 8 + 1] = highest;
        }
    }
    __syncthreads();
    if (warp != 0 || head >= args.heads) {
        return;
    }
    float high = -OC_INFINITY, factors[WARPS], all = 0;
#pragma unroll
    for (int w = 0; w < WARPS; w++) {
        high = fmaxf(high, parts[slot][w][LANES * 8 + 1]);
    }
    float shift = softmax_shift(high, args.scale_log2);
#pragma unroll
    for (int w = 0; w < WARPS; w++) {
        factors[w] = exp2_approx(fmaf(parts[slot][w][LANES * 8 + 1], args.scale_log2, -shift));
        all += parts[slot][w][LANES * 8] * factors[w];
    }
    float factor = out_factor(all, args.inv_out_scale);
    for (int c = lane * 2; c < HEAD_DIM; c += 64) {
        float x = 0, y = 0;
#pragma unroll
        for (int w = 0; w < WARPS; w++) {
            x = fmaf(parts[slot][w][c], factors[w], x);
            y = fmaf(parts[slot][w][c + 1], factors[w], y);
        }
        long long at = (long long)sequence * args.out_stride + head * HEAD_DIM + c;
#if OUT_F16
        *(unsigned *)((unsigned short *)args.out + at) = f16x2(x * factor, y * factor);
#else
        *(unsigned short *)((unsigned char *)args.out + at) =
            (unsigned short)e4m3x4(x * factor, y * factor, 0, 0);
#endif
    }
}
