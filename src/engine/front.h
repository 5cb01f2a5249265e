/* front.h - the first 1024 bytes of an engine file: header, section table, seal. */
#ifndef OC_ENGINE_FRONT_H
#define OC_ENGINE_FRONT_H

#include "base/status.h"
#include "engine/format.h"

/* Checks everything that the front says against format.h and the file's true size.  `have` bytes
 * of *front were read, fewer than its size if the file is smaller.
 *   CORRUPT      not an engine file, cut short, or any byte against format.h
 *   UNSUPPORTED  a version or a required section that is not known here, named */
octavo_status oc_front_check(const oc_format_front *front, size_t have, uint64_t file_bytes,
                             const char *path, octavo_error *error);

/* Fills in what follows from the rest: magic, version, sizes, offsets (sections in the order given,
 * their types, flags, bytes and checksums set by the caller) and the seal. */
void oc_front_seal(oc_format_front *front);

/* The table's entry of that type, or NULL. */
const oc_format_section *oc_front_find(const oc_format_front *front, oc_section_type type);

/* What is known of a section type. */
typedef struct oc_section_kind {
    uint32_t type, flags;
    int32_t required;
    const char *name, *text; /* "GRAPH"; what it holds */
} oc_section_kind;

/* NULL: a type that is not known. */
const oc_section_kind *oc_section_kind_of(uint32_t type);

#endif
