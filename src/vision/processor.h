/* processor.h - an image file to the pixels that an image tower takes.
 *
 * What transformers' CLIPImageProcessorPil does with a picture that Pillow opened and turned
 * upright: alpha laid over white, resized, cropped around the centre (zeros where the crop is
 * larger than the picture), bit for bit with Pillow 13's resize.  (Pillow 13 resizes down before
 * across where the height shrinks by more than twice what the width does; other versions round such
 * pictures, taller than two to one, a little differently.)
 *
 * An oc_image_processor is plain data after preprocessor_config.json.  do_convert_rgb has no field:
 * a tower takes three channels.  The functions keep no state; any thread may call them.
 */
#ifndef OC_VISION_PROCESSOR_H
#define OC_VISION_PROCESSOR_H

#include "vision/image.h"
#include "vision/resize.h"

typedef struct oc_image_processor {
    bool do_resize;
    int32_t shortest_edge; /* pixels; 0: to `height` x `width` instead */
    int32_t height, width;
    int32_t resample; /* an oc_filter */
    bool do_center_crop;
    int32_t crop_height, crop_width;
    bool do_rescale, do_normalize;
    double rescale_factor;
    double mean[3], std[3]; /* RGB */
} oc_image_processor;

/* What CLIP's processor does when its config says nothing: 224 pixels, bicubic. */
extern const oc_image_processor oc_image_processor_clip;

/* Checks the parameters once, before the functions below.
 *   UNSUPPORTED  a filter that is not one of oc_filter, a size over OC_LIMIT_IMAGE_SIZE, or
 *                a size that would vary with the picture */
octavo_status oc_image_processor_check(const oc_image_processor *processor, octavo_error *error);

/* Size of every result: rows and columns. */
void oc_image_processor_size(const oc_image_processor *processor, int32_t *height, int32_t *width);

/* pixels: [height, width, 3] RGB bytes, all written.  Errors as in image.h. */
octavo_status oc_image_process(const oc_image_processor *processor, const void *data, size_t size,
                               uint8_t *pixels, octavo_error *error);
/* The same for a decoded picture, with the given kernels (NULL: the best). */
octavo_status oc_image_process_decoded(const oc_image_processor *processor, const oc_image *image,
                                       const oc_resize_kernels *kernels, uint8_t *pixels,
                                       octavo_error *error);

/* pixels [height, width, 3] -> values [3, height, width]: (byte * rescale_factor - mean) / std,
 * the product rounded to float once, then in float; equal to transformers' pixel_values. */
void oc_image_normalize(const oc_image_processor *processor, const uint8_t *pixels, float *values);

#endif
