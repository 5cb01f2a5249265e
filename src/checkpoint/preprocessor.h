/* preprocessor.h - how images become pixels, from processor_config.json or
 * preprocessor_config.json.
 *
 * Read here: CLIP's image processor in every form that transformers has written: "size" a number,
 * [height, width], {"shortest_edge"} or {"height","width"}, a number meaning the shortest edge
 * unless default_to_square is true; "crop_size" the same but for the edge; image_processor_type or
 * feature_extractor_type.  Where processor_config.json has an image_processor (transformers 5
 * writes it), that counts and preprocessor_config.json does not.
 *
 * Missing keys have the defaults of CLIPImageProcessor, but for the sizes: those of a missing file
 * are the model's.  A switch that is null is off.
 */
#ifndef OC_CHECKPOINT_PREPROCESSOR_H
#define OC_CHECKPOINT_PREPROCESSOR_H

#include "checkpoint/checkpoint.h"

typedef enum oc_resample { /* numbers as in Pillow and in the file */
                           OC_RESAMPLE_LANCZOS = 1,
                           OC_RESAMPLE_BILINEAR = 2,
                           OC_RESAMPLE_BICUBIC = 3
} oc_resample;

/* An image is resized, then cropped in the middle to a square of the model's image_size, then
 * p / 255 -> (p / 255 - mean) / std for each channel. */
typedef struct oc_preprocessor {
    int32_t image_size;    /* pixels a side of what comes out */
    int32_t shortest_edge; /* resize so that the shorter side has these; 0: to a square */
    oc_resample resample;
    float mean[3], std[3]; /* RGB */
} oc_preprocessor;

/* CLIP's own, for a model of this image_size. */
oc_preprocessor oc_preprocessor_default(int32_t image_size);

/* Reads the `size` bytes of a preprocessor_config.json for a model of this image_size; they begin
 * at byte `base` of their file.  A notice for each null that is read as CLIP's own value.
 *   CORRUPT      not JSON, a value out of range or missing, another image size than the model's
 *   UNSUPPORTED  another image processor, or steps that are not done here; named
 *   EXHAUSTED    memory is out */
octavo_status oc_preprocessor_read(const char *bytes, size_t size, uint64_t base,
                                   int32_t image_size, oc_preprocessor *out, oc_notices *notices,
                                   octavo_error *error);

/* The same from the checkpoint.  One that has neither file gets the default, and a notice; one
 * whose two files differ gets a notice too. */
octavo_status oc_preprocessor_load(oc_checkpoint *checkpoint, int32_t image_size,
                                   oc_preprocessor *out, octavo_error *error);

#endif
