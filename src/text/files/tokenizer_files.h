/* tokenizer_files.h - the tokenizer of a checkpoint folder, packed.
 *
 * Read are tokenizer.json, or vocab.json with merges.txt; and beside either tokenizer_config.json,
 * special_tokens_map.json and added_tokens.json.  Where they differ, transformers decides:
 *
 *   tokenizer_config.json with added_tokens_decoder    the other two are not read
 *   without                                            special_tokens_map.json overrides it, key by
 *                                                      key, null too; added_tokens.json adds
 *   a role that neither gives                          tokenizer.json's post-processor, or else
 *                                                      "<|startoftext|>" and "<|endoftext|>"
 */
#ifndef OC_TEXT_TOKENIZER_FILES_H
#define OC_TEXT_TOKENIZER_FILES_H

#include "base/buffer.h"
#include "base/slice.h"
#include "base/status.h"

/* The files' bytes; data is NULL for one that is not there. */
typedef struct oc_tokenizer_files {
    oc_slice tokenizer, vocabulary, merges, added_tokens, config, special_tokens;
} oc_tokenizer_files;

/* Appends the block (text/packed.h) to *out.  positions: tokens that the model takes at most; a
 * smaller model_max_length in tokenizer_config.json counts.
 *   NOT_FOUND    neither tokenizer.json nor vocab.json and merges.txt
 *   CORRUPT      one of the latter without the other; malformed, or contradicting each other;
 *                error->offset and error->path say where
 *   UNSUPPORTED  another kind of tokenizer, or over a limit: the sentence says which
 *   EXHAUSTED    memory is out */
octavo_status oc_tokenizer_read(const oc_tokenizer_files *files, int32_t positions, oc_buffer *out,
                                octavo_error *error);

/* The same from the files in a folder.  Also IO. */
octavo_status oc_tokenizer_load(const char *folder, int32_t positions, oc_buffer *out,
                                octavo_error *error);

#endif
