/* logits.cu - scaled products of image and text embeddings: a warp an image and text.
 *
 * COLUMNS */
#include "args.h"
#include "scalar.cuh"

#define WARPS 8

extern "C" __global__ void __launch_bounds__(WARPS * 32)
    logits(const __grid_constant__ oc_logits_args p) {
    begin();
    const int image = blockIdx.y, text = blockIdx.x * WARPS + threadIdx.x / 32;
    if (image >= *p.images || text >= *p.texts) {
        return;
    }
    float sum = 0;
    for (int c = threadIdx.x % 32; c < COLUMNS; c += 32) {
        sum = fmaf(p.image[image * p.image_stride + c], p.text[text * p.text_stride + c], sum);
    }
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) {
        p.out[image * p.out_stride + text] = sum * p.scale;
    }
}
