/* memory.c - see memory.h. */
#include "backends/cpu/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/size.h"

#ifndef __has_feature
#define __has_feature(name) 0
#endif

enum {
    ALIGN = 64,
    HUGE_PAGE = 2 * 1024 * 1024,
/* A sanitizer sees the borders of blocks alone, so there each constant is one. */
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
    SLAB_BYTES = 1
#else
    /* Reserved; what is not touched takes no memory, but the end of the last page that is. */
    SLAB_BYTES = 64 * 1024 * 1024
#endif
};

struct oc_cpu_slab {
    uint8_t *bytes;
    size_t size, used;
    size_t touched;  /* a multiple of HUGE_PAGE */
    int32_t holders; /* constants in it, and its heap */
};

void *oc_cpu_block(size_t bytes) {
    size_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : ALIGN;
    void *block = aligned_alloc(align, oc_round_up(bytes, align));
    if (block != NULL && bytes >= HUGE_PAGE) {
        /* Whole pages only, so that no memory is spent on rounding up. */
        (void)madvise(block, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    }
    return block;
}

static oc_cpu_slab *new_slab(size_t bytes) {
    oc_cpu_slab *slab = malloc(sizeof *slab);
    uint8_t *block = slab == NULL ? NULL : oc_cpu_block(bytes);
    if (block == NULL) {
        free(slab);
        return NULL;
    }
    *slab = (oc_cpu_slab){.bytes = block, .size = bytes, .holders = 1};
    return slab;
}

static void touch_page(void *context, int32_t index, int32_t thread) {
    (void)thread;
    const oc_cpu_slab *slab = context;
    *(volatile uint8_t *)(slab->bytes + slab->touched + (size_t)index * HUGE_PAGE) = 0;
}

/* Pages that begin below `used` and are new. */
static void touch(oc_cpu_slab *slab, oc_pool *pool) {
    size_t end = oc_round_up(slab->used, HUGE_PAGE);
    if (end > slab->touched) {
        oc_pool_run(pool, (int32_t)((end - slab->touched) / HUGE_PAGE), touch_page, slab);
        slab->touched = end;
    }
}

void *oc_cpu_heap_take(oc_cpu_heap *heap, oc_pool *pool, size_t bytes, oc_cpu_slab **slab) {
    size_t rounded = oc_round_up(bytes, ALIGN);
    *slab = NULL;
    if (rounded >= SLAB_BYTES) { /* a slab of its own */
        *slab = new_slab(rounded);
    } else {
        if (heap->slab == NULL || heap->slab->size - heap->slab->used < rounded) {
            oc_cpu_slab *next = new_slab(SLAB_BYTES);
            if (next == NULL) {
                return NULL;
            }
            oc_cpu_slab_release(heap->slab);
            heap->slab = next;
        }
        *slab = heap->slab;
        (*slab)->holders++;
    }
    if (*slab == NULL) {
        return NULL;
    }
    void *block = (*slab)->bytes + (*slab)->used;
    (*slab)->used += rounded;
    touch(*slab, pool);
    return block;
}

void oc_cpu_slab_release(oc_cpu_slab *slab) {
    if (slab != NULL && --slab->holders == 0) {
        free(slab->bytes);
        free(slab);
    }
}

void oc_cpu_heap_close(oc_cpu_heap *heap) {
    oc_cpu_slab_release(heap->slab);
    heap->slab = NULL;
}
