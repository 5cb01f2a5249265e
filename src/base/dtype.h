/* dtype.h - element types by number and by name. */
#ifndef OC_BASE_DTYPE_H
#define OC_BASE_DTYPE_H

#include "octavo.h"

/* Bytes of one element; 0 for a dtype that is unknown. */
size_t oc_dtype_bytes(octavo_dtype dtype);
/* "F8_E4M3"; "?" for one that is unknown. */
const char *oc_dtype_name(octavo_dtype dtype);
/* By safetensors spelling; 0 if there is none. */
octavo_dtype oc_dtype_find(const char *name, size_t length);

#endif
