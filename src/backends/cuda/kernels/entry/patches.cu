/* patches.cu - pixels to rows of patches: a block a row, a thread PIXELS neighbours of all colours.
 *
 * SIDE of the image, PATCH, BYTES (1: U8 [B,SIDE,SIDE,3], 0: F32 [B,3,SIDE,SIDE]), NORMALIZE,
 * OUT_TYPE (F16 or F32)
 *
 * Limit: writing the rows. */
#include "args.h"
#include "scalar.cuh"

#define THREADS 128
#define GRID    (SIDE / PATCH)
#define COLUMNS (3 * PATCH * PATCH)
/* Side by side in a line of the patch; with 8, whole words of the image where it begins at one. */
#define PIXELS (PATCH % 8 == 0 ? 8 : PATCH % 2 == 0 ? 2 : 1)

typedef float colours[3][PIXELS];

/* Bytes of the line from `from` on: as they are, or (byte / 255 - mean) / std. */
static __device__ __forceinline__ void load_bytes(const oc_patches_args &p, const u8 *from,
                                                  colours &to) {
    u8 bytes[3 * PIXELS];
    if (PIXELS == 8 && (unsigned long long)from % 8 == 0) {
        uint2 words[3];
#pragma unroll
        for (int i = 0; i < 3; i++) {
            words[i] = ((const uint2 *)from)[i];
        }
#pragma unroll
        for (int i = 0; i < 3 * PIXELS; i++) {
            const uint2 word = words[i / 8 % 3];
            bytes[i] = (u8)((i % 8 < 4 ? word.x : word.y) >> 8 * (i % 4));
        }
    } else {
#pragma unroll
        for (int i = 0; i < 3 * PIXELS; i++) {
            bytes[i] = from[i];
        }
    }
#pragma unroll
    for (int c = 0; c < 3; c++) {
        const float factor = NORMALIZE ? 1.0f / (255.0f * p.std[c]) : 1;
        const float less = NORMALIZE ? p.mean[c] / p.std[c] : 0;
#pragma unroll
        for (int i = 0; i < PIXELS; i++) {
            to[c][i] = fmaf(bytes[3 * i + c], factor, -less);
        }
    }
}

static __device__ __forceinline__ void store_pixels(void *out, long long at,
                                                    const float (&values)[PIXELS]) {
    if (OUT_TYPE == F16 && PIXELS > 1) {
        u32 words[(PIXELS + 1) / 2];
#pragma unroll
        for (int i = 0; i < PIXELS / 2; i++) {
            words[i] = f16_bits(values[2 * i]) | (u32)f16_bits(values[(2 * i + 1) % PIXELS]) << 16;
        }
        if (PIXELS == 8) {
            *(uint4 *)((u16 *)out + at) = make_uint4(words[0], words[1 % ((PIXELS + 1) / 2)],
                                                     words[2 % ((PIXELS + 1) / 2)],
                                                     words[3 % ((PIXELS + 1) / 2)]);
        } else {
            *(u32 *)((u16 *)out + at) = words[0];
        }
        return;
    }
#pragma unroll
    for (int i = 0; i < PIXELS; i++) {
        store<OUT_TYPE>(out, at + i, values[i], 1.0f);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    patches(const __grid_constant__ oc_patches_args p) {
    begin();
    const int row = blockIdx.x, image = row / (GRID * GRID + 1), at = row % (GRID * GRID + 1) - 1;
    if (row >= *p.rows) {
        return;
    }
    const void *given = *p.pixels;
    for (int unit = threadIdx.x; unit < PATCH * PATCH / PIXELS; unit += THREADS) {
        const int line = unit / (PATCH / PIXELS), in_line = unit % (PATCH / PIXELS) * PIXELS;
        const int y = at / GRID * PATCH + line, x = at % GRID * PATCH + in_line;
        colours values = {};
        if (at >= 0 && BYTES) { /* at -1: the class token's place */
            load_bytes(p, (const u8 *)given + (((long long)image * SIDE + y) * SIDE + x) * 3, values);
        } else if (at >= 0) {
            const float *plane = (const float *)given + (long long)image * 3 * SIDE * SIDE;
#pragma unroll
            for (int i = 0; i < 3 * PIXELS; i++) {
                values[i / PIXELS][i % PIXELS] =
                    plane[(i / PIXELS * SIDE + y) * SIDE + x + i % PIXELS];
            }
        }
#pragma unroll
        for (int c = 0; c < 3; c++) {
            store_pixels(p.out, row * p.out_stride + c * (PATCH * PATCH) + line * PATCH + in_line,
                         values[c]);
        }
    }
}
