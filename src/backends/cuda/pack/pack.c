/* pack.c - see pack.h.  Reading. */
#include <stdlib.h>

#include "backends/cuda/pack/layout.h"
#include "base/limits.h"
#include "base/size.h"

/* What stands before the machine code: 64 + 4096 * (112 + 4097) bytes at most. */
static uint64_t front_bytes(const oc_pack_head *head) {
    return sizeof *head + (uint64_t)head->count * sizeof(oc_pack_entry) + head->text_bytes;
}

static octavo_status check_head(const oc_pack_head *head, uint64_t file_bytes,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (memcmp(head->magic, OC_PACK_MAGIC, sizeof head->magic) != 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, 0, "this is no pack of kernels: it does not begin as one");
    }
    if (head->version != OC_PACK_VERSION) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, offsetof(oc_pack_head, version),
                "a pack of version %u, this octavo reads version %d: pack it again", head->version,
                OC_PACK_VERSION);
    }
    if (head->file_bytes != file_bytes) {
        OC_FAIL(error, OCTAVO_CORRUPT, offsetof(oc_pack_head, file_bytes),
                "the pack has %llu bytes, it says that it has %llu", (unsigned long long)file_bytes,
                (unsigned long long)head->file_bytes);
    }
    if (head->count > OC_LIMIT_KERNELS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, offsetof(oc_pack_head, count),
                "the pack holds %u kernels, the limit is %u", head->count, OC_LIMIT_KERNELS);
    }
    if (head->text_bytes > (uint64_t)head->count * (OC_LIMIT_KERNEL_TEXT + 1) ||
        front_bytes(head) > file_bytes || head->zero[0] != 0 || head->zero[1] != 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, offsetof(oc_pack_head, text_bytes),
                "the pack's head does not fit %u kernels in %llu bytes", head->count,
                (unsigned long long)file_bytes);
    }
done:
    return status;
}

/* Printable, with a zero behind it, and zeros up to the field's end. */
static bool is_name(const char *field, size_t bytes) {
    size_t length = strnlen(field, bytes);
    for (size_t i = 0; i < bytes; i++) {
        bool fits = i < length ? field[i] > ' ' && field[i] <= '~' : field[i] == '\0';
        if (!fits) {
            return false;
        }
    }
    return length > 0 && length < bytes;
}

/* One after another without a gap: *text and *at are where the next one begins. */
static octavo_status check_entry(const oc_pack *pack, uint32_t index, uint64_t text_bytes,
                                 uint64_t *text, uint64_t *at, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_pack_entry *entry = &pack->entries[index];
    uint64_t place = sizeof(oc_pack_head) + index * sizeof *entry;
    char gap[OC_PACK_ALIGNMENT];
    uint64_t offset = (*at + OC_PACK_ALIGNMENT - 1) / OC_PACK_ALIGNMENT * OC_PACK_ALIGNMENT;
    if (!is_name(entry->architecture, sizeof entry->architecture) ||
        !is_name(entry->kernel, sizeof entry->kernel)) {
        OC_FAIL(error, OCTAVO_CORRUPT, place, "kernel %u of the pack has no proper name", index);
    }
    if (index > 0 && oc_pack_compare(entry - 1, entry) >= 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, place, "kernel %u of the pack, %s, is out of order", index,
                entry->kernel);
    }
    if (entry->text != *text || entry->text_bytes > OC_LIMIT_KERNEL_TEXT ||
        *text + entry->text_bytes >= text_bytes ||
        strnlen(pack->texts + *text, entry->text_bytes + 1) != entry->text_bytes) {
        OC_FAIL(error, OCTAVO_CORRUPT, place, "the #defines of kernel %u, %s, do not fit the pack",
                index, entry->kernel);
    }
    if (entry->bytes == 0 || entry->bytes > OC_LIMIT_KERNEL_BYTES || entry->offset != offset ||
        offset > pack->file.size || entry->bytes > pack->file.size - offset) {
        OC_FAIL(error, OCTAVO_CORRUPT, place,
                "the machine code of kernel %u, %s, has %llu bytes at %llu: the pack has %llu, the "
                "limit is %u",
                index, entry->kernel, (unsigned long long)entry->bytes,
                (unsigned long long)entry->offset, (unsigned long long)pack->file.size,
                OC_LIMIT_KERNEL_BYTES);
    }
    OC_TRY(oc_file_read(&pack->file, *at, gap, (size_t)(offset - *at), error));
    for (uint64_t i = 0; i < offset - *at; i++) {
        if (gap[i] != 0) {
            OC_FAIL(error, OCTAVO_CORRUPT, *at + i, "there is something before kernel %u, %s",
                    index, entry->kernel);
        }
    }
    *text += entry->text_bytes + 1;
    *at = offset + entry->bytes;
