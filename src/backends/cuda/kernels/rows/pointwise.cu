/* pointwise.cu - activations and sums that no product took in: a block a row.
 *
 * COLUMNS, X_TYPE, Y_TYPE (0: none), OUT_TYPE, ACT, PERIOD (0: no table) */
#include "args.h"
#include "scalar.cuh"

#define THREADS 128

extern "C" __global__ void __launch_bounds__(THREADS)
    pointwise(const __grid_constant__ oc_pointwise_args p) {
    begin();
    const int row = blockIdx.x;
    if (row >= *p.rows) {
        return;
    }
    for (int c = threadIdx.x; c < COLUMNS; c += THREADS) {
        float value = activate<ACT>(load<X_TYPE>(p.x, row * p.x_stride + c));
        if (Y_TYPE != 0) {
            value += load<Y_TYPE>(p.y, row * p.y_stride + c);
        }
        if (PERIOD != 0) {
            value += p.table[(long long)(row % (PERIOD == 0 ? 1 : PERIOD)) * COLUMNS + c];
        }
        store<OUT_TYPE>(p.out, row * p.out_stride + c, value, p.out_scale);
    }
}
