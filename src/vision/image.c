/* image.c - which decoder a file needs, and whole pictures made of its rows. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/sys/kind.h"
#include "vision/reader.h"

static const oc_image_codec *const codecs[] = {&oc_image_jpeg, &oc_image_png, &oc_image_webp};

/* Formats that are known by name only: bytes at an offset, the rest of the sentence. */
static const struct {
    uint8_t offset, length;
    const char *bytes, *name;
} strangers[] = {
    {0, 4, "GIF8", "a GIF"},
    {0, 2, "BM", "a BMP"},
    {0, 4, "II*\0", "a TIFF"},
    {0, 4, "MM\0*", "a TIFF"},
    {4, 8, "ftypavif", "an AVIF"},
    {4, 7, "ftyphei", "a HEIC"},
    {4, 4, "ftyp", "an MP4 or HEIF"},
    {4, 4, "jP  ", "a JPEG 2000"},
    {4, 4, "JXL ", "a JPEG XL"},
    {0, 2, "\xff\x0a", "a JPEG XL"},
    {0, 4, "8BPS", "a Photoshop"},
    {0, 4, "\0\0\1\0", "an icon"},
    {0, 4, "qoif", "a QOI"},
    {0, 4, "%PDF", "a PDF"},
    {0, 1, "<", "an SVG, XML or HTML"},
};

static octavo_status refuse(const uint8_t *data, size_t size, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (size == 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, 0, "the image is empty: it has 0 bytes");
    }
    for (size_t i = 0; i < OC_COUNT(strangers); i++) {
        size_t offset = strangers[i].offset;
        size_t length = strangers[i].length;
        if (size >= offset + length && memcmp(data + offset, strangers[i].bytes, length) == 0) {
            OC_FAIL(error, OCTAVO_UNSUPPORTED, 0,
                    "the image looks like %s file; JPEG, PNG and WebP are read", strangers[i].name);
        }
    }
    const char *kind = oc_file_kind(data, size);
    if (kind) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, 0, "this is not an image but %s", kind);
    }
    char hex[3 * 8 + 1] = "";
    for (size_t i = 0; i < 8 && i < size; i++) {
        static const char digits[] = "0123456789abcdef";
        hex[3 * i] = ' ';
        hex[3 * i + 1] = digits[data[i] >> 4];
        hex[3 * i + 2] = digits[data[i] & 15];
    }
    OC_FAIL(error, OCTAVO_UNSUPPORTED, 0,
            "the image is no JPEG, PNG or WebP: its %zu bytes begin with%s", size, hex);
done:
    return status;
}

octavo_status oc_image_check_size(const char *format, uint64_t width, uint64_t height,
                                  octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (width == 0 || height == 0) {
        OC_FAIL(error, OCTAVO_CORRUPT, 0, "the %s image is %llu x %llu pixels", format,
                (unsigned long long)width, (unsigned long long)height);
    }
    if (width > OC_LIMIT_IMAGE_SIDE || height > OC_LIMIT_IMAGE_SIDE ||
        width * height > OC_LIMIT_IMAGE_PIXELS) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, 0,
                "the %s image claims %llu x %llu pixels; the limits are %u a side and %u in all",
                format, (unsigned long long)width, (unsigned long long)height, OC_LIMIT_IMAGE_SIDE,
                OC_LIMIT_IMAGE_PIXELS);
    }
done:
    return status;
}

octavo_status oc_image_open(const void *data, size_t size, oc_image_reader **out,
                            octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_image_codec *codec = NULL;
    *out = NULL;
    if (size > OC_LIMIT_IMAGE_BYTES) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "the image file has %zu bytes; the limit is %u", size, OC_LIMIT_IMAGE_BYTES);
    }
    for (size_t i = 0; i < OC_COUNT(codecs) && !codec; i++) {
        codec = codecs[i]->matches(data, size) ? codecs[i] : NULL;
    }
    if (!codec) {
        status = refuse(data, size, error);
        goto done;
    }
    OC_TRY(codec->open(data, size, out, error));
    (*out)->codec = codec;
    (*out)->info.format = codec->format;
done:
    return status;
}

void oc_image_reader_free(oc_image_reader *reader) {
    if (reader) {
        reader->codec->free(reader);
    }
}

const oc_image_info *oc_image_reader_info(const oc_image_reader *reader) {
    return &reader->info;
}

octavo_status oc_image_read_row(oc_image_reader *reader, uint8_t *row, octavo_error *error) {
    OC_ASSERT(reader->next_row < reader->info.height);
    octavo_status status = reader->codec->read_row(reader, row, error);
    reader->next_row++;
    return status;
}

oc_turn oc_turn_of(int32_t orientation) {
    static const oc_turn turns[8] = {
        {false, false, false}, {true, false, false}, {true, true, false}, {false, true, false},
        {false, false, true},  {false, true, true},  {true, true, true},  {true, false, true},
    };
    return turns[orientation - 1];
}

octavo_status oc_image_decode(const void *data, size_t size, oc_image *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_image_reader *reader = NULL;
    uint8_t *row = NULL;
    *out = (oc_image){0};
    OC_TRY(oc_image_open(data, size, &reader, error));
    const oc_image_info *info = &reader->info;
    oc_turn turn = oc_turn_of(info->orientation);
    size_t width = (size_t)info->width;
    size_t height = (size_t)info->height;
    row = malloc(width * 3);
    out->pixels = malloc(width * height * 3);
    if (!row || !out->pixels) {
        OC_NO_MEMORY(error, width * height * 3);
    }
    out->width = turn.transpose ? info->height : info->width;
    out->height = turn.transpose ? info->width : info->height;
    for (size_t y = 0; y < height; y++) {
        OC_TRY(oc_image_read_row(reader, row, error));
        size_t to_y = turn.flip_y ? height - 1 - y : y;
        for (size_t x = 0; x < width; x++) {
            size_t to_x = turn.flip_x ? width - 1 - x : x;
            size_t to = turn.transpose ? to_x * height + to_y : to_y * width + to_x;
            memcpy(out->pixels + to * 3, row + x * 3, 3);
        }
    }
done:
    free(row);
    oc_image_reader_free(reader);
    if (status != OCTAVO_OK) {
        oc_image_free(out);
    }
    return status;
}

void oc_image_free(oc_image *image) {
    free(image->pixels);
    *image = (oc_image){0};
}
