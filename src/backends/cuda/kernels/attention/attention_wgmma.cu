/* attention_wgmma.cu - attention by warpgroups, head_dim 64, every key visible.
 *
 *   q, k, v [tokens, heads * 64] F16, views of one buffer -> out [tokens, heads * 64] E4M3 or F16
 *
 * Persistent.  An item is a head of a sequence, or TILES tiles of 64 of its query rows.  The copy
 * engine brings an item's queries, keys and values into a stage of shared memory, rows of 128 bytes
 * swizzled; the warp that leaves a stage last fills it with the item that is STAGES further on.
 * Tiles go round the warpgroups across items; each warpgroup does a tile alone:
 *   scores [64, KEYS] in registers -> highest -> 2^(x - highest), F16, still in registers -> product
 * Where BLOCKS is 1 that is all; else a later block of keys rescales what was summed.  Both
 * products are cut in two (A, B), so that the tensor cores work on one half while exponents of the
 * other are computed.
 *
 * Parameters (macros; attention.c derives them)
 *   KEYS_A, KEYS_B  keys of a block, KEYS = both; multiples of 16 and of 8
 *   BLOCKS          of keys; BLOCKS * KEYS >= the longest sequence
 *   WARPGROUPS      2 .. 4
 *   STAGES          1 .. 8
 *   BOX             rows of the tensor map's box, of 64 columns; a multiple of 8
 *   BOXES           of the keys of an item; QUERY_BOXES of its queries
 *   TILES, GROUPS   tiles of an item; items of a head: GROUPS * TILES * 64 >= the longest sequence
 *   CAUSAL          0 or 1
 *   TURNS           how many warpgroups exponentiate at a time; 0: all that want
 *   TAIL            0 .. 8: a last tile of at most so many rows goes to mma.sync, its keys divided
 *                   among the warps; TAIL_OWN 1: what they find has its own shared memory, 0: it
 *                   lies behind the queries, in rows of their last box
 *   OUT_F16         as attention.cuh says
 *
 * Shared memory: STAGES x { queries, keys, values }, barriers, what each stage holds, items' rows.
 * Numbers: scores, highest, sums, output sums float32; what multiplies v F16, at most 1.  A row's
 * bits depend on its sequence, on KEYS and on BLOCKS; where BLOCKS is 1, not on KEYS.
 * Values' rows behind a sequence's end are zeroed in shared memory: nothing of the neighbour's.
 * Every warpgroup that uses an item zeroes them for itself: where two do, both write the zeros that
 * either's wgmma may be reading.
 * Limits: tensor cores and exponents alike, 1,056 clocks each for 64 queries and 264 keys; measured
 * 2,300 with TURNS 0 or 1.  Tried without gain: a part of the exponents as polynomials, products
 * that wait for all exponents; two or four warpgroups, and shorter blocks, are slower. */
#include "attention.cuh"
#include "mma.cuh"
#include "tma.cuh"
#include "wgmma.cuh"

#if !defined(KEYS_A) || !defined(KEYS_B) || !defined(BLOCKS) || !defined(WARPGROUPS) ||           \
    !defined(STAGES) || !defined(BOX) || !defined(BOXES) || !defined(QUERY_BOXES) ||              \
    !defined(TILES) || !defined(GROUPS) || !defined(CAUSAL) ||               \
    !defined(TURNS) || !defined(TAIL) || !defined(TAIL_OWN) || !defined(OUT_F16)
#error "attention_wgmma: KEYS_A, KEYS_B, BLOCKS, WARPGROUPS, STAGES, BOX, BOXES, QUERY_BOXES, TILES, GROUPS, CAUSAL, TURNS, TAIL, TAIL_OWN, OUT_F16"
#endif

#define KEYS    (KEYS_A + KEYS_B)
#define STEPS_A (KEYS_A / 16)
#define STEPS_B ((KEYS_B + 15) / 16)
#define REACH   ((BLOCKS - 1) * KEYS + 16 * (STEPS_A + STEPS_B)) /* rows of v that products read */
#define V_ROWS  (REACH > BOXES * BOX ? (REACH + 7) / 8 * 8 : BOXES * BOX)

