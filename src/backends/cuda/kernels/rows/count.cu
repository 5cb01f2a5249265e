/* count.cu - what the codes of a result are: all, saturated, zeros, and the largest. */
#include "args.h"
#include "scalar.cuh"

#define THREADS 256

extern "C" __global__ void __launch_bounds__(THREADS)
    count_codes(const __grid_constant__ oc_count_args p) {
    begin();
    const long long total = (long long)*p.rows * p.columns;
    unsigned long long saturated = 0, zeros = 0, largest = 0;
    for (long long i = blockIdx.x * (long long)THREADS + threadIdx.x; i < total;
         i += (long long)gridDim.x * THREADS) {
        const unsigned long long code = p.codes[i / p.columns * p.stride + i % p.columns] & 0x7fu;
        saturated += code == 0x7e;
        zeros += code == 0;
        largest = code > largest ? code : largest;
    }
    if (saturated != 0) {
        atomicAdd(&p.counts[1], saturated);
    }
    if (zeros != 0) {
        atomicAdd(&p.counts[2], zeros);
    }
    atomicMax(&p.counts[3], largest);
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        p.counts[0] = (unsigned long long)total;
    }
}
