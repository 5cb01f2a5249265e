/* pack.h - compiled kernels in a file: packs, which `octavo kernels pack` makes, and the entries of
 * the cache, which are packs of one kernel.
 *
 *     byte 0     oc_pack_head
 *     byte 64    oc_pack_entry [count], rising by architecture, kernel and key
 *     ...        the #defines of each entry, in the entries' order, each ending with a zero
 *     ...        the machine code of each entry, in the entries' order, each beginning at the next
 *                multiple of 16; the bytes between are zero
 *
 * All numbers are little-endian, checksums are XXH3-128.  Every byte is determined by the contents,
 * and a reader refuses a file in which any differs. */
#ifndef OC_BACKENDS_CUDA_PACK_H
#define OC_BACKENDS_CUDA_PACK_H

#include "base/sys/io.h"

#define OC_PACK_MAGIC "\x8fOCKERN\n"

enum { OC_PACK_VERSION = 1, OC_PACK_ALIGNMENT = 16, OC_PACK_NAME = 40, OC_PACK_ARCHITECTURE = 16 };

/* Names a kernel by all that its machine code depends on: cache.h */
typedef struct oc_cuda_key {
    uint64_t words[2];
} oc_cuda_key;

typedef struct oc_pack_head {
    char magic[8];
    uint32_t version, count;
    uint64_t file_bytes, text_bytes;
    uint64_t checksum[2]; /* of this head, with zeros here, the entries and their texts */
    uint64_t zero[2];
} oc_pack_head;

typedef struct oc_pack_entry {
    char architecture[OC_PACK_ARCHITECTURE]; /* "sm_90a", filled with zeros, of which it has one */
    char kernel[OC_PACK_NAME];               /* "gemm_plain.cu", the same */
    oc_cuda_key key;
    uint64_t checksum[2];      /* of the machine code */
    uint64_t offset, bytes;    /* of the machine code, in the file */
    uint32_t text, text_bytes; /* of the #defines, in the texts; the zero is not counted */
} oc_pack_entry;

_Static_assert(sizeof(oc_pack_head) == 64, "oc_pack_head is the file's bytes");
_Static_assert(sizeof(oc_pack_entry) == 112, "oc_pack_entry is the file's bytes");

/* -- reading --------------------------------------------------------------------------------- */

/* Only read once it is open: any number of threads. */
typedef struct oc_pack {
    oc_file file;
    void *memory;
    const oc_pack_entry *entries;
    const char *texts;
    uint32_t count;
} oc_pack;

/* Reads all but the machine code.  Errors, beside io.h's:
 *   CORRUPT      it is no pack, or not a whole one
 *   UNSUPPORTED  a version that is not known; more than a limit allows */
octavo_status oc_pack_open(const char *path, oc_pack *out, octavo_error *error);
/* The same of a file that is open; it is closed in any case. */
octavo_status oc_pack_of_file(oc_file *file, oc_pack *out, octavo_error *error);
void oc_pack_close(oc_pack *pack); /* a zeroed one is accepted */

const oc_pack_entry *oc_pack_find(const oc_pack *pack, oc_cuda_key key); /* NULL: there is none */
const char *oc_pack_defines(const oc_pack *pack, const oc_pack_entry *entry);

/* CORRUPT: its checksum differs.  *image: free() it. */
octavo_status oc_pack_load(const oc_pack *pack, const oc_pack_entry *entry, void **image,
                           octavo_error *error);

/* -- writing --------------------------------------------------------------------------------- */

typedef struct oc_pack_kernel {
    const char *architecture, *kernel, *defines;
    oc_cuda_key key;
    const void *image;
    size_t bytes;
} oc_pack_kernel;

/* Kernels to be packed, each once. */
typedef struct oc_pack_list {
    oc_arena arena;
    oc_pack_kernel *kernels;
    uint32_t count, capacity;
} oc_pack_list;

void oc_pack_list_init(oc_pack_list *list);
void oc_pack_list_free(oc_pack_list *list);
const oc_pack_kernel *oc_pack_list_find(const oc_pack_list *list, oc_cuda_key key);
/* Adds a copy; its key is not there yet.
 *   UNSUPPORTED  more than a limit allows */
octavo_status oc_pack_list_add(oc_pack_list *list, const oc_pack_kernel *kernel,
                               octavo_error *error);

/* Writes a pack; it appears whole or not at all.  The same kernels in any order give the same
 * bytes. */
octavo_status oc_pack_save(const oc_pack_list *list, const char *path, octavo_error *error);

#endif
