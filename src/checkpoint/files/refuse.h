/* refuse.h - what a path is that is no checkpoint, and what to do about it.  A part of locate.c. */
#ifndef OC_CHECKPOINT_REFUSE_H
#define OC_CHECKPOINT_REFUSE_H

#include <stdbool.h>

#include "base/status.h"

#define OC_CKPT_SINGLE "model.safetensors"
#define OC_CKPT_INDEX  "model.safetensors.index.json"
#define OC_CKPT_STATE  "modelopt_state.pth" /* Model Optimizer's own, a pickle */

/* Whether a file of this name is no checkpoint: another format, or safetensors of open_clip, of an
 * adapter, or of a part of a model. */
bool oc_is_stranger(const char *name);

/* Always fails: UNSUPPORTED. */
octavo_status oc_refuse_file(const char *path, octavo_error *error);

/* Always fails, for a folder without weights under a known name: says what it has instead.
 *   NOT_FOUND    nothing of use, or something that can be named itself
 *   UNSUPPORTED  another format */
octavo_status oc_refuse_folder(const char *folder, octavo_error *error);

#endif
