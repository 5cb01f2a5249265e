/* gemm_tiles.h - the tile that products of this tier go by: up to 13 rows by 2 panels, which leaves
 * of 32 registers two for weights and some for what a row brings. */
#ifndef OC_CPU_AVX512_GEMM_TILES_H
#define OC_CPU_AVX512_GEMM_TILES_H

#include "backends/cpu/gemm.h"

enum { OC_AVX512_ROWS = 13, OC_AVX512_PANELS = 2 };

#define OC_AVX512_EACH_TILE(XX)                                                                    \
    XX(1) XX(2) XX(3) XX(4) XX(5) XX(6) XX(7) XX(8) XX(9) XX(10) XX(11) XX(12) XX(13)

#endif
