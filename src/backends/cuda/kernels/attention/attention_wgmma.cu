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
 *   OUT_F16         as attention.cuh says
 *
 * Shared memory: STAGES x { queries, keys, values }, then barriers, then what each stage holds.
 * Numbers: scores, highest, sums, output sums float32; what multiplies v F16, at most 1.  A row's
 * bits depend on its sequence, on KEYS and on BLOCKS; where BLOCKS is 1, not on KEYS.
 * Values' rows behind a sequence's end are zeroed in shared memory: nothing of the neighbour's.
 * Limits: tensor cores and exponents alike (1,056 clocks each for 64 queries and 264 keys). */
#include "attention.cuh"
#include "tma.cuh"
#include "wgmma.cuh"

#if !defined(KEYS_A) || !defined(KEYS_B) || !defined(BLOCKS) || !defined(WARPGROUPS) ||           \
    !defined(STAGES) || !defined(BOX) || !defined(BOXES) || !defined(QUERY_BOXES) ||              \
    !defined(TILES) || !defined(GROUPS) || !defined(OUT_F16)
#error "attention_wgmma: KEYS_A, KEYS_B, BLOCKS, WARPGROUPS, STAGES, BOX, BOXES, QUERY_BOXES, TILES, GROUPS, OUT_F16"
#endif

#define KEYS    (KEYS_A + KEYS_B)
#define STEPS_A (KEYS_A / 16)
#define STEPS_B ((KEYS_B + 15) / 16)
#define REACH   ((BLOCKS - 1) * KEYS + 16 * (STEPS_A + STEPS_B)) /* rows of v that products read */
#define V_ROWS  (REACH > BOXES * BOX ? (REACH + 7) / 8 * 8 : BOXES * BOX)

#define Q_BYTES     (QUERY_BOXES * BOX * 128)
#define K_BYTES     (BOXES * BOX * 128)
#define STAGE_BYTES (Q_BYTES + K_BYTES + V_ROWS * 128)

static_assert(KEYS_A % 16 == 0 && KEYS_B % 8 == 0 && BOX % 8 == 0 && BOX <= 256, "alignment");
static_assert(BOXES * BOX + 8 > (BLOCKS - 1) * KEYS, "an empty block");
static_assert(TILES * 64 * 128 <= STAGE_BYTES, "a tile's rows lie in its stage");
static_assert(STAGES * (STAGE_BYTES + 48) <= 232448, "shared memory");

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
    unsigned data;        /* shared addresses */
    unsigned keys_full;   /* with the queries */
    unsigned values_full;
    stage_item *item;
    int *left; /* warps that left the stage */
} stages;

/* By one thread. */
OC_DEVICE void load_item(const oc_tensor_map *map, const oc_attention_args &args, const stages &st,
                         int item, int stage) {
    int unit = item / GROUPS, head = unit % args.heads, sequence = unit / args.heads;
    int first = item % GROUPS * (TILES * 64);
    int start = args.starts[sequence], length = args.starts[sequence + 1] - start;
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

/* Scores of keys behind the end: -inf.  `keys` are left from column 0 of s on. */
#define HIDE(s, width, keys)                                                                       \
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

extern "C" __global__ void __launch_bounds__(128 * WARPGROUPS, 1)
    attention_wgmma(const __grid_constant__ oc_tensor_map map,
                    const __grid_constant__ oc_attention_args args) {
    extern __shared__ __align__(1024) unsigned char shared[];
    int total = args.sequences[0] * args.heads * GROUPS;
    if ((int)blockIdx.x >= total) {
        return;
    }
    stages st;
    st.data = shared_address(shared);
    st.keys_full = st.data + STAGES * STAGE_BYTES;
    st.values_full = st.keys_full + 8 * STAGES;
    st.item = (stage_item *)(shared + STAGES * (STAGE_BYTES + 16));
    st.left = (int *)(shared + STAGES * (STAGE_BYTES + 32));
    int group = __shfl_sync(OC_FULL, threadIdx.x / 128, 0);
    int lane = threadIdx.x % 32, q = lane % 4;
    if (threadIdx.x == 0) {
        for (int s = 0; s < STAGES; s++) {
            mbarrier_init(st.keys_full + 8 * s, 1);
            mbarrier_init(st.values_full + 8 * s, 1);
            st.left[s] = 0;
        }
        mbarrier_init_fence();
        tma_prefetch_map(&map);
        for (int s = 0; s < STAGES; s++) {
            int item = blockIdx.x + s * gridDim.x;
            if (item < total) {
                load_item(&map, args, st, item, s);
            }
        }
    }
    __syncthreads();

    int stage = 0, parity = 0, turn = group; /* turn: this group's first tile of the item */
    for (int item = blockIdx.x; item < total; item += gridDim.x) {
        mbarrier_wait(st.keys_full + 8 * stage, parity);
        const volatile stage_item *what = &st.item[stage];
        int length = what->length;
        int tiles = min((length - what->first + 63) / 64, TILES);
        unsigned queries = st.data + stage * STAGE_BYTES;
        bool values_ready = false;
        int tile = turn;
#pragma unroll 1
        for (; tile < tiles; tile += WARPGROUPS) {
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
                HIDE(sa, KEYS_A, keys)
                HIGHEST(sa, KEYS_A)
                wgmma_wait(0);
                OC_WGMMA_PIN(sb, KEYS_B / 2)
                HIDE(sb, KEYS_B, keys - KEYS_A)
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
#pragma unroll
                for (int i = 0; i < STEPS_A; i++) {
                    POWERS(pa[i], sa, i, 0)
                }
                unsigned values_at = queries + Q_BYTES + K_BYTES;
                if (!values_ready) {
                    mbarrier_wait(st.values_full + 8 * stage, parity);
                    int reach = ((length + KEYS - 1) / KEYS - 1) * KEYS + 16 * (STEPS_A + STEPS_B);
                    for (int i = threadIdx.x % 128; i < (reach - length) * 8; i += 128) {
                        asm volatile("st.shared.v4.u32 [%0], {%1, %1, %1, %1};" ::"r"(
                                         values_at + length * 128 + i * 16),
                                     "r"(0)
                                     : "memory");
                    }
                    proxy_fence();
                    asm volatile("bar.sync %0, 128;" ::"r"(1 + group) : "memory");
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
        tiles = tiles < 0 ? 0 : tiles;
        turn = (turn + WARPGROUPS * TILES - tiles) % WARPGROUPS;

        __syncwarp();
        if (lane == 0) {
            int before;
            asm volatile("atom.acq_rel.cta.shared::cta.add.s32 %0, [%1], 1;"
                         : "=r"(before)
                         : "r"(shared_address(&st.left[stage]))
                         : "memory");
            int next = item + STAGES * gridDim.x;
            if (before == 4 * WARPGROUPS - 1 && next < total) {
                st.left[stage] = 0;
                load_item(&map, args, st, next, stage);
            }
        }
        __syncwarp();
        if (++stage == STAGES) {
            stage = 0, parity ^= 1;
        }
    }
}
