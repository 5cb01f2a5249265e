/* attention_mma.cu - attention by single warps: short or causal or masked sequences, any head_dim.
 *
 *   q [tokens, heads * HEAD_DIM], k, v alike, F16 -> out alike, E4M3 or F16        attention.cuh
 *
 * A CTA takes a head of a sequence and QUERIES of its query rows (blockIdx.x: sequence and head,
 * blockIdx.y: rows); a unit, 16 query rows of a head, belongs to one warp.  Where all keys fit, and
 * the sequence is short, a CTA takes as many of its heads as its shared memory holds, and those that
 * are left without a head end at once.  Queries and a block of keys and values lie in shared memory,
 * zeros behind the sequence's end.  What no row of a unit may see is skipped in steps of 16 keys.
 *
 * Parameters (macros; attention.c derives them)
 *   HEAD_DIM       a multiple of 16, 16 .. 128
 *   QUERIES, KEYS  rows of a CTA, keys of a block; multiples of 16
 *   BLOCKS         1: QUERIES = KEYS >= the longest sequence, a warp may do several units; 0: any
 *                  length, a warp does one
 *   WARPS          of a CTA
 *   CTAS           that share a multiprocessor
 *   CAUSAL, MASKED 0 or 1
 *   OUT_F16        as attention.cuh says
 *
 * Shared memory: queries, keys, values [rows][HEAD_DIM + 8], head after head, then, where MASKED, a bit a key
 * of the block and the place of the first key that is not hidden.
 * Numbers: as attention_wgmma.cu; a row's bits depend on its sequence and on KEYS where BLOCKS is 0.
 * Limit: reading q, k and v. */
#include "attention.cuh"
#include "mma.cuh"

#if !defined(HEAD_DIM) || !defined(QUERIES) || !defined(KEYS) || !defined(BLOCKS) ||              \
    !defined(WARPS) || !defined(CTAS) || !defined(CAUSAL) || !defined(MASKED) || !defined(OUT_F16)
#error "attention_mma: HEAD_DIM, QUERIES, KEYS, BLOCKS, WARPS, CTAS, CAUSAL, MASKED, OUT_F16"
#endif

static_assert(HEAD_DIM % 16 == 0 && HEAD_DIM <= 128, "HEAD_DIM");
static_assert(QUERIES % 16 == 0 && KEYS % 16 == 0, "QUERIES, KEYS");
static_assert(BLOCKS == 1 ? QUERIES == KEYS : QUERIES / 16 <= WARPS, "a unit a warp");

#define PITCH   (HEAD_DIM * 2 + 16) /* bytes; an odd number of 16: ldmatrix meets each bank once */
#define CHUNKS  (HEAD_DIM / 8)      /* of 16 bytes in a row */
#define Q_BYTES (QUERIES * PITCH)
#define K_BYTES (KEYS * PITCH)

/* `real` rows of so many heads to shared memory, each head's up to the next multiple of 16, zeros
 * behind the real ones. */
OC_DEVICE void load_rows(unsigned to, const unsigned short *from, int stride, int real, int heads) {
    int rows = (real + 15) & ~15, inverse = 65536 / rows + 1; /* place / rows: exact up to 16,384 */
#pragma unroll 4
    for (int i = threadIdx.x; i < heads * rows * CHUNKS; i += WARPS * 32) {
        int place = i / CHUNKS, part = i % CHUNKS;
        int head = BLOCKS == 1 ? place * inverse >> 16 : 0, row = place - head * rows;
        copy16_async(to + place * PITCH + part * 16,
                     from + (long long)min(row, real - 1) * stride + head * HEAD_DIM + part * 8,
                     row < real);
    }
}

/* A unit's state across blocks. */
typedef struct unit {
    unsigned q[HEAD_DIM / 16][4];
    float o[HEAD_DIM / 8][4];
    float highest[2], sum[2];
} unit;

OC_DEVICE void unit_begin(unit &u, unsigned queries) {
    int lane = threadIdx.x % 32;
#pragma unroll
    for (int i = 0; i < HEAD_DIM / 16; i++) {
        load_matrices(u.q[i], queries + lane % 16 * PITCH + i * 32 + lane / 16 * 16);
    }
#pragma unroll
    for (int i = 0; i < HEAD_DIM / 8; i++) {
        u.o[i][0] = u.o[i][1] = u.o[i][2] = u.o[i][3] = 0;
    }
    u.highest[0] = u.highest[1] = -OC_INFINITY;
    u.sum[0] = u.sum[1] = 0;
}

/* visible[h]: how many keys row g + 8h may see, counted from the block's first; reach: the most
 * that any row of the unit may, at least 1.  Bits of `shown` tell hidden keys; rows of `alike` see
 * only hidden ones, which then weigh the same. */
