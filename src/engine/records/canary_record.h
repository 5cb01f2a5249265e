/* canary_record.h - inputs with their reference outputs, by which an engine proves itself; and the
 * CANARIES section that keeps them.  What runs them is src/runtime. */
#ifndef OC_ENGINE_CANARY_RECORD_H
#define OC_ENGINE_CANARY_RECORD_H

#include "base/buffer.h"
#include "base/status.h"

typedef enum oc_canary_kind {
    /* One layer: the value `input` is set to `given`, F32 [rows, columns] as one sequence of
     * `rows` tokens; the value `output` must then be `expected`, F32 [rows, columns]. */
    OC_CANARY_LAYER = 1,
    /* The whole tower: the graph's input `input` is `given`, pixels U8 [S,S,3] or ids I32 [T];
     * its output `output` must then be `expected`, F32 [D]. */
    OC_CANARY_MODEL = 2,
} oc_canary_kind;

typedef struct oc_canary {
    oc_canary_kind kind;
    int32_t tower;              /* OCTAVO_IMAGE or OCTAVO_TEXT */
    const char *input, *output; /* values of the graph */
    /* LAYER: largest relative rms, |output - expected| / |expected| (Euclidean norms).
     * MODEL: largest 1 - cosine: the spread that legitimate rounding causes. */
    float limit;
    octavo_tensor given, expected; /* data borrowed; F32 data are finite */
} oc_canary;

/* Appends the section's bytes to `out`.  The same list gives the same bytes.
 *   INVALID_ARGUMENT  a canary against the rules above; a shape against format.h: CORRUPT
 *   EXHAUSTED         out of memory */
octavo_status oc_canaries_encode(const oc_canary *list, int32_t count, oc_buffer *out,
                                 octavo_error *error);

/* Reads a section.  *out receives *count canaries, to be freed with free(); names and data are
 * borrowed from `section`, which is aligned to 8.  On failure *out is NULL.
 *   CORRUPT      anything that format.h or the rules above do not allow; error->offset counts from
 *                the section's start
 *   UNSUPPORTED  a kind or a dtype that is not known
 *   EXHAUSTED    out of memory */
octavo_status oc_canaries_decode(const void *section, size_t bytes, oc_canary **out, int32_t *count,
                                 octavo_error *error);

#endif
