/* attention_plain.cu - softmax(scale q k^T) v for any head size and length: a warp a query.
 *
 * Scores of a query lie in shared memory; lanes share the keys first, then the columns of v.
 *
 * HEADS, HEAD_DIM, KEYS (at most), X_TYPE, OUT_TYPE, CAUSAL, MASKED, QUERY_ROWS, ROW (as in
 * oc_step_attention) */
#include "args.h"
#include "scalar.cuh"

#define WARPS          4
#define MINUS_INFINITY __uint_as_float(0xff800000u)

extern "C" __global__ void __launch_bounds__(WARPS * 32)
    attention_plain(const __grid_constant__ oc_attention_plain_args p) {
    begin();
    extern __shared__ float scores[];
    const int sequence = blockIdx.z, head = blockIdx.y, lane = threadIdx.x % 32;
    if (sequence >= *p.sequences) {
        return;
    }
    const int first = p.starts[sequence], keys = p.starts[sequence + 1] - first;
    const int query = blockIdx.x * WARPS + threadIdx.x / 32;
    if (query >= (QUERY_ROWS == 0 ? keys : 1)) {
        return;
    }
    const int place = QUERY_ROWS == 0 ? query : QUERY_ROWS == 1 ? ROW : p.ends[sequence];
    const int row = QUERY_ROWS == 0 ? first + query : sequence, column = head * HEAD_DIM;
    const int visible = CAUSAL && place + 1 < keys ? place + 1 : keys;
    float *weights = scores + threadIdx.x / 32 * KEYS;
    bool is_seen = false; /* any key, by the mask */
    for (int j = lane; j < visible; j += 32) {
        is_seen = is_seen || !MASKED || p.mask == 0 || p.mask[first + j] != 0;
    }
    is_seen = __any_sync(0xffffffffu, is_seen);
    float highest = MINUS_INFINITY, sum = 0;
    for (int j = lane; j < visible; j += 32) {
        float dot = 0;
        for (int d = 0; d < HEAD_DIM; d++) {
            dot = fmaf(load<X_TYPE>(p.q, row * p.q_stride + column + d),
                       load<X_TYPE>(p.k, (first + j) * p.k_stride + column + d), dot);
        }
        const bool is_hidden = MASKED && p.mask != 0 && p.mask[first + j] == 0;
        weights[j] = !is_seen ? 0 : is_hidden ? MINUS_INFINITY : dot * p.scale;
        highest = fmaxf(highest, weights[j]);
    }
    highest = warp_max(highest);
    for (int j = lane; j < visible; j += 32) {
        weights[j] = weights[j] == MINUS_INFINITY ? 0 : expf(weights[j] - highest);
        sum += weights[j];
    }
    sum = warp_sum(sum);
    __syncwarp();
    for (int d = lane; d < HEAD_DIM; d += 32) {
        float value = 0;
        for (int j = 0; j < visible; j++) {
            if (weights[j] != 0) {
                value = fmaf(weights[j],
                             load<X_TYPE>(p.v, (first + j) * p.v_stride + column + d), value);
            }
        }
        store<OUT_TYPE>(p.out, row * p.out_stride + column + d, value / sum, p.out_scale);
    }
}
