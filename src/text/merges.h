/* merges.h - byte pair encoding of one word: which pairs merge, and doing it.
 *
 * Among all neighbours that have a merge, the earliest merge goes first, the leftmost of equals
 * before the others.  A word of n bytes takes n * log(n) steps, whatever the merges are.
 */
#ifndef OC_TEXT_MERGES_H
#define OC_TEXT_MERGES_H

#include "text/packed.h"

/* Merges grouped by their left id and sorted by their right one.  Never changes once made. */
typedef struct oc_merges {
    uint32_t *starts;  /* [vocabulary + 1]: where a left id's group starts */
    uint32_t *rights;  /* [merge_count] */
    uint32_t *ranks;   /* [merge_count]: place in the tokenizer's order */
    uint32_t *results; /* [merge_count], by rank */
    uint32_t vocabulary;
} oc_merges;

/* From a verified tokenizer, which is not needed afterwards.  Where a pair comes twice, the
 * later merge counts.  Error: EXHAUSTED. */
octavo_status oc_merges_create(const oc_tokenizer *tokenizer, oc_merges *out, octavo_error *error);
void oc_merges_free(oc_merges *merges);

typedef struct oc_symbol {
    uint32_t id;
    int32_t previous, next; /* -1: none */
} oc_symbol;

/* One word on its way; reused from word to word.  Starts as {0}.  One thread at a time. */
typedef struct oc_word {
    oc_symbol *symbols; /* the caller puts ids into [0 .. count) */
    size_t count, capacity;
    uint64_t *heap; /* merges that wait: rank, then place */
    size_t heap_capacity;
} oc_word;

/* Room for `count` symbols and for merging them.  Error: EXHAUSTED. */
octavo_status oc_word_reserve(oc_word *word, size_t count, octavo_error *error);
void oc_word_free(oc_word *word);

/* Merges the word's symbols until none merges; the ids that are left are in
 * symbols[0 .. count).id. */
void oc_word_merge(oc_word *word, const oc_merges *merges);

#endif
