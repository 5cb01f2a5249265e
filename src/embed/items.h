/* items.h - lists of what is to be embedded: the image files of a folder, the texts of a file. */
#ifndef OC_EMBED_ITEMS_H
#define OC_EMBED_ITEMS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"

/* Zeroed: empty. */
typedef struct oc_items {
    const char **items; /* [count], in the arena as their texts are */
    int32_t count, capacity;
    oc_arena arena;
} oc_items;

void oc_items_free(oc_items *items); /* a zeroed one is accepted, and left behind */

/* Adds a zero-terminated copy.  UNSUPPORTED: over OC_LIMIT_FOLDER_FILES */
octavo_status oc_items_add(oc_items *items, const char *text, size_t length, octavo_error *error);

/* Whether a name ends as an image's that is read here; what a file is, its content decides. */
bool oc_is_image_name(const char *path);

/* Adds the image files of a folder and its folders, sorted, as "folder/a/b.png": those whose names
 * end as an image's, links to nothing with them, so that whoever reads them tells.  *others counts
 * the other files.  Errors of oc_folder_list. */
octavo_status oc_items_walk(oc_items *items, const char *folder, int32_t *others,
                            octavo_error *error);

/* Adds the texts of a file in UTF-8, a line each or, where it begins so, a JSON array of strings.
 * A line's end may be CR LF, and a byte order mark may stand at the beginning.  Empty lines count
 * only where `keep_empty`.
 *   CORRUPT      not UTF-8: the line and the byte are named; a zero byte; JSON of another kind
 *   UNSUPPORTED  longer or more than base/limits.h allows */
octavo_status oc_items_read(oc_items *items, const char *path, bool keep_empty,
                            octavo_error *error);

#endif
