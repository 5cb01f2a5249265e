/* tokens.cu - rows of the token table, positions added: a block a token.
 *
 * COLUMNS, TABLE_TYPE, POSITIONS (1: there are), OUT_TYPE */
#include "args.h"
#include "scalar.cuh"

#define THREADS 128

extern "C" __global__ void __launch_bounds__(THREADS)
    tokens(const __grid_constant__ oc_tokens_args p) {
    begin();
    const int row = blockIdx.x;
    if (row >= *p.rows) {
        return;
    }
    const int id = p.ids[row], position = POSITIONS ? p.positions[row] : 0;
    for (int c = threadIdx.x; c < COLUMNS; c += THREADS) {
        float value = load<TABLE_TYPE>(p.table, id * p.table_stride + c);
        if (POSITIONS) {
            value += p.position[(long long)position * COLUMNS + c];
        }
        store<OUT_TYPE>(p.out, row * p.out_stride + c, value, p.out_scale);
    }
}
