/* gemm_finish.cuh - what follows the sums of gemm_wgmma.cu, a part of it: scales, bias, activation,
 * residual, table, and out in its type.  The order of operations is the same on every path. */
/* x / (1 + 2^(-x2)) */
OC_DEVICE float times_sigmoid(float x, float x2) {
    float power, quotient;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(-x2));
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(quotient) : "f"(1.0f + power));
    return x * quotient;
}

/* x / (1 + e^(-2 half)) = x/2 + x/2 tanh(half): one special operation a value; within 2^-11 of tanh,
 * for codes. */
OC_DEVICE float times_sigmoid_by_tanh(float x, float half) {
    float t, x2 = 0.5f * x;
    asm("tanh.approx.f32 %0, %1;" : "=f"(t) : "f"(half));
    return fmaf(x2, t, x2);
}

OC_DEVICE float activate(float x) {
    if (ACT == ACT_GELU_ERF) {
        return 0.5f * x * (1.0f + erff(x * 0.70710678f));
    }
    if (ACT == ACT_GELU_SIGMOID) {
        return OUT == TYPE_E4M3 ? times_sigmoid_by_tanh(x, 0.851f * x)
                                : times_sigmoid(x, (1.702f * 1.44269504f) * x);
    }
    if (ACT == ACT_GELU_TANH) {
        float u = 0.79788456f * fmaf(0.044715f * x * x, x, x);
        return OUT == TYPE_E4M3 ? times_sigmoid_by_tanh(x, u)
                                : times_sigmoid(x, 2.0f * 1.44269504f * u);
    }
    return x;
}

typedef struct four {
    float x[4];
} four;

OC_DEVICE four load_four(unsigned address) {
    four to;
    asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(to.x[0]), "=f"(to.x[1]), "=f"(to.x[2]), "=f"(to.x[3])
                 : "r"(address));
    return to;
}

/* A warp's part of the tile: what each thread needs to place its sums. */
typedef struct part {
    unsigned vectors;    /* shared: scale, then bias, at this thread's first four columns */
    int row, column;     /* this thread's first: its others are row + 8, column + 16 i */
    int rows;            /* of the product */
    float row_scale[2];
} part;

/* Columns column + 16 group .. + 3 of row + 8 * half, before residual and table. */
OC_DEVICE four finish(const float *sum, int half, const part &here, const four &scale,
                      const four &bias) {
    four y = {{sum[2 * half], sum[2 * half + 1], sum[2 * half + 4], sum[2 * half + 5]}};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        float x = HAS_ROW_SCALE ? y.x[i] * here.row_scale[half] : y.x[i];
        x = HAS_SCALE ? HAS_BIAS ? fmaf(x, scale.x[i], bias.x[i]) : x * scale.x[i]
                      : HAS_BIAS ? x + bias.x[i] : x;
        y.x[i] = activate(x);
    }
    return y;
}

OC_DEVICE const void *residual_at(const arguments &p, long long row, int column) {
    return (const char *)p.residual +
           (row * p.residual_stride + column) * (RESIDUAL == TYPE_F32 ? 4 : 2);
}

/* A lane a row: on its way to the L2 while the products run. */
OC_DEVICE void prefetch_residual(int row, int rows, int column, const arguments &p) {
    int columns = N - column < COLUMNS ? N - column : COLUMNS;
    if (threadIdx.x % 32 < 16 && row < rows && columns > 0) {
        unsigned long long from = (unsigned long long)residual_at(p, row, column);
        bulk_prefetch((const void *)(from & ~15ull),
                      columns * (RESIDUAL == TYPE_F32 ? 4 : 2) / 16 * 16);
    }
}

OC_DEVICE bool is_column(int column) {
    return N % TILE_N == 0 || column < N;
}

/* Four of a row of the residual, as they are in memory.  So many groups of columns are asked for at
 * once that the registers which the products have left are full: one wait, not one a group. */
typedef struct kept {
    unsigned x[RESIDUAL == TYPE_F32 ? 4 : 2];
} kept;
#define KEPT_FLOATS (RESIDUAL == TYPE_F32 || OUT == TYPE_E4M3 ? 4 : 8)
#define GROUPS_KEPT (COLUMNS / 16 < KEPT_FLOATS ? COLUMNS / 16 : KEPT_FLOATS)