done:
    return status;
}

static octavo_status check_entries(const oc_pack *pack, const oc_pack_head *head,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint64_t text = 0, at = front_bytes(head);
    for (uint32_t i = 0; i < pack->count; i++) {
        OC_TRY(check_entry(pack, i, head->text_bytes, &text, &at, error));
    }
    if (text != head->text_bytes || at != pack->file.size) {
        OC_FAIL(error, OCTAVO_CORRUPT, at, "the pack holds more than its kernels");
    }
done:
    return status;
}

octavo_status oc_pack_of_file(oc_file *file, oc_pack *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_pack_head head;
    uint64_t checksum[2];
    oc_pack pack = {.file = *file};
    *file = OC_FILE_CLOSED;
    *out = (oc_pack){.file = OC_FILE_CLOSED};
    if (pack.file.size < sizeof head) {
        OC_FAIL(error, OCTAVO_CORRUPT, 0, "this is no pack of kernels: it has only %llu bytes",
                (unsigned long long)pack.file.size);
    }
    OC_TRY(oc_file_read(&pack.file, 0, &head, sizeof head, error));
    OC_TRY(check_head(&head, pack.file.size, error));
    size_t bytes = (size_t)front_bytes(&head);
    pack.memory = malloc(bytes);
    if (pack.memory == NULL) {
        OC_NO_MEMORY(error, bytes);
    }
    OC_TRY(oc_file_read(&pack.file, 0, pack.memory, bytes, error));
    oc_pack_head_checksum(pack.memory, bytes, checksum);
    if (memcmp(checksum, head.checksum, sizeof checksum) != 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, offsetof(oc_pack_head, checksum),
                "the pack's head, names or #defines do not fit their checksum");
    }
    pack.count = head.count;
    pack.entries = (const oc_pack_entry *)((char *)pack.memory + sizeof head);
    pack.texts = (const char *)(pack.entries + pack.count);
    OC_TRY(check_entries(&pack, &head, error));
    *out = pack;
    pack = (oc_pack){.file = OC_FILE_CLOSED};
done:
    if (status != OCTAVO_OK && pack.file.path != NULL) {
        oc_error_path(error, pack.file.path);
    }
    free(pack.memory);
    oc_file_close(&pack.file);
    return status;
}

octavo_status oc_pack_open(const char *path, oc_pack *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_file file = OC_FILE_CLOSED;
    *out = (oc_pack){.file = OC_FILE_CLOSED};
    OC_TRY(oc_file_open(path, &file, error));
    OC_TRY(oc_pack_of_file(&file, out, error));
done:
    return status;
}

void oc_pack_close(oc_pack *pack) {
    if (pack->memory != NULL) { /* else it is zeroed, and 0 is no file of ours */
        oc_file_close(&pack->file);
    }
    free(pack->memory);
    *pack = (oc_pack){.file = OC_FILE_CLOSED};
}

const oc_pack_entry *oc_pack_find(const oc_pack *pack, oc_cuda_key key) {
    for (uint32_t i = 0; i < pack->count; i++) {
        if (memcmp(&pack->entries[i].key, &key, sizeof key) == 0) {
            return &pack->entries[i];
        }
    }
    return NULL;
}

const char *oc_pack_defines(const oc_pack *pack, const oc_pack_entry *entry) {
    return pack->texts + entry->text;
}

octavo_status oc_pack_load(const oc_pack *pack, const oc_pack_entry *entry, void **image,
                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *image = malloc((size_t)entry->bytes);
    if (*image == NULL) {
        OC_NO_MEMORY(error, entry->bytes);
    }
    OC_TRY(oc_file_read(&pack->file, entry->offset, *image, (size_t)entry->bytes, error));
    XXH128_hash_t sum = XXH3_128bits(*image, (size_t)entry->bytes);
    if (sum.high64 != entry->checksum[0] || sum.low64 != entry->checksum[1]) {
        OC_FAIL(error, OCTAVO_CORRUPT, entry->offset,
                "the machine code of kernel %s does not fit its checksum", entry->kernel);
    }
done:
    if (status != OCTAVO_OK) {
        free(*image);
        *image = NULL;
    }
    return status;
}
