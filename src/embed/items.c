/* items.c - see items.h. */
#include "embed/items.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json/json.h"
#include "base/limits.h"
#include "base/sys/io.h"
#include "base/utf8.h"

void oc_items_free(oc_items *items) {
    oc_arena_free(&items->arena);
    free(items->items);
    *items = (oc_items){0};
}

static octavo_status add_kept(oc_items *items, const char *text, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (items->count == items->capacity) {
        int32_t capacity = items->capacity == 0 ? 64 : 2 * items->capacity;
        const char **larger = realloc(items->items, (size_t)capacity * sizeof *larger);
        if (larger == NULL) {
            OC_NO_MEMORY(error, (size_t)capacity * sizeof *larger);
        }
        items->items = larger;
        items->capacity = capacity;
    }
    if ((uint32_t)items->count >= OC_LIMIT_FOLDER_FILES) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET, "the list has more than %u items",
                OC_LIMIT_FOLDER_FILES);
    }
    items->items[items->count++] = text;
done:
    return status;
}

octavo_status oc_items_add(oc_items *items, const char *text, size_t length, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *kept = oc_arena_text(&items->arena, text, length);
    if (kept == NULL) {
        OC_NO_MEMORY(error, length);
    }
    OC_TRY(add_kept(items, kept, error));
done:
    return status;
}

/* -- images --------------------------------------------------------------------------------- */

bool oc_is_image_name(const char *path) {
    static const char *const suffixes[] = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp"};
    const char *dot = strrchr(oc_path_name(path), '.');
    for (size_t i = 0; dot != NULL && i < OC_COUNT(suffixes); i++) {
        if (strcasecmp(dot, suffixes[i]) == 0) {
            return true;
        }
    }
    return false;
}

octavo_status oc_items_walk(oc_items *items, const char *folder, int32_t *others,
                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_listing listing = {.count = 0};
    char *path = NULL;
    *others = 0;
    OC_TRY(oc_folder_list(folder, OC_LIST_DEEP | OC_LIST_DANGLING, OC_LIMIT_FOLDER_FILES, &listing,
                          error));
    for (uint32_t i = 0; i < listing.count; i++) {
        if (!oc_is_image_name(listing.paths[i])) {
            ++*others;
            continue;
        }
        free(path);
        path = oc_path_join(folder, listing.paths[i]);
        if (path == NULL) {
            OC_NO_MEMORY(error, strlen(folder) + strlen(listing.paths[i]));
        }
        OC_TRY(oc_items_add(items, path, strlen(path), error));
    }
done:
    free(path);
    oc_listing_free(&listing);
    return status;
}

/* -- texts ---------------------------------------------------------------------------------- */

static octavo_status check_line(const char *line, size_t length, int32_t number, size_t at,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (length > OC_LIMIT_TEXT_BYTES) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, at, "line %d has %zu bytes, the limit is %u", number,
                length, OC_LIMIT_TEXT_BYTES);
    }
    for (size_t i = 0, used; i < length; i += used) {
        uint32_t point;
        bool valid = oc_utf8_read(line + i, length - i, &point, &used);
        if (valid && point != 0) {
            continue;
        }
        unsigned byte = (unsigned char)line[i];
        OC_FAIL(error, OCTAVO_CORRUPT, at + i,
                byte == 0 ? "line %d holds a zero byte (0x%02x at byte %zu): not a text file"
                          : "line %d is not UTF-8: 0x%02x at byte %zu (Latin-1, perhaps; "
                            "iconv -f LATIN1 -t UTF-8 converts that)",
                number, byte, at + i);
    }
done:
    return status;
}

static octavo_status read_lines(oc_items *items, const char *bytes, size_t size, size_t at,
                                bool keep_empty, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    for (int32_t number = 1; at < size; number++) {
        const char *line = bytes + at, *feed = memchr(line, '\n', size - at);
        size_t whole = feed == NULL ? size - at : (size_t)(feed - line) + 1;
        size_t length = whole - (feed != NULL);
        length -= length > 0 && line[length - 1] == '\r';
        OC_TRY(check_line(line, length, number, at, error));
        if (length > 0 || keep_empty) {
            OC_TRY(oc_items_add(items, line, length, error));
        }
        at += whole;
    }
done:
    return status;
}

static octavo_status read_json(oc_items *items, const char *bytes, size_t size, size_t at,
                               bool keep_empty, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_json json;
    bool more = true;
    oc_json_open(&json, bytes + at, size - at, at, 0);
    OC_TRY(oc_json_array(&json, error));
    while (more) {
        const char *text = NULL;
        OC_TRY(oc_json_element(&json, &more, error));
        if (more) {
            OC_TRY(oc_json_text(&json, OC_LIMIT_TEXT_BYTES, &items->arena, &text, error));
        }
        if (more && (text[0] != '\0' || keep_empty)) {
            OC_TRY(add_kept(items, text, error));
        }
    }
    OC_TRY(oc_json_finish(&json, error));
done:
    oc_json_close(&json);
    return status;
}

/* Whether the bytes begin as JSON that holds strings: a line of text may well begin with "[x]" or
 * "{}". */
static bool begins_as_json(const char *bytes, size_t size, char opening) {
    char first[2] = "";
    for (size_t i = 0, found = 0; i < size && found < 2; i++) {
        if (strchr(" \t\r\n", bytes[i]) == NULL || bytes[i] == '\0') {
            first[found++] = bytes[i];
        }
    }
    return first[0] == opening && (first[1] == '"' || (opening == '[' && first[1] == ']'));
}

octavo_status oc_items_read(oc_items *items, const char *path, bool keep_empty,
                            octavo_error *error) {
    static const char mark[] = "\xef\xbb\xbf";
    octavo_status status = OCTAVO_OK;
    char *bytes = NULL;
    size_t size = 0, at;
    OC_TRY(oc_file_load(path, OC_LIMIT_LIST_BYTES, &bytes, &size, error));
    at = strncmp(bytes, mark, strlen(mark)) == 0 ? strlen(mark) : 0;
    if (size >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0)) {
        OC_FAIL(error, OCTAVO_CORRUPT, 0,
                "%s begins with 0x%02x 0x%02x: it is UTF-16, save it as UTF-8", path,
                (unsigned)(unsigned char)bytes[0], (unsigned)(unsigned char)bytes[1]);
    }
    if (begins_as_json(bytes + at, size - at, '{')) {
        OC_FAIL(error, OCTAVO_CORRUPT, at,
                "%s holds a JSON object; a list is an array of strings, or a text a line", path);
    }
    OC_TRY(begins_as_json(bytes + at, size - at, '[')
               ? read_json(items, bytes, size, at, keep_empty, error)
               : read_lines(items, bytes, size, at, keep_empty, error));
done:
    if (status != OCTAVO_OK) {
        oc_error_path(error, path);
    }
    free(bytes);
    return status;
}
