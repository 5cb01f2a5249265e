/* text_cache.h - embeddings of texts that a model computed lately: labels and queries come again.
 *
 * A model's answer to a text never changes, so neither does what is kept.  Any thread.
 */
#ifndef OC_SERVE_TEXT_CACHE_H
#define OC_SERVE_TEXT_CACHE_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/status.h"

typedef struct oc_srv_text_cache oc_srv_text_cache;

/* Room for about so many texts of a model whose embeddings have `dim` values.  entries 0: *out is
 * NULL, which all functions take for a cache that keeps nothing. */
octavo_status oc_srv_text_cache_create(int32_t entries, int32_t dim, oc_srv_text_cache **out,
                                       octavo_error *error);
void oc_srv_text_cache_free(oc_srv_text_cache *cache);

/* Writes the text's embedding, the one before normalising (raw NULL: not wanted), and how many
 * tokens it has (NULL: not wanted).  False: one of these is not known. */
bool oc_srv_text_cache_find(oc_srv_text_cache *cache, oc_slice text, float *embeds, float *raw,
                            int32_t *tokens);
/* raw and tokens as above.  Long texts are not kept. */
void oc_srv_text_cache_keep(oc_srv_text_cache *cache, oc_slice text, const float *embeds,
                            const float *raw, const int32_t *tokens);

#endif
