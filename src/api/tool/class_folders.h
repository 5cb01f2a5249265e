/* class_folders.h - labelled images: labels.json and the folders that it names. */
#ifndef OC_API_TOOL_CLASS_FOLDERS_H
#define OC_API_TOOL_CLASS_FOLDERS_H

#include "api/tool/listener.h"
#include "base/strmap.h"
#include "embed/items.h"

typedef struct oc_class_folders {
    oc_items templates;
    oc_items folders, labels; /* of each class, in order */
    oc_strmap classes;        /* folder to class */
    oc_items images;          /* paths, class by class, each class sorted */
    size_t within;            /* where in a path the part within the data folder begins */
    int32_t *truth;           /* [images.count] class numbers */
    int32_t capacity;         /* of truth */
} oc_class_folders;

/* Reads the file of labels, and finds the images of each class in `data`; tells of images in other
 * folders and of files that are no images.  *out is to be freed after an error too.
 *   NOT_FOUND         no such file or folder; no images
 *   CORRUPT           the file is malformed or names no classes
 *   INVALID_ARGUMENT  a template without "{}" */
octavo_status oc_class_folders_read(oc_class_folders *out, const char *data, const char *labels,
                                    const octavo_tool_listener *listener, octavo_error *error);
void oc_class_folders_free(oc_class_folders *folders); /* a zeroed one is accepted */

#endif
