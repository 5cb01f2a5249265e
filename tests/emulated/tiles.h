/* tiles.h - AMX's tile registers in C, for what is compiled for emulation.
 *
 * As Intel's manual has the instructions: shapes come from the configuration; what a load or a
 * product does not fill is zero; a product's even and odd terms are added in a chain each, from
 * zero, then both to each other, then that to the sum.  Denormals count as zero everywhere.  What
 * would raise a fault aborts.
 */
#ifndef OC_TESTS_EMULATED_TILES_H
#define OC_TESTS_EMULATED_TILES_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct oc_emulated_tiles {
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config; /* palette 0: none */
    uint8_t tile[8][16][64];
} oc_emulated_tiles;

/* Of each thread (tiles.c). */
extern _Thread_local oc_emulated_tiles oc_tiles_of_thread;

void oc_tile_loadconfig(const void *config);
void oc_tile_release(void);
void oc_tile_zero(int tile);
void oc_tile_loadd(int tile, const void *from, int64_t stride);
void oc_tile_stored(int tile, void *to, int64_t stride);
void oc_tile_dpbf16ps(int to, int a, int b);

#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbf16ps
#define _tile_loadconfig(config)        oc_tile_loadconfig(config)
#define _tile_release()                 oc_tile_release()
#define _tile_zero(tile)                oc_tile_zero(tile)
#define _tile_loadd(tile, from, stride) oc_tile_loadd(tile, from, stride)
#define _tile_stored(tile, to, stride)  oc_tile_stored(tile, to, stride)
#define _tile_dpbf16ps(to, a, b)        oc_tile_dpbf16ps(to, a, b)

#endif
