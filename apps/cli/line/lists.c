/* lists.c - see lists.h. */
#include "cli/line/lists.h"

#include <string.h>

#include "api/tool.h"
#include "base/sys/io.h"
#include "cli/output/errors.h"

/* Adds copies that live as long as the options. */
static octavo_status keep(oc_cli_options *options, const octavo_tool_list *from, oc_cli_list *out,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (int32_t i = 0; i < from->count; i++) {
        char *kept = oc_arena_text(&options->arena, from->items[i], strlen(from->items[i]));
        if (!kept) {
            OC_NO_MEMORY(error, strlen(from->items[i]));
        }
        OC_TRY(oc_cli_list_add(&options->arena, out, kept, error));
    }
done:
    return status;
}

octavo_status oc_cli_read_texts(oc_cli_options *options, const char *path, bool keep_empty,
                                oc_cli_list *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_tool_list texts = {.count = 0};
    OC_TRY(octavo_tool_read_texts(path, keep_empty, &texts, error));
    OC_TRY(keep(options, &texts, out, error));
done:
    octavo_tool_list_free(&texts);
    return status;
}

static octavo_status walk(oc_cli_options *options, const char *folder, oc_cli_list *out,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    octavo_tool_list images = {.count = 0};
    int32_t others;
    OC_TRY(octavo_tool_find_images(folder, &images, &others, error));
    OC_TRY(keep(options, &images, out, error));
    if (others) {
        oc_cli_notice(options, "%s: %d file%s without an image's suffix %s left out", folder,
                      others, others > 1 ? "s" : "", others > 1 ? "are" : "is");
    }
done:
    octavo_tool_list_free(&images);
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
