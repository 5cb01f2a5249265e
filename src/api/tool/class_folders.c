/* class_folders.c - see class_folders.h. */
#include "api/tool/class_folders.h"

#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/limits.h"
#include "base/sys/io.h"

enum { NAMED_FOLDERS = 4 }; /* of those that are not listed; the others are counted */

/* -- labels.json ---------------------------------------------------------------------------- */

static octavo_status add_text(oc_json *json, oc_items *to, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *text;
    OC_TRY(oc_json_text(json, OC_LIMIT_TEXT_BYTES, &to->arena, &text, error));
    OC_TRY(oc_items_add(to, text, strlen(text), error));
done:
    return status;
}

static octavo_status read_templates(oc_json *json, oc_class_folders *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool more = true;
    OC_TRY(oc_json_array(json, error));
    while (more) {
        OC_TRY(oc_json_element(json, &more, error));
        if (more) {
            OC_TRY(add_text(json, &out->templates, error));
        }
    }
done:
    return status;
}

static octavo_status read_classes(oc_json *json, oc_class_folders *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_slice key;
    OC_TRY(oc_json_object(json, error));
    for (;;) {
        OC_TRY(oc_json_member(json, &key, error));
        if (key.data == NULL) {
            break;
        }
        if (out->folders.count >= (int32_t)OC_LIMIT_LABELS) {
            OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET, "more than %u classes",
                    OC_LIMIT_LABELS);
        }
        OC_TRY(oc_items_add(&out->folders, key.data, key.length, error));
        oc_slice folder = oc_slice_of(out->folders.items[out->folders.count - 1]);
        folder.length -= oc_slice_ends(folder, "/");
        OC_TRY(oc_strmap_add(&out->classes, folder, out->labels.count, NULL, error));
        OC_TRY(add_text(json, &out->labels, error));
    }
done:
    return status;
}

static octavo_status read_labels(const char *path, oc_class_folders *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json = {0};
    char *bytes = NULL;
    size_t size = 0;
    oc_slice key;
    if (!oc_is_file(path)) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                "there is no %s, which says what the class folders show: "
                "{\"templates\": [\"a photo of a {}.\"], \"classes\": {\"FOLDER\": \"LABEL\"}}",
                path);
    }
    OC_TRY(oc_file_load(path, OC_LIMIT_CONFIG_BYTES, &bytes, &size, error));
    oc_json_open(&json, bytes, size, 0, 0);
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        OC_TRY(oc_json_member(&json, &key, error));
        if (key.data == NULL) {
            break;
        }
        if (oc_slice_is(key, "templates")) {
            OC_TRY(read_templates(&json, out, error));
        } else if (oc_slice_is(key, "classes")) {
            OC_TRY(read_classes(&json, out, error));
        } else {
            OC_TRY(oc_json_skip(&json, NULL, error));
        }
    }
    OC_TRY(oc_json_finish(&json, error));
    if (out->folders.count == 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, OCTAVO_NO_OFFSET,
                "%s names no classes: \"classes\": {\"FOLDER\": \"LABEL\"}", path);
    }
    OC_TRY(octavo_tool_check_templates(out->templates.items, out->templates.count, error));
done:
    oc_json_close(&json);
    free(bytes);
    if (status != OCTAVO_OK) {
        oc_error_path(error, path);
    }
    return status;
}

/* -- folders -------------------------------------------------------------------------------- */

/* The class of the deepest listed folder that holds the file; -1: of none. */
static int32_t class_of(const oc_class_folders *f, const char *within) {
    int32_t found = -1;
    for (const char *end = strchr(within, '/'); end != NULL; end = strchr(end + 1, '/')) {
        const int32_t *class =
            oc_strmap_find(&f->classes, (oc_slice){within, (size_t)(end - within)});
        found = class == NULL ? found : *class;
    }
    return found;
}

