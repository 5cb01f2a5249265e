/* arena.h - many small allocations that are freed together.  One thread at a time. */
#ifndef OC_BASE_ARENA_H
#define OC_BASE_ARENA_H

#include <stddef.h>

typedef struct oc_arena {
    struct oc_arena_block *blocks; /* newest first */
    size_t total;                  /* bytes handed out */
} oc_arena;

void oc_arena_init(oc_arena *arena);
void oc_arena_free(oc_arena *arena); /* leaves it empty and usable */

/* `bytes` zeroed bytes aligned to 16; NULL when memory is out. */
void *oc_arena_alloc(oc_arena *arena, size_t bytes);
/* A zero-terminated copy of `length` bytes; NULL when memory is out. */
char *oc_arena_text(oc_arena *arena, const char *text, size_t length);

#endif
