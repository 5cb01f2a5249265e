/* reader.h - what the three decoders share; private to src/vision.
 *
 * A decoder's own reader begins with an oc_image_reader.  `open` allocates it, fills `info` from
 * the header after oc_image_check_size, and allocates nothing in proportion to the pixels;
 * `read_row` gives rows in order and finds out at the last one whether the file is whole.
 */
#ifndef OC_VISION_READER_H
#define OC_VISION_READER_H

#include <stdbool.h>

#include "vision/image.h"

typedef struct oc_image_codec {
    const char *format;
    bool (*matches)(const uint8_t *data, size_t size);
    octavo_status (*open)(const uint8_t *data, size_t size, oc_image_reader **out,
                          octavo_error *error);
    octavo_status (*read_row)(oc_image_reader *reader, uint8_t *row, octavo_error *error);
    void (*free)(oc_image_reader *reader);
} oc_image_codec;

struct oc_image_reader {
    oc_image_info info;
    int32_t next_row;
    const oc_image_codec *codec;
};

extern const oc_image_codec oc_image_jpeg, oc_image_png, oc_image_webp;

/* CORRUPT without a pixel, UNSUPPORTED over OC_LIMIT_IMAGE_SIDE or OC_LIMIT_IMAGE_PIXELS. */
octavo_status oc_image_check_size(const char *format, uint64_t width, uint64_t height,
                                  octavo_error *error);

/* A channel of a pixel laid over white, in the rounding of Pillow's alpha_composite. */
static inline uint8_t oc_over_white(uint32_t value, uint32_t alpha) {
    uint32_t sum = value * alpha + 255 * (255 - alpha) + 128;
    return (uint8_t)(((sum >> 8) + sum) >> 8);
}

/* [width, 4] RGBA -> [width, 3] RGB. */
static inline void oc_row_over_white(const uint8_t *rgba, size_t width, uint8_t *rgb) {
    for (size_t x = 0; x < width; x++, rgba += 4, rgb += 3) {
        for (size_t c = 0; c < 3; c++) {
            rgb[c] = oc_over_white(rgba[c], rgba[3]);
        }
    }
}

#endif
