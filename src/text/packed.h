/* packed.h - a CLIP tokenizer as numbers, and as one block of bytes for the engine file.
 *
 * A byte-level BPE needs no vocabulary of text: it starts from the ids of single bytes and
 * replaces pairs of ids by ids.  Only added tokens, which are found in the text itself, keep
 * their spelling.
 *
 * The block, all little-endian, without padding:
 *
 *     u32 magic        "OTOK"
 *     u32 version      1
 *     u32 flags        OC_PACKED_*
 *     u32 vocabulary   every id is smaller
 *     u32 merges       number of merges
 *     u32 added        number of added tokens
 *     u32 begin, end, padding, unknown           ids
 *     u32 tokens_max   longest text in tokens
 *     id  byte_ids[512]                          only with OC_PACKED_EXPLICIT
 *     id  {left, right [, result]} [merges]      result only with OC_PACKED_EXPLICIT
 *     {u32 id, u8 normalised, u8 bytes, text}    [added]; text is valid UTF-8
 *
 * An id takes 4 bytes with OC_PACKED_WIDE, otherwise 2.  Without OC_PACKED_EXPLICIT ids follow
 * OpenAI's order: 256 bytes (printable ones first: 0x21-0x7e, 0xa1-0xac, 0xae-0xff, then the
 * rest, ascending), the same 256 at the end of a word, then one id for each merge.
 */
#ifndef OC_TEXT_PACKED_H
#define OC_TEXT_PACKED_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/slice.h"
#include "base/status.h"

enum {
    OC_PACKED_EXPLICIT = 1,
    OC_PACKED_WIDE = 2,
    /* The pattern that splits words knows the two end tokens: "<|startoftext|>", which can come
     * out of lower-casing, is kept apart from the punctuation behind it. */
    OC_PACKED_SPLIT_END_TOKENS = 4
};

typedef struct oc_merge {
    uint32_t left, right, result; /* ids; `left right` becomes `result` */
} oc_merge;

typedef struct oc_added_token {
    oc_slice text; /* UTF-8; normalised already where it is looked for in normalised text */
    uint32_t id;
    bool normalised; /* false: looked for in the text as it came */
} oc_added_token;

typedef struct oc_tokenizer {
    uint32_t vocabulary;    /* every id is smaller */
    uint32_t byte_ids[512]; /* of byte b; of byte b at the end of a word: [256 + b] */
    const oc_merge *merges; /* the earlier, the sooner it is applied */
    uint32_t merge_count;
    const oc_added_token *added;
    uint32_t added_count;
    uint32_t begin, end, padding, unknown; /* ids */
    uint32_t tokens_max;
    bool split_end_tokens;
} oc_tokenizer;

/* The id that OpenAI's order gives to a byte inside a word. */
uint32_t oc_standard_byte_id(uint8_t byte);

/* What holds for every tokenizer, from whatever file: ids below the vocabulary, counts and
 * lengths within limits.h, added tokens that are UTF-8.
 *   CORRUPT, UNSUPPORTED  as the sentence says */
octavo_status oc_tokenizer_verify(const oc_tokenizer *tokenizer, octavo_error *error);

/* Appends the block to *out; the same tokenizer gives the same bytes.  Verifies first. */
octavo_status oc_tokenizer_pack(const oc_tokenizer *tokenizer, oc_buffer *out, octavo_error *error);

/* Reads a block.  What *out points to lives in `arena`, but added text lives in the block.
 *   CORRUPT      not such a block; error->offset counts from its start
 *   UNSUPPORTED  another version */
octavo_status oc_tokenizer_unpack(const void *block, size_t bytes, oc_arena *arena,
                                  oc_tokenizer *out, octavo_error *error);

#endif
