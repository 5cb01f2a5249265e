/* place.h - whose memory an address is. */
#ifndef OC_BACKENDS_CUDA_PLACE_H
#define OC_BACKENDS_CUDA_PLACE_H

#include "backends/cuda/device.h"

typedef enum oc_cuda_whose {
    OC_CUDA_PAGEABLE, /* the host's, or nobody's */
    OC_CUDA_PINNED,   /* the host's, from where copies run at full speed */
    OC_CUDA_CARD,     /* a card's */
    OC_CUDA_MANAGED   /* that of the host and of every card */
} oc_cuda_whose;

typedef struct oc_cuda_place {
    oc_cuda_whose whose;
    int32_t card;  /* of CARD */
    size_t bytes;  /* from the address to the end of what was allocated; 0 of PAGEABLE */
    bool is_alien; /* of CARD: another context's than the one that is current */
} oc_cuda_place;

/* The card is current. */
octavo_status oc_cuda_place_of(const oc_cuda_device *device, const void *at, oc_cuda_place *out,
                               octavo_error *error);

/* oc_backend's check_tensor. */
octavo_status oc_cuda_check_tensor(const oc_device *device, const octavo_tensor *tensor,
                                   size_t bytes, const char *name, octavo_error *error);

#endif
