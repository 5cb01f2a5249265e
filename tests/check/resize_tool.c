/* resize_tool.c - src/vision for the judges in this folder.
 *
 * Reads requests from standard input until it ends, and answers each on standard output.
 *   resize W H TO_W TO_H FILTER CROP_W CROP_H TIER\n and W*H*3 bytes: the pixels; a crop of 0 x 0
 *       is none, TIER is portable or best
 *   decode SIZE\n and SIZE bytes of a file: the upright picture
 *   process EDGE FILTER CROP SIZE\n and SIZE bytes of a file: shortest edge and square crop
 * Answers: "ok W H\n" and W*H*3 bytes, or "error STATUS SENTENCE\n".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vision/processor.h"

static int answer(octavo_status status, const octavo_error *error, int32_t width, int32_t height,
                  const uint8_t *pixels) {
    if (status != OCTAVO_OK) {
        printf("error %d %s\n", (int)status, error->message);
    } else {
        size_t bytes = (size_t)width * (size_t)height * 3;
        printf("ok %d %d\n", width, height);
        if (fwrite(pixels, 1, bytes, stdout) != bytes) {
            return 1;
        }
    }
    return fflush(stdout) ? 1 : 0;
}

static uint8_t *take(size_t bytes) {
    uint8_t *data = malloc(bytes + 1);
    if (data && fread(data, 1, bytes, stdin) != bytes) {
        free(data);
        data = NULL;
    }
    return data;
}

static int process(const oc_image_processor *processor, const void *data, size_t size,
                   const oc_image *image, const oc_resize_kernels *kernels) {
    octavo_error error = {0};
    int32_t height = 0;
    int32_t width = 0;
    oc_image_processor_size(processor, &height, &width);
    octavo_status status = oc_image_processor_check(processor, &error);
    uint8_t *pixels = NULL;
    if (status == OCTAVO_OK) {
        pixels = malloc((size_t)height * (size_t)width * 3);
        if (!pixels) {
            return 1;
        }
        status = image ? oc_image_process_decoded(processor, image, kernels, pixels, &error)
                       : oc_image_process(processor, data, size, pixels, &error);
    }
    int failed = answer(status, &error, width, height, pixels);
    free(pixels);
    return failed;
}

static int resize(const char *line) {
    oc_image_processor processor = {.do_resize = true};
    oc_image image = {0};
    char tier[16] = "";
    if (sscanf(line, "resize %d %d %d %d %d %d %d %15s", &image.width, &image.height,
               &processor.width, &processor.height, &processor.resample, &processor.crop_width,
               &processor.crop_height, tier) != 8) {
        return 1;
    }
    processor.do_center_crop = processor.crop_width > 0;
    image.pixels = take((size_t)image.width * (size_t)image.height * 3);
    const oc_resize_kernels *kernels = strcmp(tier, "portable") == 0 ? &oc_resize_portable : NULL;
    int failed = image.pixels ? process(&processor, NULL, 0, &image, kernels) : 1;
    oc_image_free(&image);
    return failed;
}

static int file_request(const char *line) {
    oc_image_processor processor = oc_image_processor_clip;
    octavo_error error = {0};
    oc_image image = {0};
    size_t size = 0;
    int failed = 1;
    uint8_t *data = NULL;
    if (sscanf(line, "decode %zu", &size) == 1) {
        data = take(size);
        if (data) {
            octavo_status status = oc_image_decode(data, size, &image, &error);
            failed = answer(status, &error, image.width, image.height, image.pixels);
        }
    } else if (sscanf(line, "process %d %d %d %zu", &processor.shortest_edge, &processor.resample,
                      &processor.crop_width, &size) == 4) {
        processor.crop_height = processor.crop_width;
        data = take(size);
        failed = data ? process(&processor, data, size, NULL, NULL) : 1;
    }
    oc_image_free(&image);
    free(data);
    return failed;
}

int main(void) {
    char line[128];
    while (fgets(line, sizeof line, stdin)) {
        if (strncmp(line, "resize", 6) == 0 ? resize(line) : file_request(line)) {
            fprintf(stderr, "resize_tool: cannot answer: %s", line);
            return 1;
        }
    }
    return 0;
}
