/* place.c - see place.h. */
#include "backends/cuda/copy/place.h"

octavo_status oc_cuda_place_of(const oc_cuda_device *device, const void *at, oc_cuda_place *out,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    static const int32_t wanted[] = {OC_CU_POINTER_TYPE,   OC_CU_POINTER_MANAGED,
                                     OC_CU_POINTER_DEVICE, OC_CU_POINTER_CONTEXT,
                                     OC_CU_POINTER_START,  OC_CU_POINTER_BYTES};
    uint32_t type = 0, is_managed = 0;
    int32_t card = 0;
    oc_cu_context context = NULL;
    oc_cu_address start = 0, address = (oc_cu_address)(uintptr_t)at;
    size_t bytes = 0;
    void *values[] = {&type, &is_managed, &card, &context, &start, &bytes};
    *out = (oc_cuda_place){.whose = OC_CUDA_PAGEABLE};
    OC_CU(device->driver, pointer_attributes(OC_COUNT(wanted), wanted, values, address),
          "tell whose memory an address is", error);
    if (is_managed != 0) {
        out->whose = OC_CUDA_MANAGED;
    } else if (type == OC_CU_HOST) {
        out->whose = OC_CUDA_PINNED;
    } else if (type == OC_CU_DEVICE) {
        out->whose = OC_CUDA_CARD;
        out->card = card;
        out->is_alien = context != NULL && context != device->context;
    }
    if (out->whose != OC_CUDA_PAGEABLE && start <= address && address - start < bytes) {
        out->bytes = bytes - (size_t)(address - start);
    }
done:
    return status;
}

/* That all of it is the card's.  Allocators map one stretch of addresses piece by piece, so the end
 * of a piece need not be the end of the memory. */
static octavo_status check_extent(const oc_cuda_device *device, const char *at, size_t bytes,
                                  const char *name, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (size_t seen = 0; seen < bytes;) {
        oc_cuda_place place;
        OC_TRY(oc_cuda_place_of(device, at + seen, &place, error));
        bool is_own = place.whose == OC_CUDA_MANAGED ||
                      (place.whose == OC_CUDA_CARD && place.card == device->index);
        if (!is_own || place.bytes == 0) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "%s has %zu bytes, the memory of card %d ends %zu bytes behind its data at %p",
                    name, bytes, device->index, seen, (const void *)at);
        }
        seen += place.bytes;
    }
done:
    return status;
}

octavo_status oc_cuda_check_tensor(const oc_device *base, const octavo_tensor *tensor, size_t bytes,
                                   const char *name, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cuda_device *device = (const oc_cuda_device *)base;
    oc_cuda_place place;
    OC_TRY(oc_cuda_enter(device, error));
    OC_TRY(oc_cuda_place_of(device, tensor->const_data, &place, error));
    if (tensor->memory == OCTAVO_MEMORY_HOST) {
        if (place.whose == OC_CUDA_CARD) {
            OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                    "%s is said to lie in the host's memory, but its data at %p are memory of card "
                    "%d",
                    name, tensor->const_data, place.card);
        }
        goto done;
    }
    if (tensor->device != device->index) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s lies on card %d, this session is on card %d", name, tensor->device,
                device->index);
    }
    if (place.whose != OC_CUDA_CARD && place.whose != OC_CUDA_MANAGED) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s is said to lie on card %d, but its data at %p are %s", name, tensor->device,
                tensor->const_data,
                place.whose == OC_CUDA_PINNED ? "pinned memory of the host" : "no card's memory");
    }
    if (place.whose == OC_CUDA_CARD && place.card != device->index) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "%s is said to lie on card %d, but its data at %p are memory of card %d", name,
                tensor->device, tensor->const_data, place.card);
    }
    if (place.is_alien) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "the data of %s at %p are memory of a context other than the primary one of card "
                "%d, which octavo uses",
                name, tensor->const_data, device->index);
    }
    OC_TRY(check_extent(device, tensor->const_data, bytes, name, error));
done:
    return status;
}
