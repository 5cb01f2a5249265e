/* processor.c - sizes, the crop, and rows from the decoder to the resizer. */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "vision/processor.h"

const oc_image_processor oc_image_processor_clip = {
    .do_resize = true,
    .shortest_edge = 224,
    .resample = OC_FILTER_BICUBIC,
    .do_center_crop = true,
    .crop_height = 224,
    .crop_width = 224,
    .do_rescale = true,
    .do_normalize = true,
    .rescale_factor = 1.0 / 255.0,
    .mean = {0.48145466, 0.4578275, 0.40821073},
    .std = {0.26862954, 0.26130258, 0.27577711},
};

static octavo_status check_size(const char *what, int32_t size, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (size < 1 || size > OC_LIMIT_IMAGE_SIZE) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "the image processor's %s is %d; 1 to %d pixels are supported", what, size,
                OC_LIMIT_IMAGE_SIZE);
    }
done:
    return status;
}

octavo_status oc_image_processor_check(const oc_image_processor *p, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (p->do_resize && (p->resample < OC_FILTER_NEAREST || p->resample > OC_FILTER_HAMMING)) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "the image processor's resample is %d; known are 0 nearest, 1 lanczos, 2 bilinear, "
                "3 bicubic, 4 box and 5 hamming",
                p->resample);
    }
    if (p->do_resize && p->shortest_edge != 0) {
        OC_TRY(check_size("size.shortest_edge", p->shortest_edge, error));
    } else if (p->do_resize) {
        OC_TRY(check_size("size.height", p->height, error));
        OC_TRY(check_size("size.width", p->width, error));
    }
    if (p->do_center_crop) {
        OC_TRY(check_size("crop_size.height", p->crop_height, error));
        OC_TRY(check_size("crop_size.width", p->crop_width, error));
    } else if (!p->do_resize || p->shortest_edge != 0) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "the image processor neither crops nor resizes to a fixed height and width: "
                "pictures would differ in size");
    }
    for (int c = 0; c < 3; c++) {
        if (p->do_normalize && !(isfinite(p->mean[c]) && isnormal((float)p->std[c]))) {
            OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                    "the image processor's image_mean[%d] is %g and image_std[%d] is %g", c,
                    p->mean[c], c, p->std[c]);
        }
    }
    if (p->do_rescale && !isfinite(p->rescale_factor)) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, OCTAVO_NO_OFFSET,
                "the image processor's rescale_factor is %g", p->rescale_factor);
    }
done:
    return status;
}

void oc_image_processor_size(const oc_image_processor *p, int32_t *height, int32_t *width) {
    *height = p->do_center_crop ? p->crop_height : p->height;
    *width = p->do_center_crop ? p->crop_width : p->width;
}

/* One axis of the upright picture: the resized length, the outputs that the crop keeps, and where
 * they stand in the result. */
static oc_axis_request crop_axis(const oc_image_processor *p, int32_t in, int64_t out,
                                 int32_t result, int32_t *place) {
    int64_t start = out >= result ? (out - result) / 2 : -((result - out + 1) / 2);
    *place = (int32_t)(start < 0 ? -start : 0);
    return (oc_axis_request){
        .in = in,
        .out = out,
        .first = start < 0 ? 0 : start,
        .count = (int32_t)(out < result ? out : result),
        .filter = p->do_resize ? (oc_filter)p->resample : OC_FILTER_NEAREST,
    };
}

static void resized_size(const oc_image_processor *p, int32_t width, int32_t height,
                         int64_t *to_width, int64_t *to_height) {
    *to_width = !p->do_resize ? width : p->width;
    *to_height = !p->do_resize ? height : p->height;
    if (p->do_resize && p->shortest_edge != 0) {
        int32_t edge = p->shortest_edge;
        *to_width = width <= height ? edge : (int64_t)((double)edge * width / height);
        *to_height = width <= height ? (int64_t)((double)edge * height / width) : edge;
    }
}

/* The resizer for a stored picture of that size: it works on the picture as it is stored, and puts
 * its outputs where they belong in the upright result. */
