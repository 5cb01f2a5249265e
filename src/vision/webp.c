/* webp.c - WebP by libwebp: lossy, lossless, with alpha or without; decoded whole at the first
 * row.  Animations are refused. */
#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>

#include "vision/orientation.h"
#include "vision/reader.h"

typedef struct webp_reader {
    oc_image_reader base;
    const uint8_t *data;
    size_t size;
    size_t channels; /* 3, or 4 with alpha */
    uint8_t *pixels; /* NULL before the first row */
} webp_reader;

static octavo_status failed(VP8StatusCode code, size_t size, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        OC_FAIL(error, OCTAVO_EXHAUSTED, OCTAVO_NO_OFFSET,
                "out of memory while the WebP image was decoded");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        OC_FAIL(error, OCTAVO_UNSUPPORTED, 0,
                "the WebP image uses a feature that libwebp does not read");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        OC_FAIL(error, OCTAVO_CORRUPT, size, "the WebP image ends early, at byte %zu", size);
    default:
        OC_FAIL(error, OCTAVO_CORRUPT, 0, "the WebP image is malformed (libwebp status %d)",
                (int)code);
    }
done:
    return status;
}

static size_t little_endian(const uint8_t *at) {
    return (size_t)at[3] << 24 | (size_t)at[2] << 16 | (size_t)at[1] << 8 | at[0];
}

static int32_t orientation(const uint8_t *data, size_t size) {
    oc_metadata found = {0};
    size_t at = 12; /* "RIFF", length, "WEBP" */
    while (size - at >= 8) {
        const uint8_t *chunk = data + at + 8;
        size_t length = little_endian(data + at + 4);
        if (length > size - at - 8) {
            break;
        }
        if (memcmp(data + at, "EXIF", 4) == 0 && !found.exif) {
            found.exif = chunk;
            found.exif_size = length;
        } else if (memcmp(data + at, "XMP ", 4) == 0 && !found.xmp) {
            found.xmp = chunk;
            found.xmp_size = length;
        }
        at += 8 + length;
        at += length % 2 && at < size ? 1 : 0;
    }
    return oc_orientation(&found);
}

static void webp_close(oc_image_reader *base) {
    webp_reader *reader = (webp_reader *)base;
    free(reader->pixels);
    free(reader);
}

static octavo_status webp_open(const uint8_t *data, size_t size, oc_image_reader **out,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    webp_reader *reader = NULL;
    WebPBitstreamFeatures header;
    VP8StatusCode code = WebPGetFeatures(data, size, &header);
    if (code != VP8_STATUS_OK) {
        OC_TRY(failed(code, size, error));
    }
    if (header.has_animation) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, 0, "the WebP image is animated; still ones are read");
    }
    if (little_endian(data + 4) > size - 8) { /* pixels may be whole, metadata not */
        OC_FAIL(error, OCTAVO_CORRUPT, size,
                "the WebP image ends early: %zu of %zu bytes are there", size,
                little_endian(data + 4) + 8);
    }
    OC_TRY(oc_image_check_size("WebP", (uint64_t)header.width, (uint64_t)header.height, error));
    reader = calloc(1, sizeof *reader);
    if (!reader) {
        OC_NO_MEMORY(error, sizeof *reader);
    }
    reader->data = data;
    reader->size = size;
    reader->channels = header.has_alpha ? 4 : 3;
    reader->base.info.width = header.width;
    reader->base.info.height = header.height;
    reader->base.info.orientation = orientation(data, size);
    *out = &reader->base;
done:
    return status;
}

static octavo_status decode(webp_reader *reader, size_t stride, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    WebPDecoderConfig config;
    size_t bytes = stride * (size_t)reader->base.info.height;
    reader->pixels = malloc(bytes);
    if (!reader->pixels) {
        OC_NO_MEMORY(error, bytes);
    }
    if (!WebPInitDecoderConfig(&config)) {
        OC_FAIL(error, OCTAVO_INTERNAL, OCTAVO_NO_OFFSET, "libwebp has another ABI");
    }
    config.output.colorspace = reader->channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = reader->pixels;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = bytes;
    VP8StatusCode code = WebPDecode(reader->data, reader->size, &config);
    if (code != VP8_STATUS_OK) {
        OC_TRY(failed(code, reader->size, error));
    }
done:
    return status;
}

static octavo_status webp_read_row(oc_image_reader *base, uint8_t *row, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    webp_reader *reader = (webp_reader *)base;
    size_t width = (size_t)base->info.width;
    size_t stride = width * reader->channels;
    if (!reader->pixels) {
        OC_TRY(decode(reader, stride, error));
    }
    const uint8_t *pixel = reader->pixels + (size_t)base->next_row * stride;
    if (reader->channels == 3) {
        memcpy(row, pixel, stride);
    } else {
        oc_row_over_white(pixel, width, row);
    }
done:
    return status;
}

static bool webp_matches(const uint8_t *data, size_t size) {
    return size >= 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0;
}

const oc_image_codec oc_image_webp = {"WebP", webp_matches, webp_open, webp_read_row, webp_close};
