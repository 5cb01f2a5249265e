/* octavo.c - the parts of octavo.h that need no object. */
#include <stdlib.h>

#include "octavo.h"

const char *octavo_status_name(octavo_status status) {
    switch (status) {
#define XX(name, value, http, text)                                                                \
    case OCTAVO_##name:                                                                            \
        return #name;
        OCTAVO_STATUS_MAP(XX)
#undef XX
    case OCTAVO_STATUS_MAX_:
        break;
    }
    return "UNKNOWN";
}

uint32_t octavo_version(void) {
    return OCTAVO_VERSION_MAJOR << 16 | OCTAVO_VERSION_MINOR << 8 | OCTAVO_VERSION_PATCH;
}

void octavo_free(void *pointer) {
    free(pointer);
}
