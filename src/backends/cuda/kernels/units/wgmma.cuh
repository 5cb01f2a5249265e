/* wgmma.cuh - the tensor cores' warpgroup products, for any N.
 *
 * OC_WGMMA(name, n, kind) makes two functions: name_ss (a and b by descriptors) and name_rs (a in
 * registers), with kind E4M3 (k = 32) or F16 (k = 16), both 32 bytes of k, float32 sums:
 *   d [64, n] = a [64, k] b [n, k]^T + (keep ? d : 0)
 * Warp w of the group owns rows 16w .. 16w+15; thread (g = lane / 4, q = lane % 4) holds
 *   d[4j + e]      row 16w + g,      column 8j + 2q + e    (e = 0, 1)
 *   d[4j + 2 + e]  row 16w + g + 8,  column 8j + 2q + e
 * a in registers: bytes 4q .. 4q+3 of row g, of row g + 8, then bytes 16+4q .. of both: what
 * ldmatrix.x4 gives.  A product reads its registers until wgmma_wait has passed it; wgmma_fence
 * comes between other accesses to these registers and a product.
 *
 * NOTE: a group of products begins and ends in one turn of a loop, and the registers it fills are
 * chosen by constants; else ptxas serialises all of them (C7514 and its kin). */
#ifndef OC_WGMMA_CUH
#define OC_WGMMA_CUH

#include "matrices.cuh"
#include "mbarrier.cuh"

/* Rows of 128 bytes, 8 rows an atom of 1024 bytes, swizzled as the copy engine's 128-byte mode; the
 * tile's address is a multiple of 1024.  Along k a step of 32 bytes adds 2. */
OC_DEVICE unsigned long long wgmma_tile(unsigned address) {
    return (unsigned long long)((address & 0x3ffff) >> 4) | 1ull << 16 | 64ull << 32 | 1ull << 62;
}

OC_DEVICE void wgmma_fence() {
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

OC_DEVICE void wgmma_commit() {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/* Until at most `groups` are under way; a constant 0 .. 3. */
OC_DEVICE void wgmma_wait(int groups) {
    if (groups == 0) {
        asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
    } else if (groups == 1) {
        asm volatile("wgmma.wait_group.sync.aligned 1;" ::: "memory");
    } else if (groups == 2) {
        asm volatile("wgmma.wait_group.sync.aligned 2;" ::: "memory");
    } else {
        asm volatile("wgmma.wait_group.sync.aligned 3;" ::: "memory");
    }
}

/* Keeps the compiler from moving uses of these registers over this place. */
#define OC_WGMMA_PIN(array, count)                                                                 \
    _Pragma("unroll") for (int pin = 0; pin < (count); pin++) {                                    \
        asm volatile("" : "+f"((array)[pin])::"memory");                                           \
    }

#define OC_WGMMA(name, n, kind)           OC_WGMMA_EXPAND(name, n, kind)
#define OC_WGMMA_EXPAND(name, n, kind)    OC_WGMMA_EIGHTS(name, n, kind, OC_WGMMA_C_##n)
#define OC_WGMMA_EIGHTS(name, n, kind, c) OC_WGMMA_DEFINE(name, n, kind, c)
#define OC_WGMMA_DEFINE(name, n, kind, c)                                                          \
    OC_DEVICE void name##_ss(float(&d)[n / 2], unsigned long long a, unsigned long long b,         \
                             int keep) {                                                           \
        asm volatile("{ .reg .pred p; setp.ne.b32 p, " OC_WGMMA_I2_##c ", 0;\n"                    \
                     "wgmma.mma_async.sync.aligned.m64n" #n OC_WGMMA_TYPES_##kind                  \
                     " {" OC_WGMMA_L_##c "}, " OC_WGMMA_I0_##c ", " OC_WGMMA_I1_##c                \
                     ", p, 1, 1" OC_WGMMA_MAJOR_SS_##kind "; }"                                    \
                     : OC_WGMMA_D_##c                                                              \
                     : "l"(a), "l"(b), "r"(keep));                                                 \
    }                                                                                              \
    OC_DEVICE void name##_rs(float(&d)[n / 2], const unsigned(&a)[4], unsigned long long b,        \
                             int keep) {                                                           \
        asm volatile("{ .reg .pred p; setp.ne.b32 p, " OC_WGMMA_I5_##c ", 0;\n"                    \
                     "wgmma.mma_async.sync.aligned.m64n" #n OC_WGMMA_TYPES_##kind                  \
                     " {" OC_WGMMA_L_##c "}, {" OC_WGMMA_I0_##c ", " OC_WGMMA_I1_##c               \
                     ", " OC_WGMMA_I2_##c ", " OC_WGMMA_I3_##c "}, " OC_WGMMA_I4_##c               \
                     ", p, 1, 1" OC_WGMMA_MAJOR_RS_##kind "; }"                                    \
                     : OC_WGMMA_D_##c                                                              \
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(keep));             \
    }
