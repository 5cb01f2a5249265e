/* gemm_finish.cuh - what follows the sums of gemm_wgmma.cu, a part of it: scales, bias, activation,
 * residual, table, and out in its type.  The order of operations is the same on every path. */
/* x / (1 + 2^(-x2)) */
OC_DEVICE float times_sigmoid(float x, float x2) {
    float power, quotient;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(-x2));
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(quotient) : "f"(1.0f + power));
    return x * quotient;
}

/* scale x / (1 + e^(-2 half)) = scale x/2 (1 + tanh(half)): one special operation a value; within
 * 2^-11 of tanh, for codes. */
OC_DEVICE float times_sigmoid_by_tanh(float x, float half, float scale) {
    float t, scaled = 0.5f * scale * x;
    asm("tanh.approx.f32 %0, %1;" : "=f"(t) : "f"(half));
    return fmaf(scaled, t, scaled);
}

/* Whether activate multiplies by the inverse of the codes' scale, because nothing comes between. */
#define ACT_SCALES                                                                                 \
    (OUT == TYPE_E4M3 && (ACT == ACT_GELU_SIGMOID || ACT == ACT_GELU_TANH) &&                      \
     RESIDUAL == TYPE_NONE && !HAS_TABLE)

OC_DEVICE float activate(float x, float inverse) {
    float scale = ACT_SCALES ? inverse : 1.0f;
    if (ACT == ACT_GELU_ERF) {
        return 0.5f * x * (1.0f + erff(x * 0.70710678f));
    }
    if (ACT == ACT_GELU_SIGMOID) {
        return OUT == TYPE_E4M3 ? times_sigmoid_by_tanh(x, 0.851f * x, scale)
                                : times_sigmoid(x, (1.702f * 1.44269504f) * x);
    }
    if (ACT == ACT_GELU_TANH) {
        float u = 0.79788456f * fmaf(0.044715f * x * x, x, x);
        return OUT == TYPE_E4M3 ? times_sigmoid_by_tanh(x, u, scale)
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

/* A warp's 16 rows and COLUMNS columns of a tile.  Of each 16 columns this thread has four, at
 * 4 (lane % 4), of the rows lane / 4 and 8 more. */
typedef struct part {
    unsigned vectors; /* shared: scale, then bias, at this thread's first four columns */
    int row, column;  /* the first */
    int rows;         /* of the product */
    float row_scale[2];
} part;

OC_DEVICE int row_of(const part &here, int half) {
    return here.row + threadIdx.x % 32 / 4 + 8 * half;
}

OC_DEVICE int column_of(const part &here, int group) {
    return here.column + threadIdx.x % 4 * 4 + 16 * group;
}

/* The four of a row, before residual and table; sum: the group's eight. */
OC_DEVICE four finish(const float *sum, int half, const part &here, const four &scale,
                      const four &bias, float inverse) {
    four y = {{sum[2 * half], sum[2 * half + 1], sum[2 * half + 4], sum[2 * half + 5]}};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        float x = HAS_ROW_SCALE ? y.x[i] * here.row_scale[half] : y.x[i];
        x = HAS_SCALE ? HAS_BIAS ? fmaf(x, scale.x[i], bias.x[i]) : x * scale.x[i]
                      : HAS_BIAS ? x + bias.x[i] : x;
        y.x[i] = activate(x, inverse);
    }
    return y;
}

OC_DEVICE const void *residual_at(const arguments &p, long long row, int column) {
    return (const char *)p.residual +
           (row * p.residual_stride + column) * (RESIDUAL == TYPE_F32 ? 4 : 2);
}

/* The warp's part of a residual: on its way to the L2 while the products run. */
OC_DEVICE void prefetch_residual(int first_row, int rows, int column, const arguments &p) {
    enum {
        STEP = RESIDUAL == TYPE_F32 ? 32 : 64, /* columns of a line of 128 bytes */
        LINES = (COLUMNS + STEP - 1) / STEP
    };
#pragma unroll 1
    for (int i = threadIdx.x % 32; i < 16 * LINES; i += 32) {
        int row = first_row + i / LINES, x = column + i % LINES * STEP;
        if (row < rows && x < N) {
            asm volatile("prefetch.global.L2 [%0];" ::"l"(residual_at(p, row, x)));
        }
    }
}

/* The last tile ends with out's columns. */
#define IS_WHOLE (N % W_STEP == 0)

OC_DEVICE bool is_column(int column) {
    return IS_WHOLE || column < N;
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
        int row = row_of(here, half) < here.rows ? row_of(here, half) : here.rows - 1;
        const char *from = (const char *)residual_at(p, row, 0);
#pragma unroll
        for (int i = 0; i < GROUPS_KEPT; i++) {
            int column = column_of(here, first + i);
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
        y[half] = finish(sum + 8 * group, half, here, scale, bias, p.inverse);
        if (RESIDUAL != TYPE_NONE && !RESIDUAL_STAGED) {
            add_residual(y[half], residual[half]);
        }
        if (HAS_TABLE && !RESIDUAL_STAGED) {
            add_table(y[half], row_of(here, half), column_of(here, group), here, p);
        }
    }
}

/* Floats go straight to memory: four of a row from a thread, 64 bytes of a row from four threads. */
OC_DEVICE void store_floats(const float (&sum)[COLUMNS / 2], const part &here, const arguments &p) {
#pragma unroll
    for (int first = 0; first < COLUMNS / 16; first += GROUPS_KEPT) {
        kept residual[GROUPS_KEPT][2];
        if (RESIDUAL != TYPE_NONE) {
            keep_residual(residual, first, COLUMNS / 16 - first, here, p);
        }
#pragma unroll
        for (int i = 0; i < GROUPS_KEPT && first + i < COLUMNS / 16; i++) {
            four y[2];
            finish_group(y, sum, first + i, residual[i], here, p);
#pragma unroll
            for (int half = 0; half < 2; half++) {
                int row = row_of(here, half), column = column_of(here, first + i);
                if (row < here.rows && is_column(column)) {
                    asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(
                                     (float *)p.out + row * p.out_stride + column),
                                 "f"(y[half].x[0]), "f"(y[half].x[1]), "f"(y[half].x[2]),
                                 "f"(y[half].x[3])
                                 : "memory");
                }
            }
        }
    }
}

