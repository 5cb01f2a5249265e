/* front.c - checking and sealing the front of an engine file. */
#include "engine/front.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/limits.h"
#include "base/size.h"
#include "base/sys/kind.h"

static const oc_section_kind known[] = {
#define XX(name, type, flags, required, text) {type, flags, required, #name, text},
    OC_SECTION_MAP(XX)
#undef XX
};

const oc_section_kind *oc_section_kind_of(uint32_t type) {
    for (size_t i = 0; i < OC_COUNT(known); i++) {
        if (known[i].type == type) {
            return &known[i];
        }
    }
    return NULL;
}

const oc_format_section *oc_front_find(const oc_format_front *front, oc_section_type type) {
    for (uint32_t i = 0; i < front->header.section_count; i++) {
        if (front->sections[i].type == type) {
            return &front->sections[i];
        }
    }
    return NULL;
}

void oc_front_seal(oc_format_front *front) {
    oc_format_header *header = &front->header;
    uint64_t end = sizeof *front;
    memcpy(header->magic, OC_FORMAT_MAGIC, sizeof header->magic);
    header->major = OC_FORMAT_MAJOR;
    header->minor = OC_FORMAT_MINOR;
    for (uint32_t i = 0; i < header->section_count; i++) {
        front->sections[i].offset = oc_round_up(end, OC_FORMAT_ALIGNMENT);
        end = front->sections[i].offset + front->sections[i].bytes;
    }
    header->file_bytes = end;
    front->seal = XXH3_64bits(front, offsetof(oc_format_front, seal));
}

static octavo_status check_magic(const oc_format_front *front, size_t have, const char *path,
                                 octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const uint8_t *magic = front->header.magic;
    if (have < sizeof front->header.magic) {
        OC_FAIL(error, OCTAVO_CORRUPT, 0,
                "%s is not an engine file: it has %zu bytes, the front alone has %zu", path, have,
                sizeof *front);
    }
    if (memcmp(magic, OC_FORMAT_MAGIC, sizeof front->header.magic) != 0) {
        const char *kind = oc_file_kind(front, have);
        if (kind != NULL) {
            OC_FAIL(error, OCTAVO_CORRUPT, 0, "%s is not an engine file but %s", path, kind);
        }
        OC_FAIL(error, OCTAVO_CORRUPT, 0,
                "%s is not an engine file: it begins with %02x %02x %02x %02x %02x %02x %02x %02x,"
                " not with 8f 4f 43 54 41 56 4f 0a",
                path, magic[0], magic[1], magic[2], magic[3], magic[4], magic[5], magic[6],
                magic[7]);
    }
done:
    return status;
}

/* The version comes before the seal: a newer format may have another front. */
static octavo_status check_header(const oc_format_front *front, size_t have, uint64_t file_bytes,
                                  const char *path, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_format_header *header = &front->header;
    uint64_t seal;
    OC_TRY(check_magic(front, have, path, error));
    if (have >= offsetof(oc_format_header, file_bytes) &&
        (header->major != OC_FORMAT_MAJOR || header->minor > OC_FORMAT_MINOR)) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, offsetof(oc_format_header, major),
                "engine %s has format %" PRIu32 ".%" PRIu32
                ", octavo %d.%d.%d reads format %d up to "
                "%d.%d",
                path, header->major, header->minor, OCTAVO_VERSION_MAJOR, OCTAVO_VERSION_MINOR,
                OCTAVO_VERSION_PATCH, OC_FORMAT_MAJOR, OC_FORMAT_MAJOR, OC_FORMAT_MINOR);
    }
    if (have >= offsetof(oc_format_header, file_bytes) && header->minor < OC_FORMAT_MINOR_LEAST) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, offsetof(oc_format_header, minor),
                "engine %s has format %" PRIu32 ".%" PRIu32
                ", octavo %d.%d.%d reads %d.%d and later: build it again from its checkpoint",
                path, header->major, header->minor, OCTAVO_VERSION_MAJOR, OCTAVO_VERSION_MINOR,
                OCTAVO_VERSION_PATCH, OC_FORMAT_MAJOR, OC_FORMAT_MINOR_LEAST);
    }
    if (have < sizeof *front) {
        OC_FAIL(error, OCTAVO_CORRUPT, have,
                "engine %s is cut short: its front has %zu bytes, the file %zu", path,
                sizeof *front, have);
    }
    seal = XXH3_64bits(front, offsetof(oc_format_front, seal));
    if (seal != front->seal) {
        OC_FAIL(error, OCTAVO_CORRUPT, offsetof(oc_format_front, seal),
                "the front: checksum 0x%016" PRIx64 " wanted, 0x%016" PRIx64 " computed",
                front->seal, seal);
    }
    if (header->file_bytes > file_bytes) {
        OC_FAIL(error, OCTAVO_CORRUPT, file_bytes,
                "engine %s is cut short: header says %" PRIu64 " bytes, file has %" PRIu64, path,
                header->file_bytes, file_bytes);
    }
    if (header->file_bytes < file_bytes) {
        OC_FAIL(error, OCTAVO_CORRUPT, header->file_bytes,
                "engine %s is too long: header says %" PRIu64 " bytes, file has %" PRIu64, path,
                header->file_bytes, file_bytes);
    }
    if (header->section_count == 0 || header->section_count > OC_FORMAT_SECTIONS_MAX) {
        OC_FAIL(error, OCTAVO_CORRUPT, offsetof(oc_format_header, section_count),
                "the engine lists %" PRIu32 " sections, 1 to %d can be", header->section_count,
                OC_FORMAT_SECTIONS_MAX);
    }
