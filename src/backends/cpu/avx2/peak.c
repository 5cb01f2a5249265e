/* peak.c - the limits of the AVX2 tier: 12 independent chains, nothing but registers. */
#include "backends/cpu/machine/peak.h"

#include "backends/cpu/avx2/target.h"

#define EACH(step)                                                                                 \
    step("0") step("1") step("2") step("3") step("4") step("5") step("6") step("7") step("8")      \
        step("9") step("10") step("11")

#define ZERO(r) "vpxor %%ymm" r ", %%ymm" r ", %%ymm" r "\n\t"
#define FMA(r)  "vfmadd231ps %%ymm12, %%ymm13, %%ymm" r "\n\t"
#define MADD(r)                                                                                    \
    "vpmaddwd %%ymm12, %%ymm13, %%ymm15\n\t"                                                       \
    "vpaddd %%ymm15, %%ymm" r ", %%ymm" r "\n\t"

#define CLOBBERS                                                                                   \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",       \
        "xmm11", "xmm12", "xmm13", "xmm15", "cc"

OC_AVX2 void oc_avx2_fma_rounds(int64_t count) {
    __asm__ volatile(EACH(ZERO) ZERO("12") ZERO("13") "1:\n\t" EACH(FMA) "dec %0\n\t"
                                                                         "jnz 1b\n\t"
                                                                         "vzeroupper"
                     : "+r"(count)
                     :
                     : CLOBBERS);
}

OC_AVX2 void oc_avx2_i16_rounds(int64_t count) {
    __asm__ volatile(EACH(ZERO) ZERO("12") ZERO("13") "1:\n\t" EACH(MADD) "dec %0\n\t"
                                                                          "jnz 1b\n\t"
                                                                          "vzeroupper"
                     : "+r"(count)
                     :
                     : CLOBBERS);
}
