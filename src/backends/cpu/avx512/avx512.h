/* avx512.h - the kernels of the AVX-512 tier that are not GEMM, and the tile of those that are.
 *
 * Results are float32; rows do not depend on each other.  What gains nothing from wider vectors is
 * taken from avx2/ and portable/.
 */
#ifndef OC_CPU_AVX512_AVX512_H
#define OC_CPU_AVX512_AVX512_H

#include "backends/cpu/kernels.h"

/* Products go by tiles of up to 13 rows by 2 panels, which leaves of 32 registers two for weights
 * and some for what a row brings. */
enum { OC_AVX512_ROWS = 13, OC_AVX512_PANELS = 2 };

#define OC_AVX512_EACH_TILE(XX)                                                                    \
    XX(1) XX(2) XX(3) XX(4) XX(5) XX(6) XX(7) XX(8) XX(9) XX(10) XX(11) XX(12) XX(13)

extern const oc_cpu_kernel oc_avx512_norm;
extern const oc_cpu_kernel oc_avx512_attention;

#endif