#if !SWAP
enum {
    OUT_BYTES = OUT == TYPE_F16 ? 2 : 1,
    UNIT = N * OUT_BYTES % 16 == 0 ? 16 : 8, /* bytes that a lane copies at once */
    UNITS = COLUMNS * OUT_BYTES / UNIT,      /* of a row of the warp's tile */
    UNITS_AT_ONCE = 4
};

/* The warp's rows of out from shared memory, whole rows by neighbouring lanes.  NOTE: not by the
 * copy engine: a lane a row makes a loop over 16 lanes, which took a third of the epilogue. */
OC_DEVICE void send_rows(unsigned store, const part &here, const arguments &p) {
    int lane = threadIdx.x % 32;
    int width = (N - here.column < COLUMNS ? N - here.column : COLUMNS) * OUT_BYTES;
    char *out = (char *)p.out + (here.row * p.out_stride + here.column) * OUT_BYTES;
    __syncwarp();
#pragma unroll
    for (int first = 0; first < 16 * UNITS; first += 32 * UNITS_AT_ONCE) {
        unsigned data[UNITS_AT_ONCE][4];
#pragma unroll
        for (int i = 0; i < UNITS_AT_ONCE; i++) {
            int unit = first + 32 * i + lane;
            unsigned from = store + unit / UNITS * STORE_PITCH + unit % UNITS * UNIT;
            if (first + 32 * i < 16 * UNITS && unit < 16 * UNITS) {
                if (UNIT == 16) {
                    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                                 : "=r"(data[i][0]), "=r"(data[i][1]), "=r"(data[i][2]),
                                   "=r"(data[i][3])
                                 : "r"(from));
                } else {
                    asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];"
                                 : "=r"(data[i][0]), "=r"(data[i][1])
                                 : "r"(from));
                }
            }
        }
#pragma unroll
        for (int i = 0; i < UNITS_AT_ONCE; i++) {
            int unit = first + 32 * i + lane, row = unit / UNITS, x = unit % UNITS * UNIT;
            char *to = out + row * p.out_stride * OUT_BYTES + x;
            if (first + 32 * i < 16 * UNITS && row < 16 && here.row + row < here.rows &&
                x < width) {
                if (UNIT == 16) {
                    asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(to),
                                 "r"(data[i][0]), "r"(data[i][1]), "r"(data[i][2]),
                                 "r"(data[i][3])
                                 : "memory");
                } else {
                    asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(to), "r"(data[i][0]),
                                 "r"(data[i][1])
                                 : "memory");
                }
            }
        }
    }
    __syncwarp();
}

