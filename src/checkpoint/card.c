/* card.c - see card.h. */
#include "checkpoint/card.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/utf8.h"

/* Appends what is valid of the text as it is, without zero bytes, up to `max` bytes in all. */
static void append_valid(oc_buffer *out, const char *text, size_t size, size_t max) {
    for (size_t at = 0, used; at < size; at += used) {
        char character[4];
        uint32_t point;
        oc_utf8_read(text + at, size - at, &point, &used);
        size_t length = oc_utf8_write(point ? point : OC_UTF8_REPLACEMENT, character);
        if (out->size + length > max) {
            break;
        }
        oc_buffer_append(out, character, length);
    }
}

/* *out stays NULL where there is no such file. */
static octavo_status load(oc_checkpoint *checkpoint, const char *name, char **out,
                          octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    char *path = oc_path_join(checkpoint->folder, name), *bytes = NULL;
    oc_file file = OC_FILE_CLOSED;
    oc_buffer text;
    oc_buffer_init(&text);
    if (!path) {
        OC_NO_MEMORY(error, strlen(name));
    }
    if (!oc_is_file(path)) {
        goto done;
    }
    OC_TRY(oc_file_open(path, &file, error));
    size_t size = file.size < OC_LIMIT_CARD_BYTES ? (size_t)file.size : OC_LIMIT_CARD_BYTES;
    bytes = malloc(size + 1);
    if (!bytes) {
        OC_NO_MEMORY(error, size + 1);
    }
    OC_TRY(oc_file_read(&file, 0, bytes, size, error));
    if (size < file.size) {
        while (size > 0 && ((unsigned char)bytes[size - 1] & 0xc0) == 0x80) {
            size--; /* not within a character: its tail, ... */
        }
        size -= size > 0; /* ... and its first byte, or one more character */
        oc_notice(&checkpoint->notices, "%s has %" PRIu64 " bytes, the first %zu are kept", name,
                  file.size, size);
    }
    append_valid(&text, bytes, size, OC_LIMIT_CARD_BYTES);
    *out = oc_buffer_take(&text, NULL);
    if (!*out) {
        OC_NO_MEMORY(error, size);
    }
done:
    oc_buffer_free(&text);
    oc_file_close(&file);
    free(bytes);
    free(path);
    return status;
}

octavo_status oc_card_load(oc_checkpoint *checkpoint, oc_card *out, octavo_error *error) {
    static const char *const licenses[] = {"LICENSE", "LICENSE.md", "LICENSE.txt"};
    octavo_status status = OCTAVO_OK;
    *out = (oc_card){0};
    OC_TRY(load(checkpoint, "README.md", &out->readme, error));
    for (size_t i = 0; i < OC_COUNT(licenses) && !out->license; i++) {
        OC_TRY(load(checkpoint, licenses[i], &out->license, error));
    }
done:
    if (status) {
        oc_card_free(out);
    }
    return status;
}

void oc_card_free(oc_card *card) {
    free(card->readme);
    free(card->license);
    *card = (oc_card){0};
}
