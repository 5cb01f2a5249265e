/* rewrite.c - see rewrite.h. */
#include "engine/rewrite.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "engine/front.h"

enum { PIECE = 1 << 20 };

/* The new front; *index of the section that is replaced. */
static octavo_status make_front(const oc_engine_file *file, oc_section_type type, const void *data,
                                size_t bytes, const char *path, oc_format_front *out,
                                uint32_t *index, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    uint32_t i = 0;
    *out = *oc_engine_file_front(file);
    while (i < out->header.section_count && out->sections[i].type != (uint32_t)type) {
        i++;
    }
    if (i == OC_FORMAT_SECTIONS_MAX) {
        OC_FAIL(error, OCTAVO_CORRUPT, offsetof(oc_format_header, section_count),
                "the engine has %d sections already, there is no place for another",
                OC_FORMAT_SECTIONS_MAX);
    }
    out->header.section_count += i == out->header.section_count;
    out->sections[i] = (oc_format_section){.type = (uint32_t)type,
                                           .flags = oc_section_kind_of((uint32_t)type)->flags,
                                           .bytes = bytes,
                                           .checksum = XXH3_64bits(data, bytes)};
    *index = i;
    oc_front_seal(out);
    OC_TRY(oc_front_check(out, sizeof *out, out->header.file_bytes, path, error));
done:
    return status;
}

octavo_status oc_engine_rewrite(const oc_engine_file *file, oc_section_type type, const void *data,
                                size_t bytes, oc_output *out, octavo_progress progress, void *user,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_format_front *old = oc_engine_file_front(file);
    oc_format_front front;
    uint32_t replaced = 0;
    uint8_t *piece = malloc(PIECE);
    if (piece == NULL) {
        OC_NO_MEMORY(error, PIECE);
    }
    OC_TRY(make_front(file, type, data, bytes, out->path, &front, &replaced, error));
    OC_TRY(oc_output_write_at(out, 0, &front, sizeof front, error));
    for (uint32_t i = 0; i < front.header.section_count; i++) {
        const oc_format_section *to = &front.sections[i];
        if (i == replaced) {
            OC_TRY(oc_output_write_at(out, to->offset, data, bytes, error));
            continue;
        }
        for (uint64_t at = 0; at < to->bytes;) {
            uint64_t left = to->bytes - at;
            size_t part = left < PIECE ? (size_t)left : PIECE;
            OC_TRY(oc_engine_read_raw(file, old->sections[i].offset + at, piece, part, error));
            OC_TRY(oc_output_write_at(out, to->offset + at, piece, part, error));
            at += part;
            OC_TRY(oc_progress(progress, user, "writing", to->offset + at, front.header.file_bytes,
                               error));
        }
    }
done:
    free(piece);
    return status;
}