/* The warp's rows of an F16 residual to where out will be put together; without waiting. */
OC_DEVICE void fetch_residual(const part &here, unsigned store, const arguments &p) {
    int lane = threadIdx.x % 32;
    int width = (N - here.column < COLUMNS ? N - here.column : COLUMNS) * 2;
    const char *from = (const char *)residual_at(p, here.row, here.column);
#pragma unroll 1
    for (int first = 0; first < 16 * UNITS; first += 32) {
        int unit = first + lane, row = unit / UNITS, x = unit % UNITS * 16;
        if (row < 16 && here.row + row < here.rows && x < width) {
            asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(store +
                                                                          row * STORE_PITCH + x),
                         "l"(from + row * p.residual_stride * 2 + x)
                         : "memory");
        }
    }
}

OC_DEVICE void wait_residual() {
    asm volatile("cp.async.wait_all;" ::: "memory");
    __syncwarp();
}

OC_DEVICE void store_halves(const float (&sum)[COLUMNS / 2], const part &here, const arguments &p,
                            unsigned store) {
    int lane = threadIdx.x % 32;
    unsigned at = store + lane / 4 * STORE_PITCH + lane % 4 * 8;
#pragma unroll
    for (int first = 0; first < COLUMNS / 16; first += GROUPS_KEPT) {
        kept residual[GROUPS_KEPT][2];
        if (RESIDUAL != TYPE_NONE && !RESIDUAL_STAGED) {
            keep_residual(residual, first, COLUMNS / 16 - first, here, p);
        }
#pragma unroll
        for (int i = 0; i < GROUPS_KEPT && first + i < COLUMNS / 16; i++) {
            int group = first + i;
            four y[2];
            kept staged[2];
            if (RESIDUAL_STAGED) {
#pragma unroll
                for (int half = 0; half < 2; half++) {
                    asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];"
                                 : "=r"(staged[half].x[0]), "=r"(staged[half].x[1])
                                 : "r"(at + 8 * half * STORE_PITCH + 32 * group));
                }
            }
            finish_group(y, sum, group, residual[i], here, p);
#pragma unroll
            for (int half = 0; half < 2; half++) {
                if (RESIDUAL_STAGED) {
                    add_residual(y[half], staged[half]);
                    if (HAS_TABLE) {
                        add_table(y[half], row_of(here, half), column_of(here, group), here, p);
                    }
                }
                asm volatile("st.shared.v2.u32 [%0], {%1, %2};" ::"r"(at + 8 * half * STORE_PITCH +
                                                                      32 * group),
                             "r"(f16x2(y[half].x[0], y[half].x[1])),
                             "r"(f16x2(y[half].x[2], y[half].x[3]))
                             : "memory");
            }
        }
    }
    send_rows(store, here, p);
}

OC_DEVICE unsigned codes_of(const four &y, const arguments &p) {
    float inverse = ACT_SCALES ? 1.0f : p.inverse;
    return e4m3x4(y.x[0] * inverse, y.x[1] * inverse, y.x[2] * inverse, y.x[3] * inverse);
}

OC_DEVICE void store_codes(const float (&sum)[COLUMNS / 2], const part &here, const arguments &p,
                           unsigned store) {
    int lane = threadIdx.x % 32;
    /* stmatrix: lanes 8i .. 8i+7 give the rows of matrix i: rows, rows + 8, the same 16 on */
    unsigned at = store + (lane & 15) * STORE_PITCH + (lane >> 4) * 16;
#pragma unroll
    for (int first = 0; first < COLUMNS / 16; first += GROUPS_KEPT) {
        kept residual[GROUPS_KEPT][2];
        unsigned codes[GROUPS_KEPT + 1][2];
        int groups = COLUMNS / 16 - first < GROUPS_KEPT ? COLUMNS / 16 - first : GROUPS_KEPT;
        if (RESIDUAL != TYPE_NONE) {
            keep_residual(residual, first, groups, here, p);
        }
#pragma unroll
        for (int i = 0; i < groups; i++) {
            four y[2];
            finish_group(y, sum, first + i, residual[i], here, p);
            codes[i][0] = codes_of(y[0], p);
            codes[i][1] = codes_of(y[1], p);
            if (i % 2 == 1) {
                store_matrices(at + 16 * (first + i - 1), codes[i - 1][0], codes[i - 1][1],
                               codes[i][0], codes[i][1]);
            } else if (i + 1 == groups) {
                store_two_matrices(at + 16 * (first + i), codes[i][0], codes[i][1]);
            }
        }
    }
    send_rows(store, here, p);
}
#endif

