/* norm.cu - layer norm, quantizers, rows of unit length: a warp takes ROWS rows at once.
 *
 * A lane has every 32nd group of VEC columns, in registers up to KEEP columns of a row; mean and
 * variance are taken in two passes, in float32.  The order of sums depends on COLUMNS alone.  Gamma
 * and beta are read once for the warp's rows: they are four times the bytes of a row.  A warp of one
 * row, in a card that is not full, reads them while it waits for the kernel before: of few rows the
 * time is that of memory answering, once and not three times.
 *
 * ROWS; COLUMNS, VEC (8: 16 bytes of 16-bit values at once, or 1), X_TYPE, OUT_TYPE;
 * NORM (1: layer norm, 0: quantizer or copy, 2: unit length); DYNAMIC (1: a quantizer that finds its
 * scales, for each BLOCK columns; 0: the row) */
#include "args.h"
#include "scalar.cuh"

#define WARPS  4
#define KEEP   4096

static constexpr int GROUPS = (COLUMNS + 32 * VEC - 1) / (32 * VEC);
static constexpr int KEPT = COLUMNS <= KEEP ? GROUPS * VEC : 1;
static constexpr int UNROLL = COLUMNS <= KEEP ? GROUPS : 1;
static constexpr bool EARLY = NORM == 1 && ROWS == 1 && VEC == 8 && COLUMNS <= 1536;

/* VEC values of the row from column `at` on; columns behind the row are 0. */
static __device__ __forceinline__ void load_group(const void *x, long long row, int at,
                                                  float values[VEC]) {
#pragma unroll
    for (int i = 0; i < VEC; i++) {
        values[i] = 0;
    }
    if (at >= COLUMNS) {
        return;
    }
    if (VEC == 8 && X_TYPE == F16) {
        const uint4 bits = *(const uint4 *)((const u16 *)x + row + at);
        const u32 pairs[4] = {bits.x, bits.y, bits.z, bits.w};
#pragma unroll
        for (int i = 0; i < VEC; i++) {
            values[i] = f16_value((u16)(pairs[i / 2 % 4] >> 16 * (i % 2)));
        }
        return;
    }
#pragma unroll
    for (int i = 0; i < VEC; i++) {
        values[i] = load<X_TYPE>(x, row + at + i);
    }
}

/* value / scale; what a layer norm gives is no exact number, and a product costs less. */
static __device__ __forceinline__ float scaled(float value, float scale) {
    return NORM == 1 ? value * (1.0f / scale) : value / scale;
}

