/* matrices.cuh - 8x8 matrices of 16-bit pairs between shared memory and the registers of a warp.
 *
 * A row is 16 bytes; each lane gives the address of one: lanes 8i .. 8i + 7 those of matrix i.  Of
 * each matrix a lane has bytes 4 (lane % 4) .. of row lane / 4; of a transposed one, what its
 * transposed has there. */
#ifndef OC_MATRICES_CUH
#define OC_MATRICES_CUH

#include "mbarrier.cuh"

OC_DEVICE void load_matrices(unsigned (&to)[4], unsigned row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(row)
                 : "memory");
}

OC_DEVICE void load_matrices_transposed(unsigned (&to)[4], unsigned row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(row)
                 : "memory");
}

#if __CUDA_ARCH__ >= 900
OC_DEVICE void store_matrices(unsigned row, unsigned m0, unsigned m1, unsigned m2, unsigned m3) {
    asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(row),
                 "r"(m0), "r"(m1), "r"(m2), "r"(m3)
                 : "memory");
}

OC_DEVICE void store_two_matrices(unsigned row, unsigned m0, unsigned m1) {
    asm volatile("stmatrix.sync.aligned.m8n8.x2.shared.b16 [%0], {%1, %2};" ::"r"(row), "r"(m0),
                 "r"(m1)
                 : "memory");
}
#else /* each lane stores what it has */
OC_DEVICE void store_matrix(unsigned row, int index, unsigned m) {
    int lane = threadIdx.x % 32;
    unsigned to = __shfl_sync(~0u, row, 8 * index + lane / 4) + lane % 4 * 4;
    asm volatile("st.shared.u32 [%0], %1;" ::"r"(to), "r"(m) : "memory");
}

OC_DEVICE void store_two_matrices(unsigned row, unsigned m0, unsigned m1) {
    store_matrix(row, 0, m0);
    store_matrix(row, 1, m1);
}

OC_DEVICE void store_matrices(unsigned row, unsigned m0, unsigned m1, unsigned m2, unsigned m3) {
    store_two_matrices(row, m0, m1);
    store_matrix(row, 2, m2);
    store_matrix(row, 3, m3);
}
#endif

#endif