/* NOTE: rows and columns outside read the last ones instead: loads under a condition would keep
 * their registers alive from tile to tile. */
OC_DEVICE void keep_residual(kept (&to)[GROUPS_KEPT][2], int first, int groups, const part &here,
                             const arguments &p) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int row = here.row + 8 * half < here.rows ? here.row + 8 * half : here.rows - 1;
        const char *from = (const char *)residual_at(p, row, 0);
#pragma unroll
        for (int i = 0; i < GROUPS_KEPT; i++) {
            int column = here.column + 16 * (first + i);
            column = is_column(column) ? column : N - 4;
            if (i < groups && RESIDUAL == TYPE_F16) {
                asm volatile("ld.global.v2.u32 {%0, %1}, [%2];"
                             : "=r"(to[i][half].x[0]), "=r"(to[i][half].x[1])
                             : "l"(from + 2 * column));
            } else if (i < groups) {
                asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                             : "=r"(to[i][half].x[0]), "=r"(to[i][half].x[1]),
                               "=r"(to[i][half].x[2 % (RESIDUAL == TYPE_F32 ? 4 : 2)]),
                               "=r"(to[i][half].x[3 % (RESIDUAL == TYPE_F32 ? 4 : 2)])
                             : "l"(from + 4 * column));
            }
        }
    }
}

OC_DEVICE void add_residual(four &y, const kept &from) {
    if (RESIDUAL == TYPE_F16) {
        y.x[0] += f16_low(from.x[0]), y.x[1] += f16_high(from.x[0]);
        y.x[2] += f16_low(from.x[1]), y.x[3] += f16_high(from.x[1]);
    } else {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            y.x[i] += __uint_as_float(from.x[i % (RESIDUAL == TYPE_F32 ? 4 : 2)]);
        }
    }
}

OC_DEVICE void add_table(four &y, int row, int column, const part &here, const arguments &p) {
    if (row < here.rows && is_column(column)) {
        four more;
        asm volatile("ld.global.v4.f32 {%0, %1, %2, %3}, [%4];"
                     : "=f"(more.x[0]), "=f"(more.x[1]), "=f"(more.x[2]), "=f"(more.x[3])
                     : "l"(p.table + (row % p.period) * N + column));
#pragma unroll
        for (int i = 0; i < 4; i++) {
            y.x[i] += more.x[i];
        }
    }
}

/* All of `group`: 16 columns of two rows, this thread's four of each. */
OC_DEVICE void finish_group(four (&y)[2], const float *sum, int group, const kept (&residual)[2],
                            const part &here, const arguments &p) {
    four scale, bias;
    if (HAS_SCALE) {
        scale = load_four(here.vectors + 64 * group);
    }
    if (HAS_BIAS) {
        bias = load_four(here.vectors + HAS_SCALE * VECTOR_BYTES + 64 * group);
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
        y[half] = finish(sum + 8 * group, half, here, scale, bias);
        if (RESIDUAL != TYPE_NONE) {
            add_residual(y[half], residual[half]);
        }
        if (HAS_TABLE) {
            add_table(y[half], here.row + 8 * half, here.column + 16 * group, here, p);
        }
    }
}

/* 16- or 32-bit floats go straight to memory: four of a row from a thread, 32 or 64 bytes of a row
 * from four threads. */
