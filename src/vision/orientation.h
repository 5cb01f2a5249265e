/* orientation.h - how the camera was held, from EXIF or XMP bytes.
 *
 * Follows Pillow's Image.getexif and ImageOps.exif_transpose: tag 274 of the first directory; when
 * EXIF lacks the tag, the first tiff:Orientation="N" or <tiff:Orientation>N of XMP.  Metadata that
 * cannot be read counts as absent, and so do compressed PNG texts: they do not make the pixels
 * wrong.
 */
#ifndef OC_VISION_ORIENTATION_H
#define OC_VISION_ORIENTATION_H

#include <stddef.h>
#include <stdint.h>

/* Borrowed bytes of an image file; empty: NULL, 0. */
typedef struct oc_metadata {
    const uint8_t *exif; /* a TIFF header, "Exif\0\0" before it or not */
    size_t exif_size;
    const uint8_t *xmp;
    size_t xmp_size;
} oc_metadata;

/* 1 to 8; 1 when nothing valid is said. */
int32_t oc_orientation(const oc_metadata *metadata);

#endif
