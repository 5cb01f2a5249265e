/* peak.c - the limits of the AVX-512 tier: 24 independent chains, nothing but registers. */
#include "backends/cpu/machine/peak.h"

#include "backends/cpu/avx512/target.h"

#define EACH(step)                                                                                 \
    step("0") step("1") step("2") step("3") step("4") step("5") step("6") step("7") step("8")      \
        step("9") step("10") step("11") step("12") step("13") step("14") step("15") step("16")     \
            step("17") step("18") step("19") step("20") step("21") step("22") step("23")

#define ZERO(r) "vpxord %%zmm" r ", %%zmm" r ", %%zmm" r "\n\t"
#define FMA(r)  "vfmadd231ps %%zmm24, %%zmm25, %%zmm" r "\n\t"
#define BF16(r) "vdpbf16ps %%zmm24, %%zmm25, %%zmm" r "\n\t"
#define VNNI(r) "vpdpwssd %%zmm24, %%zmm25, %%zmm" r "\n\t"

#define CLOBBERS                                                                                   \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",       \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20",  \
        "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "cc"

#define ROUNDS(name, target, step)                                                                 \
    target void name(int64_t count) {                                                              \
        __asm__ volatile(EACH(ZERO) ZERO("24") ZERO("25") "1:\n\t" EACH(step) "dec %0\n\t"         \
                                                                              "jnz 1b\n\t"         \
                                                                              "vzeroupper"         \
                         : "+r"(count)                                                             \
                         :                                                                         \
                         : CLOBBERS);                                                              \
    }

ROUNDS(oc_avx512_fma_rounds, OC_AVX512, FMA)
ROUNDS(oc_avx512_bf16_rounds, OC_AVX512_BF16, BF16)
ROUNDS(oc_avx512_i16_rounds, OC_AVX512, VNNI)
