/* bpe.h - CLIP's tokenizer: text to token ids.
 *
 *   text -> added tokens cut out -> NFC, spaces, lower case -> added tokens cut out
 *        -> words -> bytes -> merges -> begin token, ids, end token
 *
 * The ids are those of Hugging Face's CLIPTokenizer (tokenizers library); the original CLIP
 * code also repairs mojibake and HTML entities before that, this does not.
 *
 * An oc_bpe never changes once made: any number of threads may encode with it at once.
 */
#ifndef OC_TEXT_BPE_H
#define OC_TEXT_BPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct oc_bpe oc_bpe;

/* From a tokenizer's block (text/packed.h), which is not needed afterwards.
 *   CORRUPT, UNSUPPORTED  as oc_tokenizer_unpack and oc_added_create say
 *   EXHAUSTED             memory is out */
octavo_status oc_bpe_create(const void *block, size_t bytes, oc_bpe **out, octavo_error *error);
void oc_bpe_free(oc_bpe *bpe);

typedef struct oc_bpe_info {
    int32_t vocabulary; /* every id is smaller: the model's token table needs as many rows */
    int32_t begin, end, padding;
    int32_t tokens_max; /* longest text that the model takes, begin and end token counted */
} oc_bpe_info;

oc_bpe_info oc_bpe_describe(const oc_bpe *bpe);

/* The ids of single bytes [512]: of byte b, and at [256 + b] of byte b at the end of a word.  A
 * text has one where no merge made a character, or more, of it. */
const uint32_t *oc_bpe_byte_ids(const oc_bpe *bpe);

/* Encodes UTF-8 text (malformed sequences become U+FFFD).  ids has room for `capacity` >= 2 ids;
 * a longer text is cut to that many, with the end token kept.  *count receives how many ids were
 * written, *full_count (unless NULL) how many the uncut text has.
 *   INVALID_ARGUMENT  more than OC_LIMIT_TEXT_BYTES of text, or capacity below 2
 *   EXHAUSTED         memory is out */
octavo_status oc_bpe_encode(const oc_bpe *bpe, const char *text, size_t bytes, int32_t *ids,
                            int32_t capacity, int32_t *count, int32_t *full_count,
                            octavo_error *error);

#endif
