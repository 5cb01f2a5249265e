/* sources.h - the text of kernels/, as it is compiled on the machine that runs it.
 * The build makes sources.c from the folder (cmake/embed.cmake). */
#ifndef OC_BACKENDS_CUDA_SOURCES_H
#define OC_BACKENDS_CUDA_SOURCES_H

#include <stddef.h>

typedef struct oc_cuda_source {
    const char *name; /* "norm.cu", "scalar.cuh" */
    const char *text; /* zero-terminated */
    size_t bytes;
} oc_cuda_source;

extern const oc_cuda_source oc_cuda_sources[]; /* ends with a NULL name */

/* NULL: there is none. */
const oc_cuda_source *oc_cuda_source_find(const char *name);

#endif
