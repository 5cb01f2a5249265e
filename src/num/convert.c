/* convert.c - see convert.h. */
#include "num/convert.h"

#include <string.h>

/* dtype, stored type, name in the headers */
#define CONVERTED(XX)                                                                              \
    XX(F16, uint16_t, f16)                                                                         \
    XX(BF16, uint16_t, bf16)                                                                       \
    XX(F8_E4M3, uint8_t, e4m3)                                                                     \
    XX(F8_E5M2, uint8_t, e5m2)                                                                     \
    XX(F8_E8M0, uint8_t, e8m0)

bool oc_convert_to_f32(octavo_dtype dtype, const void *from, float *to, size_t count) {
    switch (dtype) {
    case OCTAVO_F32:
        if (count) {
            memcpy(to, from, count * sizeof *to);
        }
        return true;
#define XX(name, type, prefix)                                                                     \
    case OCTAVO_##name:                                                                            \
        for (size_t i = 0; i < count; i++) {                                                       \
            type code;                                                                             \
            memcpy(&code, (const char *)from + i * sizeof code, sizeof code);                      \
            to[i] = oc_##prefix##_to_f32(code);                                                    \
        }                                                                                          \
        return true;
        CONVERTED(XX)
#undef XX
    default:
        return false;
    }
}

bool oc_convert_from_f32(octavo_dtype dtype, const float *from, void *to, size_t count) {
    switch (dtype) {
    case OCTAVO_F32:
        if (count) {
            memcpy(to, from, count * sizeof *from);
        }
        return true;
#define XX(name, type, prefix)                                                                     \
    case OCTAVO_##name:                                                                            \
        for (size_t i = 0; i < count; i++) {                                                       \
            type code = oc_f32_to_##prefix(from[i]);                                               \
            memcpy((char *)to + i * sizeof code, &code, sizeof code);                              \
        }                                                                                          \
        return true;
        CONVERTED(XX)
#undef XX
    default:
        return false;
    }
}
