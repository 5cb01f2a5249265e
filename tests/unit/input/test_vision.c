// links: vision base
/* test_vision.c - image files to pixels: equal to what Pillow and transformers make of them. */
#include "unit/input/vision_tools.h"

/* One array of expected.safetensors: "FILE/TAG". */
typedef struct expected {
    char file[64], tag[64];
    const uint8_t *data;
    size_t size;
} expected;

/* Calls visit for every array; returns how many there are. */
static int for_each_expected(void (*visit)(const expected *)) {
    bytes all = read_bytes("expected.safetensors");
    uint64_t header = 0;
    int count = 0;
    memcpy(&header, all.data, sizeof header);
    assert_true(header < all.size - 8);
    char *text = (char *)all.data + 8;
    const uint8_t *data = all.data + 8 + header;
    for (char *at = text; (at = strstr(at, "\":{\"dtype\"")); at++) {
        const char *name = at;
        expected entry = {0};
        size_t begin = 0;
        size_t end = 0;
        while (name[-1] != '"') {
            name--;
        }
        assert_int_equal(sscanf(name, "%63[^/]/%63[^\"]", entry.file, entry.tag), 2);
        const char *offsets = strstr(at, "data_offsets\":[");
        assert_non_null(offsets);
        assert_int_equal(sscanf(offsets, "data_offsets\":[%zu,%zu]", &begin, &end), 2);
        entry.data = data + begin;
        entry.size = end - begin;
        visit(&entry);
        count++;
    }
    free(all.data);
    return count;
}

static void visit(const expected *entry) {
    bool is_mini = strncmp(entry->tag, "mini.", 5) == 0;
    const char *kind = strchr(entry->tag, '.') + 1;
    bool is_turned = strstr(entry->file, "exif") && !strstr(entry->file, "exif_1");
    if (is_turned && strcmp(kind, "u8") == 0) {
        return; /* of the picture as stored; u8.exif_applied is what a path gives */
    }
    oc_image_processor processor = clip_of(is_mini ? 64 : 224);
    bytes file = read_bytes(entry->file);
    uint8_t *pixels = process(&processor, file);
    size_t count = (size_t)processor.crop_height * (size_t)processor.crop_width * 3;
    if (strcmp(kind, "pixel_values") == 0) {
        float *values = malloc(count * sizeof *values);
        assert_non_null(values);
        assert_int_equal(entry->size, count * sizeof *values);
        oc_image_normalize(&processor, pixels, values);
        assert_memory_equal(values, entry->data, entry->size);
        free(values);
    } else {
        assert_int_equal(entry->size, count);
        if (memcmp(pixels, entry->data, count) != 0) {
            fail_msg("%s at %d pixels differs", entry->file, processor.shortest_edge);
        }
    }
    free(pixels);
    free(file.data);
}

/* Every file kind, at both sizes, gives the reference's very bytes and floats. */
static void test_expected(void **state) {
    (void)state;
    assert_int_equal(for_each_expected(visit), 70);
}

static const char *const samples[] = {
    "jpeg_420.jpg",       "jpeg_cmyk.jpg",   "jpeg_progressive.jpg", "jpeg_exif_2.jpg",
    "jpeg_exif_3.jpg",    "jpeg_exif_4.jpg", "jpeg_exif_5.jpg",      "jpeg_exif_6.jpg",
    "jpeg_exif_7.jpg",    "jpeg_exif_8.jpg", "png_interlaced.png",   "png_gray16.png",
    "webp_lossless.webp", "size_1x2000.png", "size_3000x5.png",      "png_palette.png",
};

