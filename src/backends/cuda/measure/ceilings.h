/* ceilings.h - what a card does at most: its tensor cores, and its memory. */
#ifndef OC_BACKENDS_CUDA_MEASURE_CEILINGS_H
#define OC_BACKENDS_CUDA_MEASURE_CEILINGS_H

#include "device/device.h"

typedef struct oc_cuda_ceilings {
    /* Multiply-adds times two a second, dense, sums in float32, at the card's highest clock; 0:
     * NVIDIA's rate for its architecture is not in our table. */
    double f8_flops, f16_flops;
    double bytes_per_s; /* read and written, of a copy within the card's memory */
    char source[200];   /* where they come from, in a sentence */
} oc_cuda_ceilings;

/* About 0.1 s.  No run of any queue of the device should be under way.
 *   EXHAUSTED    the card has no room for the copy
 *   UNAVAILABLE  the driver fails */
octavo_status oc_cuda_measure_ceilings(const oc_device *device, oc_cuda_ceilings *out,
                                       octavo_error *error);

#endif
