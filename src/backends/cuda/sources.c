/* sources_find.c - see sources.h. */
#include <string.h>

#include "backends/cuda/sources.h"

const oc_cuda_source *oc_cuda_source_find(const char *name) {
    for (const oc_cuda_source *source = oc_cuda_sources; source->name != NULL; source++) {
        if (strcmp(source->name, name) == 0) {
            return source;
        }
    }
    return NULL;
}
