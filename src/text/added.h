/* added.h - finding added tokens in text: the leftmost, and of those the longest.
 *
 * A set never changes once made.  A search takes a bounded number of steps at each place of the
 * text, however many tokens there are.
 */
#ifndef OC_TEXT_ADDED_H
#define OC_TEXT_ADDED_H

#include "text/packed.h"

typedef struct oc_added_entry {
    const uint32_t *points;
    uint32_t length, id;
} oc_added_entry;

typedef struct oc_added_set {
    oc_added_entry *entries; /* in the order of their code points */
    uint32_t count;
    uint32_t *points;
    bool starts[128]; /* an ASCII character that some token starts with */
} oc_added_set;

/* The tokens of a verified tokenizer whose `normalised` is as given.
 *   UNSUPPORTED  two tokens are spelt the same
 *   EXHAUSTED    memory is out */
octavo_status oc_added_create(const oc_tokenizer *tokenizer, bool normalised, oc_added_set *out,
                              octavo_error *error);
void oc_added_free(oc_added_set *set);

/* The first match in points[from .. count): *start is where it starts; NULL, with *start =
 * count, if there is none. */
const oc_added_entry *oc_added_find(const oc_added_set *set, const uint32_t *points, size_t count,
                                    size_t from, size_t *start);

#endif
