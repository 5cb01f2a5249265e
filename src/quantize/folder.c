/* folder.c - see folder.h. */
#include "quantize/folder.h"

#include <stdlib.h>
#include <string.h>

#include "base/sys/io.h"
#include "base/sys/output.h"
#include "checkpoint/quant/glob.h"

enum { PIECE = 1 << 14 }; /* bytes that are copied at a time */

static const char *const companions[] = {
    "tokenizer*",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "preprocessor_config.json",
    "processor_config.json",
    "README*",
    "LICENSE*",
    "NOTICE*",
};

octavo_status oc_folder_save(const char *folder, const char *name, const void *bytes, size_t size,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *path = oc_path_join(folder, name);
    if (path == NULL) {
        OC_NO_MEMORY(error, strlen(folder) + strlen(name));
    }
    OC_TRY(oc_file_save(path, bytes, size, error));
done:
    free(path);
    return status;
}

static bool is_companion(const char *name) {
    for (size_t i = 0; i < OC_COUNT(companions); i++) {
        if (oc_glob_match(companions[i], name)) {
            return true;
        }
    }
    return false;
}

octavo_status oc_folder_companions(const oc_checkpoint *checkpoint, const char *folder,
                                   octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_listing listing = {0};
    char *bytes = NULL;
    size_t size = 0;
    OC_TRY(oc_folder_list(checkpoint->folder, 0, OC_LIMIT_FOLDER_FILES, &listing, error));
    for (uint32_t i = 0; i < listing.count; i++) {
        if (is_companion(listing.paths[i])) {
            free(bytes);
            bytes = NULL;
            OC_TRY(oc_checkpoint_load(checkpoint, listing.paths[i], OC_LIMIT_TOKENIZER_BYTES,
                                      &bytes, &size, error));
            OC_TRY(oc_folder_save(folder, listing.paths[i], bytes, size, error));
        }
    }
done:
    free(bytes);
    oc_listing_free(&listing);
    return status;
}

octavo_status oc_folder_copy(oc_st_writer *writer, const oc_ckpt_tensor *tensor,
                             octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char bytes[PIECE];
    for (uint64_t at = 0; at < tensor->bytes; at += PIECE) {
        size_t piece = tensor->bytes - at < PIECE ? (size_t)(tensor->bytes - at) : PIECE;
        OC_TRY(oc_checkpoint_read_bytes(tensor, at, piece, bytes, error));
        OC_TRY(oc_st_writer_append(writer, bytes, piece, error));
    }
done:
    return status;
}
