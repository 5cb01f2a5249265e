/* rewrite.h - an engine file again, with one section of it replaced. */
#ifndef OC_ENGINE_REWRITE_H
#define OC_ENGINE_REWRITE_H

#include "base/sys/output.h"
#include "engine/reader.h"

/* Writes all of `file` to `out`, which is open and empty, with these bytes as its section `type`:
 * in the place of the one that it has, or behind the last.  Every other section is copied byte by
 * byte, also one whose type is not known; the file gets its name when the caller commits `out`.
 * WEIGHTS and TENSORS are no types for this.
 *   CORRUPT      the file changed since it was opened, or would have too many sections
 *   IO           the system failed to read or write
 *   EXHAUSTED    out of memory
 *   CANCELLED    progress said so */
octavo_status oc_engine_rewrite(const oc_engine_file *file, oc_section_type type, const void *data,
                                size_t bytes, oc_output *out, octavo_progress progress, void *user,
                                octavo_error *error);

#endif
