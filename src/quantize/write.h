/* write.h - the FP8 folder: weights, JSON, and what lay beside the checkpoint.
 *
 * model.safetensors is streamed: tensors that stay are copied as they lie in the checkpoint (a
 * sharded one becomes one file), codes pass through a small buffer.  Names have plain prefixes.
 */
#ifndef OC_QUANTIZE_WRITE_H
#define OC_QUANTIZE_WRITE_H

#include "quantize/layout.h"
#include "quantize/scales.h"

typedef struct oc_fp8_output {
    oc_checkpoint *checkpoint; /* gets the notices */
    oc_fp8_layout layout;
    const oc_fp8_module *modules;
    int32_t module_count;
    oc_fp8_excluded excluded;
    const char *record_name; /* the calibration record's file, and its bytes */
    oc_slice record;
    octavo_progress progress; /* NULL: none */
    void *progress_user;
} oc_fp8_output;

/* Writes all files into `folder`, which is there and empty.  What the checkpoint's folder has of
 * tokenizer, image processor, card and licence is copied.
 *   IO, CANNOT_CREATE  as base/output.h says, a full disk included
 *   CORRUPT            config.json is no JSON object */
octavo_status oc_fp8_write(const oc_fp8_output *output, const char *folder, octavo_error *error);

#endif
