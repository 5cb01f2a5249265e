/* image.h - JPEG, PNG and WebP from memory to rows of RGB.
 *
 * The kind is told by the content, never by a name.  Pixels are those of transformers'
 * convert_to_rgb on what Pillow opens: alpha (a channel, a palette's, or one transparent colour) is
 * laid over white; gray of 16 bits is clipped to 255, colour of 16 bits keeps its high byte; CMYK
 * is taken as Adobe writes it, inverted.  Embedded colour profiles are ignored.  JPEG is decoded
 * with the accurate integer DCT and smooth chroma upsampling.
 *
 * A file that ends early is refused where pixels are missing.  Where they are all there it is read,
 * as Pillow reads it: a JPEG of one scan without its end marker, a PNG without IEND.
 *
 * Width and height are checked against OC_LIMIT_IMAGE_* from the header, before memory for pixels
 * is asked for.  Nothing is printed.  A reader belongs to one thread at a time.
 *
 * Errors of all functions:
 *   CORRUPT      truncated or malformed; error->offset says where reading stood
 *   UNSUPPORTED  another format, an animated WebP, an exotic JPEG, or larger than the limits
 *   EXHAUSTED    out of memory
 */
#ifndef OC_VISION_IMAGE_H
#define OC_VISION_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct oc_image_info {
    int32_t width, height; /* as stored in the file, before turning */
    int32_t orientation;   /* 1 to 8: the EXIF (or else XMP) orientation; 1: upright */
    const char *format;    /* "JPEG", "PNG" or "WebP" */
} oc_image_info;

typedef struct oc_image_reader oc_image_reader;

/* Reads the header of `size` bytes at `data`, which must outlive the reader. */
octavo_status oc_image_open(const void *data, size_t size, oc_image_reader **out,
                            octavo_error *error);
void oc_image_reader_free(oc_image_reader *reader); /* NULL is accepted */
const oc_image_info *oc_image_reader_info(const oc_image_reader *reader);

/* The next stored row, top to bottom: width * 3 bytes to `row`.  To be called height times; the
 * last call also checks that the file ends as it should.  After an error only free it. */
octavo_status oc_image_read_row(oc_image_reader *reader, uint8_t *row, octavo_error *error);

/* A whole picture in memory: rows top to bottom, width * 3 bytes each, no gap between. */
typedef struct oc_image {
    int32_t width, height;
    uint8_t *pixels; /* owned */
} oc_image;

/* Decodes the picture and turns it upright. */
octavo_status oc_image_decode(const void *data, size_t size, oc_image *out, octavo_error *error);
void oc_image_free(oc_image *image); /* leaves it empty */

/* How a stored picture becomes upright: it is mirrored along its axes where said, then rows and
 * columns change places where said. */
typedef struct oc_turn {
    bool flip_x, flip_y, transpose;
} oc_turn;

oc_turn oc_turn_of(int32_t orientation);

#endif
