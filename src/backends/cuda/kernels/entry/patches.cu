/* patches.cu - pixels to rows of patches: a thread a value.
 *
 * SIDE of the image, PATCH, BYTES (1: U8 [B,SIDE,SIDE,3], 0: F32 [B,3,SIDE,SIDE]), NORMALIZE,
 * OUT_TYPE */
#include "args.h"
#include "scalar.cuh"

#define THREADS 256
#define GRID    (SIDE / PATCH)
#define COLUMNS (3 * PATCH * PATCH)

extern "C" __global__ void __launch_bounds__(THREADS)
    patches(const __grid_constant__ oc_patches_args p) {
    begin();
    const int row = blockIdx.x, image = row / (GRID * GRID + 1), at = row % (GRID * GRID + 1) - 1;
    if (row >= *p.rows) {
        return;
    }
    const void *given = *p.pixels;
    for (int column = threadIdx.x; column < COLUMNS; column += THREADS) {
        float value = 0;
        if (at >= 0) { /* not the class token's place */
            const int c = column / (PATCH * PATCH);
            const int y = at / GRID * PATCH + column / PATCH % PATCH;
            const int x = at % GRID * PATCH + column % PATCH;
            if (BYTES) {
                const u8 *pixels = (const u8 *)given;
                value = pixels[(((long long)image * SIDE + y) * SIDE + x) * 3 + c];
                value = NORMALIZE ? (value / 255.0f - p.mean[c]) / p.std[c] : value;
            } else {
                const float *pixels = (const float *)given;
                value = pixels[(((long long)image * 3 + c) * SIDE + y) * SIDE + x];
            }
        }
        store<OUT_TYPE>(p.out, row * p.out_stride + column, value, 1.0f);
    }
}
