/* shape.c - checked names and sizes. */
#include "engine/shape.h"

#include <inttypes.h>

#include "base/limits.h"
#include "ir/graph.h"

octavo_status oc_shape_bytes(uint32_t dtype, uint32_t rank, const int64_t *shape, uint64_t *bytes,
                             uint64_t offset, const char *what, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int64_t total = (int64_t)oc_dtype_bytes((octavo_dtype)dtype);
    if (total == 0) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, offset, "%s has dtype %" PRIu32 ", which is not known",
                what, dtype);
    }
    if (rank > OCTAVO_MAX_RANK) {
        OC_FAIL(error, OCTAVO_CORRUPT, offset, "%s has rank %" PRIu32 ", the limit is %d", what,
                rank, OCTAVO_MAX_RANK);
    }
    for (uint32_t i = 0; i < OCTAVO_MAX_RANK; i++) {
        if (i < rank ? shape[i] <= 0 : shape[i] != 0) {
            OC_FAIL(error, OCTAVO_CORRUPT, offset,
                    "%s of rank %" PRIu32 " has dimension %" PRIu32 " = %" PRId64, what, rank, i,
                    shape[i]);
        }
        if (i < rank && __builtin_mul_overflow(total, shape[i], &total)) {
            OC_FAIL(error, OCTAVO_CORRUPT, offset, "%s has a size that does not fit 63 bits", what);
        }
    }
    *bytes = (uint64_t)total;
done:
    return status;
}

size_t oc_engine_name_length(const char *name, size_t bytes) {
    size_t length = 0;
    while (length < bytes && name[length] > ' ' && name[length] <= '~') {
        length++;
    }
    return length < bytes && name[length] == 0 && length <= OC_LIMIT_TENSOR_NAME ? length : 0;
}
