/* decode.c - the bytes of bfloat16 by those of e4m3, and the order of packed codes. */
#include "backends/cpu/avx512/decode.h"

#include "backends/cpu/gemm.h"

#define BITS(m)                                                                                    \
    ((m) == 0x7f ? 0x7fc0                                                                          \
     : (m) >= 8  ? 0x3c00 + ((m) << 4)                                                             \
     : (m) >= 4  ? 0x3b80 + ((m) << 5)                                                             \
     : (m) >= 2  ? 0x3b00 + ((m) << 6)                                                             \
     : (m) == 1  ? 0x3b00                                                                          \
                 : 0)
#define HIGH(m)       BITS(m) >> 8
#define LOW(m)        BITS(m) & 0xff
#define FOUR(byte, m) byte(m), byte(m + 1), byte(m + 2), byte(m + 3)
#define SOME(byte, m) FOUR(byte, m), FOUR(byte, m + 4), FOUR(byte, m + 8), FOUR(byte, m + 12)
#define TABLE(byte, m)                                                                             \
    { SOME(byte, m), SOME(byte, m + 16), SOME(byte, m + 32), SOME(byte, m + 48) }

_Alignas(64) const uint8_t oc_bf16_bytes[4][64] = {TABLE(HIGH, 0), TABLE(HIGH, 64), TABLE(LOW, 0),
                                                   TABLE(LOW, 64)};

OC_AVX512 void oc_avx512_regroup(uint8_t *panel, int32_t k) {
    const __m512i order = _mm512_setr_epi64(0, 4, 2, 6, 1, 5, 3, 7);
    for (int32_t i = 0; i < k * OC_PANEL; i += OC_GROUP) {
        __m512i group = _mm512_load_si512(panel + i);
        _mm512_store_si512(panel + i, _mm512_permutexvar_epi64(order, group));
    }
}