#define OC_WGMMA_TYPES_E4M3    "k32.f32.e4m3.e4m3"
#define OC_WGMMA_TYPES_F16     "k16.f32.f16.f16"
#define OC_WGMMA_MAJOR_SS_E4M3 ""
#define OC_WGMMA_MAJOR_SS_F16  ", 0, 0"
#define OC_WGMMA_MAJOR_RS_E4M3 ""
#define OC_WGMMA_MAJOR_RS_F16  ", 0"

/* The operands of c eights of columns: n / 8, the list of names and of registers, the six names
 * that follow.  No preprocessor computes in text, so here they stand. */
/* clang-format off */
#define OC_WGMMA_C_8 1
#define OC_WGMMA_C_16 2
#define OC_WGMMA_C_24 3
#define OC_WGMMA_C_32 4
#define OC_WGMMA_C_40 5
#define OC_WGMMA_C_48 6
#define OC_WGMMA_C_56 7
#define OC_WGMMA_C_64 8
#define OC_WGMMA_C_72 9
#define OC_WGMMA_C_80 10
#define OC_WGMMA_C_88 11
#define OC_WGMMA_C_96 12
#define OC_WGMMA_C_104 13
#define OC_WGMMA_C_112 14
#define OC_WGMMA_C_120 15
#define OC_WGMMA_C_128 16
#define OC_WGMMA_C_136 17
#define OC_WGMMA_C_144 18
#define OC_WGMMA_C_152 19
#define OC_WGMMA_C_160 20
#define OC_WGMMA_C_168 21
#define OC_WGMMA_C_176 22
#define OC_WGMMA_C_184 23
#define OC_WGMMA_C_192 24
#define OC_WGMMA_C_200 25
#define OC_WGMMA_C_208 26
#define OC_WGMMA_C_216 27
#define OC_WGMMA_C_224 28
#define OC_WGMMA_C_232 29
#define OC_WGMMA_C_240 30
#define OC_WGMMA_C_248 31
#define OC_WGMMA_C_256 32
#define OC_WGMMA_L_1 "%0, %1, %2, %3"
#define OC_WGMMA_L_2 OC_WGMMA_L_1 ", %4, %5, %6, %7"
#define OC_WGMMA_L_3 OC_WGMMA_L_2 ", %8, %9, %10, %11"
#define OC_WGMMA_L_4 OC_WGMMA_L_3 ", %12, %13, %14, %15"
#define OC_WGMMA_L_5 OC_WGMMA_L_4 ", %16, %17, %18, %19"
#define OC_WGMMA_L_6 OC_WGMMA_L_5 ", %20, %21, %22, %23"
#define OC_WGMMA_L_7 OC_WGMMA_L_6 ", %24, %25, %26, %27"
#define OC_WGMMA_L_8 OC_WGMMA_L_7 ", %28, %29, %30, %31"
#define OC_WGMMA_L_9 OC_WGMMA_L_8 ", %32, %33, %34, %35"
#define OC_WGMMA_L_10 OC_WGMMA_L_9 ", %36, %37, %38, %39"
#define OC_WGMMA_L_11 OC_WGMMA_L_10 ", %40, %41, %42, %43"
#define OC_WGMMA_L_12 OC_WGMMA_L_11 ", %44, %45, %46, %47"
#define OC_WGMMA_L_13 OC_WGMMA_L_12 ", %48, %49, %50, %51"
#define OC_WGMMA_L_14 OC_WGMMA_L_13 ", %52, %53, %54, %55"
#define OC_WGMMA_L_15 OC_WGMMA_L_14 ", %56, %57, %58, %59"
#define OC_WGMMA_L_16 OC_WGMMA_L_15 ", %60, %61, %62, %63"
#define OC_WGMMA_L_17 OC_WGMMA_L_16 ", %64, %65, %66, %67"
#define OC_WGMMA_L_18 OC_WGMMA_L_17 ", %68, %69, %70, %71"
#define OC_WGMMA_L_19 OC_WGMMA_L_18 ", %72, %73, %74, %75"
#define OC_WGMMA_L_20 OC_WGMMA_L_19 ", %76, %77, %78, %79"
#define OC_WGMMA_L_21 OC_WGMMA_L_20 ", %80, %81, %82, %83"
#define OC_WGMMA_L_22 OC_WGMMA_L_21 ", %84, %85, %86, %87"
#define OC_WGMMA_L_23 OC_WGMMA_L_22 ", %88, %89, %90, %91"
#define OC_WGMMA_L_24 OC_WGMMA_L_23 ", %92, %93, %94, %95"
#define OC_WGMMA_L_25 OC_WGMMA_L_24 ", %96, %97, %98, %99"
#define OC_WGMMA_L_26 OC_WGMMA_L_25 ", %100, %101, %102, %103"
#define OC_WGMMA_L_27 OC_WGMMA_L_26 ", %104, %105, %106, %107"
#define OC_WGMMA_L_28 OC_WGMMA_L_27 ", %108, %109, %110, %111"
#define OC_WGMMA_L_29 OC_WGMMA_L_28 ", %112, %113, %114, %115"
#define OC_WGMMA_L_30 OC_WGMMA_L_29 ", %116, %117, %118, %119"
#define OC_WGMMA_L_31 OC_WGMMA_L_30 ", %120, %121, %122, %123"
#define OC_WGMMA_L_32 OC_WGMMA_L_31 ", %124, %125, %126, %127"
#define OC_WGMMA_D_1 "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
#define OC_WGMMA_D_2 OC_WGMMA_D_1, "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7])
#define OC_WGMMA_D_3 OC_WGMMA_D_2, "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11])
#define OC_WGMMA_D_4 OC_WGMMA_D_3, "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15])
#define OC_WGMMA_D_5 OC_WGMMA_D_4, "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19])
#define OC_WGMMA_D_6 OC_WGMMA_D_5, "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23])
#define OC_WGMMA_D_7 OC_WGMMA_D_6, "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27])
#define OC_WGMMA_D_8 OC_WGMMA_D_7, "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31])
#define OC_WGMMA_D_9 OC_WGMMA_D_8, "+f"(d[32]), "+f"(d[33]), "+f"(d[34]), "+f"(d[35])
#define OC_WGMMA_D_10 OC_WGMMA_D_9, "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39])
#define OC_WGMMA_D_11 OC_WGMMA_D_10, "+f"(d[40]), "+f"(d[41]), "+f"(d[42]), "+f"(d[43])
#define OC_WGMMA_D_12 OC_WGMMA_D_11, "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47])
#define OC_WGMMA_D_13 OC_WGMMA_D_12, "+f"(d[48]), "+f"(d[49]), "+f"(d[50]), "+f"(d[51])
#define OC_WGMMA_D_14 OC_WGMMA_D_13, "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55])
#define OC_WGMMA_D_15 OC_WGMMA_D_14, "+f"(d[56]), "+f"(d[57]), "+f"(d[58]), "+f"(d[59])
#define OC_WGMMA_D_16 OC_WGMMA_D_15, "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63])
#define OC_WGMMA_D_17 OC_WGMMA_D_16, "+f"(d[64]), "+f"(d[65]), "+f"(d[66]), "+f"(d[67])
#define OC_WGMMA_D_18 OC_WGMMA_D_17, "+f"(d[68]), "+f"(d[69]), "+f"(d[70]), "+f"(d[71])
#define OC_WGMMA_D_19 OC_WGMMA_D_18, "+f"(d[72]), "+f"(d[73]), "+f"(d[74]), "+f"(d[75])
#define OC_WGMMA_D_20 OC_WGMMA_D_19, "+f"(d[76]), "+f"(d[77]), "+f"(d[78]), "+f"(d[79])
#define OC_WGMMA_D_21 OC_WGMMA_D_20, "+f"(d[80]), "+f"(d[81]), "+f"(d[82]), "+f"(d[83])
#define OC_WGMMA_D_22 OC_WGMMA_D_21, "+f"(d[84]), "+f"(d[85]), "+f"(d[86]), "+f"(d[87])
#define OC_WGMMA_D_23 OC_WGMMA_D_22, "+f"(d[88]), "+f"(d[89]), "+f"(d[90]), "+f"(d[91])
#define OC_WGMMA_D_24 OC_WGMMA_D_23, "+f"(d[92]), "+f"(d[93]), "+f"(d[94]), "+f"(d[95])
#define OC_WGMMA_D_25 OC_WGMMA_D_24, "+f"(d[96]), "+f"(d[97]), "+f"(d[98]), "+f"(d[99])
#define OC_WGMMA_D_26 OC_WGMMA_D_25, "+f"(d[100]), "+f"(d[101]), "+f"(d[102]), "+f"(d[103])
#define OC_WGMMA_D_27 OC_WGMMA_D_26, "+f"(d[104]), "+f"(d[105]), "+f"(d[106]), "+f"(d[107])
#define OC_WGMMA_D_28 OC_WGMMA_D_27, "+f"(d[108]), "+f"(d[109]), "+f"(d[110]), "+f"(d[111])
#define OC_WGMMA_D_29 OC_WGMMA_D_28, "+f"(d[112]), "+f"(d[113]), "+f"(d[114]), "+f"(d[115])
#define OC_WGMMA_D_30 OC_WGMMA_D_29, "+f"(d[116]), "+f"(d[117]), "+f"(d[118]), "+f"(d[119])
#define OC_WGMMA_D_31 OC_WGMMA_D_30, "+f"(d[120]), "+f"(d[121]), "+f"(d[122]), "+f"(d[123])
#define OC_WGMMA_D_32 OC_WGMMA_D_31, "+f"(d[124]), "+f"(d[125]), "+f"(d[126]), "+f"(d[127])
#define OC_WGMMA_I0_1 "%4"
#define OC_WGMMA_I0_2 "%8"
#define OC_WGMMA_I0_3 "%12"
#define OC_WGMMA_I0_4 "%16"
#define OC_WGMMA_I0_5 "%20"
#define OC_WGMMA_I0_6 "%24"
#define OC_WGMMA_I0_7 "%28"
#define OC_WGMMA_I0_8 "%32"
#define OC_WGMMA_I0_9 "%36"
#define OC_WGMMA_I0_10 "%40"
#define OC_WGMMA_I0_11 "%44"
#define OC_WGMMA_I0_12 "%48"
#define OC_WGMMA_I0_13 "%52"
#define OC_WGMMA_I0_14 "%56"
#define OC_WGMMA_I0_15 "%60"
#define OC_WGMMA_I0_16 "%64"
#define OC_WGMMA_I0_17 "%68"
#define OC_WGMMA_I0_18 "%72"
#define OC_WGMMA_I0_19 "%76"
#define OC_WGMMA_I0_20 "%80"
#define OC_WGMMA_I0_21 "%84"
#define OC_WGMMA_I0_22 "%88"
#define OC_WGMMA_I0_23 "%92"
#define OC_WGMMA_I0_24 "%96"
#define OC_WGMMA_I0_25 "%100"
#define OC_WGMMA_I0_26 "%104"
#define OC_WGMMA_I0_27 "%108"
#define OC_WGMMA_I0_28 "%112"
#define OC_WGMMA_I0_29 "%116"
#define OC_WGMMA_I0_30 "%120"
#define OC_WGMMA_I0_31 "%124"
#define OC_WGMMA_I0_32 "%128"
#define OC_WGMMA_I1_1 "%5"
#define OC_WGMMA_I1_2 "%9"
#define OC_WGMMA_I1_3 "%13"
#define OC_WGMMA_I1_4 "%17"
#define OC_WGMMA_I1_5 "%21"
#define OC_WGMMA_I1_6 "%25"
#define OC_WGMMA_I1_7 "%29"
#define OC_WGMMA_I1_8 "%33"
#define OC_WGMMA_I1_9 "%37"
#define OC_WGMMA_I1_10 "%41"
#define OC_WGMMA_I1_11 "%45"
#define OC_WGMMA_I1_12 "%49"
#define OC_WGMMA_I1_13 "%53"
#define OC_WGMMA_I1_14 "%57"
#define OC_WGMMA_I1_15 "%61"
#define OC_WGMMA_I1_16 "%65"
#define OC_WGMMA_I1_17 "%69"
#define OC_WGMMA_I1_18 "%73"
#define OC_WGMMA_I1_19 "%77"
#define OC_WGMMA_I1_20 "%81"
#define OC_WGMMA_I1_21 "%85"
#define OC_WGMMA_I1_22 "%89"
#define OC_WGMMA_I1_23 "%93"
#define OC_WGMMA_I1_24 "%97"
#define OC_WGMMA_I1_25 "%101"
#define OC_WGMMA_I1_26 "%105"
#define OC_WGMMA_I1_27 "%109"
#define OC_WGMMA_I1_28 "%113"
#define OC_WGMMA_I1_29 "%117"
#define OC_WGMMA_I1_30 "%121"
#define OC_WGMMA_I1_31 "%125"
#define OC_WGMMA_I1_32 "%129"
#define OC_WGMMA_I2_1 "%6"
#define OC_WGMMA_I2_2 "%10"
#define OC_WGMMA_I2_3 "%14"
#define OC_WGMMA_I2_4 "%18"
#define OC_WGMMA_I2_5 "%22"
#define OC_WGMMA_I2_6 "%26"
#define OC_WGMMA_I2_7 "%30"
#define OC_WGMMA_I2_8 "%34"
#define OC_WGMMA_I2_9 "%38"
#define OC_WGMMA_I2_10 "%42"
#define OC_WGMMA_I2_11 "%46"
#define OC_WGMMA_I2_12 "%50"
#define OC_WGMMA_I2_13 "%54"
#define OC_WGMMA_I2_14 "%58"
#define OC_WGMMA_I2_15 "%62"
#define OC_WGMMA_I2_16 "%66"
#define OC_WGMMA_I2_17 "%70"
#define OC_WGMMA_I2_18 "%74"
#define OC_WGMMA_I2_19 "%78"
#define OC_WGMMA_I2_20 "%82"
#define OC_WGMMA_I2_21 "%86"
#define OC_WGMMA_I2_22 "%90"
#define OC_WGMMA_I2_23 "%94"
#define OC_WGMMA_I2_24 "%98"
#define OC_WGMMA_I2_25 "%102"
#define OC_WGMMA_I2_26 "%106"
#define OC_WGMMA_I2_27 "%110"
#define OC_WGMMA_I2_28 "%114"
#define OC_WGMMA_I2_29 "%118"
#define OC_WGMMA_I2_30 "%122"
#define OC_WGMMA_I2_31 "%126"
#define OC_WGMMA_I2_32 "%130"
#define OC_WGMMA_I3_1 "%7"
#define OC_WGMMA_I3_2 "%11"
#define OC_WGMMA_I3_3 "%15"
#define OC_WGMMA_I3_4 "%19"
#define OC_WGMMA_I3_5 "%23"
#define OC_WGMMA_I3_6 "%27"
#define OC_WGMMA_I3_7 "%31"
#define OC_WGMMA_I3_8 "%35"
#define OC_WGMMA_I3_9 "%39"
#define OC_WGMMA_I3_10 "%43"
#define OC_WGMMA_I3_11 "%47"
#define OC_WGMMA_I3_12 "%51"
#define OC_WGMMA_I3_13 "%55"
#define OC_WGMMA_I3_14 "%59"
#define OC_WGMMA_I3_15 "%63"
#define OC_WGMMA_I3_16 "%67"
#define OC_WGMMA_I3_17 "%71"
#define OC_WGMMA_I3_18 "%75"
#define OC_WGMMA_I3_19 "%79"
#define OC_WGMMA_I3_20 "%83"
#define OC_WGMMA_I3_21 "%87"
#define OC_WGMMA_I3_22 "%91"
#define OC_WGMMA_I3_23 "%95"
#define OC_WGMMA_I3_24 "%99"
#define OC_WGMMA_I3_25 "%103"
#define OC_WGMMA_I3_26 "%107"
#define OC_WGMMA_I3_27 "%111"
#define OC_WGMMA_I3_28 "%115"
#define OC_WGMMA_I3_29 "%119"
#define OC_WGMMA_I3_30 "%123"
#define OC_WGMMA_I3_31 "%127"
#define OC_WGMMA_I3_32 "%131"
#define OC_WGMMA_I4_1 "%8"
#define OC_WGMMA_I4_2 "%12"
#define OC_WGMMA_I4_3 "%16"
#define OC_WGMMA_I4_4 "%20"
#define OC_WGMMA_I4_5 "%24"
#define OC_WGMMA_I4_6 "%28"
#define OC_WGMMA_I4_7 "%32"
#define OC_WGMMA_I4_8 "%36"
#define OC_WGMMA_I4_9 "%40"
#define OC_WGMMA_I4_10 "%44"
#define OC_WGMMA_I4_11 "%48"
#define OC_WGMMA_I4_12 "%52"
#define OC_WGMMA_I4_13 "%56"
#define OC_WGMMA_I4_14 "%60"
#define OC_WGMMA_I4_15 "%64"
#define OC_WGMMA_I4_16 "%68"
#define OC_WGMMA_I4_17 "%72"
#define OC_WGMMA_I4_18 "%76"
#define OC_WGMMA_I4_19 "%80"
#define OC_WGMMA_I4_20 "%84"
#define OC_WGMMA_I4_21 "%88"
#define OC_WGMMA_I4_22 "%92"
#define OC_WGMMA_I4_23 "%96"
#define OC_WGMMA_I4_24 "%100"
#define OC_WGMMA_I4_25 "%104"
#define OC_WGMMA_I4_26 "%108"
#define OC_WGMMA_I4_27 "%112"
#define OC_WGMMA_I4_28 "%116"
#define OC_WGMMA_I4_29 "%120"
#define OC_WGMMA_I4_30 "%124"
#define OC_WGMMA_I4_31 "%128"
#define OC_WGMMA_I4_32 "%132"
#define OC_WGMMA_I5_1 "%9"
#define OC_WGMMA_I5_2 "%13"
#define OC_WGMMA_I5_3 "%17"
#define OC_WGMMA_I5_4 "%21"
#define OC_WGMMA_I5_5 "%25"
#define OC_WGMMA_I5_6 "%29"
#define OC_WGMMA_I5_7 "%33"
#define OC_WGMMA_I5_8 "%37"
#define OC_WGMMA_I5_9 "%41"
#define OC_WGMMA_I5_10 "%45"
#define OC_WGMMA_I5_11 "%49"
#define OC_WGMMA_I5_12 "%53"
#define OC_WGMMA_I5_13 "%57"
#define OC_WGMMA_I5_14 "%61"
#define OC_WGMMA_I5_15 "%65"
#define OC_WGMMA_I5_16 "%69"
#define OC_WGMMA_I5_17 "%73"
#define OC_WGMMA_I5_18 "%77"
#define OC_WGMMA_I5_19 "%81"
#define OC_WGMMA_I5_20 "%85"
#define OC_WGMMA_I5_21 "%89"
#define OC_WGMMA_I5_22 "%93"
#define OC_WGMMA_I5_23 "%97"
#define OC_WGMMA_I5_24 "%101"
#define OC_WGMMA_I5_25 "%105"
#define OC_WGMMA_I5_26 "%109"
#define OC_WGMMA_I5_27 "%113"
#define OC_WGMMA_I5_28 "%117"
#define OC_WGMMA_I5_29 "%121"
#define OC_WGMMA_I5_30 "%125"
#define OC_WGMMA_I5_31 "%129"
#define OC_WGMMA_I5_32 "%133"
/* clang-format on */

#endif
