/* tiles.c - see tiles.h. */
#include "emulated/tiles.h"

#include <stdio.h>

_Thread_local oc_emulated_tiles oc_tiles_of_thread;

static oc_emulated_tiles *tiles(void) {
    return &oc_tiles_of_thread;
}

static void fault(const char *what) {
    fprintf(stderr, "tile instruction: %s\n", what);
    abort();
}

static void require(int tile) {
    if (tiles()->config.palette != 1 || tiles()->config.rows[tile] == 0) {
        fault("there is no configuration with this tile");
    }
}

void oc_tile_loadconfig(const void *config) {
    memset(tiles(), 0, sizeof *tiles());
    memcpy(&tiles()->config, config, sizeof tiles()->config);
    for (int t = 0; t < 8; t++) {
        int rows = tiles()->config.rows[t], bytes = tiles()->config.row_bytes[t];
        if (rows > 16 || bytes > 64 || (rows == 0) != (bytes == 0)) {
            fault("a tile of the configuration is too large, or has one side only");
        }
    }
}

void oc_tile_release(void) {
    memset(tiles(), 0, sizeof *tiles());
}

void oc_tile_zero(int tile) {
    require(tile);
    memset(tiles()->tile[tile], 0, sizeof tiles()->tile[tile]);
}

void oc_tile_loadd(int tile, const void *from, int64_t stride) {
    oc_tile_zero(tile);
    for (int r = 0; r < tiles()->config.rows[tile]; r++) {
        memcpy(tiles()->tile[tile][r], (const uint8_t *)from + r * stride,
               tiles()->config.row_bytes[tile]);
    }
}

void oc_tile_stored(int tile, void *to, int64_t stride) {
    require(tile);
    for (int r = 0; r < tiles()->config.rows[tile]; r++) {
        memcpy((uint8_t *)to + r * stride, tiles()->tile[tile][r], tiles()->config.row_bytes[tile]);
    }
}

static float flush(float x) {
    return fabsf(x) < 0x1p-126f ? copysignf(0.0f, x) : x;
}

static float bf16_at(int tile, int row, int index) {
    uint16_t half;
    uint32_t bits;
    float x;
    memcpy(&half, &tiles()->tile[tile][row][2 * index], sizeof half);
    bits = (uint32_t)half << 16;
    memcpy(&x, &bits, sizeof x);
    return flush(x);
}

void oc_tile_dpbf16ps(int to, int a, int b) {
    require(to);
    require(a);
    require(b);
    int rows = tiles()->config.rows[to], columns = tiles()->config.row_bytes[to] / 4;
    int pairs = tiles()->config.rows[b];
    if (tiles()->config.rows[a] != rows || tiles()->config.row_bytes[a] != 4 * pairs ||
        tiles()->config.row_bytes[b] != 4 * columns) {
        fault("the shapes of a product do not fit");
    }
    for (int m = 0; m < rows; m++) {
        for (int n = 0; n < columns; n++) {
            float even = 0, odd = 0, sum;
            for (int k = 0; k < pairs; k++) { /* products of bfloat16 are exact in float32 */
                even = flush(even + bf16_at(a, m, 2 * k) * bf16_at(b, k, 2 * n));
                odd = flush(odd + bf16_at(a, m, 2 * k + 1) * bf16_at(b, k, 2 * n + 1));
            }
            memcpy(&sum, &tiles()->tile[to][m][4 * n], sizeof sum);
            sum = flush(flush(sum) + flush(even + odd));
            memcpy(&tiles()->tile[to][m][4 * n], &sum, sizeof sum);
        }
    }
}
