/* pack_write.c - see pack.h.  Collecting and writing. */
#include <stdlib.h>

#include "backends/cuda/pack/layout.h"
#include "base/limits.h"
#include "base/size.h"
#include "base/sys/output.h"

void oc_pack_list_init(oc_pack_list *list) {
    *list = (oc_pack_list){.count = 0};
    oc_arena_init(&list->arena);
}

void oc_pack_list_free(oc_pack_list *list) {
    free(list->kernels);
    oc_arena_free(&list->arena);
    oc_pack_list_init(list);
}

const oc_pack_kernel *oc_pack_list_find(const oc_pack_list *list, oc_cuda_key key) {
    for (uint32_t i = 0; i < list->count; i++) {
        if (memcmp(&list->kernels[i].key, &key, sizeof key) == 0) {
            return &list->kernels[i];
        }
    }
    return NULL;
}

static octavo_status grow(oc_pack_list *list, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint32_t capacity = list->capacity == 0 ? 32 : 2 * list->capacity;
    oc_pack_kernel *kernels = realloc(list->kernels, capacity * sizeof *kernels);
    if (kernels == NULL) {
        OC_NO_MEMORY(error, capacity * sizeof *kernels);
    }
    list->kernels = kernels;
    list->capacity = capacity;
done:
    return status;
}

octavo_status oc_pack_list_add(oc_pack_list *list, const oc_pack_kernel *kernel,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_ASSERT(oc_pack_list_find(list, kernel->key) == NULL);
    if (list->count == OC_LIMIT_KERNELS || kernel->bytes == 0 ||
        kernel->bytes > OC_LIMIT_KERNEL_BYTES || strlen(kernel->defines) > OC_LIMIT_KERNEL_TEXT ||
        strlen(kernel->kernel) >= OC_PACK_NAME ||
        strlen(kernel->architecture) >= OC_PACK_ARCHITECTURE) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "kernel %s (%zu bytes of machine code, %zu of #defines) cannot be packed as number "
                "%u: the limits are %u, %u and %u",
                kernel->kernel, kernel->bytes, strlen(kernel->defines), list->count + 1,
                OC_LIMIT_KERNEL_BYTES, OC_LIMIT_KERNEL_TEXT, OC_LIMIT_KERNELS);
    }
    if (list->count == list->capacity) {
        OC_TRY(grow(list, error));
    }
    oc_pack_kernel copy = {.key = kernel->key, .bytes = kernel->bytes};
    oc_arena *arena = &list->arena;
    copy.architecture = oc_arena_text(arena, kernel->architecture, strlen(kernel->architecture));
    copy.kernel = oc_arena_text(arena, kernel->kernel, strlen(kernel->kernel));
    copy.defines = oc_arena_text(arena, kernel->defines, strlen(kernel->defines));
    copy.image = oc_arena_text(arena, kernel->image, kernel->bytes);
    if (copy.architecture == NULL || copy.kernel == NULL || copy.defines == NULL ||
        copy.image == NULL) {
        OC_NO_MEMORY(error, kernel->bytes);
    }
    list->kernels[list->count++] = copy;
done:
    return status;
}

typedef struct placed {
    oc_pack_entry entry;
    const oc_pack_kernel *kernel;
} placed;

static placed place(const oc_pack_kernel *kernel) {
    XXH128_hash_t sum = XXH3_128bits(kernel->image, kernel->bytes);
    placed one = {.kernel = kernel,
                  .entry = {.key = kernel->key,
                            .checksum = {sum.high64, sum.low64},
                            .bytes = kernel->bytes,
                            .text_bytes = (uint32_t)strlen(kernel->defines)}};
    memcpy(one.entry.architecture, kernel->architecture, strlen(kernel->architecture));
    memcpy(one.entry.kernel, kernel->kernel, strlen(kernel->kernel));
    return one;
}

static int compare(const void *a, const void *b) {
    return oc_pack_compare(&((const placed *)a)->entry, &((const placed *)b)->entry);
}

/* Fills the head, and head, entries and texts into memory, which is zero. */
static void lay_out(placed *order, oc_pack_head *head, size_t front, char *memory) {
    oc_pack_entry *entries = (oc_pack_entry *)(void *)(memory + sizeof *head);
    char *texts = (char *)(entries + head->count);
    uint64_t at = front;
    uint32_t text = 0;
    for (uint32_t i = 0; i < head->count; i++) {
        oc_pack_entry *entry = &order[i].entry;
        entry->offset = oc_round_up(at, OC_PACK_ALIGNMENT);
        entry->text = text;
        memcpy(texts + text, order[i].kernel->defines, entry->text_bytes);
        text += entry->text_bytes + 1;
        at = entry->offset + entry->bytes;
        entries[i] = *entry;
    }
    head->file_bytes = at;
    memcpy(memory, head, sizeof *head);
    oc_pack_head_checksum(memory, front, head->checksum);
    memcpy(memory, head, sizeof *head);
}

octavo_status oc_pack_save(const oc_pack_list *list, const char *path, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_output output = OC_OUTPUT_CLOSED;
    oc_pack_head head = {.magic = OC_PACK_MAGIC, .version = OC_PACK_VERSION, .count = list->count};
    placed *order = calloc((size_t)list->count + 1, sizeof *order);
    char *memory = NULL;
    if (order == NULL) {
        OC_NO_MEMORY(error, list->count * sizeof *order);
    }
    for (uint32_t i = 0; i < list->count; i++) {
        order[i] = place(&list->kernels[i]);
        head.text_bytes += order[i].entry.text_bytes + 1;
    }
    size_t front = sizeof head + list->count * sizeof(oc_pack_entry) + (size_t)head.text_bytes;
    memory = calloc(1, front);
    if (memory == NULL) {
        OC_NO_MEMORY(error, front);
    }
    qsort(order, list->count, sizeof *order, compare);
    lay_out(order, &head, front, memory);
    OC_TRY(oc_output_open(path, &output, error));
    OC_TRY(oc_output_write_at(&output, 0, memory, front, error));
    for (uint32_t i = 0; i < list->count; i++) { /* gaps read as zeros */
        OC_TRY(oc_output_write_at(&output, order[i].entry.offset, order[i].kernel->image,
                                  order[i].kernel->bytes, error));
    }
    OC_TRY(oc_output_commit(&output, error));
done:
    oc_output_abort(&output);
    free(memory);
    free(order);
    return status;
}
