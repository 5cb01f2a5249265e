/* processor_record.h - the PROCESSOR section: how images become pixels, as JSON.
 *
 *     {"image": {"size": 64, "shortest_edge": 64, "resample": 3,
 *                "mean": [0.48145466, ...], "std": [0.26862954, ...]}}
 */
#ifndef OC_API_PROCESSOR_RECORD_H
#define OC_API_PROCESSOR_RECORD_H

#include "base/buffer.h"
#include "checkpoint/preprocessor.h"
#include "vision/processor.h"

/* Appends the section. */
octavo_status oc_processor_write(const oc_preprocessor *preprocessor, oc_buffer *out,
                                 octavo_error *error);

/* Reads it; it lies at `offset` of its file.  CORRUPT, UNSUPPORTED: named with the byte. */
octavo_status oc_processor_read(const void *section, size_t bytes, uint64_t offset,
                                oc_image_processor *out, octavo_error *error);

/* The vision room's parameters for a checkpoint's. */
oc_image_processor oc_processor_of(const oc_preprocessor *preprocessor);

#endif
