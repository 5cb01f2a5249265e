/* lists.h - lists that a command is given: texts of a file, image files and folders. */
#ifndef OC_CLI_LISTS_H
#define OC_CLI_LISTS_H

#include "cli/line/options.h"

/* The texts of a file, a line each or a JSON array of strings, in the options' arena, added to
 * *out. Empty ones count only where `keep_empty`.  Errors of octavo_tool_read_texts. */
octavo_status oc_cli_read_texts(oc_cli_options *options, const char *path, bool keep_empty,
                                oc_cli_list *out, octavo_error *error);

/* The images that the arguments behind the first name: files as they are, folders walked in
 * sorted order.  What in a folder has no suffix of an image is left out with a notice.
 *   NOT_FOUND         an argument names nothing
 *   INVALID_ARGUMENT  no image is found in what is given */
octavo_status oc_cli_find_images(oc_cli_options *options, oc_cli_list *out, octavo_error *error);

#endif
