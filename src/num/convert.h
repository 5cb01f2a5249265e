/* convert.h - between stored types and float32: all the types' headers, and runs of values. */
#ifndef OC_NUM_CONVERT_H
#define OC_NUM_CONVERT_H

#include <stdbool.h>
#include <stddef.h>

#include "num/bf16.h"
#include "num/e4m3.h"
#include "num/e5m2.h"
#include "num/e8m0.h"
#include "num/f16.h"
#include "octavo.h"

/* from: `count` values of F32, F16, BF16, F8_E4M3, F8_E5M2 or F8_E8M0, not necessarily aligned;
 * false (and nothing done) for another dtype.  Exact.  The two must not overlap. */
bool oc_convert_to_f32(octavo_dtype dtype, const void *from, float *to, size_t count);

/* The other way, rounded as each type's header says. */
bool oc_convert_from_f32(octavo_dtype dtype, const float *from, void *to, size_t count);

#endif
