/* cluster.cuh - clusters of CTAs, programmatic dependent launch, registers of a warpgroup. */
#ifndef OC_CLUSTER_CUH
#define OC_CLUSTER_CUH

#include "mbarrier.cuh"

OC_DEVICE unsigned cluster_rank() {
    unsigned rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

/* All threads of all CTAs of the cluster.  NOTE: orders execution, and what fences of their own have
 * made visible (mbarrier_init_fence); .release would be MEMBAR.ALL.GPU, a thousand clocks. */
OC_DEVICE void cluster_sync() {
    asm volatile("barrier.cluster.arrive.relaxed.aligned;\n"
                 "barrier.cluster.wait.acquire.aligned;" ::
                     : "memory");
}

/* Until all kernels that this one depends on have ended and their stores are seen.  Before sm_90 no
 * kernel begins earlier. */
OC_DEVICE void grid_wait() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/* The next kernel may start; it still waits for this one's end in its own grid_wait. */
OC_DEVICE void grid_launch_dependents() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/* One lane of a converged warp.  NOTE: ptxas knows that one thread runs what depends on this; under a
 * comparison of threadIdx it wraps each copy in a loop over the threads that might. */
OC_DEVICE bool elect_one() {
    unsigned elected;
    asm volatile("{ .reg .pred p; elect.sync _|p, 0xffffffff; selp.u32 %0, 1, 0, p; }"
                 : "=r"(elected));
    return elected != 0;
}

#define OC_REGISTERS_RAISE(count)                                                                  \
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(count))
#define OC_REGISTERS_LOWER(count)                                                                  \
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(count))

#endif
