/* format.h - what a tensor's elements are, and what they mean. */
#ifndef OC_BASE_FORMAT_H
#define OC_BASE_FORMAT_H

#include <stdbool.h>

#include "octavo.h"

/* Bytes of one element; 0 for a dtype that is unknown. */
size_t oc_dtype_bytes(octavo_dtype dtype);
/* "F8_E4M3"; "?" for one that is unknown. */
const char *oc_dtype_name(octavo_dtype dtype);
/* By safetensors spelling; 0 if there is none. */
octavo_dtype oc_dtype_find(const char *name, size_t length);
/* F32, F16 and BF16: values as they are. */
bool oc_dtype_is_float(octavo_dtype dtype);
/* E4M3 and E5M2: codes of a value that is divided by a scale. */
bool oc_dtype_is_fp8(octavo_dtype dtype);

/* Which elements of a matrix share a scale. */
typedef enum oc_scaling {
    OC_SCALING_NONE = 0, /* there is none */
    OC_SCALING_TENSOR,   /* all */
    OC_SCALING_ROW,      /* a row: an output channel of a weight [out,in], a token of activations */
    OC_SCALING_BLOCK     /* a block of some rows and columns */
} oc_scaling;

/* value = element * scale */
typedef struct oc_format {
    octavo_dtype dtype; /* 0: not known */
    oc_scaling scaling;
    octavo_dtype scale_dtype;          /* 0: no scale is stored */
    int32_t block_rows, block_columns; /* BLOCK; 0: not known */
    bool dynamic;                      /* scales are found from the values, at run time */
} oc_format;

#endif
