/* permission.c - in place of the library's, where instructions are emulated. */
#include "backends/cpu/machine/permission.h"

#include <stddef.h>

const char *oc_cpu_tiles_refused(void) {
    return NULL;
}
