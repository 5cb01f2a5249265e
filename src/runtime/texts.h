/* texts.h - rows of token ids to what a plan takes: packed, cut and without repetitions.
 *
 * With cut-text a text ends behind its end token: the causal mask lets nothing that
 * comes later reach it.  With dedup-text a text that was seen in the same run is not
 * computed again.
 */
#ifndef OC_RUNTIME_TEXTS_H
#define OC_RUNTIME_TEXTS_H

#include <stdbool.h>

#include "base/status.h"
#include "runtime/towers.h"

typedef struct oc_texts {
    /* fixed when made */
    int32_t batch_max, tokens_max, vocabulary, positions_max;
    int32_t rule; /* of ops.def's end_of_text */
    int64_t eos;
    bool cut, dedup;
    /* one run */
    int32_t count;     /* texts that are computed */
    int32_t tokens;    /* rows of all of them */
    int32_t *ids;      /* [tokens_max] */
    int32_t *place;    /* [tokens_max]: place of a token in its text */
    uint8_t *key_mask; /* [tokens_max] */
    bool masked;       /* whether key_mask hides anything */
    int32_t *starts;   /* [batch_max + 1] */
    int32_t *ends;     /* [batch_max] */
    int32_t *which;    /* [batch_max]: text i of the caller is computed as text which[i] */
} oc_texts;

octavo_status oc_texts_create(oc_texts *texts, octavo_error *error); /* fixed fields are set */
void oc_texts_free(oc_texts *texts);

/* ids and mask (NULL: all ones): I32 or I64 [rows, length].
 *   INVALID_ARGUMENT  an id outside the vocabulary, a mask that is neither 0 nor 1, more
 *                     tokens than tokens_max; row and place named.  Rows are no longer than
 *                     positions_max: the caller has seen to it. */
octavo_status oc_texts_set(oc_texts *texts, const octavo_tensor *ids, const octavo_tensor *mask,
                           octavo_error *error);

/* The texts' part of a run, as sequences of `tower`; borrows from `texts`. */
void oc_texts_enter(const oc_texts *texts, const oc_tower *tower, oc_run *run);

#endif
