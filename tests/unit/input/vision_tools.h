/* vision_tools.h - what the tests of src/vision share: files of tests/data/preprocess, and the
 * arrays that Pillow and transformers made of them. */
#ifndef OC_TESTS_VISION_TOOLS_H
#define OC_TESTS_VISION_TOOLS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vision/processor.h"

typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes;

static inline bytes read_bytes(const char *name) {
    char path[1024];
    snprintf(path, sizeof path, "%s/preprocess/%s", TEST_DATA, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        fail_msg("cannot open %s", path);
    }
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    bytes out = {NULL, (size_t)ftell(file)};
    rewind(file);
    out.data = malloc(out.size + 1);
    assert_non_null(out.data);
    assert_int_equal(fread(out.data, 1, out.size, file), out.size);
    out.data[out.size] = 0;
    fclose(file);
    return out;
}

/* CLIP's processor at another size. */
static inline oc_image_processor clip_of(int32_t edge) {
    oc_image_processor processor = oc_image_processor_clip;
    processor.shortest_edge = edge;
    processor.crop_height = edge;
    processor.crop_width = edge;
    return processor;
}

/* height * width * 3 bytes, to be freed; fails the test when the processor refuses. */
static inline uint8_t *process(const oc_image_processor *processor, bytes file) {
    octavo_error error = {0};
    int32_t height = 0;
    int32_t width = 0;
    oc_image_processor_size(processor, &height, &width);
    uint8_t *pixels = malloc((size_t)height * (size_t)width * 3);
    assert_non_null(pixels);
    if (oc_image_process(processor, file.data, file.size, pixels, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    return pixels;
}

static inline oc_image decode(bytes file) {
    octavo_error error = {0};
    oc_image image;
    if (oc_image_decode(file.data, file.size, &image, &error) != OCTAVO_OK) {
        fail_msg("%s", error.message);
    }
    return image;
}

static inline void assert_refused(bytes file, octavo_status status, const char *part) {
    octavo_error error = {0};
    oc_image image;
    assert_int_equal(oc_image_decode(file.data, file.size, &image, &error), status);
    assert_null(image.pixels);
    assert_int_equal(error.status, status);
    if (!strstr(error.message, part)) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, part);
    }
}

#endif