#define Q_BYTES     (QUERY_BOXES * BOX * 128)
#define K_BYTES     (BOXES * BOX * 128)
#define TAIL_BYTES  (TAIL_OWN ? (TAIL * 4 * 66 * 4 + 1023) / 1024 * 1024 : 0)
#define STAGE_BYTES (Q_BYTES + K_BYTES + V_ROWS * 128 + TAIL_BYTES)
#define TAIL_STEPS  ((BLOCKS * KEYS + 63) / 64) /* of 16 keys, of a warp */
#define TURN_BYTES  (TURNS > 0 ? 256 : 0)
#define AHEAD       64 /* items of a CTA whose rows are looked up at its start */

static_assert(KEYS_A % 16 == 0 && KEYS_B % 8 == 0 && BOX % 8 == 0 && BOX <= 256, "alignment");
static_assert(BOXES * BOX + 8 > (BLOCKS - 1) * KEYS, "an empty block");
static_assert(TILES * 64 * 128 <= STAGE_BYTES, "a tile's rows lie in its stage");
static_assert(STAGES * (STAGE_BYTES + 48) + TURN_BYTES + 8 * AHEAD <= 232448, "shared memory");

#define OC_WGMMA_TYPES_F16_ROWS    "k16.f32.f16.f16" /* b's rows are the summed index */
#define OC_WGMMA_MAJOR_SS_F16_ROWS ", 0, 1"
#define OC_WGMMA_MAJOR_RS_F16_ROWS ", 1"
OC_WGMMA(scores_a, KEYS_A, F16)
OC_WGMMA(scores_b, KEYS_B, F16)
OC_WGMMA(values, 64, F16_ROWS)

/* A tile of values; steps of 8 rows are the same 1,024 bytes under either name. */
OC_DEVICE unsigned long long values_tile(unsigned address) {
    return (unsigned long long)((address & 0x3ffff) >> 4) | 64ull << 16 | 64ull << 32 | 1ull << 62;
}

typedef struct stage_item {
    int start, length, first, head; /* first: query row; of no queries where first >= length */
} stage_item;

typedef struct stages {
    unsigned data;      /* shared addresses */
    unsigned keys_full; /* with the queries */
    unsigned values_full;
    unsigned turns;   /* [2][WARPGROUPS][4]: the even and the odd turns of a warp */
    stage_item *item; /* [STAGES] */
    int2 *rows;       /* [AHEAD]: start and length of the CTA's items */
    int *left;        /* [STAGES]: warps that left it */
} stages;

OC_DEVICE int2 item_rows(const oc_attention_args &args, int item) {
    int sequence = item / GROUPS / args.heads, start = args.starts[sequence];
    return make_int2(start, args.starts[sequence + 1] - start);
}

/* By one thread. */
OC_DEVICE void load_item(const oc_tensor_map *map, const oc_attention_args &args, const stages &st,
                         int item, int2 rows, int stage) {
    int head = item / GROUPS % args.heads, first = item % GROUPS * (TILES * 64);
    int start = rows.x, length = rows.y;
    stage_item *what = &st.item[stage];
    what->start = start, what->length = length, what->first = first, what->head = head;
    unsigned keys_full = st.keys_full + 8 * stage, values_full = st.values_full + 8 * stage;
    if (first >= length) {
        mbarrier_arrive(keys_full);
        mbarrier_arrive(values_full);
        return;
    }
    int queries = min(length - first, TILES * 64);
    int query_boxes = (queries + BOX - 1) / BOX, boxes = (length + BOX - 1) / BOX;
    unsigned to = st.data + stage * STAGE_BYTES;
    mbarrier_arrive_expect(keys_full, (query_boxes + boxes) * BOX * 128);
    mbarrier_arrive_expect(values_full, boxes * BOX * 128);
#pragma unroll 1
    for (int i = 0; i < query_boxes; i++) {
        tma_load(to + i * BOX * 128, map, args.q_column + head * 64, start + first + i * BOX,
                 keys_full);
    }
    to += Q_BYTES;
#pragma unroll 1
    for (int i = 0; i < boxes; i++) {
        tma_load(to + i * BOX * 128, map, args.k_column + head * 64, start + i * BOX, keys_full);
    }
    to += K_BYTES;
#pragma unroll 1
    for (int i = 0; i < boxes; i++) {
        tma_load(to + i * BOX * 128, map, args.v_column + head * 64, start + i * BOX, values_full);
    }
}