#if SWAP
/* Left rows are columns of out, right rows its rows: a thread has, of each two rows of out, columns
 * 4 (g / 2) + g % 2 and the one 2 on (g = lane / 4); it trades with its neighbour, lane ^ 4, for two
 * columns side by side.  In a part `row` is then the warp's packed row of w, a multiple of 16, and
 * `column` its first row of a. */
enum {
    PRELOADED = COLUMNS <= 72 /* before the products: registers are left */
};

typedef struct swapped {
    unsigned residual[COLUMNS / 8][2][RESIDUAL == TYPE_F32 ? 2 : 1];
    float scale[2], bias[2];
} swapped;

OC_DEVICE int own_column(const part &here) {
    int g = threadIdx.x % 32 / 4;
    return here.row + 4 * (g / 2) + g % 2;
}

OC_DEVICE int pair_column(const part &here) {
    return here.row + 2 * (threadIdx.x % 32 / 4);
}

OC_DEVICE int pair_row(const part &here, int group, int e) {
    return here.column + threadIdx.x % 4 * 2 + 8 * group + e;
}

OC_DEVICE void load_aside(swapped &aside, const part &here, const arguments &p) {
    int own = own_column(here), column = pair_column(here);
    bool has_own = IS_WHOLE || own + 2 < N;
    column = IS_WHOLE || column < N ? column : N - 2;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        aside.scale[half] = HAS_SCALE && has_own ? p.scale[own + 2 * half] : 0;
        aside.bias[half] = HAS_BIAS && has_own ? p.bias[own + 2 * half] : 0;
    }
#pragma unroll
    for (int group = 0; RESIDUAL != TYPE_NONE && group < COLUMNS / 8; group++) {
#pragma unroll
        for (int e = 0; e < 2; e++) {
            int r = pair_row(here, group, e);
            const void *from = residual_at(p, r < here.rows ? r : here.rows - 1, column);
            if (RESIDUAL == TYPE_F16) {
                asm volatile("ld.global.u32 %0, [%1];"
                             : "=r"(aside.residual[group][e][0])
                             : "l"(from));
            } else {
                asm volatile("ld.global.v2.u32 {%0, %1}, [%2];"
                             : "=r"(aside.residual[group][e][0]),
                               "=r"(aside.residual[group][e][RESIDUAL == TYPE_F32])
                             : "l"(from));
            }
        }
    }
}

OC_DEVICE void store_swapped(const float (&sum)[COLUMNS / 2], const swapped &aside,
                             const part &here, const arguments &p) {
    int odd = threadIdx.x / 4 & 1, column = pair_column(here);
    bool is_ours = IS_WHOLE || column < N;
#pragma unroll
    for (int group = 0; group < COLUMNS / 8; group++) {
#pragma unroll
        for (int e = 0; e < 2; e++) {
            int r = pair_row(here, group, e);
            bool is_row = r < here.rows;
            float y[2];
#pragma unroll
            for (int half = 0; half < 2; half++) {
                float x = sum[4 * group + 2 * half + e];
                x = HAS_ROW_SCALE ? x * (is_row ? p.row_scale[r] : 0) : x;
                x = HAS_SCALE ? HAS_BIAS ? fmaf(x, aside.scale[half], aside.bias[half])
                                         : x * aside.scale[half]
                              : HAS_BIAS ? x + aside.bias[half] : x;
                y[half] = activate(x, p.inverse);
            }
            float traded = __shfl_xor_sync(~0u, odd ? y[0] : y[1], 4);
            float low = odd ? traded : y[0], high = odd ? y[1] : traded;
            if (is_row && is_ours) {
                long long at = r * p.out_stride + column;
                if (RESIDUAL == TYPE_F16) {
                    low += f16_low(aside.residual[group][e][0]);
                    high += f16_high(aside.residual[group][e][0]);
                } else if (RESIDUAL == TYPE_F32) {
                    low += __uint_as_float(aside.residual[group][e][0]);
                    high += __uint_as_float(aside.residual[group][e][RESIDUAL == TYPE_F32]);
                }
                if (HAS_TABLE) {
                    const float *table = p.table + (r % p.period) * N + column;
                    low += table[0];
                    high += table[1];
                }
                if (OUT == TYPE_E4M3) {
                    float inverse = ACT_SCALES ? 1.0f : p.inverse;
                    unsigned codes = e4m3x4(low * inverse, high * inverse, 0, 0);
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
