/* jpeg.c - JPEG by libjpeg-turbo: 8 bits, gray, three colours or four, any coding it knows.
 *
 * Row by row where the file has one scan; libjpeg keeps the coefficients of a progressive file.
 * Damage that libjpeg papers over with a warning (data that ends early, codes that do not exist)
 * is an error here; oddities that leave the pixels whole are not, such as a missing end marker.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "base/limits.h"
#include "vision/orientation.h"
#include "vision/reader.h"

enum { READ_AHEAD = 16 }; /* bytes that libjpeg may hold beyond the last code; 8 in fact */

typedef struct jpeg_reader {
    oc_image_reader base;
    struct jpeg_decompress_struct codec;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    char problem[JMSG_LENGTH_MAX];
    octavo_status problem_status;
    const uint8_t *data;
    size_t size;
    uint8_t *ink; /* one row of CMYK, inverted; NULL for other images */
} jpeg_reader;

static octavo_status status_of(int code) {
    switch (code) {
    case JERR_OUT_OF_MEMORY:
        return OCTAVO_EXHAUSTED;
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_CCIR601_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_IMAGE_TOO_BIG:
    case JERR_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_SOF_UNSUPPORTED:
        return OCTAVO_UNSUPPORTED;
    default:
        return OCTAVO_CORRUPT;
    }
}

static _Noreturn void stop(j_common_ptr codec) {
    jpeg_reader *reader = codec->client_data;
    codec->err->format_message(codec, reader->problem);
    reader->problem_status = status_of(codec->err->msg_code);
    longjmp(reader->escape, 1);
}

static void warn(j_common_ptr codec, int level) {
    if (level >= 0) {
        return;
    }
    switch (codec->err->msg_code) {
    case JWRN_ARITH_BAD_CODE:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
        stop(codec);
    default:
        break;
    }
}

static void keep_silent(j_common_ptr codec) {
    (void)codec;
}

/* The whole file is there from the beginning: libjpeg stops where it needs more.  (Its own source
 * for memory would go on with an end marker that it makes up.) */
static void begin(j_decompress_ptr codec) {
    (void)codec;
}

static boolean no_more(j_decompress_ptr codec) {
    (void)codec;
    return FALSE;
}

static void skip(j_decompress_ptr codec, long bytes) {
    struct jpeg_source_mgr *source = codec->src;
    size_t left = source->bytes_in_buffer, most = bytes < 0 ? 0 : (size_t)bytes;
    source->next_input_byte += most < left ? most : left;
    source->bytes_in_buffer -= most < left ? most : left;
}

static _Noreturn void ends_early(jpeg_reader *reader) {
    snprintf(reader->problem, sizeof reader->problem, "it ends early");
    reader->problem_status = OCTAVO_CORRUPT;
    reader->source.bytes_in_buffer = 0;
    longjmp(reader->escape, 1);
}

static void count_scans(j_common_ptr codec) {
    jpeg_reader *reader = codec->client_data;
    if (reader->codec.input_scan_number > OC_LIMIT_JPEG_SCANS) {
        snprintf(reader->problem, sizeof reader->problem, "it has more than %d scans",
                 OC_LIMIT_JPEG_SCANS);
        reader->problem_status = OCTAVO_UNSUPPORTED;
        longjmp(reader->escape, 1);
    }
}

/* Reports what `stop`, `ends_early` or `count_scans` left. */
static octavo_status failed(const jpeg_reader *reader, octavo_error *error) {
    const struct jpeg_source_mgr *source = reader->codec.src;
    size_t left = source ? source->bytes_in_buffer : 0;
    uint64_t offset = left <= reader->size ? reader->size - left : reader->size;
    octavo_status status = OCTAVO_OK;
    OC_FAIL(error, reader->problem_status, offset, "the JPEG image cannot be read: %s (byte %llu)",
            reader->problem, (unsigned long long)offset);
done:
    return status;
}

/* Runs a step in which libjpeg may give up. */
static octavo_status guarded(jpeg_reader *reader,
                             octavo_status (*step)(jpeg_reader *, uint8_t *, octavo_error *),
                             uint8_t *row, octavo_error *error) {
    if (setjmp(reader->escape)) {
        return failed(reader, error);
    }
    return step(reader, row, error);
}

static bool starts(const struct jpeg_marker_struct *marker, const char *name, size_t length) {
    return marker->data_length >= length && memcmp(marker->data, name, length) == 0;
}

static int32_t orientation(const struct jpeg_decompress_struct *codec) {
    static const char xmp_name[] = "http://ns.adobe.com/xap/1.0/";
    oc_metadata found = {0};
    for (const struct jpeg_marker_struct *at = codec->marker_list; at; at = at->next) {
        if (starts(at, "Exif\0", 6) && !found.exif) {
            found.exif = at->data;
            found.exif_size = at->data_length;
        } else if (starts(at, xmp_name, sizeof xmp_name)) {
            found.xmp = at->data + sizeof xmp_name;
            found.xmp_size = at->data_length - sizeof xmp_name;
        }
    }
    return oc_orientation(&found);
}

