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
    return NULL;
}

int32_t octavo_error_http(const octavo_error *error) {
    if (error != NULL && error->cause == OCTAVO_CAUSE_INPUT && error->status == OCTAVO_CORRUPT) {
        return 400;
    }
    if (error != NULL && error->cause == OCTAVO_CAUSE_INPUT &&
        error->status == OCTAVO_UNSUPPORTED) {
        return 415;
    }
    switch (error == NULL ? OCTAVO_OK : error->status) {
#define XX(name, value, http, text)                                                                \
    case OCTAVO_##name:                                                                            \
        return http;
        OCTAVO_STATUS_MAP(XX)
#undef XX
    case OCTAVO_STATUS_MAX_:
        break;
    }
    return 500;
}

uint32_t octavo_version(void) {
    return OCTAVO_VERSION_MAJOR << 16 | OCTAVO_VERSION_MINOR << 8 | OCTAVO_VERSION_PATCH;
}

void octavo_free(void *pointer) {
    free(pointer);
}
