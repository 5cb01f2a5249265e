/* meta.h - the META section: what the model is and where it came from, as JSON.
 *
 *     {"octavo": "0.1.0", "name": "clip-mini", "precision": "FP8 (per tensor, static)",
 *      "towers": ["image", "text"],
 *      "source": {"architecture": "CLIPModel", "producer": "modelopt 0.31.0",
 *                 "tensors": 406, "tensor_bytes": 36837538}}
 *
 * Members that a reader does not know are skipped.  No date, no path: the same checkpoint gives
 * the same bytes.
 */
#ifndef OC_ENGINE_META_H
#define OC_ENGINE_META_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"

typedef struct oc_engine_meta {
    const char *octavo;       /* version that wrote the file */
    const char *name;         /* as the checkpoint calls itself, or its folder's name */
    const char *precision;    /* in words */
    int32_t towers;           /* OCTAVO_IMAGE | OCTAVO_TEXT */
    const char *architecture; /* of the source, such as "CLIPModel" */
    const char *producer;     /* of its quantization; "" if it has none */
    int64_t source_tensors, source_tensor_bytes;
} oc_engine_meta;

/* Appends the section's bytes.  EXHAUSTED: out of memory. */
octavo_status oc_engine_meta_write(const oc_engine_meta *meta, oc_buffer *out, octavo_error *error);

/* Reads a section that lies at `offset` of its file; texts are put into `arena`.
 *   CORRUPT    not such JSON, or a member is missing; the byte in the file is named
 *   EXHAUSTED  out of memory */
octavo_status oc_engine_meta_read(const void *section, size_t bytes, uint64_t offset,
                                  oc_arena *arena, oc_engine_meta *out, octavo_error *error);

#endif
