/* kind.c - see kind.h. */
#include "base/sys/kind.h"

#include <string.h>
#include <strings.h>

#include "base/status.h"

#define PICKLE                                                                                     \
    "a Python pickle, which can run code and is never read: load it where you trust it and save "  \
    "it with safetensors"
#define PAGE                                                                                       \
    "a web page, which a server sent in place of the file: download it again, signed in where "    \
    "the server asks for that"

#define KIND(begins, kind)                                                                         \
    { begins, sizeof begins - 1, kind }

static const struct {
    const char *begins;
    size_t length;
    const char *kind;
} kinds[] = {
    KIND("version https://git-lfs", "a git-lfs pointer: `git lfs pull` fetches what it stands for"),
    KIND("<!doctype", PAGE),
    KIND("<html", PAGE),
    KIND("<?xml", "an XML document, as servers send in place of a file: download it again"),
    KIND("PK\003\004", "a zip archive, such as torch.save writes around " PICKLE),
    KIND("\x80\002", PICKLE),
    KIND("\x80\003", PICKLE),
    KIND("\x80\004", PICKLE),
    KIND("\x80\005", PICKLE),
    KIND("\x93NUMPY",
         "a NumPy array (.npy): a model's tensors go together into one .safetensors file"),
    KIND("GGUF", "a GGUF file"),
    KIND("\x89HDF", "an HDF5 file"),
    KIND("\x1f\x8b", "packed with gzip: unpack it first"),
    KIND("(\xb5/\xfd", "packed with zstd: unpack it first"),
    KIND("{", "a JSON text, such as an index, a config, or a server's error in place of the file"),
};

const char *oc_file_kind(const void *bytes, size_t size) {
    for (size_t i = 0; i < OC_COUNT(kinds); i++) {
        if (size >= kinds[i].length && strncasecmp(bytes, kinds[i].begins, kinds[i].length) == 0) {
            return kinds[i].kind;
        }
    }
    return NULL;
}
