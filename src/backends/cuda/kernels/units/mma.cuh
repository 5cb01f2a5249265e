/* mma.cuh - products of 16 rows by one warp (mma.sync), and what feeds them.
 *
 * Of lane l, g = l / 4 and q = l % 4:
 *   a [16,16]  registers 0 .. 3: rows g, g + 8, g, g + 8; columns 2q, 2q + 1, the last two + 8
 *   b [16,8]   registers 0, 1: rows 2q, 2q + 1 and + 8; column g
 *   d [16,8]   0, 1: row g, columns 2q, 2q + 1; 2, 3: row g + 8
 * Of codes, a [16,32] and b [32,8]: the same bytes; four columns (rows of b) from 4q on, then + 16. */
#ifndef OC_MMA_CUH
#define OC_MMA_CUH

#include "matrices.cuh"

/* d += a b, F16 in, float32 sums */
OC_DEVICE void mma_f16(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, "
                 "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* Whether the tensor cores multiply codes; else the compiler would widen them for each product. */
#define OC_MMA_E4M3 (__CUDA_ARCH__ == 890 || __CUDA_ARCH__ >= 1200)

/* d += a b, E4M3 in, float32 sums of few bits; where OC_MMA_E4M3. */
OC_DEVICE void mma_e4m3(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile("mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32 {%0, %1, %2, %3}, "
                 "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
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

/* What this thread has asked for since the last commit is a group; groups arrive in their order. */
OC_DEVICE void copies_commit() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/* Until all groups but the last COUNT are there. */
template <int COUNT> OC_DEVICE void copies_wait_but() {
    asm volatile("cp.async.wait_group %0;" ::"n"(COUNT) : "memory");
}

#endif
