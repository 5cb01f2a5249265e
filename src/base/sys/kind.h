/* kind.h - what a file is that is not what its name says: downloads and checkouts leave pointers
 * and web pages under the name of a model or an image, and pickles are renamed. */
#ifndef OC_BASE_KIND_H
#define OC_BASE_KIND_H

#include <stddef.h>

/* "a git-lfs pointer: `git lfs pull` fetches ...": what begins with these bytes (64 are enough),
 * and what to do about it; NULL where that cannot be told. */
const char *oc_file_kind(const void *bytes, size_t size);

#endif