done:
    return status;
}

/* What must be zero: the header's last word, the unused entries, the bytes before the seal. */
static octavo_status check_zeros(const oc_format_front *front, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const uint8_t *bytes = (const uint8_t *)front;
    size_t at = offsetof(oc_format_header, zero);
    while (at < offsetof(oc_format_front, seal)) {
        if (bytes[at] != 0) {
            OC_FAIL(error, OCTAVO_CORRUPT, at, "byte %zu of the front is 0x%02x, zero is wanted",
                    at, bytes[at]);
        }
        at++;
        if (at == sizeof front->header) {
            at += front->header.section_count * sizeof front->sections[0];
        }
    }
done:
    return status;
}

/* Type and flags of entry i, and that the type is new. */
static octavo_status check_kind(const oc_format_front *front, uint32_t i, uint64_t place,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_format_section *section = &front->sections[i];
    const oc_section_kind *kind = oc_section_kind_of(section->type);
    if (kind != NULL && section->flags != kind->flags) {
        OC_FAIL(error, OCTAVO_CORRUPT, place,
                "section %s has flags 0x%" PRIx32 ", 0x%" PRIx32 " is wanted", kind->name,
                section->flags, kind->flags);
    }
    if (kind == NULL && section->flags != OC_FORMAT_IGNORABLE) {
        OC_FAIL(error, OCTAVO_UNSUPPORTED, place,
                "a section of type %" PRIu32 " (flags 0x%" PRIx32
                ") is not known to octavo %d.%d.%d"
                " and may not be ignored",
                section->type, section->flags, OCTAVO_VERSION_MAJOR, OCTAVO_VERSION_MINOR,
                OCTAVO_VERSION_PATCH);
    }
    for (uint32_t j = 0; j < i; j++) {
        if (front->sections[j].type == section->type) {
            OC_FAIL(error, OCTAVO_CORRUPT, place,
                    "sections %" PRIu32 " and %" PRIu32 " are both of type %" PRIu32, j, i,
                    section->type);
        }
    }
done:
    return status;
}

static octavo_status check_sections(const oc_format_front *front, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_format_header *header = &front->header;
    uint64_t end = sizeof *front, in_memory = 0;
    for (uint32_t i = 0; i < header->section_count; i++) {
        const oc_format_section *section = &front->sections[i];
        uint64_t place = sizeof *header + i * sizeof *section;
        uint64_t begin = oc_round_up(end, OC_FORMAT_ALIGNMENT);
        OC_TRY(check_kind(front, i, place, error));
        if (section->offset != begin) {
            OC_FAIL(error, OCTAVO_CORRUPT, place,
                    "section %" PRIu32 " of type %" PRIu32 " begins at byte %" PRIu64
                    ", its place is byte %" PRIu64,
                    i, section->type, section->offset, begin);
        }
        if (section->bytes == 0 || begin > header->file_bytes ||
            section->bytes > header->file_bytes - begin) {
            OC_FAIL(error, OCTAVO_CORRUPT, place,
                    "section %" PRIu32 " of type %" PRIu32 " has %" PRIu64
                    " bytes from byte %" PRIu64 ", the file has %" PRIu64,
                    i, section->type, section->bytes, begin, header->file_bytes);
        }
        end = begin + section->bytes;
        if (section->type != OC_SECTION_WEIGHTS && oc_section_kind_of(section->type) != NULL) {
            in_memory += section->bytes;
        }
    }
    if (end != header->file_bytes) {
        OC_FAIL(error, OCTAVO_CORRUPT, offsetof(oc_format_header, file_bytes),
                "the sections end at byte %" PRIu64 ", the file has %" PRIu64, end,
                header->file_bytes);
    }
    if (in_memory > OC_LIMIT_ENGINE_RECORDS) {
        OC_FAIL(error, OCTAVO_CORRUPT, sizeof *header,
                "the sections without the weights have %" PRIu64 " bytes, the limit is %u",
                in_memory, OC_LIMIT_ENGINE_RECORDS);
    }
    for (size_t i = 0; i < OC_COUNT(known); i++) {
        if (known[i].required && oc_front_find(front, (oc_section_type)known[i].type) == NULL) {
            OC_FAIL(error, OCTAVO_CORRUPT, sizeof *header, "the engine has no section %s",
                    known[i].name);
        }
    }
done:
    return status;
}

octavo_status oc_front_check(const oc_format_front *front, size_t have, uint64_t file_bytes,
                             const char *path, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    OC_TRY(check_header(front, have, file_bytes, path, error));
    OC_TRY(check_zeros(front, error));
    OC_TRY(check_sections(front, error));
done:
    return status;
}
