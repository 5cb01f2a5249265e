/* replay.c - feeds every file of the given folders to a fuzz target, without a fuzzer: the corpus
 * as an ordinary test. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/sys/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv) {
    uint32_t files = 0;
    for (int i = 1; i < argc; i++) {
        oc_listing listing = {0};
        if (oc_folder_list(argv[i], OC_LIST_DEEP, OC_LIMIT_FILES, &listing, NULL) != OCTAVO_OK) {
            fprintf(stderr, "replay: cannot list %s\n", argv[i]);
            return 1;
        }
        for (uint32_t f = 0; f < listing.count; f++) {
            char *path = oc_path_join(argv[i], listing.paths[f]), *bytes = NULL;
            size_t size = 0;
            if (path == NULL ||
                oc_file_load(path, OC_LIMIT_IMAGE_BYTES, &bytes, &size, NULL) != OCTAVO_OK) {
                fprintf(stderr, "replay: cannot read %s\n", listing.paths[f]);
                return 1;
            }
            LLVMFuzzerTestOneInput((const uint8_t *)bytes, size);
            files++;
            free(bytes);
            free(path);
        }
        oc_listing_free(&listing);
    }
    printf("%u inputs replayed\n", files);
    return files == 0;
}