/* Notes the class of the images from `first` on; those of classes in folders within go. */
static octavo_status label_images(oc_class_folders *f, int32_t first, int32_t class,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t kept = first;
    if (f->images.count > f->capacity) {
        int32_t *truth = realloc(f->truth, (size_t)f->images.capacity * sizeof *truth);
        if (truth == NULL) {
            OC_NO_MEMORY(error, (size_t)f->images.capacity * sizeof *truth);
        }
        f->truth = truth;
        f->capacity = f->images.capacity;
    }
    for (int32_t i = first; i < f->images.count; i++) {
        int32_t deepest = class_of(f, f->images.items[i] + f->within);
        if (deepest == -1 || deepest == class) {
            f->images.items[kept] = f->images.items[i];
            f->truth[kept++] = class;
        }
    }
    f->images.count = kept;
done:
    return status;
}

static octavo_status find_images(oc_class_folders *f, const char *data, int32_t *others,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *folder = NULL;
    for (int32_t class = 0; class < f->folders.count; class ++) {
        int32_t first = f->images.count, other = 0;
        free(folder);
        folder = oc_path_join(data, f->folders.items[class]);
        if (folder == NULL) {
            OC_NO_MEMORY(error, strlen(data));
        }
        OC_TRY(oc_items_walk(&f->images, folder, &other, error));
        OC_TRY(label_images(f, first, class, error));
        *others += other;
    }
    if (f->images.count == 0) {
        OC_FAIL(error, OCTAVO_NOT_FOUND, OCTAVO_NO_OFFSET,
                "there are no images in the class folders of %s (%d folder%s): no name ends in "
                ".jpg, .png or .webp",
                data, f->folders.count, OC_PLURAL(f->folders.count));
    }
done:
    free(folder);
    return status;
}

/* Tells of images that are in `data`, but in no folder of a class. */
static octavo_status tell_unlisted(const oc_class_folders *f, const char *data, const char *labels,
                                   const octavo_tool_listener *listener, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_items all = {0};
    int32_t others, loose = 0, folders = 0;
    OC_TRY(oc_items_walk(&all, data, &others, error));
    for (int32_t i = 0, images; i < all.count; i += images) {
        const char *path = all.items[i] + f->within, *slash = strchr(path, '/');
        size_t length = slash == NULL ? 0 : (size_t)(slash - path);
        int32_t left = 0;
        for (images = 0; i + images < all.count; images++) {
            const char *other = all.items[i + images] + f->within;
            if (images > 0 && (length == 0 || strncmp(other, path, length + 1) != 0)) {
                break;
            }
            left += class_of(f, other) == -1;
        }
        loose += length == 0;
        if (length > 0 && left > 0 && folders++ < NAMED_FOLDERS) {
            oc_tell(listener, "folder %.*s is not in %s: %d image%s left out", (int)length, path,
                    labels, left, left == 1 ? " is" : "s are");
        }
    }
    if (folders > NAMED_FOLDERS) {
        oc_tell(listener, "%d more folder%s not in %s", folders - NAMED_FOLDERS,
                folders - NAMED_FOLDERS == 1 ? " is" : "s are", labels);
    }
    if (loose > 0) {
        oc_tell(listener, "%d image%s left out: in %s, but in no folder of a class", loose,
                loose == 1 ? " is" : "s are", data);
    }
done:
    oc_items_free(&all);
    return status;
}

octavo_status oc_class_folders_read(oc_class_folders *out, const char *data, const char *labels,
                                    const octavo_tool_listener *listener, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    int32_t others = 0;
    char *inside = oc_path_join(data, "");
    *out = (oc_class_folders){0};
    oc_strmap_init(&out->classes);
    if (inside == NULL) {
        OC_NO_MEMORY(error, strlen(data));
    }
    out->within = strlen(inside);
    OC_TRY(read_labels(labels, out, error));
    OC_TRY(find_images(out, data, &others, error));
    OC_TRY(tell_unlisted(out, data, labels, listener, error));
    if (others > 0) {
        oc_tell(listener, "%d file%s without an image's suffix %s left out", others,
                others == 1 ? "" : "s", others == 1 ? "is" : "are");
    }
done:
    free(inside);
    return status;
}

void oc_class_folders_free(oc_class_folders *f) {
    oc_strmap_free(&f->classes);
    oc_items_free(&f->templates);
    oc_items_free(&f->folders);
    oc_items_free(&f->labels);
    oc_items_free(&f->images);
    free(f->truth);
    *f = (oc_class_folders){0};
}
