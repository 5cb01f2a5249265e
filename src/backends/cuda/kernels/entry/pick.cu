/* pick.cu - one row of each sequence: a block a sequence.
 *
 * COLUMNS, X_TYPE, OUT_TYPE (codes are copied), FROM_ENDS, ROW */
#include "args.h"
#include "scalar.cuh"

#define THREADS 128

extern "C" __global__ void __launch_bounds__(THREADS) pick(const __grid_constant__ oc_pick_args p) {
    begin();
    const int sequence = blockIdx.x;
    if (sequence >= *p.rows) {
        return;
    }
    const long long from = p.starts[sequence] + (FROM_ENDS ? p.ends[sequence] : ROW);
    for (int c = threadIdx.x; c < COLUMNS; c += THREADS) {
        if (X_TYPE == E4M3) {
            ((u8 *)p.out)[sequence * p.out_stride + c] = ((const u8 *)p.x)[from * p.x_stride + c];
        } else {
            store<OUT_TYPE>(p.out, sequence * p.out_stride + c,
                            load<X_TYPE>(p.x, from * p.x_stride + c), 1.0f);
        }
    }
}
