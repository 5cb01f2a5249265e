/* lists.c - see lists.h. */
#include "cli/line/lists.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/tool.h"
#include "base/limits.h"
#include "base/sys/io.h"
#include "cli/output/errors.h"

octavo_status oc_cli_lines(oc_cli_options *options, const char *path, bool keep_empty,
                           oc_cli_list *out, octavo_error *error) {
    static const char mark[] = "\xef\xbb\xbf";
    octavo_status status = OCTAVO_OK;
    char *bytes = NULL;
    size_t size;
    OC_TRY(oc_file_load(path, OC_LIMIT_LIST_BYTES, &bytes, &size, error));
    char *line = strncmp(bytes, mark, strlen(mark)) == 0 ? bytes + strlen(mark) : bytes;
    for (char *end = bytes + size; line < end;) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop ? stop : end;
        size_t length = (size_t)(stop - line);
        length -= length && line[length - 1] == '\r';
        if (memchr(line, 0, length)) {
            OC_FAIL(error, OCTAVO_CORRUPT, (uint64_t)(line - bytes),
                    "the line at byte %zu holds a zero byte: not a text file",
                    (size_t)(line - bytes));
        }
        if (length > OC_LIMIT_TEXT_BYTES || (uint32_t)out->count >= OC_LIMIT_FOLDER_FILES) {
            OC_FAIL(error, OCTAVO_UNSUPPORTED, (uint64_t)(line - bytes),
                    "line %d has %zu bytes; %u lines of %u bytes are allowed", out->count + 1,
                    length, OC_LIMIT_FOLDER_FILES, OC_LIMIT_TEXT_BYTES);
        }
        if (length || keep_empty) {
            char *text = oc_arena_text(&options->arena, line, length);
            if (!text) {
                OC_NO_MEMORY(error, length);
            }
            OC_TRY(oc_cli_list_add(&options->arena, out, text, error));
        }
        line = stop + 1;
    }
done:
    if (status) {
        oc_error_path(error, path);
    }
    free(bytes);
    return status;
}

static octavo_status walk(oc_cli_options *options, const char *folder, oc_cli_list *out,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_listing listing = {.count = 0};
    uint32_t others = 0;
    char *path = NULL;
    OC_TRY(oc_folder_list(folder, true, OC_LIMIT_FOLDER_FILES, &listing, error));
    for (uint32_t i = 0; i < listing.count; i++) {
        if (!octavo_tool_has_image_suffix(listing.paths[i])) {
            others++;
            continue;
        }
        path = oc_path_join(folder, listing.paths[i]);
        char *kept = path ? oc_arena_text(&options->arena, path, strlen(path)) : NULL;
        if (!kept) {
            OC_NO_MEMORY(error, strlen(folder) + strlen(listing.paths[i]));
        }
        free(path);
        path = NULL;
        OC_TRY(oc_cli_list_add(&options->arena, out, kept, error));
    }
    if (others) {
        oc_cli_notice(options, "%s: %u file%s without an image's suffix %s left out", folder,
                      others, others > 1 ? "s" : "", others > 1 ? "are" : "is");
    }
done:
    free(path);
    oc_listing_free(&listing);
    return status;
}

octavo_status oc_cli_find_images(oc_cli_options *options, oc_cli_list *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_file file = OC_FILE_CLOSED;
    *out = (oc_cli_list){NULL, 0};
    for (int32_t i = 1; i < options->arguments.count; i++) {
        const char *path = options->arguments.items[i];
        if (oc_is_folder(path)) {
            OC_TRY(walk(options, path, out, error));
        } else {
            OC_TRY(oc_file_open(path, &file, error)); /* before any work: a typing error */
            oc_file_close(&file);
            OC_TRY(oc_cli_list_add(&options->arena, out, path, error));
        }
    }
    if (out->count == 0 && options->arguments.count > 1) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, "no image is found in \"%s\"%s",
                options->arguments.items[1],
                options->arguments.count > 2 ? " and what follows it" : "");
    }
done:
    oc_file_close(&file);
    return status;
}
