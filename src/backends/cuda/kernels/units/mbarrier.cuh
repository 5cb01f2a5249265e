/* mbarrier.cuh - barriers in shared memory (mbarrier), addressed by 32-bit shared addresses.
 *
 * A barrier counts arrivals and bytes; its phase ends when both are in.  Waiters name the parity of
 * the phase they wait for: 0, 1, 0, ... */
#ifndef OC_MBARRIER_CUH
#define OC_MBARRIER_CUH

#define OC_DEVICE static __device__ __forceinline__

OC_DEVICE unsigned shared_address(const void *pointer) {
    unsigned long long address;
    asm volatile("cvta.to.shared.u64 %0, %1;" : "=l"(address) : "l"(pointer));
    return (unsigned)address;
}

OC_DEVICE void mbarrier_init(unsigned barrier, unsigned arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals));
}

/* After the inits, before the other CTAs of the cluster or the copy engine use them. */
OC_DEVICE void mbarrier_init_fence() {
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

OC_DEVICE void mbarrier_arrive(unsigned barrier) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

/* The same place in CTA `rank` of the cluster, for what takes cluster addresses. */
OC_DEVICE unsigned cluster_address(unsigned address, unsigned rank) {
    unsigned there;
    asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(address), "r"(rank));
    return there;
}

/* At a cluster address.  NOTE: no .release.cluster: that becomes MEMBAR.ALL.GPU, a thousand clocks;
 * what this is used to order are reads that are done. */
OC_DEVICE void mbarrier_arrive_there(unsigned barrier) {
    asm volatile("mbarrier.arrive.shared::cluster.b64 _, [%0];" ::"r"(barrier) : "memory");
}

OC_DEVICE void mbarrier_arrive_expect(unsigned barrier, unsigned bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
                 : "memory");
}

OC_DEVICE void mbarrier_wait(unsigned barrier, unsigned parity) {
    asm volatile("{ .reg .pred done;\n"
                 "AGAIN: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
                 "@done bra READY;\n"
                 "bra AGAIN;\n"
                 "READY: }" ::"r"(barrier),
                 "r"(parity)
                 : "memory");
}

/* Named barriers of a CTA: whoever waits and whoever arrives make up `threads`; 0 is __syncthreads. */
OC_DEVICE void named_wait(int barrier, int threads) {
    asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

OC_DEVICE void named_arrive(int barrier, int threads) {
    asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

#endif
