/* tma.cuh - the copy engine: tiles by tensor map, runs of bytes.
 *
 * Loads report their bytes to an mbarrier.  One thread asks, by elect_one (cluster.cuh says why). */
#ifndef OC_TMA_CUH
#define OC_TMA_CUH

#include "mbarrier.cuh"

/* A CUtensorMap, as the host encoded it. */
typedef struct __align__(128) oc_tensor_map {
    unsigned long long words[16];
} oc_tensor_map;

OC_DEVICE void tma_prefetch_map(const oc_tensor_map *map) {
    asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

/* x: along a row, in elements; y: the row. */
OC_DEVICE void tma_load(unsigned to, const oc_tensor_map *map, int x, int y, unsigned barrier) {
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%2, %3}], [%4];" ::"r"(to),
                 "l"(map), "r"(x), "r"(y), "r"(barrier)
                 : "memory");
}

/* To the same place of each CTA in `ctas`, a bit a rank; each one's own barrier counts. */
OC_DEVICE void tma_load_multicast(unsigned to, const oc_tensor_map *map, int x, int y,
                                  unsigned barrier, unsigned short ctas) {
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes"
                 ".multicast::cluster [%0], [%1, {%2, %3}], [%4], %5;" ::"r"(to),
                 "l"(map), "r"(x), "r"(y), "r"(barrier), "h"(ctas)
                 : "memory");
}

/* bytes, addresses: multiples of 16 */
OC_DEVICE void bulk_load(unsigned to, const void *from, unsigned bytes, unsigned barrier) {
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
                 "[%0], [%1], %2, [%3];" ::"r"(to),
                 "l"(from), "r"(bytes), "r"(barrier)
                 : "memory");
}

/* Between a thread's ordinary stores to shared memory and the copy engine or tensor cores that read
 * them: in each thread that stored, before the barrier that joins them. */
OC_DEVICE void proxy_fence() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

#endif
