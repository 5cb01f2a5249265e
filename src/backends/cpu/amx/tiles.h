/* tiles.h - what the eight tile registers hold, and products of blocks of tiles.
 *
 * A tile of A is up to 16 rows of 32 bfloat16 (64 bytes), one of B 16 pairs of k of 16 columns
 * (64 bytes: [16 columns][2]), one of C up to 16 rows of 16 float32.  In memory a tile of A or B is
 * OC_TILE_BYTES from the next; all are aligned to 64.
 *
 * One instruction adds 32 products to an element of C: even and odd ones in a chain each, from
 * zero; then these two sums; then that to C.  Its order is fixed, it takes denormals for zero, and
 * no row or column of a tile touches another.  AVX512_BF16 adds in another order: what is over a
 * whole tile is padded with zeros, never done by other instructions, or bits would depend on the
 * place in the batch.
 */
#ifndef OC_CPU_AMX_TILES_H
#define OC_CPU_AMX_TILES_H

#include <stdbool.h>
#include <stdint.h>

enum {
    OC_TILE_ROWS_MAX = 16,
    OC_TILE_K = 32,
    OC_TILE_BYTES = 1024,
    OC_TILE_BLOCK = 4 /* tiles of C in a block, at most */
};

/* The shapes from here on, in this thread: `rows` (1 .. 16) of A and C, `k` (2 .. 32, even) of A
 * and B.  Costs nothing where they are what they were. */
void oc_amx_shape(int32_t rows, int32_t k);

/* rows x columns tiles of C, at most OC_TILE_BLOCK: = or += A B, over `steps` tiles of k. */
typedef struct oc_amx_block {
    const uint8_t *a, *b;
    int64_t a_row, b_column; /* bytes from one row or column of tiles to the next */
    float *c;
    int64_t c_row, c_column; /* floats */
    int32_t rows, columns;   /* 1 x 1 .. 4, 2 x 1, 2 x 2, 3 x 1, 4 x 1 */
    int32_t steps;
    bool first; /* = */
} oc_amx_block;

void oc_amx_multiply(const oc_amx_block *block);

#endif
