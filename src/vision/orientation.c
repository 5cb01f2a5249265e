/* orientation.c - one tag out of a TIFF directory, or out of XMP text. */
#include <stdbool.h>
#include <string.h>

#include "vision/orientation.h"

enum { TAG_ORIENTATION = 274, TYPE_SHORT = 3, TYPE_LONG = 4, ENTRY_BYTES = 12 };

typedef struct tiff {
    const uint8_t *data;
    size_t size;
    bool big_endian;
} tiff;

static uint32_t number(const tiff *file, size_t at, size_t bytes) {
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        size_t byte = file->big_endian ? i : bytes - 1 - i;
        value = value << 8 | file->data[at + byte];
    }
    return value;
}

static bool skip(tiff *file, const char *prefix, size_t length) {
    if (file->size < length || memcmp(file->data, prefix, length) != 0) {
        return false;
    }
    file->data += length;
    file->size -= length;
    return true;
}

/* The tag's value, valid or not; -1 without the tag. */
static int64_t exif_value(const uint8_t *data, size_t size) {
    tiff file = {data, size, false};
    if (size < 8) {
        return -1;
    }
    if (skip(&file, "Exif\0", 6)) {
        skip(&file, "Exif\0", 6);
    }
    if (file.size < 8 || file.data[0] != file.data[1] ||
        (file.data[0] != 'I' && file.data[0] != 'M')) {
        return -1;
    }
    file.big_endian = file.data[0] == 'M';
    if (file.data[2] + file.data[3] != 42 || (file.data[2] != 42 && file.data[3] != 42)) {
        return -1;
    }
    size_t at = number(&file, 4, 4);
    if (at > file.size || file.size - at < 2) {
        return -1;
    }
    uint32_t entries = number(&file, at, 2);
    at += 2;
    for (; entries > 0 && file.size - at >= ENTRY_BYTES; entries--, at += ENTRY_BYTES) {
        uint32_t type = number(&file, at + 2, 2);
        uint32_t count = number(&file, at + 4, 4);
        if (number(&file, at, 2) != TAG_ORIENTATION || count == 0) {
            continue;
        }
        if (type != TYPE_SHORT && type != TYPE_LONG) {
            return 0;
        }
        size_t bytes = type == TYPE_SHORT ? 2 : 4;
        size_t place = at + 8;
        if (count > 4 / bytes) {
            place = number(&file, place, 4);
            if (place > file.size || (file.size - place) / bytes < count) {
                continue;
            }
        }
        return number(&file, place, bytes);
    }
    return -1;
}

static int64_t xmp_value(const uint8_t *data, size_t size) {
    static const char name[] = "tiff:Orientation";
    while (size > 0) {
        const uint8_t *at = memmem(data, size, name, sizeof name - 1);
        if (!at) {
            break;
        }
        at += sizeof name - 1;
        size_t left = size - (size_t)(at - data);
        data = at;
        size = left;
        size_t lead = left >= 3 && at[0] == '=' && at[1] == '"' ? 2 : 1;
        if (left >= 2 && (lead == 2 || at[0] == '>') && at[lead] >= '0' && at[lead] <= '9') {
            return at[lead] - '0';
        }
    }
    return -1;
}

int32_t oc_orientation(const oc_metadata *metadata) {
    int64_t value = exif_value(metadata->exif, metadata->exif_size);
    if (value < 0) {
        value = xmp_value(metadata->xmp, metadata->xmp_size);
    }
    return value >= 1 && value <= 8 ? (int32_t)value : 1;
}
