/* scan.h - looks through FP8 weights for codes that are no numbers. */
#ifndef OC_CHECKPOINT_SCAN_H
#define OC_CHECKPOINT_SCAN_H

#include <stddef.h>
#include <stdint.h>

/* Index of the first E4M3 NaN (0x7f or 0xff) among `count` codes; `count` if there is none. */
size_t oc_e4m3_find_nan(const uint8_t *codes, size_t count);

#endif
