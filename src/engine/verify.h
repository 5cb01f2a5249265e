/* verify.h - reading a whole engine file against its checksums, for `octavo inspect --verify`. */
#ifndef OC_ENGINE_VERIFY_H
#define OC_ENGINE_VERIFY_H

#include "engine/reader.h"

/* Checks what opening and reading leave out: every chunk of every tensor, and the sections that are
 * not known here.  progress may be NULL; its units are bytes.  Stops at the first fault.
 *   CORRUPT    a checksum differs; the tensor or section, both checksums and the byte are named
 *   EXHAUSTED  out of memory
 *   IO         the system failed to read */
octavo_status oc_engine_verify(const oc_engine_file *file, octavo_progress progress, void *user,
                               octavo_error *error);

#endif
