/* arena.c - blocks that double up to a megabyte; larger requests get a block of their own. */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

enum { ALIGNMENT = 16, FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20 };

typedef struct oc_arena_block {
    struct oc_arena_block *next;
    size_t size; /* bytes behind this head */
    size_t used;
    _Alignas(ALIGNMENT) unsigned char bytes[];
} oc_arena_block;

void oc_arena_init(oc_arena *arena) {
    *arena = (oc_arena){0};
}

void oc_arena_free(oc_arena *arena) {
    for (oc_arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    oc_arena_init(arena);
}

void *oc_arena_alloc(oc_arena *arena, size_t bytes) {
    size_t padded;
    if (!oc_add_size(bytes, ALIGNMENT - 1, &padded)) {
        return NULL;
    }
    padded &= ~(size_t)(ALIGNMENT - 1);
    oc_arena_block *block = arena->blocks;
    if (!block || block->size - block->used < padded) {
        size_t size = FIRST_BLOCK;
        if (block) {
            size = block->size < LARGEST_BLOCK ? 2 * block->size : LARGEST_BLOCK;
        }
        if (size < padded) {
            size = padded;
        }
        size_t whole;
        if (!oc_add_size(size, sizeof *block, &whole) || !(block = calloc(1, whole))) {
            return NULL;
        }
        block->size = size;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *result = block->bytes + block->used;
    block->used += padded;
    arena->total += bytes;
    return result;
}

char *oc_arena_text(oc_arena *arena, const char *text, size_t length) {
    size_t bytes;
    char *copy = oc_add_size(length, 1, &bytes) ? oc_arena_alloc(arena, bytes) : NULL;
    if (copy && length) {
        memcpy(copy, text, length);
    }
    return copy;
}
