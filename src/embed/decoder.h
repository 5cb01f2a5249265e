/* decoder.h - image files decoded by several threads, handed out in order. */
#ifndef OC_EMBED_DECODER_H
#define OC_EMBED_DECODER_H

#include "base/status.h"
#include "vision/processor.h"

typedef struct oc_decoder oc_decoder;

/* paths and processor are borrowed.  slots: images that are held at most.  threads: the caller's
 * counted, which decodes while it waits; 0: one for each usable core. */
octavo_status oc_decoder_create(const oc_image_processor *processor, const char *const *paths,
                                int32_t count, int32_t slots, int32_t threads, oc_decoder **out,
                                octavo_error *error);
void oc_decoder_free(oc_decoder *decoder); /* waits for what is being decoded; NULL is accepted */

/* Files before index `until` may be decoded from now on. */
void oc_decoder_allow(oc_decoder *decoder, int32_t until);

/* Waits for the next file, which must be allowed: its pixels, or NULL with *why filled.  Both stay
 * until the next call. */
const uint8_t *oc_decoder_next(oc_decoder *decoder, const octavo_error **why);

#endif
