// links: vision base
/* test_vision_damage.c - files that are cut short, claim too much, or are something else. */
#include <time.h>

#include "base/limits.h"
#include "unit/input/vision_tools.h"
#include "vision/orientation.h"

/* Other formats are refused by their name. */
static void test_other_formats(void **state) {
    (void)state;
    static const char *const files[][2] = {
        {"gif.gif", "a GIF"}, {"bmp.bmp", "a BMP"}, {"tiff.tiff", "a TIFF"}};
    for (size_t i = 0; i < 3; i++) {
        bytes file = read_bytes(files[i][0]);
        assert_refused(file, OCTAVO_UNSUPPORTED, files[i][1]);
        free(file.data);
    }
    uint8_t text[] = "ABC text";
    assert_refused((bytes){text, 8}, OCTAVO_UNSUPPORTED, "begin with 41 42 43 20 74");
    assert_refused((bytes){text, 0}, OCTAVO_CORRUPT, "0 bytes");
    uint8_t pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    assert_refused((bytes){pointer, sizeof pointer - 1}, OCTAVO_UNSUPPORTED,
                   "this is not an image but a git-lfs pointer");
}

enum { MARKS = 16 }; /* bytes of a PNG's last checksum and IEND, at most what may be missing */

/* A file cut short anywhere is refused, but where all its pixels are there: no row is made up. */
static void test_truncation(void **state) {
    (void)state;
    static const char *const files[] = {
        "jpeg_quality10.jpg", "jpeg_progressive.jpg", "jpeg_cmyk.jpg",   "png_1bit.png",
        "png_interlaced.png", "webp_lossy.webp",      "webp_alpha.webp", "size_7x3.png"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        bytes file = read_bytes(files[i]);
        size_t step = file.size / 300 + 1;
        oc_image whole, image;
        assert_int_equal(oc_image_decode(file.data, file.size, &whole, NULL), OCTAVO_OK);
        for (size_t size = 1; size<file.size; size += file.size - size> 40 ? step : 1) {
            uint8_t *cut = malloc(size); /* of its own, so that a sanitizer sees its end */
            octavo_error error = {0};
            assert_non_null(cut);
            memcpy(cut, file.data, size);
            octavo_status status = oc_image_decode(cut, size, &image, &error);
            free(cut);
            if (status == OCTAVO_OK && file.size - size <= MARKS) {
                assert_memory_equal(image.pixels, whole.pixels,
                                    (size_t)whole.width * (size_t)whole.height * 3);
                oc_image_free(&image);
                continue;
            }
            if (status != OCTAVO_CORRUPT && (status != OCTAVO_UNSUPPORTED || size >= 12)) {
                fail_msg("%zu of %zu bytes of %s: status %d", size, file.size, files[i], status);
            }
            assert_true(error.message[0] && !image.pixels);
        }
        oc_image_free(&whole);
        free(file.data);
    }
}

/* `keep` bytes of a file with `zeros` zeros behind them: opened with the pixels of the whole, or
 * refused, as Pillow does. */
static void expect_end(const char *name, size_t cut, size_t zeros, bool opened) {
    bytes file = read_bytes(name);
    size_t size = file.size - cut + zeros;
    uint8_t *data = calloc(size, 1);
    oc_image whole, image;
    octavo_error error = {0};
    assert_non_null(data);
    memcpy(data, file.data, file.size - cut);
    assert_int_equal(oc_image_decode(file.data, file.size, &whole, NULL), OCTAVO_OK);
    octavo_status status = oc_image_decode(data, size, &image, &error);
    if (status != (opened ? OCTAVO_OK : OCTAVO_CORRUPT)) {
        fail_msg("%s without %zu bytes, %zu zeros: %d, %s", name, cut, zeros, status,
                 error.message);
    }
    if (opened) {
        assert_memory_equal(image.pixels, whole.pixels,
                            (size_t)whole.width * (size_t)whole.height * 3);
    }
    oc_image_free(&image);
    oc_image_free(&whole);
    free(data);
    free(file.data);
}

/* A missing end is no damage where the pixels are whole: cameras and downloads leave zeros for a
 * JPEG's end marker, tools leave out a PNG's IEND.  Progressive files need their end marker, and
 * zeros in place of data are no pixels. */
