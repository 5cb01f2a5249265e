/* tiles.c - see tiles.h. */
#include "backends/cpu/amx/tiles.h"

#include "backends/cpu/amx/amx.h"
#include "backends/cpu/amx/target.h"

/* As the instruction wants it. */
typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

static _Thread_local int32_t shape_rows, shape_k; /* 0: none */

/* Compilers do not know what the tile instructions read and write: all of memory is as it should be
 * here, and what `at` points to may be anything behind. */
#define SETTLE(at) __asm__ volatile("" : : "r"(at) : "memory")

OC_AMX void oc_amx_shape(int32_t rows, int32_t k) {
    if (rows == shape_rows && k == shape_k) {
        return;
    }
    _Alignas(64) tile_config config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        bool is_a = i == 4 || i == 5, is_b = i >= 6;
        config.rows[i] = (uint8_t)(is_b ? k / 2 : rows);
        config.row_bytes[i] = (uint16_t)(is_a ? 2 * k : 64);
    }
    SETTLE(&config);
    _tile_loadconfig(&config);
    shape_rows = rows;
    shape_k = k;
}

void oc_amx_enter(void) {
    oc_amx_shape(OC_TILE_ROWS_MAX, OC_TILE_K);
}

OC_AMX void oc_amx_leave(void) {
    _tile_release();
    shape_rows = shape_k = 0;
}

/* Tiles 0 to 3 are C's, row by row; 4 and 5 A's, 6 and 7 B's.  The third and fourth of a side take
 * the places of its first and second, which have been used by then. */
#define A(tile, r)   _tile_loadd(tile, a + (r)*block->a_row, 64);
#define B(tile, c)   _tile_loadd(tile, b + (c)*block->b_column, 64);
#define C(t, ta, tb) _tile_dpbf16ps(t, ta, tb);

#define STEP_1x1 A(4, 0) B(6, 0) C(0, 4, 6)
#define STEP_2x1 STEP_1x1 A(5, 1) C(1, 5, 6)
#define STEP_3x1 STEP_2x1 A(4, 2) C(2, 4, 6)
#define STEP_4x1 STEP_3x1 A(5, 3) C(3, 5, 6)
#define STEP_1x2 STEP_1x1 B(7, 1) C(1, 4, 7)
#define STEP_1x3 STEP_1x2 B(6, 2) C(2, 4, 6)
#define STEP_1x4 STEP_1x3 B(7, 3) C(3, 4, 7)
#define STEP_2x2 STEP_1x2 A(5, 1) C(2, 5, 6) C(3, 5, 7)

#define EACH_1x1(go) go(0, 0, 0)
#define EACH_2x1(go) EACH_1x1(go) go(1, 1, 0)
#define EACH_3x1(go) EACH_2x1(go) go(2, 2, 0)
#define EACH_4x1(go) EACH_3x1(go) go(3, 3, 0)
#define EACH_1x2(go) EACH_1x1(go) go(1, 0, 1)
#define EACH_1x3(go) EACH_1x2(go) go(2, 0, 2)
#define EACH_1x4(go) EACH_1x3(go) go(3, 0, 3)
#define EACH_2x2(go) EACH_1x2(go) go(2, 1, 0) go(3, 1, 1)

#define ZERO(t, r, c)  _tile_zero(t);
#define FETCH(t, r, c) _tile_loadd(t, to + (r)*block->c_row + (c)*block->c_column, 64);
#define STORE(t, r, c) _tile_stored(t, to + (r)*block->c_row + (c)*block->c_column, 64);

#define MULTIPLY(shape)                                                                            \
    OC_AMX static void multiply_##shape(const oc_amx_block *block) {                               \
        const uint8_t *a = block->a, *b = block->b;                                                \
        float *to = block->c;                                                                      \
        SETTLE(to);                                                                                \
        if (block->first) {                                                                        \
            EACH_##shape(ZERO)                                                                     \
        } else {                                                                                   \
            EACH_##shape(FETCH)                                                                    \
        }                                                                                          \
        for (int32_t i = 0; i < block->steps; i++) {                                               \
            STEP_##shape;                                                                          \
            a += OC_TILE_BYTES;                                                                    \
            b += OC_TILE_BYTES;                                                                    \
        }                                                                                          \
        EACH_##shape(STORE);                                                                       \
        SETTLE(to);                                                                                \
    }

MULTIPLY(1x1)
MULTIPLY(2x1)
MULTIPLY(3x1)
MULTIPLY(4x1)
MULTIPLY(1x2)
MULTIPLY(1x3)
MULTIPLY(1x4)
MULTIPLY(2x2)

void oc_amx_multiply(const oc_amx_block *block) {
    static void (*const of[OC_TILE_BLOCK][OC_TILE_BLOCK])(const oc_amx_block *) = {
        {multiply_1x1, multiply_1x2, multiply_1x3, multiply_1x4},
        {multiply_2x1, multiply_2x2},
        {multiply_3x1},
        {multiply_4x1},
    };
    of[block->rows - 1][block->columns - 1](block);
}
