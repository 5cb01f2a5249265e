/* format.c - see format.h. */
#include "base/format.h"

#include <string.h>

#include "base/status.h"

static const struct {
    octavo_dtype dtype;
    const char *name;
    size_t bytes;
} dtypes[] = {
#define XX(name, value, text, bytes) {OCTAVO_##name, text, bytes},
    OCTAVO_DTYPE_MAP(XX)
#undef XX
};

size_t octavo_dtype_bytes(octavo_dtype dtype) {
    for (size_t i = 0; i < OC_COUNT(dtypes); i++) {
        if (dtypes[i].dtype == dtype) {
            return dtypes[i].bytes;
        }
    }
    return 0;
}

const char *octavo_dtype_name(octavo_dtype dtype) {
    for (size_t i = 0; i < OC_COUNT(dtypes); i++) {
        if (dtypes[i].dtype == dtype) {
            return dtypes[i].name;
        }
    }
    return NULL;
}

size_t oc_dtype_bytes(octavo_dtype dtype) {
    return octavo_dtype_bytes(dtype);
}

const char *oc_dtype_name(octavo_dtype dtype) {
    const char *name = octavo_dtype_name(dtype);
    return name == NULL ? "?" : name;
}

bool oc_dtype_is_float(octavo_dtype dtype) {
    return dtype == OCTAVO_F32 || dtype == OCTAVO_F16 || dtype == OCTAVO_BF16;
}

bool oc_dtype_is_fp8(octavo_dtype dtype) {
    return dtype == OCTAVO_F8_E4M3 || dtype == OCTAVO_F8_E5M2;
}

octavo_dtype oc_dtype_find(const char *name, size_t length) {
    for (size_t i = 0; i < OC_COUNT(dtypes); i++) {
        if (strlen(dtypes[i].name) == length && memcmp(dtypes[i].name, name, length) == 0) {
            return dtypes[i].dtype;
        }
    }
    return (octavo_dtype)0;
}
