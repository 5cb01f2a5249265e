/* unicode.h - text as code points: normalised and classed as CLIP's tokenizer wants it.
 *
 * "As CLIP's tokenizer" means as the Hugging Face tokenizers library does it, whose parts know
 * different Unicode versions: composition 9, letters and numbers 16, lower case 17.  utf8proc
 * does the work and small tables even the versions out, so that token ids do not depend on the
 * version of utf8proc.
 *
 * A buffer belongs to one thread at a time; nothing else has state.
 */
#ifndef OC_TEXT_UNICODE_H
#define OC_TEXT_UNICODE_H

#include "base/slice.h"
#include "base/status.h"

typedef enum oc_text_class {
    OC_TEXT_SPACE,  /* \s */
    OC_TEXT_LETTER, /* \p{L} */
    OC_TEXT_NUMBER, /* \p{N} */
    OC_TEXT_OTHER
} oc_text_class;

oc_text_class oc_text_classify(uint32_t point);

/* Code points, and room for what is needed to make them.  Starts as {0}. */
typedef struct oc_text {
    uint32_t *points;
    size_t count, capacity;
    uint64_t *marks; /* decomposed characters with their combining classes */
    size_t marks_capacity;
} oc_text;

void oc_text_free(oc_text *text);

/* The code points of UTF-8 bytes; what is malformed becomes U+FFFD as base/utf8.h says.
 * `out` is overwritten.  Error: EXHAUSTED. */
octavo_status oc_text_decode(oc_slice bytes, oc_text *out, octavo_error *error);

/* NFC, then each run of white space as one space, then lower case (character by character,
 * without context).  `out` is overwritten.  Takes count * log(count) steps at most.
 * Error: EXHAUSTED. */
octavo_status oc_text_normalise(const uint32_t *points, size_t count, oc_text *out,
                                octavo_error *error);

#endif
