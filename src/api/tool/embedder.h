/* embedder.h - many texts and many image files through one session, batch by batch. */
#ifndef OC_API_TOOL_EMBEDDER_H
#define OC_API_TOOL_EMBEDDER_H

#include "octavo.h"

/* Embeds texts [count] into out F32 [count, embed_dim], L2-normalised. */
octavo_status oc_embed_texts(const octavo_engine *engine, octavo_session *session,
                             const char *const *texts, int32_t count, octavo_progress progress,
                             void *user, float *out, octavo_error *error);

/* Embeds image files; ok[i] is 0 for one that could not be read (its row is zero, errors[i], unless
 * errors is NULL, says why).  Files are decoded by several threads while the session computes. */
octavo_status oc_embed_images(const octavo_engine *engine, octavo_session *session,
                              const char *const *paths, int32_t count, octavo_progress progress,
                              void *user, float *out, uint8_t *ok, octavo_error *errors,
                              octavo_error *error);

#endif
