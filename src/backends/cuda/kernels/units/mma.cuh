/* mma.cuh - products of 16 rows by one warp (mma.sync), and what feeds them.
 *
 * Of lane l, g = l / 4 and q = l % 4:
 *   a [16,16]  registers 0 .. 3: rows g, g + 8, g, g + 8; columns 2q, 2q + 1, the last two + 8
 *   b [16,8]   registers 0, 1: rows 2q, 2q + 1 and + 8; column g
 *   d [16,8]   0, 1: row g, columns 2q, 2q + 1; 2, 3: row g + 8 */
#ifndef OC_MMA_CUH
#define OC_MMA_CUH

#include "wgmma.cuh"

/* d += a b, F16 in, float32 sums */
OC_DEVICE void mma_f16(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, "
                 "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* As load_matrices, each matrix transposed. */
OC_DEVICE void load_matrices_transposed(unsigned (&to)[4], unsigned row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(row)
                 : "memory");
}

/* 16 bytes to shared memory behind the program's back; zeros where not `real`. */
OC_DEVICE void copy16_async(unsigned to, const void *from, bool real) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from),
                 "r"(real ? 16 : 0)
                 : "memory");
}

/* Until this thread's copies are there. */
OC_DEVICE void copies_wait() {
    asm volatile("cp.async.wait_all;" ::: "memory");
}

#endif
