/* preprocessor_files.c - which of two files has the image processor. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json/json.h"
#include "checkpoint/preprocessor.h"

#define FILE_NAME  "preprocessor_config.json"
#define WHOLE_NAME "processor_config.json" /* since transformers 5; "image_processor" in it */

/* The text of processor_config.json's image_processor; out->data is NULL if it has none. */
static octavo_status find_image_processor(oc_slice whole, oc_slice *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json = {0};
    oc_slice key;
    *out = (oc_slice){0};
    oc_json_open(&json, whole.data, whole.length, 0, 0);
    OC_TRY(oc_json_object(&json, error));
    for (;;) {
        oc_json_type type;
        OC_TRY(oc_json_member(&json, &key, error));
        if (!key.data) {
            break;
        }
        OC_TRY(oc_json_peek(&json, &type, error));
        bool is_it = oc_slice_is(key, "image_processor") && type != OC_JSON_NULL;
        OC_TRY(oc_json_skip(&json, is_it ? out : NULL, error));
    }
    OC_TRY(oc_json_finish(&json, error));
done:
    oc_json_close(&json);
    return status;
}

/* Reads one of the two files; *found is false where it is not there or has no image processor. */
static octavo_status read_file(const oc_checkpoint *checkpoint, const char *name,
                               int32_t image_size, oc_preprocessor *out, bool *found,
                               oc_notices *notices, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *bytes = NULL, *path = oc_path_join(checkpoint->folder, name);
    oc_slice text = {0};
    *found = false;
    if (!path) {
        OC_NO_MEMORY(error, strlen(checkpoint->folder));
    }
    if (!oc_is_there(path)) {
        goto done;
    }
    *found = true;
    OC_TRY(oc_file_load(path, OC_LIMIT_CONFIG_BYTES, &bytes, &text.length, error));
    text.data = bytes;
    if (strcmp(name, WHOLE_NAME) == 0) {
        OC_TRY(find_image_processor(text, &text, error));
        *found = text.data != NULL;
    }
    if (*found) {
        OC_TRY(oc_preprocessor_read(text.data, text.length, (uint64_t)(text.data - bytes),
                                    image_size, out, notices, error));
    }
done:
    if (status) {
        oc_error_path(error, path);
    }
    free(path);
    free(bytes);
    return status;
}

static bool differ(const float a[3], const float b[3]) {
    return a[0] != b[0] || a[1] != b[1] || a[2] != b[2];
}

/* A notice where the older file lies beside the newer one, which says `used`, and differs. */
static void compare_older(oc_checkpoint *checkpoint, const oc_preprocessor *used) {
    octavo_error error;
    oc_preprocessor older = {0};
    bool found;
    oc_error_clear(&error);
    octavo_status status =
        read_file(checkpoint, FILE_NAME, used->image_size, &older, &found, NULL, &error);
    const struct {
        const char *key;
        bool differs;
    } keys[] = {{"size", older.shortest_edge != used->shortest_edge},
                {"resample", older.resample != used->resample},
                {"image_mean", differ(older.mean, used->mean)},
                {"image_std", differ(older.std, used->std)}};
    char differing[64] = "";
    for (size_t i = 0, length = 0; i < OC_COUNT(keys); i++) {
        if (keys[i].differs) {
            length += (size_t)snprintf(differing + length, sizeof differing - length, "%s%s",
                                       length ? ", " : "", keys[i].key);
        }
    }
    if (found && (status || differing[0])) {
        oc_notice(&checkpoint->notices,
                  "images are processed as " WHOLE_NAME " says, as in transformers 5; " FILE_NAME
                  " beside it %s%s",
                  status ? "is not usable: " : "differs in ", status ? error.message : differing);
    }
}

octavo_status oc_preprocessor_load(oc_checkpoint *checkpoint, int32_t image_size,
                                   oc_preprocessor *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool found;
    *out = (oc_preprocessor){0};
    OC_TRY(read_file(checkpoint, WHOLE_NAME, image_size, out, &found, &checkpoint->notices, error));
    if (found) {
        compare_older(checkpoint, out);
        goto done;
    }
    OC_TRY(read_file(checkpoint, FILE_NAME, image_size, out, &found, &checkpoint->notices, error));
    if (!found) {
        *out = oc_preprocessor_default(image_size);
        oc_notice(&checkpoint->notices,
                  "there is no " FILE_NAME ": images are resized and cropped to %d pixels a side "
                  "and normalised as CLIP's own image processor does",
                  image_size);
    }
done:
    return status;
}