OC_DEVICE void unit_block(unit &u, unsigned keys, unsigned values, const int (&visible)[2],
                          int reach, const unsigned *shown, const bool (&alike)[2],
                          float scale_log2) {
    int lane = threadIdx.x % 32, q = lane % 4;
    float s[KEYS / 8][4];
    float high[2] = {u.highest[0], u.highest[1]};
    int least = min(visible[0], visible[1]);
#pragma unroll
    for (int j = 0; j < KEYS / 16; j++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
            s[2 * j][e] = s[2 * j + 1][e] = 0;
        }
        if (16 * j < reach) {
#pragma unroll
            for (int i = 0; i < HEAD_DIM / 16; i++) {
                unsigned b[4];
                load_matrices(b, keys + (16 * j + lane / 16 * 8 + lane % 8) * PITCH + i * 32 +
                                     lane / 8 % 2 * 16);
                mma_f16(s[2 * j], u.q[i], b[0], b[1]);
                mma_f16(s[2 * j + 1], u.q[i], b[2], b[3]);
            }
            if (MASKED || __any_sync(OC_FULL, 16 * j + 16 > least)) {
#pragma unroll
                for (int e = 0; e < 8; e++) {
                    int column = 16 * j + e / 4 * 8 + 2 * q + e % 2, h = e / 2 % 2;
                    float &x = s[2 * j + e / 4][e % 4];
#if MASKED
                    bool hidden = !(shown[column / 32] >> column % 32 & 1);
                    x = alike[h] ? 0.0f : hidden ? -OC_INFINITY : x;
#endif
                    x = column < visible[h] ? x : -OC_INFINITY;
                }
            }
#pragma unroll
            for (int e = 0; e < 8; e++) {
                high[e / 2 % 2] = fmaxf(high[e / 2 % 2], s[2 * j + e / 4][e % 4]);
            }
        }
    }
    float shift[2];
#pragma unroll
    for (int h = 0; h < 2; h++) {
        high[h] = quad_max(high[h]);
        shift[h] = softmax_shift(high[h], scale_log2);
#if BLOCKS != 1
        float keep = exp2_approx(fmaf(u.highest[h], scale_log2, -shift[h]));
        u.sum[h] *= keep;
#pragma unroll
        for (int i = 0; i < HEAD_DIM / 8; i++) {
            u.o[i][2 * h] *= keep, u.o[i][2 * h + 1] *= keep;
        }
#endif
        u.highest[h] = high[h];
    }
#pragma unroll
    for (int j = 0; j < KEYS / 16; j++) {
        if (16 * j < reach) {
            float x[8];
#pragma unroll
            for (int e = 0; e < 8; e++) {
                x[e] = exp2_approx(fmaf(s[2 * j + e / 4][e % 4], scale_log2, -shift[e / 2 % 2]));
            }
            u.sum[0] += (x[0] + x[1]) + (x[4] + x[5]);
            u.sum[1] += (x[2] + x[3]) + (x[6] + x[7]);
            unsigned p[4] = {f16x2(x[0], x[1]), f16x2(x[2], x[3]), f16x2(x[4], x[5]),
                             f16x2(x[6], x[7])};
#pragma unroll
            for (int i = 0; i < HEAD_DIM / 16; i++) {
                unsigned b[4];
                load_matrices_transposed(b, values + (16 * j + lane % 16) * PITCH + i * 32 +
                                                lane / 16 * 16);
                mma_f16(u.o[2 * i], p, b[0], b[1]);
                mma_f16(u.o[2 * i + 1], p, b[2], b[3]);
            }
        }
    }
}

OC_DEVICE void unit_store(const unit &u, const oc_attention_args &args, long long row, int column,
                          int real) {
    int lane = threadIdx.x % 32, q = lane % 4;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        float factor = out_factor(quad_sum(u.sum[h]), args.inv_out_scale);
        bool exists = lane / 4 + 8 * h < real;
        long long at = (row + lane / 4 + 8 * h) * args.out_stride + column;
#if HEAD_DIM % 64 == 0
#pragma unroll
        for (int c = 0; c < HEAD_DIM / 64; c++) {
            store_row_64(args.out, at + 64 * c, &u.o[8 * c][2 * h], 4, factor, q, exists);
        }
#else
        if (exists) {
#pragma unroll
            for (int i = 0; i < HEAD_DIM / 8; i++) {
                float x = u.o[i][2 * h] * factor, y = u.o[i][2 * h + 1] * factor;
#if OUT_F16
                ((unsigned *)((unsigned short *)args.out + at))[4 * i + q] = f16x2(x, y);
#else
                ((unsigned short *)((unsigned char *)args.out + at))[4 * i + q] =
                    (unsigned short)e4m3x4(x, y, 0, 0);
#endif
            }
        }
#endif
    }
}