static octavo_status start(const oc_image_processor *p, const oc_image_info *info,
                           const oc_resize_kernels *kernels, uint8_t *pixels, oc_resize **out,
                           octavo_error *error) {
    oc_turn turn = oc_turn_of(info->orientation);
    int32_t width = turn.transpose ? info->height : info->width;
    int32_t height = turn.transpose ? info->width : info->height;
    int32_t result_height = 0;
    int32_t result_width = 0;
    int64_t to_width = 0;
    int64_t to_height = 0;
    int32_t left = 0;
    int32_t top = 0;
    oc_image_processor_size(p, &result_height, &result_width);
    resized_size(p, width, height, &to_width, &to_height);
    oc_axis_request x = crop_axis(p, width, to_width, result_width, &left);
    oc_axis_request y = crop_axis(p, height, to_height, result_height, &top);
    ptrdiff_t row = (ptrdiff_t)result_width * 3;
    bool down_first = height > to_height && height - to_height > (width - to_width) * 2;
    oc_resize_request request = {.x = turn.transpose ? y : x,
                                 .y = turn.transpose ? x : y,
                                 .down_first = down_first != turn.transpose,
                                 .target = {.at = pixels + top * row + left * 3,
                                            .step_x = turn.transpose ? row : 3,
                                            .step_y = turn.transpose ? 3 : row},
                                 .kernels = kernels};
    oc_resize_target *target = &request.target;
    if (turn.flip_x) {
        request.x.flipped = true;
        target->at += (request.x.count - 1) * target->step_x;
        target->step_x = -target->step_x;
    }
    if (turn.flip_y) {
        request.y.flipped = true;
        target->at += (request.y.count - 1) * target->step_y;
        target->step_y = -target->step_y;
    }
    memset(pixels, 0, (size_t)result_height * (size_t)row);
    return oc_resize_create(&request, out, error);
}

octavo_status oc_image_process(const oc_image_processor *p, const void *data, size_t size,
                               uint8_t *pixels, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_image_reader *reader = NULL;
    oc_resize *resize = NULL;
    OC_TRY(oc_image_open(data, size, &reader, error));
    const oc_image_info *info = oc_image_reader_info(reader);
    OC_TRY(start(p, info, NULL, pixels, &resize, error));
    for (int32_t y = 0; y < info->height; y++) {
        OC_TRY(oc_image_read_row(reader, oc_resize_row(resize), error));
        oc_resize_push(resize);
    }
done:
    oc_resize_free(resize);
    oc_image_reader_free(reader);
    return status;
}

octavo_status oc_image_process_decoded(const oc_image_processor *p, const oc_image *image,
                                       const oc_resize_kernels *kernels, uint8_t *pixels,
                                       octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_resize *resize = NULL;
    const oc_image_info info = {.width = image->width, .height = image->height, .orientation = 1};
    OC_TRY(start(p, &info, kernels, pixels, &resize, error));
    size_t bytes = (size_t)image->width * 3;
    for (int32_t y = 0; y < image->height; y++) {
        memcpy(oc_resize_row(resize), image->pixels + (size_t)y * bytes, bytes);
        oc_resize_push(resize);
    }
done:
    oc_resize_free(resize);
    return status;
}

void oc_image_normalize(const oc_image_processor *p, const uint8_t *pixels, float *values) {
    int32_t height = 0;
    int32_t width = 0;
    oc_image_processor_size(p, &height, &width);
    size_t area = (size_t)height * (size_t)width;
    for (size_t c = 0; c < 3; c++) {
        float table[256];
        for (int byte = 0; byte < 256; byte++) {
            float value = (float)(p->do_rescale ? byte * p->rescale_factor : byte);
            table[byte] = p->do_normalize ? (value - (float)p->mean[c]) / (float)p->std[c] : value;
        }
        for (size_t i = 0; i < area; i++) {
            values[c * area + i] = table[pixels[i * 3 + c]];
        }
    }
}