OC_DEVICE void store_floats(const float (&sum)[COLUMNS / 2], const part &here, const arguments &p) {
#pragma unroll
    for (int first = 0; first < COLUMNS / 16; first += GROUPS_KEPT) {
        kept residual[GROUPS_KEPT][2];
        if (RESIDUAL != TYPE_NONE) {
            keep_residual(residual, first, COLUMNS / 16 - first, here, p);
        }
#pragma unroll
        for (int i = 0; i < GROUPS_KEPT && first + i < COLUMNS / 16; i++) {
            int group = first + i, column = here.column + 16 * group;
            four y[2];
            finish_group(y, sum, group, residual[i], here, p);
#pragma unroll
            for (int half = 0; half < 2; half++) {
                long long at = (here.row + 8 * half) * p.out_stride + here.column;
                const four &x = y[half];
                if (here.row + 8 * half < here.rows && is_column(column)) {
                    if (OUT == TYPE_F16) {
                        asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(
                                         (unsigned short *)p.out + at + 16 * group),
                                     "r"(f16x2(x.x[0], x.x[1])), "r"(f16x2(x.x[2], x.x[3]))
                                     : "memory");
                    } else {
                        asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(
                                         (float *)p.out + at + 16 * group),
                                     "f"(x.x[0]), "f"(x.x[1]), "f"(x.x[2]), "f"(x.x[3])
                                     : "memory");
                    }
                }
            }
        }
    }
}

OC_DEVICE unsigned codes_of(const four &y, const arguments &p) {
    return e4m3x4(y.x[0] * p.inverse, y.x[1] * p.inverse, y.x[2] * p.inverse, y.x[3] * p.inverse);
}

#if !SWAP
/* Rows of codes in shared memory, then to memory: a lane a row, by the copy engine. */
OC_DEVICE void send_codes(unsigned store, int first_row, int column, int width, const part &here,
                          const arguments &p) {
    int lane = threadIdx.x % 32;
    char *out = (char *)p.out;
    width = N - column < width ? N - column : width;
    if (N % 16 == 0) {
        if (lane < 16 && first_row + lane < here.rows && width > 0) {
            bulk_store(out + (first_row + lane) * p.out_stride + column, store + lane * STORE_PITCH,
                       width);
        }
        bulk_commit();
    } else {
        for (int i = lane; i < 16 * (STORE_COLUMNS / 8); i += 32) {
            int row = i / (STORE_COLUMNS / 8), x = i % (STORE_COLUMNS / 8) * 8;
            if (first_row + row < here.rows && x < width) {
                unsigned low, high;
                asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];"
                             : "=r"(low), "=r"(high)
                             : "r"(store + row * STORE_PITCH + x));
                asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(
                                 out + (first_row + row) * p.out_stride + column + x),
                             "r"(low), "r"(high)
                             : "memory");
            }
        }
        __syncwarp();
    }
}

OC_DEVICE void store_codes(const float (&sum)[COLUMNS / 2], const part &here, const arguments &p,
                           unsigned store) {
    int lane = threadIdx.x % 32;
    /* stmatrix: lanes 8i .. 8i+7 give the rows of matrix i: rows, rows + 8, the same 16 on */
    unsigned at = store + (lane & 15) * STORE_PITCH + (lane >> 4) * 16;
#pragma unroll
    for (int pass = 0; pass < COLUMNS / 16; pass += STORE_COLUMNS / 16) {
        int groups = COLUMNS / 16 - pass < STORE_COLUMNS / 16 ? COLUMNS / 16 - pass
                                                              : STORE_COLUMNS / 16;
        unsigned codes[STORE_COLUMNS / 16][2];
#pragma unroll
        for (int first = 0; first < groups; first += GROUPS_KEPT) {
            kept residual[GROUPS_KEPT][2];
            if (RESIDUAL != TYPE_NONE) {
                keep_residual(residual, pass + first, groups - first, here, p);
            }
#pragma unroll
            for (int i = 0; i < GROUPS_KEPT && first + i < groups; i++) {
                four y[2];
                finish_group(y, sum, pass + first + i, residual[i], here, p);
                codes[first + i][0] = codes_of(y[0], p);
                codes[first + i][1] = codes_of(y[1], p);
            }
        }
        bulk_wait_read();
        __syncwarp();
#pragma unroll
        for (int i = 0; i < groups; i += 2) {
            if (i + 1 < groups) {
                store_matrices(at + 16 * i, codes[i][0], codes[i][1], codes[i + 1][0],
                               codes[i + 1][1]);
            } else {
                store_two_matrices(at + 16 * i, codes[i][0], codes[i][1]);
            }
        }
        if (N % 16 == 0) {
            proxy_fence();
        }
        __syncwarp();
        send_codes(store, here.row - lane / 4, here.column - lane % 4 * 4 + 16 * pass, 16 * groups,
                   here, p);
    }
}
#endif

