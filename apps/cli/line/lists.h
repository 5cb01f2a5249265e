/* lists.h - lists that a command is given: lines of a text file, image files and folders. */
#ifndef OC_CLI_LISTS_H
#define OC_CLI_LISTS_H

#include "cli/line/options.h"

/* The lines of a file, in the options' arena, added to *out.  A line's end may be CR LF, and a
 * byte order mark may stand at the beginning.  Empty lines count only where `keep_empty`.
 *   UNSUPPORTED  more lines or bytes than base/limits.h allows */
octavo_status oc_cli_lines(oc_cli_options *options, const char *path, bool keep_empty,
                           oc_cli_list *out, octavo_error *error);

/* The images that the arguments behind the first name: files as they are, folders walked in
 * sorted order.  What in a folder has no suffix of an image is left out with a notice.
 *   NOT_FOUND         an argument names nothing
 *   INVALID_ARGUMENT  no image is found in what is given */
octavo_status oc_cli_find_images(oc_cli_options *options, oc_cli_list *out, octavo_error *error);

#endif