/* Scores of keys that a row does not see: -inf.  It sees so many from column 0 of s on. */
#if CAUSAL
#define HIDE(s, width, keys, sees)                                                                 \
    _Pragma("unroll") for (int i = 0; i < (width) / 2; i++) {                                      \
        s[i] = i / 4 * 8 + i % 2 < (sees)[i / 2 % 2] ? s[i] : -OC_INFINITY;                        \
    }
#else
#define HIDE(s, width, keys, sees)                                                                       \
    if ((keys) < (width)) {                                                                        \
        int mine = (keys)-2 * q;                                                                   \
        if ((keys) > (width)-8) {                                                                  \
            HIDE_EIGHT(s, (width) / 8 - 1, mine)                                                   \
        } else {                                                                                   \
            _Pragma("unroll") for (int j = 0; j < (width) / 8; j++) {                              \
                HIDE_EIGHT(s, j, mine)                                                             \
            }                                                                                      \
        }                                                                                          \
    }
#endif
#define HIDE_EIGHT(s, j, mine)                                                                     \
    s[4 * (j)] = 8 * (j) < mine ? s[4 * (j)] : -OC_INFINITY;                                       \
    s[4 * (j) + 1] = 8 * (j) + 1 < mine ? s[4 * (j) + 1] : -OC_INFINITY;                           \
    s[4 * (j) + 2] = 8 * (j) < mine ? s[4 * (j) + 2] : -OC_INFINITY;                               \
    s[4 * (j) + 3] = 8 * (j) + 1 < mine ? s[4 * (j) + 3] : -OC_INFINITY;

#define HIGHEST(s, width)                                                                          \
    _Pragma("unroll") for (int i = 0; i < (width) / 4; i++) {                                      \
        high[0] = fmaxf(high[0], fmaxf(s[4 * i], s[4 * i + 1]));                                   \
        high[1] = fmaxf(high[1], fmaxf(s[4 * i + 2], s[4 * i + 3]));                               \
    }

/* 16 keys of s to a step's operand p; the upper 8 are none where `half`. */
#define POWERS(p, s, i, half)                                                                      \
    {                                                                                              \
        float x[8];                                                                                \
        _Pragma("unroll") for (int e = 0; e < 8; e++) {                                            \
            x[e] = (half) && e >= 4                                                                \
                       ? 0.0f                                                                      \
                       : exp2_approx(fmaf(s[(half) && e >= 4 ? 0 : 8 * (i) + e], args.scale_log2,  \
                                          -shift[e >> 1 & 1]));                                    \
        }                                                                                          \
        sum[0] += x[0], sum[1] += x[2], sum_odd[0] += x[1], sum_odd[1] += x[3];                    \
        if (!(half)) {                                                                             \
            sum[0] += x[4], sum[1] += x[6], sum_odd[0] += x[5], sum_odd[1] += x[7];                \
        }                                                                                          \
        p[0] = f16x2(x[0], x[1]), p[1] = f16x2(x[2], x[3]);                                        \
        p[2] = f16x2(x[4], x[5]), p[3] = f16x2(x[6], x[7]);                                        \
    }

/* Until an item's values are there; then zeros behind them, as far as products read. */
OC_DEVICE void await_values(const stages &st, int stage, int parity, unsigned values, int length,
                            int group) {
    mbarrier_wait(st.values_full + 8 * stage, parity);
    int reach = ((length + KEYS - 1) / KEYS - 1) * KEYS + 16 * (STEPS_A + STEPS_B);
    for (int i = threadIdx.x % 128; i < (reach - length) * 8; i += 128) {
        asm volatile("st.shared.v4.u32 [%0], {%1, %1, %1, %1};" ::"r"(values + length * 128 + i * 16),
                     "r"(0)
                     : "memory");
    }
    proxy_fence();
    asm volatile("bar.sync %0, 128;" ::"r"(1 + group) : "memory");
}