/* Rows streamed from the decoder and turned on the way give the bits of the upright picture. */
static void test_streamed_is_whole(void **state) {
    (void)state;
    static const int32_t sizes[][4] = {{64, 64, 64, 3}, {20, 31, 17, 2}, {33, 50, 90, 1}};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        bytes file = read_bytes(samples[i]);
        oc_image image = decode(file);
        for (size_t k = 0; k < 3; k++) {
            oc_image_processor processor = clip_of(sizes[k][0]);
            processor.crop_height = sizes[k][1];
            processor.crop_width = sizes[k][2];
            processor.resample = sizes[k][3];
            size_t count = (size_t)sizes[k][1] * (size_t)sizes[k][2] * 3;
            uint8_t *streamed = process(&processor, file);
            uint8_t *whole = malloc(count);
            assert_non_null(whole);
            assert_int_equal(oc_image_process_decoded(&processor, &image, NULL, whole, NULL),
                             OCTAVO_OK);
            if (memcmp(streamed, whole, count) != 0) {
                fail_msg("%s: streamed and whole differ", samples[i]);
            }
            free(streamed);
            free(whole);
        }
        oc_image_free(&image);
        free(file.data);
    }
}

/* Each way of holding the camera brings the same upright picture, within JPEG's loss. */
static void test_orientations_agree(void **state) {
    (void)state;
    bytes file = read_bytes("jpeg_exif_6.jpg");
    oc_image image = decode(file);
    assert_int_equal(image.width, 80);
    assert_int_equal(image.height, 120);
    oc_image_reader *reader = NULL;
    assert_int_equal(oc_image_open(file.data, file.size, &reader, NULL), OCTAVO_OK);
    assert_int_equal(oc_image_reader_info(reader)->orientation, 6);
    assert_int_equal(oc_image_reader_info(reader)->width, 120);
    assert_string_equal(oc_image_reader_info(reader)->format, "JPEG");
    oc_image_reader_free(reader);
    bytes plain = read_bytes("jpeg_exif_1.jpg");
    oc_image stored = decode(plain);
    for (int32_t y = 0; y < image.height; y++) { /* the stored picture turned right by a quarter */
        for (int32_t x = 0; x < image.width; x++) {
            const uint8_t *from = stored.pixels + ((stored.height - 1 - x) * stored.width + y) * 3;
            assert_memory_equal(image.pixels + (y * image.width + x) * 3, from, 3);
        }
    }
    oc_image_free(&image);
    oc_image_free(&stored);
    free(file.data);
    free(plain.data);
}

static uint32_t next(uint32_t *seed) {
    return *seed = *seed * 1664525u + 1013904223u, *seed >> 8;
}

/* A picture of hard edges, whose sums leave 0..255. */
static oc_image noise(int32_t width, int32_t height, uint32_t *seed) {
    size_t count = (size_t)width * (size_t)height * 3;
    oc_image image = {width, height, malloc(count)};
    assert_non_null(image.pixels);
    for (size_t i = 0; i < count; i++) {
        image.pixels[i] = next(seed) % 3 == 0 ? (uint8_t)next(seed) : next(seed) % 2 ? 255 : 0;
    }
    return image;
}

/* The AVX2 passes give the bits of the plain ones, for every filter and odd sizes. */
static void test_tiers_agree(void **state) {
    (void)state;
    if (!oc_resize_avx2()) {
        skip();
    }
    uint32_t seed = 5;
    for (int round = 0; round < 120; round++) {
        oc_image image =
            noise(1 + (int32_t)(next(&seed) % 180), 1 + (int32_t)(next(&seed) % 180), &seed);
        oc_image_processor processor = {.do_resize = true,
                                        .height = 1 + (int32_t)(next(&seed) % 150),
                                        .width = 1 + (int32_t)(next(&seed) % 150),
                                        .resample = round % 6};
        size_t count = (size_t)processor.height * (size_t)processor.width * 3;
        uint8_t *plain = malloc(count);
        uint8_t *fast = malloc(count);
        assert_true(plain && fast);
        assert_int_equal(
            oc_image_process_decoded(&processor, &image, &oc_resize_portable, plain, NULL),
            OCTAVO_OK);
        assert_int_equal(oc_image_process_decoded(&processor, &image, oc_resize_avx2(), fast, NULL),
                         OCTAVO_OK);
        assert_memory_equal(plain, fast, count);
        free(plain);
        free(fast);
        oc_image_free(&image);
    }
}