#if MASKED
/* Bits of keys from .. from + KEYS - 1 of `length`, and, once, the first that is not hidden. */
OC_DEVICE void read_mask(const unsigned char *mask, int from, int length, unsigned *shown) {
    for (int word = threadIdx.x / 32; word < (KEYS + 31) / 32; word += WARPS) {
        int key = from + word * 32 + threadIdx.x % 32;
        unsigned bits = __ballot_sync(OC_FULL, key < length && mask[key] != 0);
        if (threadIdx.x % 32 == 0) {
            shown[word] = bits;
        }
    }
}

OC_DEVICE int first_shown(const unsigned char *mask, int length) {
    for (int from = 0; from < length; from += 32) {
        int key = from + threadIdx.x % 32;
        unsigned bits = __ballot_sync(OC_FULL, key < length && mask[key] != 0);
        if (bits != 0) {
            return from + __ffs(bits) - 1;
        }
    }
    return length;
}
#endif

extern "C" __global__ void __launch_bounds__(32 * WARPS, CTAS)
    attention_mma(const __grid_constant__ oc_attention_args args) {
    extern __shared__ __align__(128) unsigned char shared[];
    grid_launch_dependents();
    int sequence = blockIdx.x % args.sequences_max, head = blockIdx.x / args.sequences_max;
    int start = args.starts[sequence], length = args.starts[sequence + 1] - start;
    int first = blockIdx.y * QUERIES, padded = max((length + 15) & ~15, 16), heads = 1;
    if (BLOCKS == 1) {
        heads = max(QUERIES / padded, 1);
        head *= heads;
        heads = min(heads, args.heads - head);
    }
    bool idle = sequence >= args.sequences[0] || first >= length || heads < 1;
    grid_wait();
    if (idle) {
        return;
    }
    int column = head * HEAD_DIM;
    int queries = min(length - first, QUERIES), tiles = (queries + 15) / 16;
    int seen = CAUSAL ? first + queries : length; /* keys that the last row may see */
    unsigned q_at = shared_address(shared), k_at = q_at + Q_BYTES, v_at = k_at + K_BYTES;
    unsigned *shown = (unsigned *)(shared + Q_BYTES + 2 * K_BYTES);
    int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4;

    load_rows(q_at, args.q + (long long)(start + first) * args.q_stride + column, args.q_stride, queries,
              heads);
#if MASKED
    int first_visible = first_shown(args.mask + start, length);
#endif

    int place = warp, mine = 0; /* BLOCKS 0: the one unit */
    unit u;
#pragma unroll 1
    for (int from = 0; from < (BLOCKS == 1 ? 1 : seen); from += KEYS) {
        int keys = min(seen - from, KEYS);
        if (from > 0) {
            __syncthreads();
        }
        load_rows(k_at, args.k + (long long)(start + from) * args.k_stride + column, args.k_stride, keys,
                  heads);
        load_rows(v_at, args.v + (long long)(start + from) * args.v_stride + column, args.v_stride, keys,
                  heads);
#if MASKED
        read_mask(args.mask + start, from, length, shown);
#endif
        copies_wait();
        __syncthreads();
#if BLOCKS == 1
#pragma unroll 1
        for (int index = warp; index < heads * tiles; index += WARPS) {
            place = index % tiles, mine = index / tiles;
#else
        if (place < tiles) {
#endif
            int row = first + place * 16, visible[2], reach = seen - from;
            bool alike[2] = {false, false};
#pragma unroll
            for (int h = 0; h < 2; h++) {
                int sees = CAUSAL ? min(row + g + 8 * h + 1, length) : length;
                visible[h] = sees - from;
#if MASKED
                alike[h] = sees <= first_visible;
#endif
            }
            if (CAUSAL) {
                reach = min(reach, row + 16 - from);
            }
            if (BLOCKS == 1 || from == 0) {
                unit_begin(u, q_at + (mine * padded + place * 16) * PITCH);
            }
            if (reach > 0) {
                unit_block(u, k_at + mine * padded * PITCH, v_at + mine * padded * PITCH, visible,
                           min(reach, KEYS), shown, alike, args.scale_log2);
            }
#if BLOCKS == 1
            unit_store(u, args, start + row, column + mine * HEAD_DIM, length - row);
#endif
        }
    }
#if BLOCKS != 1
    if (place < tiles) {
        unit_store(u, args, start + first + place * 16, column + mine * HEAD_DIM,
                   length - first - place * 16);
    }
#endif
}
