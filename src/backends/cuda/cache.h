/* cache.h - compiled kernels on disk: what one process compiled, the next ones load.
 *
 * An entry is named by a hash of all that its machine code depends on, and is a pack of that one
 * kernel; one that is damaged is made anew.  Entries appear whole (base/sys/output.h), so that
 * processes which compile the same kernel at once do no harm: the last one's file stays. */
#ifndef OC_BACKENDS_CUDA_CACHE_H
#define OC_BACKENDS_CUDA_CACHE_H

#include <stdbool.h>

#include "backends/cuda/pack/pack.h"

#define OC_CUDA_CACHE_SUFFIX ".kernel"

/* Of a kernel's source with all its headers, its #defines and the architecture.  Versions are no
 * part: machine code of any compiler runs on any driver that takes it, to ask NVRTC for its version
 * costs 150 ms, and code that a driver refuses is made anew. */
oc_cuda_key oc_cuda_key_of(const char *name, const char *defines, const char *architecture);

/* The folder: OCTAVO_KERNELS where that is no file, or octavo/kernels in the user's cache.  NULL:
 * there is none to be had.  free() it. */
char *oc_cuda_cache_folder(void);

/* OCTAVO_KERNELS where that is a file: a pack, which is asked first.  Else NULL. */
const char *oc_cuda_pack_path(void);

/* Whether a file of the folder is an entry, by its name; and what a process that was killed left of
 * one. */
bool oc_cuda_cache_is_entry(const char *name);
bool oc_cuda_cache_is_rest(const char *name);

/* False: there is no such entry, or none that is whole.  *image: free() it. */
bool oc_cuda_cache_load(const char *folder, oc_cuda_key key, void **image, size_t *bytes);

/* CANNOT_CREATE and the like: it is not kept, which only costs time. */
octavo_status oc_cuda_cache_save(const char *folder, const oc_pack_kernel *kernel,
                                 octavo_error *error);

#endif
