/* tokenizer_settings.h - what tokenizer.json says besides vocabulary, merges and added tokens.
 *
 * CLIP's tokenizer is one choice of each of the format's many settings.  A table holds that
 * choice; whatever a file says otherwise, or that the table does not know, is refused by its
 * name.
 */
#ifndef OC_TEXT_TOKENIZER_SETTINGS_H
#define OC_TEXT_TOKENIZER_SETTINGS_H

#include "base/json/json.h"
#include "text/files/vocabulary.h"

/* What was found so far.  Starts as {0}. */
typedef struct oc_tokenizer_settings {
    uint64_t seen;            /* one bit for each line of the table */
    oc_slice named[OC_ROLES]; /* text of the tokens with a role; data NULL: not named */
    int64_t begin, end;       /* ids that the post-processor gives them */
    bool split_end_tokens;
} oc_tokenizer_settings;

/* Takes the value that comes next and checks every setting in it, by its path in the file.
 *   UNSUPPORTED  a setting that is unknown, or not CLIP's */
octavo_status oc_tokenizer_settings_read(oc_tokenizer_settings *found, oc_json *json,
                                         octavo_error *error);

/* All settings that must be there have been found.  UNSUPPORTED: one is missing. */
octavo_status oc_tokenizer_settings_check(const oc_tokenizer_settings *found, octavo_error *error);

#endif
