/* vocabulary.h - what the files of a tokenizer say, gathered until all of it can be checked.
 *
 * Text is borrowed from the files, which must stay until the draft has become a tokenizer.
 * Errors: error->offset is a byte of the file that the entry came from; CORRUPT for what
 * contradicts itself, UNSUPPORTED for what is over a limit or not done here, EXHAUSTED.
 * One thread at a time.
 */
#ifndef OC_TEXT_VOCABULARY_H
#define OC_TEXT_VOCABULARY_H

#include "base/json/json.h"
#include "base/strmap.h"
#include "text/packed.h"

/* The tokens with a role.  Files name them by text. */
typedef enum oc_role {
    OC_ROLE_BEGIN,
    OC_ROLE_END,
    OC_ROLE_UNKNOWN,
    OC_ROLE_PADDING,
    OC_ROLE_SEPARATOR, /* this and the next two: of no use to CLIP, but found in text like others */
    OC_ROLE_CLASS,
    OC_ROLE_MASK,
    OC_ROLES
} oc_role;

typedef struct oc_named_token {
    oc_slice text;   /* data NULL: not named */
    bool normalised; /* how it is looked for, if the files list it nowhere else */
} oc_named_token;

enum { OC_DRAFT_READERS = 8 };

typedef struct oc_draft {
    oc_json readers[OC_DRAFT_READERS]; /* hold the text that had escapes */
    uint32_t reader_count;
    oc_strmap ids;       /* vocabulary and added tokens */
    uint8_t *used;       /* one bit for each id */
    uint32_t entries;    /* of the vocabulary proper */
    uint32_t outside;    /* number of added tokens that it lacks */
    uint32_t vocabulary; /* largest id, plus one */
    oc_buffer merges;    /* draft_merge */
    oc_buffer added;     /* oc_added_token, text as in the file */
    oc_named_token named[OC_ROLES];
    oc_slice unknown; /* an entry that stands for bytes without one; data NULL: none does */
    bool split_end_tokens;
    oc_arena arena;
} oc_draft;

octavo_status oc_draft_init(oc_draft *draft, octavo_error *error);
void oc_draft_free(oc_draft *draft); /* a zeroed one is accepted */

/* A reader of JSON whose text lives as long as the draft does; at most OC_DRAFT_READERS of them. */
oc_json *oc_draft_reader(oc_draft *draft, oc_slice bytes, uint64_t base);

/* An entry of the vocabulary.  CORRUPT: the text or the id is there already. */
octavo_status oc_draft_entry(oc_draft *draft, oc_slice text, uint32_t id, uint64_t offset,
                             octavo_error *error);

octavo_status oc_draft_merge(oc_draft *draft, oc_slice left, oc_slice right, uint64_t offset,
                             octavo_error *error);

/* "left right", as merges.txt and older tokenizer.json write it. */
octavo_status oc_draft_merge_text(oc_draft *draft, oc_slice merge, uint64_t offset,
                                  octavo_error *error);

/* An added token, after all entries.  One that is there already takes the new flags.
 * CORRUPT: the vocabulary has the text or the id otherwise. */
octavo_status oc_draft_added(oc_draft *draft, oc_slice text, uint32_t id, bool normalised,
                             uint64_t offset, octavo_error *error);

bool oc_draft_is_added(const oc_draft *draft, oc_slice text);

/* A token that is found in text by itself: added, unless it is already.  *id is -1 where the
 * vocabulary lacks it. */
octavo_status oc_draft_special(oc_draft *draft, const oc_named_token *token, uint64_t offset,
                               int32_t *id, octavo_error *error);

extern const char *const oc_role_keys[OC_ROLES]; /* "bos_token" */

/* Looks everything up in the vocabulary.  *out lives in the draft.
 *   CORRUPT      a merge or a named token whose text the vocabulary lacks
 *   UNSUPPORTED  ids of added tokens that do not follow the vocabulary's without a gap (the
 *                tokenizers library would give them other ids than the file does), and what
 *                oc_tokenizer_verify refuses */
octavo_status oc_draft_finish(oc_draft *draft, uint32_t tokens_max, oc_tokenizer *out,
                              octavo_error *error);

#endif
