/* target.h - marks functions of the AMX tier: those of AVX-512, VBMI, and tiles of bfloat16.  See
 * avx512/target.h. */
#ifndef OC_CPU_AMX_TARGET_H
#define OC_CPU_AMX_TARGET_H

#include "backends/cpu/avx512/target.h"

/* Tests that emulate the instructions name a target that the machine at hand has. */
#ifndef OC_AMX_TARGET
#define OC_AMX_TARGET OC_AVX512_BF16_TARGET ",amx-tile,amx-bf16"
#endif

#define OC_AMX __attribute__((target(OC_AMX_TARGET)))

#endif
