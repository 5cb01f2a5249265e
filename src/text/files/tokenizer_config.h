/* tokenizer_config.h - what tokenizer_config.json and special_tokens_map.json say.
 *
 * Both name special tokens, which are found in text by themselves.  Text is borrowed from the
 * draft's readers.  Errors: as in vocabulary.h.
 */
#ifndef OC_TEXT_TOKENIZER_CONFIG_H
#define OC_TEXT_TOKENIZER_CONFIG_H

#include "text/files/vocabulary.h"

typedef struct oc_tokenizer_config {
    oc_named_token named[OC_ROLES];
    bool told[OC_ROLES]; /* a role has been given, if only as null */
    oc_buffer extras;    /* special tokens without a role */
    double length_max;   /* model_max_length; infinite without */
    bool has_decoder;    /* tokenizer_config.json has an added_tokens_decoder */
    bool own_pattern;    /* of a class that takes tokenizer.json as it is */
} oc_tokenizer_config;

void oc_tokenizer_config_init(oc_tokenizer_config *config);
void oc_tokenizer_config_free(oc_tokenizer_config *config);

/* Reads a tokenizer_config.json; tokens of its added_tokens_decoder go into the draft, which has
 * its vocabulary.
 *   UNSUPPORTED  another class of tokenizer, or a setting that would change ids */
octavo_status oc_tokenizer_config_read(oc_tokenizer_config *config, oc_slice bytes, oc_draft *draft,
                                       octavo_error *error);

/* The same for a special_tokens_map.json, which counts where the other has no decoder. */
octavo_status oc_tokenizer_config_override(oc_tokenizer_config *config, oc_slice bytes,
                                           oc_draft *draft, octavo_error *error);

/* Whether `text` is special without a role. */
bool oc_tokenizer_config_names(const oc_tokenizer_config *config, oc_slice text);

/* Adds the tokens without a role to the draft, which has all others.  *in_map: it is one of the
 * special_tokens_map.json that fails.
 *   UNSUPPORTED  the vocabulary lacks one */
octavo_status oc_tokenizer_config_add(const oc_tokenizer_config *config, oc_draft *draft,
                                      bool *in_map, octavo_error *error);

#endif