static void test_missing_ends(void **state) {
    (void)state;
    static const char *const jpegs[] = {"jpeg_420.jpg", "jpeg_422.jpg", "jpeg_444.jpg",
                                        "jpeg_gray.jpg", "jpeg_cmyk.jpg"};
    static const char *const pngs[] = {"png_rgb.png", "png_interlaced.png", "png_1bit.png",
                                       "png_palette.png"};
    for (size_t i = 0; i < OC_COUNT(jpegs); i++) {
        expect_end(jpegs[i], 2, 50, true);
        expect_end(jpegs[i], 2, 5000, true);
        expect_end(jpegs[i], 200, 0, false);
        expect_end(jpegs[i], 200, 200, false);
        expect_end(jpegs[i], 200, 5000, false);
    }
    expect_end("jpeg_progressive.jpg", 2, 50, false);
    for (size_t i = 0; i < OC_COUNT(pngs); i++) {
        expect_end(pngs[i], MARKS - 4, 0, true);  /* IEND and its checksum */
        expect_end(pngs[i], MARKS - 4, 30, true); /* zeros for them */
        expect_end(pngs[i], 4, 0, true);
        expect_end(pngs[i], MARKS - 1, 0, true); /* of the pixels' checksum, too */
        expect_end(pngs[i], MARKS, 0, true);
        expect_end(pngs[i], MARKS + 1, 0, false); /* of the pixels */
        expect_end(pngs[i], MARKS + 1, MARKS + 1, false);
    }
}

static void put32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