/* A crop is a window into the uncropped resize, zeros where it reaches beyond. */
static void test_crop_is_a_window(void **state) {
    (void)state;
    uint32_t seed = 9;
    oc_image image = noise(90, 41, &seed);
    oc_image_processor whole = {.do_resize = true, .height = 33, .width = 50, .resample = 3};
    oc_image_processor cut = whole;
    cut.do_center_crop = true;
    cut.crop_height = 40; /* four rows of zeros above, three below */
    cut.crop_width = 21;  /* columns 14 to 34 */
    uint8_t *all = malloc(33 * 50 * 3);
    uint8_t *part = malloc(40 * 21 * 3);
    assert_true(all && part);
    assert_int_equal(oc_image_process_decoded(&whole, &image, NULL, all, NULL), OCTAVO_OK);
    assert_int_equal(oc_image_process_decoded(&cut, &image, NULL, part, NULL), OCTAVO_OK);
    for (int y = 0; y < 40; y++) {
        for (int x = 0; x < 21; x++) {
            static const uint8_t black[3];
            const uint8_t *want = y >= 4 && y < 37 ? all + ((y - 4) * 50 + x + 14) * 3 : black;
            assert_memory_equal(part + (y * 21 + x) * 3, want, 3);
        }
    }
    free(all);
    free(part);
    oc_image_free(&image);
}

/* A picture of one pixel by many is resized to millions of rows on paper only. */
static void test_thin_is_cheap(void **state) {
    (void)state;
    oc_image image = {1, 60000, calloc(60000, 3)};
    assert_non_null(image.pixels);
    memset(image.pixels, 77, 60000 * 3);
    oc_image_processor processor = clip_of(224);
    uint8_t *pixels = malloc(224 * 224 * 3);
    assert_non_null(pixels);
    assert_int_equal(oc_image_process_decoded(&processor, &image, NULL, pixels, NULL), OCTAVO_OK);
    for (size_t i = 0; i < 224 * 224 * 3; i++) {
        assert_int_equal(pixels[i], 77);
    }
    free(pixels);
    oc_image_free(&image);
}

static void refuse(const oc_image_processor *processor, const char *part) {
    octavo_error error = {0};
    assert_int_equal(oc_image_processor_check(processor, &error), OCTAVO_UNSUPPORTED);
    if (!strstr(error.message, part)) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, part);
    }
}

/* Parameters that cannot be followed are named. */
static void test_parameters(void **state) {
    (void)state;
    assert_int_equal(oc_image_processor_check(&oc_image_processor_clip, NULL), OCTAVO_OK);
    oc_image_processor p = oc_image_processor_clip;
    p.resample = 6;
    refuse(&p, "resample is 6");
    p = clip_of(4096);
    refuse(&p, "size.shortest_edge is 4096");
    p = oc_image_processor_clip;
    p.crop_width = 0;
    refuse(&p, "crop_size.width is 0");
    p = oc_image_processor_clip;
    p.do_center_crop = false;
    refuse(&p, "differ in size");
    p = oc_image_processor_clip;
    p.std[1] = 0.0;
    refuse(&p, "image_std[1] is 0");
    p = (oc_image_processor){.do_resize = true, .height = 20, .width = 30, .resample = 2};
    assert_int_equal(oc_image_processor_check(&p, NULL), OCTAVO_OK);
    int32_t height = 0;
    int32_t width = 0;
    oc_image_processor_size(&p, &height, &width);
    assert_int_equal(height, 20);
    assert_int_equal(width, 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expected),           cmocka_unit_test(test_streamed_is_whole),
        cmocka_unit_test(test_orientations_agree), cmocka_unit_test(test_tiers_agree),
        cmocka_unit_test(test_crop_is_a_window),   cmocka_unit_test(test_thin_is_cheap),
        cmocka_unit_test(test_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
