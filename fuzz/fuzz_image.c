// links: vision
/* fuzz_image.c - any bytes as an image file.
 *
 * Whatever is read must be read twice alike; streamed and turned on the way must equal the upright
 * picture processed whole, by both tiers.  The last byte chooses filter and sizes.  Of a PNG, the
 * checksums are then made right and it is tried again, so that what lies behind them is reached.
 */
#include <stdlib.h>
#include <string.h>

#include "vision/processor.h"

enum { PIXELS_MAX = 1 << 18, SIDE = 48 };

static void expect(int condition) {
    if (!condition) {
        abort();
    }
}

static uint32_t checksum(const uint8_t *data, size_t size) {
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
    }
    return ~crc;
}

/* Returns whether a checksum was wrong. */
static bool reseal(uint8_t *png, size_t size) {
    bool changed = false;
    size_t at = 8;
    while (size >= 12 && at <= size - 12) {
        size_t length = (size_t)png[at] << 24 | (size_t)png[at + 1] << 16 |
                        (size_t)png[at + 2] << 8 | png[at + 3];
        if (length > size - at - 12) {
            break;
        }
        uint32_t crc = checksum(png + at + 4, length + 4);
        for (size_t i = 0; i < 4; i++) {
            uint8_t byte = (uint8_t)(crc >> (24 - 8 * i));
            changed |= png[at + 8 + length + i] != byte;
            png[at + 8 + length + i] = byte;
        }
        at += length + 12;
    }
    return changed;
}

static void read_image(const uint8_t *data, size_t size) {
    static uint8_t results[4][SIDE * SIDE * 3];
    oc_image_reader *reader = NULL;
    octavo_error error = {0};
    if (oc_image_open(data, size, &reader, &error) != OCTAVO_OK) {
        expect(error.status != OCTAVO_OK && error.status != OCTAVO_INTERNAL && error.message[0]);
        return;
    }
    oc_image_info info = *oc_image_reader_info(reader);
    oc_image_reader_free(reader);
    if ((int64_t)info.width * info.height > PIXELS_MAX) {
        return;
    }
    int choice = data[size - 1];
    oc_image_processor processor = oc_image_processor_clip;
    processor.resample = choice % 6;
    processor.shortest_edge = choice % 2 ? 30 : 48;
    processor.crop_height = 1 + choice * 7 % SIDE;
    processor.crop_width = 1 + choice * 5 % SIDE;
    expect(oc_image_processor_check(&processor, NULL) == OCTAVO_OK);
    size_t bytes = (size_t)processor.crop_height * (size_t)processor.crop_width * 3;

    oc_image image;
    octavo_status whole = oc_image_decode(data, size, &image, &error);
    octavo_status first = oc_image_process(&processor, data, size, results[0], NULL);
    octavo_status second = oc_image_process(&processor, data, size, results[1], NULL);
    expect(first == whole && second == whole);
    if (whole == OCTAVO_OK) {
        const oc_resize_kernels *tiers[] = {&oc_resize_portable, oc_resize_best()};
        for (int i = 0; i < 2; i++) {
            expect(oc_image_process_decoded(&processor, &image, tiers[i], results[2 + i], NULL) ==
                   OCTAVO_OK);
        }
        for (int i = 1; i < 4; i++) {
            expect(memcmp(results[0], results[i], bytes) == 0);
        }
    } else {
        expect(error.message[0] && !image.pixels);
    }
    oc_image_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    read_image(data, size);
    if (size >= 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0) {
        uint8_t *sealed = malloc(size);
        expect(sealed != NULL);
        memcpy(sealed, data, size);
        if (reseal(sealed, size)) {
            read_image(sealed, size);
        }
        free(sealed);
    }
    return 0;
}