static octavo_status read_header(jpeg_reader *reader, uint8_t *row, octavo_error *error) {
    (void)row;
    octavo_status status = OCTAVO_OK;
    struct jpeg_decompress_struct *codec = &reader->codec;
    jpeg_create_decompress(codec);
    codec->src = &reader->source;
    jpeg_save_markers(codec, JPEG_APP0 + 1, 0xffff);
    if (jpeg_read_header(codec, TRUE) == JPEG_SUSPENDED) {
        ends_early(reader);
    }
    OC_TRY(oc_image_check_size("JPEG", codec->image_width, codec->image_height, error));
    if (codec->num_components != 1 && codec->num_components != 3 && codec->num_components != 4) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, 0,
                "the JPEG image has %d components; 1, 3 and 4 are read", codec->num_components);
    }
    reader->base.info.width = (int32_t)codec->image_width;
    reader->base.info.height = (int32_t)codec->image_height;
    reader->base.info.orientation = orientation(codec);
    codec->out_color_space = codec->num_components == 4 ? JCS_CMYK : JCS_RGB;
    codec->progress = &reader->progress;
done:
    return status;
}

static void jpeg_close(oc_image_reader *base) {
    jpeg_reader *reader = (jpeg_reader *)base;
    jpeg_destroy_decompress(&reader->codec);
    free(reader->ink);
    free(reader);
}

static octavo_status jpeg_open(const uint8_t *data, size_t size, oc_image_reader **out,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    jpeg_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        OC_NO_MEMORY(error, sizeof *reader);
    }
    reader->data = data;
    reader->size = size;
    reader->codec.err = jpeg_std_error(&reader->errors);
    reader->errors.error_exit = stop;
    reader->errors.emit_message = warn;
    reader->errors.output_message = keep_silent;
    reader->progress.progress_monitor = count_scans;
    reader->codec.client_data = reader;
    reader->source = (struct jpeg_source_mgr){.next_input_byte = data,
                                              .bytes_in_buffer = size,
                                              .init_source = begin,
                                              .fill_input_buffer = no_more,
                                              .skip_input_data = skip,
                                              .resync_to_restart = jpeg_resync_to_restart,
                                              .term_source = begin};
    OC_TRY(guarded(reader, read_header, NULL, error));
    *out = &reader->base;
    reader = NULL;
done:
    if (reader) {
        jpeg_close(&reader->base);
    }
    return status;
}

/* Pillow's CMYK to RGB: white times (1 - ink), in its rounding.  `ink` holds 255 - ink. */
static void rgb_of_ink(const uint8_t *ink, size_t width, uint8_t *rgb) {
    for (size_t x = 0; x < width; x++, ink += 4, rgb += 3) {
        uint32_t light = ink[3];
        for (size_t c = 0; c < 3; c++) {
            uint32_t product = (255u - ink[c]) * light + 128;
            rgb[c] = (uint8_t)(light - (((product >> 8) + product) >> 8));
        }
    }
}

/* Without an end marker a picture is whole when its last row is there, as in Pillow: `end` is where
 * decoding stood then.  But zeros to the end of the file, of which more were decoded than are read
 * ahead, stand for data that were never written. */
static bool came_of_zeros(const jpeg_reader *reader, const uint8_t *end) {
    const uint8_t *zeros = reader->data + reader->size;
    while (zeros > reader->data && zeros[-1] == 0) {
        zeros--;
    }
    return end - zeros > READ_AHEAD;
}

static octavo_status read_row(jpeg_reader *reader, uint8_t *row, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    struct jpeg_decompress_struct *codec = &reader->codec;
    const oc_image_reader *base = &reader->base;
    size_t width = (size_t)base->info.width;
    if (base->next_row == 0) {
        if (!jpeg_start_decompress(codec)) {
            ends_early(reader);
        }
        if (codec->out_color_space == JCS_CMYK) {
            reader->ink = malloc(width * 4);
            if (!reader->ink) {
                OC_NO_MEMORY(error, width * 4);
            }
        }
    }
    JSAMPROW to = reader->ink ? reader->ink : row;
    if (jpeg_read_scanlines(codec, &to, 1) == 0) {
        ends_early(reader);
    }
    if (reader->ink) {
        rgb_of_ink(reader->ink, width, row);
    }
    if (base->next_row == base->info.height - 1) {
        const uint8_t *end = reader->source.next_input_byte;
        if (!jpeg_finish_decompress(codec) && came_of_zeros(reader, end)) {
            ends_early(reader);
        }
    }
done:
    return status;
}

static octavo_status jpeg_read_row(oc_image_reader *base, uint8_t *row, octavo_error *error) {
    return guarded((jpeg_reader *)base, read_row, row, error);
}

static bool jpeg_matches(const uint8_t *data, size_t size) {
    return size >= 3 && memcmp(data, "\xff\xd8\xff", 3) == 0;
}

const oc_image_codec oc_image_jpeg = {"JPEG", jpeg_matches, jpeg_open, jpeg_read_row, jpeg_close};