#if SWAP
/* Left rows are columns of out, right rows its rows: a thread has, of each two rows of out, columns
 * 4 (g / 2) + g % 2 and the one 2 on (g = lane / 4); it trades with its neighbour, lane ^ 4, for two
 * columns side by side.  first: the warp's packed row of w, a multiple of 16. */
OC_DEVICE void store_swapped(const float (&sum)[COLUMNS / 2], int first, int first_row, int rows,
                             const arguments &p) {
    int lane = threadIdx.x % 32, g = lane / 4, odd = g & 1;
    int own = first + 4 * (g / 2) + odd, column = first + 2 * g;
    int row = first_row + lane % 4 * 2; /* of out: + 8 group + e */
    bool has_own = N % TILE_M == 0 || own + 2 < N, is_ours = N % TILE_M == 0 || column < N;
    unsigned residual[COLUMNS / 8][2][RESIDUAL == TYPE_F32 ? 2 : 1];
    float scale[2], bias[2];
#pragma unroll
    for (int group = 0; RESIDUAL != TYPE_NONE && group < COLUMNS / 8; group++) {
#pragma unroll
        for (int e = 0; e < 2; e++) {
            int r = row + 8 * group + e;
            const void *from = residual_at(p, r < rows ? r : rows - 1, is_ours ? column : N - 2);
            if (RESIDUAL == TYPE_F16) {
                asm volatile("ld.global.u32 %0, [%1];" : "=r"(residual[group][e][0]) : "l"(from));
            } else {
                asm volatile("ld.global.v2.u32 {%0, %1}, [%2];"
                             : "=r"(residual[group][e][0]),
                               "=r"(residual[group][e][RESIDUAL == TYPE_F32])
                             : "l"(from));
            }
        }
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
        scale[half] = HAS_SCALE && has_own ? p.scale[own + 2 * half] : 0;
        bias[half] = HAS_BIAS && has_own ? p.bias[own + 2 * half] : 0;
    }
#pragma unroll
    for (int group = 0; group < COLUMNS / 8; group++) {
#pragma unroll
        for (int e = 0; e < 2; e++) {
            int r = row + 8 * group + e;
            bool is_row = r < rows;
            float y[2];
#pragma unroll
            for (int half = 0; half < 2; half++) {
                float x = sum[4 * group + 2 * half + e];
                x = HAS_ROW_SCALE ? x * (is_row ? p.row_scale[r] : 0) : x;
                x = HAS_SCALE ? HAS_BIAS ? fmaf(x, scale[half], bias[half]) : x * scale[half]
                              : HAS_BIAS ? x + bias[half] : x;
                y[half] = activate(x);
            }
            float traded = __shfl_xor_sync(~0u, odd ? y[0] : y[1], 4);
            float low = odd ? traded : y[0], high = odd ? y[1] : traded;
            if (is_row && is_ours) {
                long long at = r * p.out_stride + column;
                if (RESIDUAL == TYPE_F16) {
                    low += f16_low(residual[group][e][0]);
                    high += f16_high(residual[group][e][0]);
                } else if (RESIDUAL == TYPE_F32) {
                    low += __uint_as_float(residual[group][e][0]);
                    high += __uint_as_float(residual[group][e][RESIDUAL == TYPE_F32]);
                }
                if (HAS_TABLE) {
                    const float *table = p.table + (r % p.period) * N + column;
                    low += table[0];
                    high += table[1];
                }
                if (OUT == TYPE_E4M3) {
                    unsigned codes = e4m3x4(low * p.inverse, high * p.inverse, 0, 0);
                    *(unsigned short *)((char *)p.out + at) = (unsigned short)codes;
                } else if (OUT == TYPE_F16) {
                    *(unsigned *)((unsigned short *)p.out + at) = f16x2(low, high);
                } else {
                    asm volatile("st.global.v2.f32 [%0], {%1, %2};" ::"l"((float *)p.out + at),
                                 "f"(low), "f"(high)
                                 : "memory");
                }
            }
        }
    }
}
#endif