#if TAIL > 0
/* Address of 16 bytes of a swizzled row. */
OC_DEVICE unsigned swizzled(unsigned tile, int row, int chunk) {
    return tile + row * 128 + ((chunk ^ (row & 7)) << 4);
}

/* The last `rows` query rows of a sequence, at most 8, by a warpgroup: 16 keys go to each of its
 * warps in turn; each finds its highest score, sum and weighted sum; together they store. */
OC_DEVICE void tail_tile(const oc_attention_args &args, unsigned queries, unsigned keys,
                         unsigned values, float *found, int rows, int first_row, int length,
                         long long out_at, int group) {
    int lane = threadIdx.x % 32, warp = threadIdx.x % 128 / 32, g = lane / 4, q = lane % 4;
    float s[TAIL_STEPS][8], o[8][4], high = -OC_INFINITY, sum = 0;
    unsigned a[4][4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        load_matrices(a[i], swizzled(queries, lane % 16, 2 * i + lane / 16));
    }
    int sees = CAUSAL ? min(first_row + g + 1, length) : length;
#pragma unroll
    for (int n = 0; n < TAIL_STEPS; n++) {
        int key = 16 * (4 * n + warp);
#pragma unroll
        for (int e = 0; e < 8; e++) {
            s[n][e] = 0;
        }
        if (key < length) {
            float(&low)[4] = *(float(*)[4])&s[n][0], (&up)[4] = *(float(*)[4])&s[n][4];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                unsigned b[4];
                load_matrices(b, swizzled(keys, key + lane / 16 * 8 + lane % 8,
                                          2 * i + lane / 8 % 2));
                mma_f16(low, a[i], b[0], b[1]);
                mma_f16(up, a[i], b[2], b[3]);
            }
#pragma unroll
            for (int e = 0; e < 4; e++) {
                int column = key + e / 2 * 8 + 2 * q + e % 2;
                float &x = s[n][e / 2 * 4 + e % 2];
                x = column < sees ? x : -OC_INFINITY;
                high = fmaxf(high, x);
            }
        }
    }
    high = quad_max(high);
    float shift = softmax_shift(high, args.scale_log2);
#pragma unroll
    for (int i = 0; i < 8; i++) {
        o[i][0] = o[i][1] = o[i][2] = o[i][3] = 0;
    }
#pragma unroll
    for (int n = 0; n < TAIL_STEPS; n++) {
        int key = 16 * (4 * n + warp);
        if (key < length) {
            float x[4];
#pragma unroll
            for (int e = 0; e < 4; e++) {
                x[e] = exp2_approx(fmaf(s[n][e / 2 * 4 + e % 2], args.scale_log2, -shift));
            }
            sum += (x[0] + x[1]) + (x[2] + x[3]);
            unsigned p[4] = {f16x2(x[0], x[1]), 0, f16x2(x[2], x[3]), 0};
#pragma unroll
            for (int i = 0; i < 4; i++) {
                unsigned b[4];
                /* Behind the end a power of 0 meets the last row: the rows there may be in the
                 * making (await_values). */
                int row = min(key + lane % 16, length - 1);
                load_matrices_transposed(b, swizzled(values, row, 2 * i + lane / 16));
                mma_f16(o[2 * i], p, b[0], b[1]);
                mma_f16(o[2 * i + 1], p, b[2], b[3]);
            }
        }
    }
    sum = quad_sum(sum);
    if (g < rows) {
        float *mine = found + (g * 4 + warp) * 66;
#pragma unroll
        for (int i = 0; i < 8; i++) {
            *(float2 *)&mine[8 * i + 2 * q] = make_float2(o[i][0], o[i][1]);
        }
        if (q == 0) {
            *(float2 *)&mine[64] = make_float2(high, sum);
        }
    }
    asm volatile("bar.sync %0, 128;" ::"r"(1 + group) : "memory");
    for (int r = warp; r < rows; r += 4) {
        const float *all = found + r * 4 * 66;
        float top = -OC_INFINITY, total = 0, x = 0, y = 0;
#pragma unroll
        for (int w = 0; w < 4; w++) {
            top = fmaxf(top, all[w * 66 + 64]);
        }
        float all_shift = softmax_shift(top, args.scale_log2);
#pragma unroll
        for (int w = 0; w < 4; w++) {
            float part = exp2_approx(fmaf(all[w * 66 + 64], args.scale_log2, -all_shift));
            total = fmaf(all[w * 66 + 65], part, total);
            x = fmaf(all[w * 66 + 2 * lane], part, x);
            y = fmaf(all[w * 66 + 2 * lane + 1], part, y);
        }
        float factor = out_factor(total, args.inv_out_scale);
        long long at = out_at + (long long)r * args.out_stride + 2 * lane;
#if OUT_F16
        *(unsigned *)((unsigned short *)args.out + at) = f16x2(x * factor, y * factor);
#else
        *(unsigned short *)((unsigned char *)args.out + at) =
            (unsigned short)e4m3x4(x * factor, y * factor, 0, 0);
#endif
    }
    proxy_fence(); /* what was found lies where the copy engine may write */
}
#endif

