/* widen.h - an FP8 checkpoint as a 16-bit one: weight = code * scale, rounded once; inputs are not
 * quantized any more.  For tools that read no FP8, and to quantize anew.
 */
#ifndef OC_QUANTIZE_WIDEN_H
#define OC_QUANTIZE_WIDEN_H

#include "checkpoint/checkpoint.h"

/* Writes all files into `folder`, which is there and empty.  dtype: F16 or BF16, of what was FP8;
 * other tensors stay as they are, scales go.  The checkpoint has passed oc_quant_check.
 *   CORRUPT            a value that the dtype cannot hold; config.json is no JSON object
 *   CANCELLED          progress said so
 *   IO, CANNOT_CREATE  as base/output.h says, a full disk included */
octavo_status oc_widen(const oc_checkpoint *checkpoint, octavo_dtype dtype, const char *folder,
                       octavo_progress progress, void *user, octavo_error *error);

#endif