/* Writes a PNG chunk's checksum behind its `size` bytes of data. */
static void seal(uint8_t *chunk, size_t size) {
    uint32_t crc = 0xffffffffu;
    for (size_t i = 4; i < size + 8; i++) {
        crc ^= chunk[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
    }
    put32(chunk + size + 8, ~crc);
}

static uint8_t *frame_header(bytes jpeg) {
    for (size_t i = 0; i + 8 < jpeg.size; i++) {
        if (jpeg.data[i] == 0xff && (jpeg.data[i + 1] == 0xc0 || jpeg.data[i + 1] == 0xc2)) {
            return jpeg.data + i;
        }
    }
    fail_msg("no frame header");
    return NULL;
}

/* Claims of huge pictures are answered from the header, at once and without memory. */
static void test_bombs(void **state) {
    (void)state;
    clock_t begin = clock();
    bytes png = read_bytes("png_rgb.png");
    put32(png.data + 16, 60000);
    put32(png.data + 20, 60000);
    seal(png.data + 8, 13);
    assert_refused(png, OCTAVO_UNSUPPORTED, "60000 x 60000");
    put32(png.data + 16, 0x7fffffff);
    put32(png.data + 20, 0x7fffffff);
    seal(png.data + 8, 13);
    assert_refused(png, OCTAVO_UNSUPPORTED, "2147483647 x 2147483647");
    put32(png.data + 16, 0);
    seal(png.data + 8, 13);
    assert_refused(png, OCTAVO_CORRUPT, "PNG");
    free(png.data);

    static const char *const jpegs[] = {"jpeg_420.jpg", "jpeg_progressive.jpg"};
    for (size_t i = 0; i < 2; i++) {
        bytes jpeg = read_bytes(jpegs[i]);
        uint8_t *frame = frame_header(jpeg);
        memset(frame + 5, 0xea, 4);
        assert_refused(jpeg, OCTAVO_UNSUPPORTED, "60138 x 60138");
        memset(frame + 5, 0xff, 4);
        assert_refused(jpeg, OCTAVO_UNSUPPORTED, "65500");
        memset(frame + 5, 0, 4);
        assert_refused(jpeg, OCTAVO_CORRUPT, "JPEG");
        free(jpeg.data);
    }

    bytes webp = read_bytes("webp_lossless.webp");
    webp.data[21] = 0xff; /* 14 bits each of width and height */
    webp.data[22] = 0xff;
    webp.data[23] |= 0xff;
    webp.data[24] |= 0x0f;
    assert_refused(webp, OCTAVO_UNSUPPORTED, "16384 x 16384");
    free(webp.data);
    assert_true((clock() - begin) / CLOCKS_PER_SEC < 2);
}

/* A progressive JPEG of a hundred scans is refused: each would walk the whole picture. */
static void test_many_scans(void **state) {
    (void)state;
    bytes file = read_bytes("jpeg_progressive.jpg");
    size_t at[2] = {0, 0};
    for (size_t i = 0, found = 0; i + 1 < file.size && found < 2; i++) {
        if (file.data[i] == 0xff && file.data[i + 1] == (found ? 0xc4 : 0xda)) {
            at[found++] = i; /* the first scan, and the tables of the second */
        }
    }
    size_t length = at[1] - at[0];
    assert_true(at[1] > at[0]);
    static const size_t repeats[] = {20, 100};
    for (size_t k = 0; k < 2; k++) {
        bytes longer = {malloc(file.size + repeats[k] * length), at[1]};
        assert_non_null(longer.data);
        memcpy(longer.data, file.data, at[1]);
        for (size_t i = 0; i < repeats[k]; i++, longer.size += length) {
            memcpy(longer.data + longer.size, file.data + at[0], length);
        }
        memcpy(longer.data + longer.size, file.data + at[1], file.size - at[1]);
        longer.size += file.size - at[1];
        if (repeats[k] < OC_LIMIT_JPEG_SCANS) {
            oc_image image = decode(longer);
            oc_image plain = decode(file);
            assert_memory_equal(image.pixels, plain.pixels, 300 * 225 * 3);
            oc_image_free(&image);
            oc_image_free(&plain);
        } else {
            assert_refused(longer, OCTAVO_UNSUPPORTED, "more than 64 scans");
        }
        free(longer.data);
    }
    free(file.data);
}

/* JPEGs that no decoder here turns into RGB are UNSUPPORTED, not CORRUPT. */
static void test_exotic_jpeg(void **state) {
    (void)state;
    bytes file = read_bytes("jpeg_420.jpg");
    uint8_t *frame = frame_header(file);
    frame[4] = 12; /* bits a sample */
    assert_refused(file, OCTAVO_UNSUPPORTED, "precision 12");
    frame[4] = 8;
    frame[1] = 0xc3; /* lossless */
    assert_refused(file, OCTAVO_UNSUPPORTED, "0xc3");
    free(file.data);
}

/* Damaged pixels are refused where the format can tell: a checksum, a code that does not exist. */
static void test_flipped_bits(void **state) {
    (void)state;
    bytes file = read_bytes("png_rgb.png");
    file.data[file.size / 2] ^= 0x10;
    assert_refused(file, OCTAVO_CORRUPT, "PNG");
    free(file.data);
    file = read_bytes("jpeg_420.jpg");
    memset(file.data + file.size / 2, 0xff, 40);
    assert_refused(file, OCTAVO_CORRUPT, "JPEG");
    free(file.data);
}

static int32_t of_exif(const char *data, size_t size) {
    oc_metadata found = {.exif = (const uint8_t *)data, .exif_size = size};
    return oc_orientation(&found);
}

static int32_t of_xmp(const char *text) {
    oc_metadata found = {.xmp = (const uint8_t *)text, .xmp_size = strlen(text)};
    return oc_orientation(&found);
}

/* The orientation is found in both byte orders, and nothing is read beyond the metadata. */
static void test_orientation(void **state) {
    (void)state;
    static const char little[] = "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
    static const char big[] = "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0";
    static const char twice[] = "Exif\0\0Exif\0\0"
                                "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x04\0\0\0\x01\0\0\0\x03";
    assert_int_equal(of_exif(little, 22), 6);
    assert_int_equal(of_exif(big, 22), 8);
    assert_int_equal(of_exif(twice, 34), 3);
    for (size_t size = 0; size < 22; size++) {
        char *cut = malloc(size + 1);
        assert_non_null(cut);
        memcpy(cut, little, size);
        cut = realloc(cut, size ? size : 1);
        assert_int_equal(of_exif(cut, size), 1);
        free(cut);
    }
    static const char nine[] = "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x09\0\0\0";
    static const char far_away[] = "II*\0\xff\xff\xff\xff\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
    assert_int_equal(of_exif(nine, 22), 1);
    assert_int_equal(of_exif(far_away, 22), 1);
    assert_int_equal(of_xmp("<a tiff:Orientation=\"7\"/>"), 7);
    assert_int_equal(of_xmp("tiff:Orientation <tiff:Orientation>5</tiff:Orientation>"), 5);
    assert_int_equal(of_xmp("tiff:Orientation="), 1);
    assert_int_equal(of_xmp("tiff:Orientation"), 1);
    oc_metadata both = {(const uint8_t *)little, 22, (const uint8_t *)"tiff:Orientation>5", 18};
    assert_int_equal(oc_orientation(&both), 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_formats), cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_missing_ends),  cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_many_scans),    cmocka_unit_test(test_exotic_jpeg),
        cmocka_unit_test(test_flipped_bits),  cmocka_unit_test(test_orientation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
