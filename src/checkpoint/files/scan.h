/* scan.h - looks through values for those that are no finite numbers. */
#ifndef OC_CHECKPOINT_SCAN_H
#define OC_CHECKPOINT_SCAN_H

#include <stddef.h>

#include "octavo.h"

/* Index of the first of `count` elements that is infinite or not a number; `count` if there is
 * none.  values may be unaligned; integers are all finite. */
size_t oc_find_not_finite(octavo_dtype dtype, const void *values, size_t count);

#endif
