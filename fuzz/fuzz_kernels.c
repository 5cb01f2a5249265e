// links: backends_cuda
/* fuzz_kernels.c - packs of compiled kernels: as they are, then with the front's checksum made
 * right, so that what lies behind it is reached.  What opens is read whole, and written again to
 * the same bytes where its machine code is whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/cuda/pack/layout.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

/* Loads all machine code; whether all of it is whole.  Kernels go into the list. */
static bool read_kernels(const oc_pack *pack, oc_pack_list *list) {
    bool is_whole = true;
    for (uint32_t i = 0; i < pack->count; i++) {
        const oc_pack_entry *entry = &pack->entries[i];
        void *image = NULL;
        octavo_status status = oc_pack_load(pack, entry, &image, NULL);
        check(status == OCTAVO_OK || (status == OCTAVO_CORRUPT && image == NULL));
        check(oc_pack_find(pack, entry->key) != NULL);
        is_whole = is_whole && status == OCTAVO_OK && oc_pack_list_find(list, entry->key) == NULL;
        if (is_whole) {
            oc_pack_kernel kernel = {
                entry->architecture, entry->kernel, oc_pack_defines(pack, entry),
                entry->key,          image,         (size_t)entry->bytes};
            check(oc_pack_list_add(list, &kernel, NULL) == OCTAVO_OK);
        }
        free(image);
    }
    return is_whole;
}

static void check_again(const oc_pack_list *list, const uint8_t *data, size_t size) {
    static char path[64];
    char *bytes = NULL;
    size_t written = 0;
    if (path[0] == '\0') {
        snprintf(path, sizeof path, "%s/octavo-fuzz-kernels-%d",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
    }
    check(oc_pack_save(list, path, NULL) == OCTAVO_OK);
    check(oc_file_load(path, OC_LIMIT_KERNEL_BYTES, &bytes, &written, NULL) == OCTAVO_OK);
    check(written == size && memcmp(bytes, data, size) == 0); /* there is one way to write it */
    free(bytes);
    unlink(path);
}

static void open_bytes(const uint8_t *data, size_t size) {
    octavo_error error = {0};
    oc_file file;
    oc_pack pack;
    oc_pack_list list;
    oc_pack_list_init(&list);
    check(oc_file_of_memory(data, size, "fuzz", &file, NULL) == OCTAVO_OK);
    octavo_status status = oc_pack_of_file(&file, &pack, &error);
    check(status == OCTAVO_OK || status == OCTAVO_CORRUPT || status == OCTAVO_UNSUPPORTED);
    check((status == OCTAVO_OK) == (error.message[0] == 0));
    if (status == OCTAVO_OK && read_kernels(&pack, &list)) {
        check_again(&list, data, size);
    }
    oc_pack_close(&pack);
    oc_pack_list_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    oc_pack_head head;
    uint8_t *copy = malloc(size + 1);
    check(copy != NULL);
    memcpy(copy, data, size);
    open_bytes(copy, size);
    if (size >= sizeof head) {
        memcpy(&head, copy, sizeof head);
        memcpy(head.magic, OC_PACK_MAGIC, sizeof head.magic);
        head.version = OC_PACK_VERSION;
        head.file_bytes = size;
        head.count %= 8;
        uint64_t front =
            sizeof head + head.count * sizeof(oc_pack_entry) + (head.text_bytes %= 4096);
        memcpy(copy, &head, sizeof head);
        if (front <= size) {
            oc_pack_head_checksum(copy, (size_t)front, head.checksum);
            memcpy(copy, &head, sizeof head);
        }
        open_bytes(copy, size);
    }
    free(copy);
    return 0;
}