#if TURNS > 0
/* Warps of different warpgroups that share an exponential unit use it in the order of their tiles,
 * TURNS at a time.  Left to themselves all come to do the same thing at the same time, and tensor
 * cores and exponential units idle in turn.  A warp's turn number n + TURNS of all comes with the
 * end of number n; at most one turn is granted before it is taken, so two barriers do. */
#define TAKE_TURN                                                                                  \
    mbarrier_wait(st.turns + 8 * (threadIdx.x / 32 + 4 * WARPGROUPS * (uses & 1)), uses >> 1 & 1);
#define PASS_TURN                                                                                  \
    {                                                                                              \
        int to = group + TURNS, over = to >= WARPGROUPS;                                           \
        to -= over ? WARPGROUPS : 0;                                                               \
        if (lane == 0) {                                                                           \
            mbarrier_arrive(st.turns + 8 * (threadIdx.x / 32 % 4 + 4 * to +                        \
                                            4 * WARPGROUPS * (uses + over & 1)));                  \
        }                                                                                          \
        uses++;                                                                                    \
    }
static_assert(TURNS < WARPGROUPS && 2 * WARPGROUPS % TURNS == 0, "two barriers a warp must do");
#else
#define TAKE_TURN
#define PASS_TURN
#endif

extern "C" __global__ void __launch_bounds__(128 * WARPGROUPS, 1)
    attention_wgmma(const __grid_constant__ oc_tensor_map map,
                    const __grid_constant__ oc_attention_args args) {
    extern __shared__ __align__(1024) unsigned char shared[];
    stages st;
    st.data = shared_address(shared);
    st.keys_full = st.data + STAGES * STAGE_BYTES;
    st.values_full = st.keys_full + 8 * STAGES;
    st.turns = st.values_full + 8 * STAGES;
    st.item = (stage_item *)(shared + STAGES * (STAGE_BYTES + 16) + TURN_BYTES);
    st.rows = (int2 *)(st.item + STAGES);
    st.left = (int *)(st.rows + AHEAD);
    grid_launch_dependents();
    /* Both look-ups at once: a launch waits for one latency, not for two. */
    int at = blockIdx.x + threadIdx.x * gridDim.x;
    if (threadIdx.x < AHEAD && at / GROUPS / args.heads < args.sequences_max) {
        st.rows[threadIdx.x] = item_rows(args, at);
    }
    int total = args.sequences[0] * args.heads * GROUPS;
    if ((int)blockIdx.x >= total) {
        grid_wait();
        return;
    }
    int group = __shfl_sync(OC_FULL, threadIdx.x / 128, 0);
    int lane = threadIdx.x % 32, q = lane % 4;
    if (threadIdx.x == 0) {
        for (int s = 0; s < STAGES; s++) {
            mbarrier_init(st.keys_full + 8 * s, 1);
            mbarrier_init(st.values_full + 8 * s, 1);
            st.left[s] = 0;
        }
#if TURNS > 0
        for (int i = 0; i < 8 * WARPGROUPS; i++) {
            mbarrier_init(st.turns + 8 * i, 1);
        }
#endif
        mbarrier_init_fence();
#if TURNS > 0
        for (int i = 0; i < 4 * TURNS; i++) {
            mbarrier_arrive(st.turns + 8 * i); /* the first turn of the first warpgroups */
        }
#endif
        tma_prefetch_map(&map);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        grid_wait(); /* what others do comes after these copies */
        for (int s = 0; s < STAGES; s++) {
            int item = blockIdx.x + s * gridDim.x;
            if (item < total) {
                load_item(&map, args, st, item, st.rows[s], s);
            }
        }
    }
    __syncwarp();

    int stage = 0, parity = 0;
    int begin = group; /* this group's first tile of the item */
#if TURNS > 0
    int uses = 0; /* turns of this warp so far */
#endif
    int next = blockIdx.x + STAGES * gridDim.x, ahead = STAGES; /* the item to be loaded */
    for (int item = blockIdx.x; item < total; item += gridDim.x, next += gridDim.x, ahead++) {
        mbarrier_wait(st.keys_full + 8 * stage, parity);
        const volatile stage_item *what = &st.item[stage];
        int length = what->length;
        int tiles = min((length - what->first + 63) / 64, TILES);
        unsigned queries = st.data + stage * STAGE_BYTES;
        bool values_ready = false;
#if BLOCKS > 1 && TURNS > 0
        int slots = max(tiles + WARPGROUPS - 1, 0) / WARPGROUPS * WARPGROUPS;
#else
        int slots = tiles;
#endif
#pragma unroll 1
        for (int tile = begin; tile < slots; tile += WARPGROUPS) {
#if BLOCKS > 1 && TURNS > 0
            if (tile >= tiles) { /* turns come one a block to every warpgroup */
                for (int keys = length; keys > 0; keys -= KEYS) {
                    TAKE_TURN
                    PASS_TURN
                }
                continue;
            }
#endif
#if TAIL > 0
            int rows = length - what->first - tile * 64;
            if (what->first + tile > 0 && rows <= TAIL) {
                unsigned values = queries + Q_BYTES + K_BYTES;
                if (!values_ready) {
                    await_values(st, stage, parity, values, length, group);
                    values_ready = true;
                }
                int found = TAIL_OWN ? Q_BYTES + K_BYTES + V_ROWS * 128
                                     : Q_BYTES - TAIL * 4 * 66 * 4;
                for (int keys = length; keys > 0; keys -= BLOCKS > 1 ? KEYS : length) {
                    TAKE_TURN
                    PASS_TURN
                }
                tail_tile(args, queries + tile * 8192, queries + Q_BYTES, values,
                          (float *)(shared + stage * STAGE_BYTES + found), rows,
                          what->first + tile * 64, length,
                          (long long)(what->start + what->first + tile * 64) * args.out_stride +
                              what->head * 64,
                          group);
                continue;
            }
#endif
            float sa[KEYS_A / 2], sb[KEYS_B / 2], o[32];
            float highest[2] = {-OC_INFINITY, -OC_INFINITY}, sum[2] = {0, 0}, sum_odd[2] = {0, 0};
            unsigned long long a = wgmma_tile(queries + tile * 8192);
#if BLOCKS > 1
#pragma unroll 1
            for (int block = 0; block * KEYS < length; block++)
#else
            const int block = 0;
#endif
            {
                int keys = length - block * KEYS;
                unsigned long long b = wgmma_tile(queries + Q_BYTES + block * (KEYS * 128));
                OC_WGMMA_PIN(sa, KEYS_A / 2)
                OC_WGMMA_PIN(sb, KEYS_B / 2)
                wgmma_fence();
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    scores_a_ss(sa, a + 2 * i, b + 2 * i, i > 0);
                }
                wgmma_commit();
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    scores_b_ss(sb, a + 2 * i, b + KEYS_A * 8 + 2 * i, i > 0);
                }
                wgmma_commit();
                float high[2] = {highest[0], highest[1]};
                wgmma_wait(1);
                OC_WGMMA_PIN(sa, KEYS_A / 2)
#if CAUSAL
                int sees[2], row = what->first + tile * 64 + threadIdx.x % 128 / 32 * 16 + lane / 4;
                sees[0] = min(row + 1, length) - block * KEYS - 2 * q;
                sees[1] = min(row + 9, length) - block * KEYS - 2 * q;
#endif
                HIDE(sa, KEYS_A, keys, sees)
                HIGHEST(sa, KEYS_A)
                wgmma_wait(0);
                OC_WGMMA_PIN(sb, KEYS_B / 2)
#if CAUSAL
                sees[0] -= KEYS_A, sees[1] -= KEYS_A;
#endif
                HIDE(sb, KEYS_B, keys - KEYS_A, sees)
                HIGHEST(sb, KEYS_B)
                float shift[2];
#pragma unroll
                for (int h = 0; h < 2; h++) {
                    high[h] = quad_max(high[h]);
                    shift[h] = softmax_shift(high[h], args.scale_log2);
                }
#if BLOCKS > 1
                if (block > 0) {
                    float keep[2];
#pragma unroll
                    for (int h = 0; h < 2; h++) {
                        keep[h] = exp2_approx(fmaf(highest[h], args.scale_log2, -shift[h]));
                        sum[h] *= keep[h], sum_odd[h] *= keep[h];
                    }
#pragma unroll
                    for (int i = 0; i < 32; i++) {
                        o[i] *= keep[i >> 1 & 1];
                    }
                }
#endif
                highest[0] = high[0], highest[1] = high[1];
                unsigned pa[STEPS_A][4], pb[STEPS_B][4];
                TAKE_TURN
#pragma unroll
                for (int i = 0; i < STEPS_A; i++) {
                    POWERS(pa[i], sa, i, 0)
                }
                unsigned values_at = queries + Q_BYTES + K_BYTES;
                if (!values_ready) {
                    await_values(st, stage, parity, values_at, length, group);
                    values_ready = true;
                }
                unsigned long long v = values_tile(values_at + block * (KEYS * 128));
                OC_WGMMA_PIN(o, 32)
                wgmma_fence();
#pragma unroll
                for (int i = 0; i < STEPS_A; i++) {
                    values_rs(o, pa[i], v + 128 * i, i > 0 || block > 0);
                }
                wgmma_commit();
#pragma unroll
                for (int i = 0; i < STEPS_B; i++) {
                    if (i == STEPS_B - 1) {
                        PASS_TURN /* it takes as long to arrive */
                    }
                    POWERS(pb[i], sb, i, (KEYS_B % 16 != 0 && i == STEPS_B - 1))
                }
                wgmma_fence();
#pragma unroll
                for (int i = 0; i < STEPS_B; i++) {
                    values_rs(o, pb[i], v + 128 * (STEPS_A + i), 1);
                }
                wgmma_commit();
                wgmma_wait(0);
                OC_WGMMA_PIN(o, 32)
            }
            int row = what->first + tile * 64 + threadIdx.x % 128 / 32 * 16 + lane / 4;
            long long at = (long long)(what->start + row) * args.out_stride + what->head * 64;
#pragma unroll
            for (int h = 0; h < 2; h++) {
                float factor = out_factor(quad_sum(sum[h] + sum_odd[h]), args.inv_out_scale);
                store_row_64(args.out, at + 8 * h * args.out_stride, o + 2 * h, 4, factor, q, row + 8 * h < length);
            }
        }
#if BLOCKS == 1 || TURNS == 0
        begin = (begin + WARPGROUPS * TILES - max(tiles, 0)) % WARPGROUPS;
#endif

        __syncwarp();
        if (lane == 0) {
            int before;
            asm volatile("atom.acq_rel.cta.shared::cta.add.s32 %0, [%1], 1;"
                         : "=r"(before)
                         : "r"(shared_address(&st.left[stage]))
                         : "memory");
            if (before == 4 * WARPGROUPS - 1 && next < total) {
                st.left[stage] = 0;
                int2 rows = ahead < AHEAD ? st.rows[ahead] : item_rows(args, next);
                load_item(&map, args, st, next, rows, stage);
            }
        }
        __syncwarp();
        if (++stage == STAGES) {
            stage = 0, parity ^= 1;
        }
    }
}
