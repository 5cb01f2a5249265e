/* memory.h - memory for constants and queues: whole huge pages, shared by what is small.
 *
 * A model has hundreds of constants, most of them smaller than a huge page.  Apart they would be
 * touched four KiB at a time, which takes longer than packing them does.
 */
#ifndef OC_CPU_MEMORY_H
#define OC_CPU_MEMORY_H

#include <stddef.h>

#include "base/sys/threads.h"

/* A block of its own, aligned to 64 or, where it is large enough, to a huge page; free(). */
void *oc_cpu_block(size_t bytes);

/* What the constants of one device lie in; freed when the last of them is.  One thread at a time
 * per heap. */
typedef struct oc_cpu_slab oc_cpu_slab;
typedef struct oc_cpu_heap {
    oc_cpu_slab *slab; /* that has room; NULL: none yet */
} oc_cpu_heap;

/* `bytes` aligned to 64, and the slab they lie in; NULL: memory is out.  The pool's threads touch
 * each new page once: two that came upon it together would both clear it. */
void *oc_cpu_heap_take(oc_cpu_heap *heap, oc_pool *pool, size_t bytes, oc_cpu_slab **slab);
void oc_cpu_slab_release(oc_cpu_slab *slab); /* by each that took; NULL is accepted */
void oc_cpu_heap_close(oc_cpu_heap *heap);   /* nothing more is taken */

#endif
