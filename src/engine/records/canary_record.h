/* canary_record.h - inputs with their reference outputs, by which an engine proves itself; and the
 * CANARIES section that keeps them.  What runs them is src/runtime. */
#ifndef OC_ENGINE_CANARY_RECORD_H
#define OC_ENGINE_CANARY_RECORD_H

#include "base/buffer.h"
#include "base/status.h"

typedef enum oc_canary_kind {
    /* A part of the graph, from the value `input` to the value `output`.  What goes in is made from
     * `seed` (runtime/canary/batch.h); of what comes out the rows `kept` must be `expected`, F32
     * [kept_count, columns]. */
    OC_CANARY_PART = 1,
    /* The whole tower: the graph's input `input` is `given`, pixels U8 [S,S,3] or ids I32 [T];
     * its output `output` must then be `expected`, F32 [D]. */
    OC_CANARY_MODEL = 2,
} oc_canary_kind;

enum {
    /* The part adds to what goes in: deviations are taken relative to what it adds. */
    OC_CANARY_ADDS = 1,
    /* Many rows: run when a model is loaded, not when a session is checked. */
    OC_CANARY_ONCE = 2,
};

/* One image or text of a part's input. */
typedef struct oc_canary_sequence {
    int32_t length; /* rows, tokens */
    /* Texts only, 0 for images.  A text is the ids and rows of the sequence before it that `like`
     * counts from 1 (0: of its own), with another id in the middle if flip is 1.  hide n > 0: the
     * mask hides every n-th token, but not the last. */
    int32_t like, flip, hide;
} oc_canary_sequence;

/* A row of the output: of a sequence, at a place of it; place 0 where there is one row each. */
typedef struct oc_canary_kept {
    int32_t sequence, place;
} oc_canary_kept;

typedef struct oc_canary {
    oc_canary_kind kind;
    int32_t tower;              /* OCTAVO_IMAGE or OCTAVO_TEXT */
    const char *input, *output; /* values of the graph */
    /* Largest relative rms of any row, |output - expected| / |expected| (Euclidean norms; of ADDS
     * |output - expected| / |expected - given|), on devices that store float32 and on those that
     * store 16-bit floats. */
    float limits[2];
    uint32_t flags, seed;
    int32_t sequence_count, kept_count; /* MODEL: 0 */
    const oc_canary_sequence *sequences;
    const oc_canary_kept *kept;
    octavo_tensor given, expected; /* data borrowed; F32 data are finite.  PART: nothing given */
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
