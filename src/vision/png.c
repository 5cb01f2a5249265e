/* png.c - PNG by libpng: every colour type and depth, interlaced or not.
 *
 * libpng unpacks samples to bytes; what a row then holds is its row_kind.  An interlaced picture is
 * gathered whole at the first row.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "vision/orientation.h"
#include "vision/reader.h"

enum { CHECKSUM = 4 }; /* bytes behind each chunk's data */

typedef enum row_kind {
    ROW_INDEX,      /* one byte a pixel: gray, or of a palette */
    ROW_GRAY16,     /* two bytes a pixel, big-endian */
    ROW_GRAY_ALPHA, /* one byte each */
    ROW_RGB,
    ROW_RGBA,
} row_kind;

typedef struct png_reader {
    oc_image_reader base;
    png_struct *codec;
    png_info *header;
    const uint8_t *data;
    size_t size, position;
    bool is_cut;    /* the file ends within a chunk's data */
    size_t lacking; /* bytes of the last chunk's checksum, where the file ends within it ... */
    size_t made_up; /* ... and how many of them libpng was given as zeros */
    char problem[160];
    row_kind kind;
    int32_t passes;
    size_t row_bytes;
    uint8_t *rows;           /* interlaced: the whole picture; else one row, or NULL for RGB */
    uint8_t colours[256][3]; /* of ROW_INDEX, alpha done; black beyond the palette, as in Pillow */
    bool has_key;            /* pixels of the colour `key` are transparent */
    uint8_t key[3];
} png_reader;

static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

static _Noreturn void stop(png_struct *codec, const char *message) {
    png_reader *reader = png_get_error_ptr(codec);
    snprintf(reader->problem, sizeof reader->problem, "%s", message);
    png_longjmp(codec, 1);
}

/* zlib's checksum behind the pixels is wrong: libpng would go on. */
static void warn(png_struct *codec, const char *message) {
    if (strstr(message, "incorrect data check")) {
        png_error(codec, message);
    }
}

static void give_bytes(png_struct *codec, png_byte *to, size_t bytes) {
    png_reader *reader = png_get_io_ptr(codec);
    size_t left = reader->size - reader->position, have = bytes < left ? bytes : left;
    reader->made_up += bytes - have;
    if (reader->made_up > reader->lacking) {
        reader->position = reader->size;
        png_error(codec, "it ends early");
    }
    memset(to, 0, bytes);
    memcpy(to, reader->data + reader->position, have);
    reader->position += have;
}

static octavo_status failed(const png_reader *reader, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    bool memory = strstr(reader->problem, "memory") != NULL;
    OC_FAIL(error, memory ? OCTAVO_EXHAUSTED : OCTAVO_CORRUPT, reader->position,
            "the PNG image cannot be read: %s (byte %zu of %zu)", reader->problem, reader->position,
            reader->size);
done:
    return status;
}

/* Runs a step in which libpng may give up. */
static octavo_status guarded(png_reader *reader,
                             octavo_status (*step)(png_reader *, uint8_t *, octavo_error *),
                             uint8_t *row, octavo_error *error) {
    if (setjmp(png_jmpbuf(reader->codec))) {
        return failed(reader, error);
    }
    return step(reader, row, error);
}

