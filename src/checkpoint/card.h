/* card.h - the texts that go with a model: its card and its licence. */
#ifndef OC_CHECKPOINT_CARD_H
#define OC_CHECKPOINT_CARD_H

#include "checkpoint/checkpoint.h"

/* UTF-8, zero-terminated, at most OC_LIMIT_CARD_BYTES each; invalid bytes are replaced by U+FFFD.
 * NULL: there is none. */
typedef struct oc_card {
    char *readme;  /* README.md */
    char *license; /* LICENSE, LICENSE.md or LICENSE.txt */
} oc_card;

/* Reads what lies beside the checkpoint.  What is longer than the limit is cut, with a notice.
 *   IO         a file is there but cannot be read
 *   EXHAUSTED  memory is out */
octavo_status oc_card_load(oc_checkpoint *checkpoint, oc_card *out, octavo_error *error);
void oc_card_free(oc_card *card); /* a zeroed one is accepted */

#endif