/* VEC floats of gamma or beta. */
static __device__ __forceinline__ void load_floats(const float *from, int at, float values[VEC]) {
    if (VEC == 8) {
        const float4 low = *(const float4 *)(from + at), high = *(const float4 *)(from + at + 4);
        const float all[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
        for (int i = 0; i < VEC; i++) {
            values[i] = all[i % 8];
        }
        return;
    }
#pragma unroll
    for (int i = 0; i < VEC; i++) {
        values[i] = from[at + i];
    }
}

static __device__ __forceinline__ void store_group(void *out, long long row, int at,
                                                   const float values[VEC], float scale) {
    if (at >= COLUMNS) {
        return;
    }
    if (VEC == 8 && OUT_TYPE == E4M3) {
        float x[8] = {0};
#pragma unroll
        for (int i = 0; i < VEC; i++) {
            x[i % 8] = scaled(values[i], scale);
        }
        *(uint2 *)((u8 *)out + row + at) = make_uint2(e4m3_four(x[0], x[1], x[2], x[3]),
                                                      e4m3_four(x[4], x[5], x[6], x[7]));
        return;
    }
    if (VEC == 8 && OUT_TYPE == F16) {
        u32 words[4] = {0, 0, 0, 0};
#pragma unroll
        for (int i = 0; i < VEC; i++) {
            words[i / 2 % 4] |= (u32)f16_bits(values[i]) << 16 * (i % 2);
        }
        *(uint4 *)((u16 *)out + row + at) = make_uint4(words[0], words[1], words[2], words[3]);
        return;
    }
#pragma unroll
    for (int i = 0; i < VEC; i++) {
        store<OUT_TYPE>(out, row + at + i, values[i], scale);
    }
}

/* The rows of a dynamic quantizer, block after block. */
static __device__ void quantize_row(const oc_norm_args &p, int row, int lane) {
    const int width = BLOCK == 0 ? COLUMNS : BLOCK;
    for (int first = 0; first < COLUMNS; first += width) {
        const int end = min(COLUMNS, first + width);
        float most = 0;
        bool has_nan = false;
        for (int c = first + lane; c < end; c += 32) {
            const float size = fabsf(load<X_TYPE>(p.x, row * p.x_stride + c));
            most = fmaxf(most, size);
            has_nan = has_nan || size != size;
        }
        most = warp_max(most);
        if (__any_sync(0xffffffffu, has_nan)) {
            most = __uint_as_float(0x7fffffffu);
        }
        const float scale = most == 0 ? 1.0f : most / 448.0f;
        if (lane == 0) {
            p.out_scales[row * p.out_scales_stride + first / width] = scale;
        }
        for (int c = first + lane; c < end; c += 32) {
            store<OUT_TYPE>(p.out, row * p.out_stride + c, load<X_TYPE>(p.x, row * p.x_stride + c),
                            scale);
        }
    }
}

extern "C" __global__ void __launch_bounds__(WARPS * 32)
    norm_rows(const __grid_constant__ oc_norm_args p) {
    let_next_start();
    const int rows = *p.rows;
    const int blocks = (rows + WARPS * ROWS - 1) / (WARPS * ROWS);
    const int block = p.descending ? blocks - 1 - (int)blockIdx.x : (int)blockIdx.x;
    const int lane = threadIdx.x % 32, first = (block * WARPS + (int)threadIdx.x / 32) * ROWS;
    float early[EARLY ? 2 * GROUPS : 1][VEC];
    if (EARLY) {
#pragma unroll
        for (int g = 0; g < GROUPS; g++) {
            const int at = (g * 32 + lane) * VEC;
            if (at < COLUMNS) {
                load_floats(p.gamma, at, early[(2 * g) % (EARLY ? 2 * GROUPS : 1)]);
                load_floats(p.beta, at, early[(2 * g + 1) % (EARLY ? 2 * GROUPS : 1)]);
            }
        }
    }
    wait_for_previous();
    if (block < 0 || first >= rows) {
        return;
    }
    if (DYNAMIC) {
        for (int row = first; row < first + ROWS && row < rows; row++) {
            quantize_row(p, row, lane);
        }
        return;
    }
    float kept[ROWS][KEPT], mean[ROWS], factor[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) { /* behind the last row: the last row again */
        const long long row = min(first + r, rows - 1) * p.x_stride;
        float sum = 0, squares = 0;
#pragma unroll UNROLL
        for (int g = 0; g < GROUPS; g++) {
            float values[VEC];
            load_group(p.x, row, (g * 32 + lane) * VEC, values);
#pragma unroll
            for (int i = 0; i < VEC; i++) {
                if (COLUMNS <= KEEP) {
                    kept[r][(g * VEC + i) % KEPT] = values[i];
                }
                sum += values[i];
                squares = fmaf(values[i], values[i], squares);
            }
        }
        mean[r] = NORM == 1 ? sum : squares;
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        const long long row = min(first + r, rows - 1) * p.x_stride;
        factor[r] = 1;
        if (NORM == 1) {
            float variance = 0;
            mean[r] = warp_sum(mean[r]) / COLUMNS;
#pragma unroll UNROLL
            for (int g = 0; g < GROUPS; g++) {
                const int at = (g * 32 + lane) * VEC;
                float values[VEC];
                if (COLUMNS > KEEP) {
                    load_group(p.x, row, at, values);
                }
#pragma unroll
                for (int i = 0; i < VEC; i++) {
                    const float value = COLUMNS <= KEEP ? kept[r][(g * VEC + i) % KEPT] : values[i];
                    const float distance = at < COLUMNS ? value - mean[r] : 0;
                    variance = fmaf(distance, distance, variance);
                }
            }
            factor[r] = 1.0f / sqrtf(warp_sum(variance) / COLUMNS + p.eps);
        } else if (NORM == 2) {
            factor[r] = sqrtf(warp_sum(mean[r]));
        }
    }
#pragma unroll UNROLL
    for (int g = 0; g < GROUPS; g++) {
        const int at = (g * 32 + lane) * VEC;
        float gamma[VEC], beta[VEC];
        if (EARLY) {
#pragma unroll
            for (int i = 0; i < VEC; i++) {
                gamma[i] = early[(2 * g) % (EARLY ? 2 * GROUPS : 1)][i];
                beta[i] = early[(2 * g + 1) % (EARLY ? 2 * GROUPS : 1)][i];
            }
        } else if (NORM == 1 && at < COLUMNS) {
            load_floats(p.gamma, at, gamma);
            load_floats(p.beta, at, beta);
        }
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            float values[VEC];
            if (COLUMNS > KEEP) {
                load_group(p.x, min(first + r, rows - 1) * p.x_stride, at, values);
            }
#pragma unroll
            for (int i = 0; i < VEC; i++) {
                float value = COLUMNS <= KEEP ? kept[r][(g * VEC + i) % KEPT] : values[i];
                if (NORM == 1) {
                    value = fmaf((value - mean[r]) * factor[r], gamma[i], beta[i]);
                } else if (NORM == 2) {
                    value /= factor[r];
                }
                values[i] = value;
            }
            if (first + r < rows) {
                store_group(p.out, (first + r) * p.out_stride, at, values, p.out_scale);
            }
        }
    }
}