static uint32_t big_endian(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The text of an uncompressed iTXt chunk that holds XMP: keyword, two zero flags, two names. */
static void find_xmp(const uint8_t *chunk, size_t size, oc_metadata *found) {
    static const char keyword[] = "XML:com.adobe.xmp";
    size_t at = sizeof keyword + 2;
    if (size < at || memcmp(chunk, keyword, sizeof keyword) != 0 || chunk[sizeof keyword] != 0) {
        return;
    }
    for (int names = 0; names < 2; names++) {
        const uint8_t *end = memchr(chunk + at, 0, size - at);
        if (!end) {
            return;
        }
        at = (size_t)(end - chunk) + 1;
    }
    found->xmp = chunk + at;
    found->xmp_size = size - at;
}

static bool is_chunk_name(const uint8_t *name) {
    for (int i = 0; i < 4; i++) {
        if (!isalnum(name[i]) && name[i] != '_') {
            return false;
        }
    }
    return true;
}

/* Walks the chunks: eXIf may also follow the pixels, and the end may be missing.  As in Pillow, a
 * picture is whole without it where the data of every chunk that begins are there. */
static void walk(png_reader *reader) {
    oc_metadata found = {0};
    const uint8_t *at = reader->data + sizeof signature, *end = reader->data + reader->size;
    while (end - at >= 8 && is_chunk_name(at + 4) && memcmp(at + 4, "IEND", 4) != 0) {
        const uint8_t *chunk = at + 8;
        size_t length = big_endian(at), left = (size_t)(end - chunk);
        if (length > left) {
            reader->is_cut = true;
            break;
        }
        if (memcmp(at + 4, "eXIf", 4) == 0) {
            found.exif = chunk;
            found.exif_size = length;
        } else if (memcmp(at + 4, "iTXt", 4) == 0) {
            find_xmp(chunk, length, &found);
        }
        reader->lacking = length + CHECKSUM > left ? length + CHECKSUM - left : 0;
        at = chunk + length + CHECKSUM - reader->lacking;
    }
    reader->base.info.orientation = oc_orientation(&found);
}

static void fill_palette(png_reader *reader) {
    png_color *palette = NULL;
    png_byte *alpha = NULL;
    int entries = 0;
    int alphas = 0;
    png_get_PLTE(reader->codec, reader->header, &palette, &entries);
    png_get_tRNS(reader->codec, reader->header, &alpha, &alphas, NULL);
    for (int i = 0; i < 256; i++) {
        const png_color *entry = i < entries ? &palette[i] : &(const png_color){0, 0, 0};
        uint32_t opacity = i < alphas ? alpha[i] : 255;
        reader->colours[i][0] = oc_over_white(entry->red, opacity);
        reader->colours[i][1] = oc_over_white(entry->green, opacity);
        reader->colours[i][2] = oc_over_white(entry->blue, opacity);
    }
}

static void fill_grays(png_reader *reader, int depth) {
    int top = (1 << depth) - 1;
    for (int i = 0; i <= top; i++) {
        int gray = i * 255 / top;
        bool transparent = reader->has_key && gray == reader->key[0];
        memset(reader->colours[i], transparent ? 255 : gray, 3);
    }
}

/* Pillow compares the low byte of the key with the finished byte of the pixel, at every depth but
 * one bit. */
static void find_key(png_reader *reader, int depth, int colour_type) {
    png_color_16 *key = NULL;
    if (colour_type == PNG_COLOR_TYPE_PALETTE ||
        !png_get_tRNS(reader->codec, reader->header, NULL, NULL, &key) || !key) {
        return;
    }
    reader->has_key = true;
    if (colour_type == PNG_COLOR_TYPE_GRAY) {
        memset(reader->key, depth == 1 ? (key->gray ? 255 : 0) : key->gray & 255, 3);
    } else {
        reader->key[0] = (uint8_t)key->red;
        reader->key[1] = (uint8_t)key->green;
        reader->key[2] = (uint8_t)key->blue;
    }
}

static row_kind kind_of(int depth, int colour_type) {
    switch (colour_type) {
    case PNG_COLOR_TYPE_RGB:
        return ROW_RGB;
    case PNG_COLOR_TYPE_RGB_ALPHA:
        return ROW_RGBA;
    case PNG_COLOR_TYPE_GRAY_ALPHA:
        return ROW_GRAY_ALPHA;
    default:
        return depth == 16 ? ROW_GRAY16 : ROW_INDEX;
    }
}

static octavo_status read_header(png_reader *reader, uint8_t *row, octavo_error *error) {
    (void)row;
    octavo_status status = OCTAVO_OK;
    png_struct *codec = reader->codec;
    png_set_read_fn(codec, reader, give_bytes);
    png_set_user_limits(codec, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_keep_unknown_chunks(codec, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(codec, reader->header);
    uint32_t width = png_get_image_width(codec, reader->header);
    uint32_t height = png_get_image_height(codec, reader->header);
    OC_TRY(oc_image_check_size("PNG", width, height, error));
    int depth = png_get_bit_depth(codec, reader->header);
    int colour_type = png_get_color_type(codec, reader->header);
    reader->base.info.width = (int32_t)width;
    reader->base.info.height = (int32_t)height;
    walk(reader);
    reader->kind = kind_of(depth, colour_type);
    find_key(reader, depth, colour_type);
    if (colour_type == PNG_COLOR_TYPE_PALETTE) {
        fill_palette(reader);
    } else if (reader->kind == ROW_INDEX) {
        fill_grays(reader, depth);
    }
    if (depth < 8) {
        png_set_packing(codec);
    } else if (depth == 16 && reader->kind != ROW_GRAY16) {
        png_set_strip_16(codec);
    }
    if (reader->lacking > 0) { /* zlib's own checksum is there */
        png_set_crc_action(codec, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
    }
    reader->passes = png_set_interlace_handling(codec);
done:
    return status;
}

static void png_close(oc_image_reader *base) {
    png_reader *reader = (png_reader *)base;
    png_destroy_read_struct(&reader->codec, &reader->header, NULL);
    free(reader->rows);
    free(reader);
}

static octavo_status png_open(const uint8_t *data, size_t size, oc_image_reader **out,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    png_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        OC_NO_MEMORY(error, sizeof *reader);
    }
    reader->data = data;
    reader->size = size;
    reader->codec = png_create_read_struct(PNG_LIBPNG_VER_STRING, reader, stop, warn);
    reader->header = reader->codec ? png_create_info_struct(reader->codec) : NULL;
    if (!reader->header) {
        OC_NO_MEMORY(error, sizeof *reader);
    }
    OC_TRY(guarded(reader, read_header, NULL, error));
    *out = &reader->base;
    reader = NULL;
done:
    if (reader) {
        png_close(&reader->base);
    }
    return status;
}

/* Memory for rows, once the transformations are settled. */
static octavo_status start(png_reader *reader, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    png_read_update_info(reader->codec, reader->header);
    reader->row_bytes = png_get_rowbytes(reader->codec, reader->header);
    size_t height = (size_t)reader->base.info.height;
    size_t rows = reader->passes > 1 ? height : reader->kind == ROW_RGB ? 0 : 1;
    if (rows == 0) {
        return status;
    }
    reader->rows = calloc(rows, reader->row_bytes);
    if (!reader->rows) {
        OC_NO_MEMORY(error, rows * reader->row_bytes);
    }
    for (int32_t pass = 0; reader->passes > 1 && pass < reader->passes; pass++) {
        for (size_t y = 0; y < height; y++) {
            png_read_row(reader->codec, reader->rows + y * reader->row_bytes, NULL);
        }
    }
done:
    return status;
}

/* in may be rgb itself for ROW_RGB. */
static void rgb_of_row(const png_reader *reader, const uint8_t *in, size_t width, uint8_t *rgb) {
    switch (reader->kind) {
    case ROW_INDEX:
        for (size_t x = 0; x < width; x++) {
            memcpy(rgb + 3 * x, reader->colours[in[x]], 3);
        }
        return;
    case ROW_GRAY16:
        for (size_t x = 0; x < width; x++) {
            memset(rgb + 3 * x, in[2 * x] ? 255 : in[2 * x + 1], 3);
        }
        break;
    case ROW_GRAY_ALPHA:
        for (size_t x = 0; x < width; x++) {
            memset(rgb + 3 * x, oc_over_white(in[2 * x], in[2 * x + 1]), 3);
        }
        break;
    case ROW_RGB:
        memmove(rgb, in, width * 3);
        break;
    case ROW_RGBA:
        oc_row_over_white(in, width, rgb);
        break;
    }
    for (size_t x = 0; reader->has_key && x < width; x++) {
        if (memcmp(rgb + 3 * x, reader->key, 3) == 0) {
            memset(rgb + 3 * x, 255, 3);
        }
    }
}

static octavo_status read_row(png_reader *reader, uint8_t *row, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_image_reader *base = &reader->base;
    if (base->next_row == 0) {
        OC_TRY(start(reader, error));
    }
    uint8_t *from = reader->rows ? reader->rows : row;
    if (reader->passes > 1) {
        from += (size_t)base->next_row * reader->row_bytes;
    } else {
        png_read_row(reader->codec, from, NULL);
    }
    rgb_of_row(reader, from, (size_t)base->info.width, row);
    if (base->next_row == base->info.height - 1 && reader->is_cut) {
        reader->position = reader->size;
        png_error(reader->codec, "it ends early");
    }
done:
    return status;
}

static octavo_status png_next_row(oc_image_reader *base, uint8_t *row, octavo_error *error) {
    return guarded((png_reader *)base, read_row, row, error);
}

static bool png_matches(const uint8_t *data, size_t size) {
    return size >= sizeof signature && memcmp(data, signature, sizeof signature) == 0;
}

const oc_image_codec oc_image_png = {"PNG", png_matches, png_open, png_next_row, png_close};
