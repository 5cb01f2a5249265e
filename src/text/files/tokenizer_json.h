/* tokenizer_json.h - reads tokenizer.json, the format of Hugging Face's tokenizers library.
 *
 * Only CLIP's kind is read: model BPE with "</w>", normalizer NFC - white space - Lowercase,
 * the CLIP pattern and ByteLevel before the model, RobertaProcessing behind it.  Everything else
 * that the file may ask for is refused by name, so that ids are never silently different.
 *
 * Errors of all functions:
 *   CORRUPT      malformed, or contradicting itself; error->offset says where
 *   UNSUPPORTED  another kind of tokenizer; the sentence names the key and both values
 *   EXHAUSTED    memory is out
 */
#ifndef OC_TEXT_TOKENIZER_JSON_H
#define OC_TEXT_TOKENIZER_JSON_H

#include "text/files/vocabulary.h"

/* Reads all of the file into an empty draft: vocabulary, merges, added tokens, and the tokens
 * that the file names (begin, end, unknown, padding). */
octavo_status oc_tokenizer_json_read(oc_slice bytes, oc_draft *draft, octavo_error *error);

/* The value that comes next, an object {"TEXT": ID, ...}, as entries of the vocabulary. */
octavo_status oc_vocabulary_read(oc_json *json, oc_draft *draft, octavo_error *error);

/* The value that comes next, an object with "content" and flags, and perhaps "id" (*id is -1
 * without it). */
octavo_status oc_token_read(oc_json *json, oc_slice *content, int32_t *id, bool *normalised,
                            octavo_error *error);

#endif
