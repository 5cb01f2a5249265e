/* compiler.h - NVRTC, NVIDIA's run-time compiler: opened only when a kernel is neither packed nor
 * cached. */
#ifndef OC_BACKENDS_CUDA_COMPILER_H
#define OC_BACKENDS_CUDA_COMPILER_H

#include <stdbool.h>

#include "base/status.h"

/* "NVRTC 13.0, libnvrtc.so.13", or why there is none and how to get one.  True: there is one.
 * Opens it. */
bool oc_cuda_compiler_describe(char *text, size_t bytes);

/* Machine code of kernels/NAME with `defines` ("#define N 1024\n...") before it, for an
 * architecture such as "sm_90a".  *image: free() it. UNAVAILABLE  there is no NVRTC INTERNAL     it
 * refuses the source; the sentence holds its log */
octavo_status oc_cuda_compile(const char *name, const char *defines, const char *architecture,
                              void **image, size_t *bytes, octavo_error *error);

typedef octavo_status (*oc_cuda_compile_fn)(const char *name, const char *defines,
                                            const char *architecture, void **image, size_t *bytes,
                                            octavo_error *error);

/* Tests: what oc_cuda_compile does from now on; NULL: NVRTC again. */
void oc_cuda_compiler_replace(oc_cuda_compile_fn compile);

#endif
